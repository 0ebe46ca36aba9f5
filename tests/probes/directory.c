/* opendir(3), readdir(3), scandir(3) and glob(3): no listing contains the CPUs that are not shown. */
#include "probe.h"
#include <dirent.h>
#include <glob.h>

/* Each form leaves the sorted names that it found in `names`, and returns their number, or -1 with errno. */
static char names[512][64];
static int found;

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

static void note(const char *name) {
    if (found < 512) snprintf(names[found++], sizeof *names, "%s", name);
}

typedef int lister(const char *path);

static int as_opendir(const char *path) {
    struct dirent *entry;
    DIR *directory = WATCHED(((DIR *(*)(const char *))symbol)(path));
    int error = errno;
    if (directory) {
        while ((entry = readdir(directory))) note(entry->d_name);
        closedir(directory);
    }
    errno = error;
    return directory ? found : -1;
}

static int as_readdir(const char *path) {
    struct dirent *entry;
    DIR *directory = opendir(path);
    if (!directory) return -1;
    while ((entry = WATCHED(((struct dirent *(*)(DIR *))symbol)(directory)))) note(entry->d_name);
    int error = errno;
    closedir(directory);
    errno = error;
    return found;
}

static int as_readdir_r(const char *path) {
    struct dirent entry, *result = NULL;
    DIR *directory = opendir(path);
    if (!directory) return -1;
    while (!WATCHED(((int (*)(DIR *, struct dirent *, struct dirent **))symbol)(directory, &entry, &result)) && result) note(entry.d_name);
    int error = errno;
    closedir(directory);
    errno = error;
    return found;
}

/* The kernel's entries, in its own format. */
static long entries_of(int fd, char *to, size_t len) {
    if (!strcmp(row->name, "posix_getdents")) return WATCHED(((ssize_t(*)(int, void *, size_t, int))symbol)(fd, to, len, 0));
    if (!strcmp(row->name, "getdents")) return WATCHED(((int (*)(int, void *, size_t))symbol)(fd, to, len));
    return (int)WATCHED(((ssize_t(*)(int, void *, size_t))symbol)(fd, to, len));
}

/* In small pieces, some of which contain nothing that is shown. */
static int as_getdents(const char *path) {
    char piece[80];
    int fd = (int)raw(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_DIRECTORY, 0, 0, 0), error;
    long len;
    if (fd < 0) return errno = -fd, -1;
    while ((len = entries_of(fd, piece, sizeof piece)) > 0)
        for (long at = 0; at < len; at += ((struct dirent *)(piece + at))->d_reclen) note(((struct dirent *)(piece + at))->d_name);
    error = errno;
    raw_close(fd);
    errno = error;
    return len < 0 ? -1 : found;
}

static int not_dotted(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int scan(const char *path, int (*filter)(const struct dirent *)) {
    struct dirent **list = NULL;
    int count = WATCHED(((int (*)(const char *, struct dirent ***, int (*)(const struct dirent *),
                                  int (*)(const struct dirent **, const struct dirent **)))symbol)(path, &list, filter, alphasort));
    int error = errno;
    for (int i = 0; i < count; i++) note(list[i]->d_name), free(list[i]);
    if (count >= 0) free(list);
    errno = error;
    return count;
}

static int as_scandir(const char *path) { return scan(path, NULL); }

static int scanat(int dirfd, const char *path, int (*filter)(const struct dirent *)) {
    struct dirent **list = NULL;
    int count = WATCHED(((int (*)(int, const char *, struct dirent ***, int (*)(const struct dirent *),
                                  int (*)(const struct dirent **, const struct dirent **)))symbol)(dirfd, path, &list, filter, alphasort));
    int error = errno;
    for (int i = 0; i < count; i++) note(list[i]->d_name), free(list[i]);
    if (count >= 0) free(list);
    errno = error;
    return count;
}

static int as_scandirat(const char *path) { return scanat(AT_FDCWD, path, NULL); }

static int call_glob(const char *pattern, int flags, glob_t *matches) {
    return WATCHED(((int (*)(const char *, int, int (*)(const char *, int), glob_t *))symbol)(pattern, flags, NULL, matches));
}

static int as_glob(const char *path) {
    char pattern[PATH_MAX];
    glob_t matches = {0};
    snprintf(pattern, sizeof pattern, "%s/*", path);
    int result = call_glob(pattern, 0, &matches), error = errno;
    for (size_t i = 0; !result && i < matches.gl_pathc; i++) note(strrchr(matches.gl_pathv[i], '/') + 1);
    globfree(&matches);
    errno = error;
    return result ? -result : found;
}

static int call(const char *path) {
    found = 0;
    int result = ((lister *)row->shape)(path), error = errno;
    qsort(names, found, sizeof *names, by_name);
    errno = error;
    return result;
}

static void say_cpus(const char *key) {
    printf("%s=", key);
    for (int i = 0; i < found; i++)
        if (!strncmp(names[i], "cpu", 3) && strspn(names[i] + 3, "0123456789") == strlen(names[i] + 3)) printf("%s ", names[i]);
    putchar('\n');
}

/* The only memory block that is shown. */
static void say_blocks(void) {
    int blocks = 0;
    if (call(BLOCKS) < 0) return;
    for (int i = 0; i < found; i++) blocks += !strncmp(names[i], "memory", 6);
    printf("blocks=%d\n", blocks);
}

static void answer(void) {
    int result = call(CPUS);
    printf("complete=%s\n", result == found ? "yes" : "no");
    say_cpus("listed");
    result = call("/sys//devices/system/./cpu");
    say_cpus("listed");
    say_blocks();
    if (chdir(CPUS)) return;
    result = call(".");
    say_cpus("listed");
}

static void answer_opendir(void) {
    answer();
    int result = call(CPUS "/cpu1");
    printf("hidden=%s\n", result < 0 ? error_name(errno) : "open");
    result = call(CPUS "/cpu1/topology");
    printf("hidden=%s\n", result < 0 ? error_name(errno) : "open");
}

static void answer_scandir(void) {
    answer_opendir();
    found = 0;
    scan(CPUS, not_dotted);
    qsort(names, found, sizeof *names, by_name);
    say_cpus("listed");
}

static void answer_scandirat(void) {
    int dirfd = raw_open("/sys/devices/system", O_RDONLY | O_DIRECTORY), result;
    answer_opendir();
    found = 0;
    result = scanat(dirfd, "cpu", not_dotted);
    qsort(names, found, sizeof *names, by_name);
    say_cpus("listed");
    raw_close(dirfd);
    dirfd = raw_open(CPUS, O_RDONLY | O_DIRECTORY);
    result = scanat(dirfd, "cpu1", NULL);
    printf("hidden=%s\n", result < 0 ? error_name(errno) : "open");
    raw_close(dirfd);
}

static void answer_glob(void) {
    glob_t matches = {0};
    answer();
    int result = call_glob(CPUS "/cpu1", 0, &matches);
    printf("matched=%s\n", result == GLOB_NOMATCH ? "nothing" : "cpu1");
    result = call_glob(CPUS "/cpu[1-9]", 0, &matches);
    printf("matched=%s\n", result == GLOB_NOMATCH ? "nothing" : "cpu1");
    result = call_glob(CPUS "/cpu1/ueven*", 0, &matches);
    printf("matched=%s\n", result == GLOB_NOMATCH ? "nothing" : "cpu1");
    result = call_glob(CPUS "/cpu[01]", GLOB_DOOFFS, &(glob_t){.gl_offs = 2});
    printf("result=%d\n", result);
}

static void try_path(const char *label, const char *path) {
    int result = call(path), error = errno;
    printf("%s: %d %s", label, result, error_name(error));
    for (int i = 0; i < found; i++) printf(" %s", names[i]);
    putchar('\n');
}

static void pass(void) {
    try_path("other", "/sys/devices/system");
    try_path("shown cpu", CPUS "/cpu0");
    try_path("missing", "/proc/nothing");
    try_path("not a directory", "/proc/version");
    try_path("fd", "/proc/self/ns");
    if (row->shape != (void (*)(void))as_glob) each_odd_path(try_path);
}

static void pass_readdir(void) {
    pass();
    DIR *directory = opendir("/sys/devices/system");
    struct dirent *(*next)(DIR *) = (struct dirent * (*)(DIR *)) symbol;
    next(directory), next(directory);
    long here = telldir(directory);
    snprintf(text, TEXT, "%s", next(directory)->d_name);
    seekdir(directory, here);
    printf("seekdir: %s\n", strcmp(text, next(directory)->d_name) ? "another" : "the same");
    rewinddir(directory);
    printf("rewinddir: %s\n", next(directory) ? "an entry" : "none");
}

static void pass_getdents(void) {
    char piece[80];
    pass();
    long result = entries_of(-1, piece, sizeof piece);
    printf("no descriptor: %ld %s\n", result, error_name(errno));
    int fd = raw_open(CPUS, O_RDONLY | O_DIRECTORY);
    result = entries_of(fd, piece, 8);
    printf("no room: %ld %s\n", result, error_name(errno));
    result = entries_of(fd, (char *)4096, sizeof piece);
    printf("no memory: %ld %s\n", result, error_name(errno));
    raw_close(fd);
}

static void pass_glob(void) {
    glob_t matches = {.gl_offs = 3};
    pass();
    int result = call_glob("/proc/vers*", GLOB_DOOFFS | GLOB_MARK, &matches);
    printf("offset: %d %zu %s\n", result, matches.gl_pathc, matches.gl_pathv[3]);
    result = call_glob("/proc/nothing*", GLOB_DOOFFS | GLOB_APPEND | GLOB_NOCHECK, &matches);
    printf("append: %d %zu %s %s\n", result, matches.gl_pathc, matches.gl_pathv[3], matches.gl_pathv[4]);
    globfree(&matches);
    result = call_glob("/proc/nothing*", 0, &matches);
    printf("no match: %d\n", result == GLOB_NOMATCH);
    result = call_glob(CPUS "/cpu8191", GLOB_NOCHECK, &matches);
    printf("unchecked: %d %zu %s\n", result, matches.gl_pathc, matches.gl_pathc ? matches.gl_pathv[0] : "");
}

#define SHAPE(name) (void (*)(void))name
static const struct row rows[] = {
    {"opendir", SHAPE(as_opendir), answer_opendir, pass},
    {"readdir", SHAPE(as_readdir), answer, pass_readdir},   {"readdir64", SHAPE(as_readdir), answer, pass_readdir},
    {"scandir", SHAPE(as_scandir), answer_scandir, pass},   {"scandir64", SHAPE(as_scandir), answer_scandir, pass},
    {"readdir_r", SHAPE(as_readdir_r), answer, pass},       {"readdir64_r", SHAPE(as_readdir_r), answer, pass},
    {"getdents", SHAPE(as_getdents), answer, pass_getdents},
    {"getdents64", SHAPE(as_getdents), answer, pass_getdents},
    {"posix_getdents", SHAPE(as_getdents), answer, pass_getdents},
    {"scandirat", SHAPE(as_scandirat), answer_scandirat, pass},
    {"scandirat64", SHAPE(as_scandirat), answer_scandirat, pass},
    {"glob", SHAPE(as_glob), answer_glob, pass_glob},       {"glob64", SHAPE(as_glob), answer_glob, pass_glob},
    {0},
};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
