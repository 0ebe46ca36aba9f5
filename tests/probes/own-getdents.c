/* A program that defines `getdents` itself, by the kernel's older call. glibc has no such function, so a preloaded
 * object has none to put before it. The definition is in an object loaded later, whose calls bind to the first one in
 * scope: that one is called here. */
#include "probe.h"

struct linux_dirent { unsigned long ino, offset; unsigned short length; char name[]; };

static long own(int fd, void *to, size_t len) { return raw(SYS_getdents, fd, (long)to, (long)len, 0, 0, 0); }

int main(void) {
    long (*first)(int, void *, size_t) = (long (*)(int, void *, size_t))dlsym(RTLD_DEFAULT, "getdents");
    static char entries[4096];
    int fd = raw_open("/proc/self/attr", O_RDONLY | O_DIRECTORY);
    long length = (first ? first : own)(fd, entries, sizeof entries);
    for (long at = 0; at < length;) {
        struct linux_dirent *entry = (struct linux_dirent *)(entries + at);
        printf("%s of type %d\n", entry->name, entries[at + entry->length - 1]);
        at += entry->length;
    }
    return length <= 0;
}
