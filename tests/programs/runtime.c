/*
 * Asks for CPUs and memory in every way that differs between C libraries, and prints one `way answer` line for each.
 * The first line names the library; the last ones show that failures and writing are untouched.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* Only glibc has it. */
extern const char *gnu_get_libc_version(void) __attribute__((weak));

static char text[4096];

static void show(const char *way, ssize_t length)
{
    long kib = -1;
    if (length > 0)
        sscanf(text, "MemTotal: %ld", &kib);
    printf("%s %ld\n", way, kib);
    memset(text, 0, sizeof text);
}

static void descriptors(void)
{
    int fd = open("/proc/meminfo", O_RDONLY);
    show("open", read(fd, text, 512));
    show("lseek", lseek(fd, 0, SEEK_SET) == 0 ? read(fd, text, 512) : -1);
    show("pread", pread(fd, text, 512, 0));
    close(fd);
    int proc = open("/proc", O_RDONLY | O_DIRECTORY);
    fd = openat(proc, "meminfo", O_RDONLY);
    show("openat", read(fd, text, 512));
    close(fd);
    close(proc);
}

static void streams(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    show("fopen", fgets(text, 512, file) ? 1 : -1);
    rewind(file);
    show("rewind", fgets(text, 512, file) ? 1 : -1);
    fclose(file);
}

static void calls(void)
{
    struct sysinfo info;
    cpu_set_t set;
    sysinfo(&info);
    printf("sysinfo %lu\n", (unsigned long)(info.totalram * info.mem_unit / 1024));
    printf("phys_pages %ld\n", sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024));
    printf("get_phys_pages %ld\n", get_phys_pages() * (sysconf(_SC_PAGESIZE) / 1024));
    printf("onln %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    printf("get_nprocs %d\n", get_nprocs());
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    printf("affinity %d\n", CPU_COUNT(&set));
    CPU_ZERO(&set);
    syscall(SYS_sched_getaffinity, 0, sizeof set, &set);
    printf("syscall %d\n", CPU_COUNT(&set));
}

static void untouched(const char *scratch)
{
    errno = 0;
    int fd = open("/proc/no-such-file", O_RDONLY);
    printf("missing %d %s\n", fd, errno == ENOENT ? "ENOENT" : strerror(errno));
    fd = open(scratch, O_RDWR | O_CREAT | O_TRUNC, 0640);
    printf("create %s\n", fd >= 0 && write(fd, "x", 1) == 1 && unlink(scratch) == 0 ? "ok" : strerror(errno));
    close(fd);
}

int main(int argc, char **argv)
{
    printf("libc %s\n", gnu_get_libc_version ? gnu_get_libc_version() : "other");
    descriptors();
    streams();
    calls();
    untouched(argc > 1 ? argv[1] : "/tmp/cgproc-runtime");
    return 0;
}
