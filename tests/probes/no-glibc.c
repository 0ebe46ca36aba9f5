/* Names that glibc has, in a library for musl, as gcompat is one; and data by the name of a function. */
const char *gnu_get_libc_version(void);
const char *gnu_get_libc_version(void) { return "2.36"; }
int get_phys_pages = 7;
