/*
 * A program of 32 bits: prints its size of a pointer and the memory that it sees, then what a program of 64 bits, its child,
 * prints; its exit status is 7.
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
