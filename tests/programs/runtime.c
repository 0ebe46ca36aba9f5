/*
 * Asks for CPUs and memory in every way that differs between C libraries, and prints a `way answer` line for each. The
 * first line names the library; the last ones show that errors and writing are unaffected.
 *
 * Compiled with LFS64, it calls functions by the names that programs got before 64-bit offsets were usual.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef LFS64
#define CALL64(name) extern __typeof(name) name __asm__(#name "64")
CALL64(open);
CALL64(openat);
CALL64(lseek);
CALL64(pread);
CALL64(fopen);
CALL64(readdir);
CALL64(statvfs);
#endif

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

/* Whether the descriptor reports the same as the path, and the root's file system its size. */
static void stats(void)
{
    struct stat by_fd, by_path;
    struct statvfs root;
    int fd = open("/proc/meminfo", O_RDONLY);
    int same = fstat(fd, &by_fd) == 0 && stat("/proc/meminfo", &by_path) == 0 && by_fd.st_dev == by_path.st_dev &&
               by_fd.st_ino == by_path.st_ino && by_fd.st_mode == by_path.st_mode && by_fd.st_size == by_path.st_size;
    printf("fstat %s\n", same ? "same" : "another");
    printf("statvfs %s\n", statvfs("/", &root) == 0 && root.f_blocks > 0 ? "ok" : strerror(errno));
    close(fd);
}

/* Lines of a file that start with a word and, if requested, a digit after it. */
static int lines(const char *path, const char *word, int is_numbered)
{
    FILE *file = fopen(path, "r");
    int count = 0;
    size_t length = strlen(word);
    while (file && fgets(text, sizeof text, file))
        if (strncmp(text, word, length) == 0 && (!is_numbered || isdigit((unsigned char)text[length])))
            count++;
    if (file)
        fclose(file);
    return count;
}

static void cpus(void)
{
    DIR *directory = opendir("/sys/devices/system/cpu");
    struct dirent *entry;
    int count = 0;
    while (directory && (entry = readdir(directory)))
        count += strncmp(entry->d_name, "cpu", 3) == 0 && isdigit((unsigned char)entry->d_name[3]);
    if (directory)
        closedir(directory);
    printf("stat %d\n", lines("/proc/stat", "cpu", 1));
    printf("cpuinfo %d\n", lines("/proc/cpuinfo", "processor", 0));
    printf("readdir %d\n", count);
}

static long memory(void)
{
    char line[512];
    long kib = -1;
    int fd = open("/proc/meminfo", O_RDONLY);
    ssize_t length = read(fd, line, sizeof line - 1);
    close(fd);
    if (length > 0) {
        line[length] = 0;
        sscanf(line, "MemTotal: %ld", &kib);
    }
    return kib;
}

static void *reader(void *first)
{
    for (int i = 0; i < 100; i++) {
        long kib = memory();
        if (kib != *(long *)first)
            return "differs";
    }
    return NULL;
}

static void tasks(void)
{
    pthread_t threads[4];
    long first = memory();
    void *differs = NULL, *result;
    int status = -1;
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, reader, &first) != 0)
            exit(2);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &result);
        differs = result ? result : differs;
    }
    printf("threads %ld\n", differs ? -1 : first);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        printf("fork %ld\n", memory());
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
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
    double loads[3];
    printf("getloadavg %d\n", getloadavg(loads, 3));
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
    stats();
    cpus();
    tasks();
    untouched(argc > 1 ? argv[1] : "/tmp/cgproc-runtime");
    return 0;
}
