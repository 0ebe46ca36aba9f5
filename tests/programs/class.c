/*
 * A 32-bit program: prints the size of its pointers and the memory that it sees, then the output of its 64-bit child.
 * Its exit status is 7.
 *   class COMMAND
 */
#include <stdio.h>
#include <stdlib.h>

/* Only glibc has it. */
extern const char *gnu_get_libc_version(void) __attribute__((weak));

int main(int argc, char **argv)
{
    char line[256] = "";
    FILE *file = fopen("/proc/meminfo", "r");
    if (file) {
        fgets(line, sizeof line, file);
        fclose(file);
    }
    printf("libc %s\nbits %d\n%s", gnu_get_libc_version ? gnu_get_libc_version() : "other", (int)sizeof(void *) * 8, line);
    fflush(stdout);
    return argc > 1 && system(argv[1]) == 0 ? 7 : 1;
}
