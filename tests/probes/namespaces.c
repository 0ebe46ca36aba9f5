/* A program that loads libraries by means that lead past what is preloaded.
 *   namespaces apart           another libc, in a namespace of its own
 *   namespaces deep LIBRARY    a library that looks for names in its own libraries first
 *   namespaces again OBJECT    the preloaded object, once more, and closes it
 *   namespaces late OBJECT     the object, though it was not preloaded, and closes it */
#include "probe.h"

static const char *ask(void) {
    int fd = open("/proc/meminfo", O_RDONLY);
    if (fd < 0) return error_name(errno);
    slurp(fd);
    close(fd);
    return whose();
}

static void *loaded(void *handle) {
    if (!handle) puts(dlerror()), exit(1);
    return handle;
}

static void apart(void) {
#ifdef __GLIBC__
    void *handle = loaded(dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW));
    int (*others)(const char *, int, ...) = (int (*)(const char *, int, ...))loaded(dlsym(handle, "open"));
    int fd = others("/proc/meminfo", O_RDONLY);
    slurp(fd);
    raw_close(fd);
    printf("the other libc: %s\n", whose());
    printf("its own: %s\n", ask());
    dlclose(handle);
#endif
}

static void deep(const char *library) {
#ifdef RTLD_DEEPBIND
    void *handle = loaded(dlopen(library, RTLD_NOW | RTLD_DEEPBIND));
    const char *(*asks)(void) = (const char *(*)(void))loaded(dlsym(handle, "ask"));
    int (*lists)(void) = (int (*)(void))loaded(dlsym(handle, "list"));
    printf("the library: %s, lists %s\n", asks(), lists() > 0 ? "some" : "none");
    printf("its own: %s\n", ask());
    dlclose(handle);
#else
    (void)library;
#endif
}

static void again(const char *object) {
    void *handle = loaded(dlopen(object, RTLD_NOW));
    printf("before: %s\n", ask());
    printf("closed: %d\n", dlclose(handle));
    printf("after: %s\n", ask());
}

static void late(const char *object) {
    void *handle = loaded(dlopen(object, RTLD_NOW | RTLD_GLOBAL));
    int (*its)(const char *, int, ...) = (int (*)(const char *, int, ...))loaded(dlsym(handle, "open"));
    int fd = its("/proc/meminfo", O_RDONLY);
    if (fd >= 0) slurp(fd), raw_close(fd);
    printf("through it: %s\n", fd < 0 ? error_name(errno) : whose());
    printf("closed: %d\n", dlclose(handle));
    printf("after: %s\n", ask());
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "", *path = argc > 2 ? argv[2] : NULL;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (!strcmp(mode, "apart")) apart();
    else if (!strcmp(mode, "deep")) deep(path);
    else if (!strcmp(mode, "again")) again(path);
    else late(path);
    return 0;
}
