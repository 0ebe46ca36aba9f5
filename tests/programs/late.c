/* What a program finds if its libc lacks something, or gets it only later.
 *   late links             stat(2)'s symbols, applied to a symbolic link
 *   late affinity LIBRARY  a library loaded after the first hooked call brings in the thread library
 * With -DLIBRARY: that library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef LIBRARY
int affinity(int *shown) {
    cpu_set_t set;
    CPU_ZERO(&set);
    int result = pthread_getaffinity_np(pthread_self(), sizeof set, &set);
    *shown = CPU_COUNT(&set);
    return result ? result : pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}
#else
static const char *kind(int result, const struct stat *st) {
    return result ? strerror(errno) : S_ISLNK(st->st_mode) ? "link" : "followed";
}

static void links(void) {
    static const char *const names[] = {"lstat", "lstat64", "__lxstat", "__lxstat64", "stat", "stat64", "__xstat", "__xstat64"};
    struct stat st;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *symbol = dlsym(RTLD_DEFAULT, names[i]);
        if (!symbol) printf("%s absent\n", names[i]);
        else if (names[i][0] == '_') printf("%s %s\n", names[i], kind(((int (*)(int, const char *, void *))symbol)(1, "/proc/self", &st), &st));
        else printf("%s %s\n", names[i], kind(((int (*)(const char *, void *))symbol)("/proc/self", &st), &st));
    }
}

int main(int argc, char **argv) {
    if (argc < 3) return links(), 0;
    close(open("/proc/self/stat", O_RDONLY));
    /* Not there yet: the call is refused. It is looked up again once it exists. */
    int (*early)(pthread_t, size_t, cpu_set_t *) = (int (*)(pthread_t, size_t, cpu_set_t *))dlsym(RTLD_DEFAULT, "pthread_getaffinity_np");
    cpu_set_t set;
    if (early) printf("early %d\n", early(0, sizeof set, &set));
    void *library = dlopen(argv[2], RTLD_NOW);
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 2;
    int shown = 0, result = ((int (*)(int *))dlsym(library, "affinity"))(&shown);
    printf("affinity %d %d\n", result, shown);
    return 0;
}
#endif
