/* mmap(2): procfs and sysfs refuse it, so our files must refuse it too. */
#include "probe.h"

static void *call(size_t length, int protection, int flags, int fd, off_t offset) {
    return WATCHED(((void *(*)(void *, size_t, int, int, int, off_t))symbol)(NULL, length, protection, flags, fd, offset));
}

static const char *raw_result(int fd, int flags) {
    long result = raw(SYS_mmap, 0, 4096, PROT_READ, flags, fd, 0);
    return result < 0 && result > -4096 ? error_name((int)-result) : "mapped";
}

static void refused(const char *label, const char *path) {
    int kernels = raw_open(path, O_RDONLY), fd = open(path, O_RDONLY);
    void *at = call(4096, PROT_READ, MAP_PRIVATE, fd, 0);
    const char *shown = at == MAP_FAILED ? error_name(errno) : "mapped";
    printf("%s-as-the-file=%s\n", label, strcmp(shown, raw_result(kernels, MAP_PRIVATE)) ? "no" : "yes");
    at = call(4096, PROT_READ, MAP_SHARED, fd, 0);
    shown = at == MAP_FAILED ? error_name(errno) : "mapped";
    printf("%s-shared-as-the-file=%s\n", label, strcmp(shown, raw_result(kernels, MAP_SHARED)) ? "no" : "yes");
    printf("%s-memory=%s\n", label, strcmp(raw_result(fd, MAP_PRIVATE), "mapped") ? "refused" : "mapped");
}

static void answer(void) {
    refused("proc", "/proc/meminfo");
    refused("sys", CPUS "/online");
}

static void say(const char *label, const char *at, size_t offset) {
    if (at == MAP_FAILED) printf("%s: %s\n", label, error_name(errno));
    else printf("%s: %.8s %s\n", label, at + offset, error_name(errno));
}

static void pass(void) {
    int fd = raw_open("cgproc-probe-mmap", O_RDWR | O_CREAT | O_TRUNC);
    for (int i = 0; i < 2000; i++) dprintf(fd, "%04d\n", i);
    char *at = call(4096, PROT_READ, MAP_PRIVATE, fd, 0);
    say("file", at, 500);
    at = call(4096, PROT_READ, MAP_SHARED, fd, 4096);
    say("second page", at, 4);
    at = call(4096, PROT_READ, MAP_SHARED, fd, 100);
    say("odd offset", at, 0);
    at = call(8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at != MAP_FAILED) memcpy(at + 5000, "private", 8);
    say("anonymous", at, 5000);
    at = call(4096, PROT_READ, MAP_PRIVATE, -1, 0);
    say("no descriptor", at, 0);
    at = call(0, PROT_READ, MAP_PRIVATE, fd, 0);
    say("no length", at, 0);
    at = call(4096, PROT_READ, MAP_PRIVATE, raw_open("/proc/version", O_RDONLY), 0);
    say("other /proc file", at, 0);
    int own = (int)raw(SYS_memfd_create, (long)"/proc/meminfo", 0, 0, 0, 0, 0); /* the program's, whatever its name */
    raw(SYS_write, own, (long)"its own text", 12, 0, 0, 0);
    at = call(4096, PROT_READ, MAP_SHARED, own, 0);
    say("the program's own memfd", at, 0);
    unlink("cgproc-probe-mmap");
}

static const struct row rows[] = {{"mmap", NULL, answer, pass}, {"mmap64", NULL, answer, pass}, {0}};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
