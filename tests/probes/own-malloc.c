/* Lists CPUs by scandir(3) and glob(3) in a program with its own allocator, which libc uses too, and which knows its
 * own blocks. */
#include "probe.h"
#include <dirent.h>
#include <glob.h>

enum { HEAP = 8 << 20, ROOM = 16 };
static _Alignas(16) char heap[HEAP];
static size_t used;
static const size_t MARK = 0x6f776e2d6d616c6c;

void *malloc(size_t bytes) {
    bytes = (bytes + ROOM - 1) / ROOM * ROOM;
    if (used + bytes + ROOM > HEAP) return NULL;
    size_t *at = (size_t *)(heap + used);
    at[0] = bytes, at[1] = MARK; /* where glibc keeps a block's size */
    used += bytes + ROOM;
    return at + 2;
}

/* As with any allocator, freeing anything that is not the start of a block ends the program. */
void free(void *given) {
    size_t *at = (size_t *)given - 2;
    if (!given) return;
    if ((char *)at < heap || (char *)at >= heap + HEAP || at[1] != MARK) abort();
    at[1] = 0;
}

void *calloc(size_t count, size_t bytes) { return malloc(count * bytes); }

void *realloc(void *given, size_t bytes) {
    void *to = malloc(bytes);
    if (!given || !to) return to;
    size_t old = ((size_t *)given)[-2];
    memcpy(to, given, old < bytes ? old : bytes);
    free(given);
    return to;
}

static int is_cpu(const char *name) { return !strncmp(name, "cpu", 3) && name[3] >= '0' && name[3] <= '9'; }

int main(void) {
    struct dirent **list;
    glob_t found = {0};
    int cpus = 0, count = scandir(CPUS, &list, NULL, alphasort);
    for (int i = 0; i < count; i++) cpus += is_cpu(list[i]->d_name), free(list[i]);
    if (count >= 0) free(list);
    int result = glob(CPUS "/cpu[0-9]*", 0, NULL, &found);
    printf("scandir %d\nglob %d\n", cpus, result ? -1 : (int)found.gl_pathc);
    if (!result) globfree(&found);
    return 0;
}
