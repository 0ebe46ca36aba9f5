/* Asks for the first time while libraries come and go.
 *   storm gone OBJECT   in a vfork child, while the loader's list contains a library with unreadable memory, as at
 *                       the moment when another thread unloads it
 *   storm vfork OBJECT  in a vfork child, while a thread loads and unloads the library
 *   storm self OBJECT   in the program itself, meanwhile */
#include "probe.h"
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

static volatile int done, turns;

static void *loading(void *path) {
    while (!done) {
        void *handle = dlopen(path, RTLD_NOW);
        if (!handle) _exit(90);
        dlclose(handle);
        turns++;
    }
    return NULL;
}

static int ask(void) {
    int fd = open("/proc/meminfo", O_RDONLY);
    if (fd < 0) return 91;
    slurp(fd);
    raw_close(fd);
    return !strcmp(whose(), "broken") ? 92 : strcmp(whose(), "container") ? 20 : 10;
}

static int in_vfork_child(void) {
    int status;
    pid_t child = vfork();
    if (!child) _exit(ask());
    if (waitpid(child, &status, 0) != child) return 94;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Makes the memory of the library at `data` inaccessible. */
static int protect(struct dl_phdr_info *info, size_t size, void *data) {
    uintptr_t page = getpagesize();
    (void)size;
    if (info->dlpi_addr != *(ElfW(Addr) *)data) return 0;
    for (int i = info->dlpi_phnum; i-- > 0;) { /* the headers themselves are in the first */
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && mprotect((void *)(start & -page), part->p_memsz + start % page, PROT_NONE)) return 2;
    }
    return 1;
}

int main(int argc, char **argv) {
    pthread_t thread;
    if (argc < 3) return 93;
    if (!strcmp(argv[1], "gone")) {
        struct link_map *library = dlopen(argv[2], RTLD_NOW);
        if (!library || dl_iterate_phdr(protect, &library->l_addr) != 1) return 95;
        int code = in_vfork_child();
        printf("child: %s\n", code == 10 ? "container" : code == 20 ? "kernel" : "failed");
        fflush(stdout);
        raw(SYS_exit_group, code > 20 ? code : 0, 0, 0, 0, 0, 0);
    }
    alarm(120);
    if (pthread_create(&thread, NULL, loading, argv[2])) return 96;
    while (turns < 3) sched_yield();
    int code = strcmp(argv[1], "self") ? in_vfork_child() : ask();
    done = 1;
    pthread_join(thread, NULL);
    return code > 20 ? code : 0;
}
