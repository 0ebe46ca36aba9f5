/* One file by many names, all of which must give the same answer. Then names that only look similar. */
#include "probe.h"

static void look(const char *label, int fd) {
    text[0] = 0;
    if (fd < 0) return (void)printf("%s: %s\n", label, error_name(errno));
    slurp(fd), close(fd);
    printf("%s: %s\n", label, whose());
}

static int directory(const char *path) { return raw_open(path, O_RDONLY | O_DIRECTORY); }

static void names(void) {
    static const char *const forms[] = {
        "/proc/meminfo", "//proc/meminfo", "/proc//meminfo", "/proc/./meminfo", "/./proc/meminfo", "/proc/self/../meminfo",
        "/proc/1/../meminfo", "/proc/../proc/meminfo", "/../proc/meminfo", "/sys/../proc/meminfo", "/proc/sys/kernel/../../meminfo",
        "/proc/self/root/proc/meminfo", "/proc/self/cwd/proc/meminfo",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) look(forms[i], open(forms[i], O_RDONLY));
}

static void from_here(const char *here, const char *name) {
    char label[128];
    if (chdir(here)) return perror(here);
    snprintf(label, sizeof label, "%s in %s", name, here);
    look(label, open(name, O_RDONLY));
    snprintf(label, sizeof label, "%s at %s", name, here);
    if (chdir("/tmp")) return perror("/tmp");
    int dirfd = directory(here);
    look(label, openat(dirfd, name, O_RDONLY));
    raw_close(dirfd);
}

static void links(void) {
    char where[] = "/tmp/cgproc-probe-XXXXXX";
    if (!mkdtemp(where) || chdir(where)) return perror("mkdtemp");
    if (symlink("/proc/meminfo", "meminfo") || symlink("/proc", "directory")) return perror("symlink");
    look("link", open("meminfo", O_RDONLY));
    look("link to the directory", open("directory/meminfo", O_RDONLY));
    look("link, not followed", open("meminfo", O_RDONLY | O_NOFOLLOW));
    unlink("meminfo"), unlink("directory");
    int own = raw_open("meminfo", O_RDWR | O_CREAT);
    raw(SYS_write, own, (long)"MemTotal: 1 kB\n\nMemFree: 1 kB\n", 30, 0, 0, 0);
    raw_close(own);
    int fd = open("meminfo", O_RDONLY);
    slurp(fd), close(fd);
    printf("a file of the program's: %ld\n", figure("MemTotal:"));
    unlink("meminfo");
    if (chdir("/") || rmdir(where)) perror("rmdir");
}

static void look_alikes(void) {
    static const char *const paths[] = {"/proc/meminfo/", "/proc/meminfo/.", "/proc/meminfo2", "/proc/Meminfo", "/proc/self/meminfo",
                                        "/proc/net/meminfo", "/tmp/meminfo", "/proc/1/task/meminfo", "/sys/meminfo", "/meminfo"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) look(paths[i], open(paths[i], O_RDONLY));
    int fd = open("/proc/self/stat", O_RDONLY);
    slurp(fd), close(fd);
    printf("/proc/self/stat: %d\n", atoi(text) == getpid());
}

int main(void) {
    if (chdir("/")) return 1;
    names();
    from_here("/proc", "meminfo");
    from_here("/proc", "./meminfo");
    from_here("/proc", "self/../meminfo");
    from_here("/", "proc/meminfo");
    from_here("/proc/sys/kernel", "../../meminfo");
    from_here("/proc/self", "../meminfo");
    links();
    look_alikes();
    return 0;
}
