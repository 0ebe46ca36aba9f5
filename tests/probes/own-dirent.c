/* A neighbour with its own directories: its `DIR` is a structure that only its own functions understand. */
#include "probe.h"
#include <dirent.h>

struct own { size_t mark; int fd; DIR *real; };
static const size_t MARK = 0x6f776e2d64697273;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static struct own *ours(DIR *directory) {
    struct own *own = (struct own *)directory;
    if (own->mark != MARK) abort();
    return own;
}

DIR *opendir(const char *path) {
    DIR *real = ((DIR *(*)(const char *))next("opendir"))(path);
    struct own *own = real ? malloc(sizeof *own) : NULL;
    if (own) *own = (struct own){MARK, dirfd(real), real};
    return (DIR *)own;
}

struct dirent *readdir(DIR *directory) { return ((struct dirent *(*)(DIR *))next("readdir"))(ours(directory)->real); }
struct dirent64 *readdir64(DIR *directory) { return ((struct dirent64 *(*)(DIR *))next("readdir64"))(ours(directory)->real); }
int dirfd(DIR *directory) {
    struct own *own = (struct own *)directory;
    return own->mark == MARK ? own->fd : ((int (*)(DIR *))next("dirfd"))(directory);
}

int closedir(DIR *directory) {
    struct own *own = ours(directory);
    int result = ((int (*)(DIR *))next("closedir"))(own->real);
    own->mark = 0;
    free(own);
    return result;
}
