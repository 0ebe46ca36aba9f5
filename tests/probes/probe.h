/* What every probe builds on. A probe calls one libc symbol, named on its command line, and prints what it got.
 *
 *   probe                  the symbols it knows, one per line
 *   probe answer SYMBOL    calls on something that cgproc answers, as key=value lines
 *   probe pass SYMBOL      calls on things that cgproc must leave alone
 *   probe depth SYMBOL     the calls of `answer` again, then the deepest stack that they used
 *
 * The symbol is looked up in the global scope, where a program's own references are bound. So one source serves libcs
 * that declare it and libcs that do not. Everything else a probe does goes through raw syscalls. */
#pragma once
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define CPUS "/sys/devices/system/cpu"
#define NODE "/sys/devices/system/node/node0"
#define BLOCKS "/sys/devices/system/memory"

struct row {
    const char *name;
    void (*shape)(void);  /* how to call the symbol; the probe casts it back */
    void (*answer)(void);
    void (*pass)(void);   /* NULL: it takes no arguments */
};

static void *symbol;          /* the symbol under test */
static const struct row *row; /* and its row */

/* ---- the kernel, past all hooks: -errno on failure ---- */

UNUSED static long raw(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
                  x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "no raw syscall for this machine"
#endif
}

UNUSED static int raw_open(const char *path, int flags) {
    return (int)raw(SYS_openat, AT_FDCWD, (long)path, flags, 0600, 0, 0);
}

UNUSED static void raw_close(int fd) { raw(SYS_close, fd, 0, 0, 0, 0, 0); }

UNUSED static int raw_fstat(int fd, struct stat *st) {
    return (int)raw(SYS_newfstatat, fd, (long)"", (long)st, AT_EMPTY_PATH, 0, 0);
}

/* ---- text ---- */

enum { TEXT = 256 * 1024 };
static char text[TEXT];

/* Reads the rest of `fd` into `text`. */
UNUSED static long slurp(int fd) {
    long total = 0, n;
    while (total < TEXT - 1 && (n = raw(SYS_read, fd, (long)(text + total), TEXT - 1 - total, 0, 0, 0)) > 0) total += n;
    text[total] = 0;
    return total;
}

/* The number after `key` in `text`, or -1. */
UNUSED static long figure(const char *key) {
    const char *at = strstr(text, key);
    return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* How many lines of `text` start with `prefix` and then a digit (`digit`) or anything. */
UNUSED static int lines(const char *prefix, int digit) {
    int count = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (!strncmp(line, prefix, strlen(prefix)))
            count += !digit || (line[strlen(prefix)] >= '0' && line[strlen(prefix)] <= '9');
    return count;
}

UNUSED static void first_line(void) { text[strcspn(text, "\n")] = 0; }

UNUSED static const char *error_name(int error) {
    static const struct { int number; const char *name; } names[] = {
        {0, "ok"}, {EPERM, "EPERM"}, {ENOENT, "ENOENT"}, {ESRCH, "ESRCH"}, {EIO, "EIO"}, {EBADF, "EBADF"},
        {EACCES, "EACCES"}, {EFAULT, "EFAULT"}, {EEXIST, "EEXIST"}, {ENODEV, "ENODEV"}, {ENOTDIR, "ENOTDIR"},
        {EISDIR, "EISDIR"}, {EINVAL, "EINVAL"}, {EMFILE, "EMFILE"}, {ESPIPE, "ESPIPE"}, {ENOSYS, "ENOSYS"},
        {ENAMETOOLONG, "ENAMETOOLONG"}, {EOPNOTSUPP, "EOPNOTSUPP"}, {ELOOP, "ELOOP"}, {EROFS, "EROFS"},
    };
    static char other[16];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == error) return names[i].name;
    snprintf(other, sizeof other, "%d", error);
    return other;
}

/* errno is set to this before every call, so a success that touches it shows. */
enum { UNTOUCHED = 77 };

/* Whose figures these are. The probe's caller names the container's limit; the machine has more. */
UNUSED static const char *side(unsigned long pages) {
    const char *limit = getenv("PROBE_LIMIT_PAGES");
    return limit && pages <= strtoul(limit, NULL, 10) ? "container" : "kernel";
}

/* Whose /proc/meminfo `text` is, if it is complete. */
UNUSED static const char *whose(void) {
    size_t length = strlen(text);
    if (strncmp(text, "MemTotal:", 9) || text[length - 1] != '\n' || !strstr(text, "\nMemFree:")) return "broken";
    return side(figure("MemTotal:") / 4);
}

/* ---- memory that moves the figures ---- */

/* An answer may be as old as a tick of the kernel's clock: after this, it is composed anew. */
UNUSED static void next_tick(void) {
    struct timespec ticks = {0, 30 * 1000 * 1000};
    raw(SYS_nanosleep, (long)&ticks, 0, 0, 0, 0, 0);
}

UNUSED static void touch(size_t bytes) {
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) { perror("mmap"); exit(1); }
    memset(at, 1, bytes);
    next_tick();
}

enum { TOUCHED_KIB = 8 * 1024 };

/* Whether MemFree is no longer as it was before touch(). How much it differs also depends on others: an earlier process
 * of the container may give its memory back late, because somebody looks at it. */
UNUSED static const char *is_fresh(long before) { return before != figure("MemFree:") ? "yes" : "no"; }

UNUSED static void say_fresh(long before) {
    printf("memtotal=%ld\n", figure("MemTotal:"));
    printf("fresh=%s\n", is_fresh(before));
}

/* ---- paths that no hook may read before the kernel did ---- */

static char *edge_of_page(void) {
    static char *edge;
    long page = getpagesize();
    if (edge) return edge;
    edge = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    edge += page;
    mprotect(edge, page, PROT_NONE);
    return edge;
}

/* Readable paths, for calls whose libc reads them itself. */
UNUSED static void each_odd_path(void (*try)(const char *label, const char *path)) {
    static const char whole[] = "/proc/version";
    static char longer[PATH_MAX + 64];
    memset(longer, '/', sizeof longer - 1);
    memcpy(longer + sizeof longer - 13, "proc/meminfo", 13);
    memcpy(edge_of_page() - sizeof whole, whole, sizeof whole);
    try("ends-with-page", edge_of_page() - sizeof whole);
    try("too-long", longer);
    try("empty", "");
}

/* Those, and paths that fault. */
UNUSED static void each_bad_path(void (*try)(const char *label, const char *path)) {
    static const char cut[] = "/proc/meminf";
    try("null", NULL);
    try("one", (const char *)1);
    try("page-one", (const char *)4096);
    try("unmapped", edge_of_page());
    try("kernel", (const char *)(uintptr_t)0xffff800000000000u);
    memcpy(edge_of_page() - (sizeof cut - 1), cut, sizeof cut - 1);
    try("cut-by-page", edge_of_page() - (sizeof cut - 1));
    each_odd_path(try);
}

/* ---- the stack under a call ---- */

enum { PAINTED = 64 * 1024, PAINT = 0x5a };
static int watching;
static long deepest;

UNUSED __attribute__((noinline)) static void paint(void) {
    volatile char *here = __builtin_frame_address(0);
    if (watching)
        for (volatile char *at = here - PAINTED; at < here - 192; at++) *at = PAINT;
}

UNUSED __attribute__((noinline)) static void sound(void) {
    volatile char *here = __builtin_frame_address(0), *at = here - PAINTED;
    if (!watching) return;
    while (at < here && *at == PAINT) at++;
    if (here - at > deepest) deepest = here - at;
}

#define WATCHED(call) ({ errno = UNTOUCHED; paint(); __typeof__(call) result_ = (call); sound(); result_; })
#define WATCHED_VOID(call) do { errno = UNTOUCHED; paint(); (call); sound(); } while (0)

/* ---- main ---- */

UNUSED static int probe_main(int argc, char **argv, const struct row *rows) {
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    if (argc < 3) {
        for (row = rows; row->name; row++) puts(row->name);
        return 0;
    }
    for (row = rows; row->name && strcmp(row->name, argv[2]); row++) {}
    if (!row->name) return fprintf(stderr, "no probe for %s\n", argv[2]), 2;
    symbol = dlsym(RTLD_DEFAULT, argv[2]);
    if (!symbol) return puts("absent"), 0;
    watching = !strcmp(argv[1], "depth");
    if (strcmp(argv[1], "pass")) row->answer();
    else if (row->pass) row->pass();
    else puts("no arguments"); /* tested by the run with CGPROC=off, in which the kernel answers */
    if (watching) printf("depth=%ld\n", deepest);
    return 0;
}
