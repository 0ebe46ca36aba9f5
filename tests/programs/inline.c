/* A library that asks the kernel by system calls of its own, past libc and every hook, and a program that uses it.
 *
 *   inline [LIBRARY]    the total memory in kB, the CPUs that it may run on, and the entries of the CPUs' directory */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef LIBRARY
static long call(long number, long a, long b, long c) {
#ifdef __aarch64__
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#else
    long result;
    register long r10 __asm__("r10") = 0;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
#endif
}

static char text[32768];

long total_kib(void) {
    long fd = call(SYS_openat, AT_FDCWD, (long)"/proc/meminfo", O_RDONLY);
    long len = call(SYS_read, fd, (long)text, sizeof text - 1);
    text[len > 0 ? len : 0] = 0;
    return strncmp(text, "MemTotal:", 9) == 0 ? atol(text + 9) : -1;
}

long cpus(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    return call(SYS_sched_getaffinity, 0, sizeof set, (long)&set) > 0 ? CPU_COUNT(&set) : -1;
}

long entries(void) {
    long fd = call(SYS_openat, AT_FDCWD, (long)"/sys/devices/system/cpu", O_RDONLY | O_DIRECTORY), count = 0;
    for (long len; (len = call(SYS_getdents64, fd, (long)text, sizeof text)) > 0;)
        for (long at = 0; at < len; at += *(uint16_t *)(text + at + 16)) count++;
    return count;
}
#else
int main(int argc, char **argv) {
    char beside[4096] = {0};
    long length = readlink("/proc/self/exe", beside, sizeof beside - 20);
    if (length <= 0) return 2;
    strcpy(strrchr(beside, '/'), "/libinline.so");
    void *library = dlopen(argc > 1 ? argv[1] : beside, RTLD_NOW);
    if (library == NULL) return 3;
    const char *names[] = {"total_kib", "cpus", "entries"};
    for (int i = 0; i < 3; i++) {
        long (*ask)(void) = (long (*)(void))dlsym(library, names[i]);
        printf("%s %ld\n", names[i], ask());
    }
    return 0;
}
#endif
