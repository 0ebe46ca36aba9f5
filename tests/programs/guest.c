/* What a program may try on the process that answers it from outside. Linked statically. Each mode prints what it saw.
 *
 *   guest protected          asks for figures in read-only memory: the errors, and whether it was written to
 *   guest environment MIB    has an environment of that size, prints the total of /proc/meminfo, waits for its input to end
 *   guest seeks FILE         seeks to the start of FILE, opened with O_PATH
 *   guest holds COUNT FILE   how many of COUNT descriptors of FILE were answered, and whether one is after closing them */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *pages(size_t len, int protection) {
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED || mprotect(at, len, protection) != 0) perror("mmap"), exit(1);
    return at;
}

/* A call that fills in LEN bytes at AT. */
static void asked(const char *name, long result, const char *at) {
    printf("%s %s", name, result < 0 ? strerror(errno) : "done");
    mprotect((void *)at, 4096, PROT_READ);
    int changed = 0;
    for (int i = 0; i < 4096; i++) changed |= at[i];
    printf(" %s\n", changed ? "changed" : "as it was");
}

static void protected(void) {
    static const struct { const char *name; int protection; } each[] = {
        {"code", PROT_READ | PROT_EXEC}, {"constant", PROT_READ}, {"nothing", PROT_NONE}};
    for (unsigned i = 0; i < sizeof each / sizeof *each; i++) {
        char *at = pages(4096, each[i].protection);
        asked(each[i].name, syscall(SYS_sysinfo, at), at);
        at = pages(4096, each[i].protection);
        asked(each[i].name, syscall(SYS_sched_getaffinity, 0, 128, at), at);
    }
}

static void environment(size_t mib) {
    char *at = pages(mib << 20, PROT_READ), line[256];
    /* The rest stays as it is: the kernel wants all fields, and only reports them one by one. */
    unsigned long field[53] = {0};
    FILE *stat = fopen("/proc/self/stat", "re");
    char *text = NULL;
    size_t room = 0;
    if (getline(&text, &room, stat) < 0) exit(1);
    char *next = strrchr(text, ')') + 1;
    for (int number = 3; number <= 52 && next; number++) {
        next = strchr(next, ' ');
        if (next) field[number] = strtoul(++next, NULL, 10);
    }
    struct prctl_mm_map map = {
        .start_code = field[26], .end_code = field[27], .start_stack = field[28], .start_data = field[45],
        .end_data = field[46], .start_brk = field[47], .brk = (unsigned long)sbrk(0), .arg_start = field[48],
        .arg_end = field[49], .env_start = (unsigned long)at, .env_end = (unsigned long)at + (mib << 20), .exe_fd = -1};
    if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) != 0) {
        /* A kernel without CONFIG_CHECKPOINT_RESTORE. */
        puts(errno == EINVAL ? "no such call" : strerror(errno));
        exit(1);
    }
    FILE *meminfo = fopen("/proc/meminfo", "re");
    if (fgets(line, sizeof line, meminfo)) fputs(line, stdout);
    fflush(stdout);
    getchar();
}

static int is_answered(int fd) {
    char link[64], name[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, name, sizeof name - 1);
    return len > 7 && strncmp(name, "/memfd:", 7) == 0;
}

static void holds(int count, const char *file) {
    struct rlimit many = {count + 64, count + 64};
    if (setrlimit(RLIMIT_NOFILE, &many) != 0) perror("setrlimit"), exit(1);
    int first = open("/dev/null", O_RDONLY), answered = 0, opened = 0;
    for (int i = 0; i < count; i++) {
        int fd = open(file, O_RDONLY);
        opened += fd >= 0;
        answered += is_answered(fd);
    }
    printf("opened %d\nanswered %d\n", opened, answered);
    for (int fd = first; fd <= first + count; fd++) close(fd);
    printf("then %d\n", is_answered(open(file, O_RDONLY)));
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "protected") == 0) protected();
    else if (strcmp(mode, "environment") == 0 && argc > 2) environment(strtoul(argv[2], NULL, 10));
    else if (strcmp(mode, "seeks") == 0 && argc > 2) lseek(open(argv[2], O_PATH), 0, SEEK_SET), puts("sought");
    else if (strcmp(mode, "holds") == 0 && argc > 3) holds(atoi(argv[2]), argv[3]);
    else return 2;
    return 0;
}
