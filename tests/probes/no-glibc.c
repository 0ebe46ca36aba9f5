/* glibc's names in a library for musl, as in gcompat; and data with a function's name. */
const char *gnu_get_libc_version(void);
const char *gnu_get_libc_version(void) { return "2.36"; }
int get_phys_pages = 7;
