/* statfs(2) and statvfs(3), by path and by descriptor, with a board that has the container's disk usage. */
#include "board.h"
#include <sys/statvfs.h>
#include <sys/vfs.h>

enum { LIMIT_KIB = 65536, USED_KIB = 24576 };

static void disk(uint64_t *slot) {
    slot[7] = KNOWS_DISK;
    slot[28] = USED_KIB * 1024ull;
}

/* The space of the file system, however the symbol reports it. */
struct space { unsigned long block, all, free, available, files; };

static void statfs_path(void), statfs_fd(void), statvfs_path(void), statvfs_fd(void);

static int is_of_vfs(void) { return row->shape == statvfs_path || row->shape == statvfs_fd; }
static int is_by_path(void) { return row->shape == statfs_path || row->shape == statvfs_path; }

static int call(const char *path, int fd, struct space *space) {
    struct statfs fs = {0};
    struct statvfs vfs = {0};
    void *to = is_of_vfs() ? (void *)&vfs : (void *)&fs;
    int result = is_by_path() ? WATCHED(((int (*)(const char *, void *))symbol)(path, to))
                              : WATCHED(((int (*)(int, void *))symbol)(fd, to));
    if (is_of_vfs()) *space = (struct space){vfs.f_frsize, vfs.f_blocks, vfs.f_bfree, vfs.f_bavail, vfs.f_files};
    else *space = (struct space){fs.f_bsize, fs.f_blocks, fs.f_bfree, fs.f_bavail, fs.f_files};
    return result;
}

static void on(const char *path) {
    struct space space;
    int fd = raw_open(path, O_RDONLY);
    int result = call(path, fd, &space);
    printf("result=%d\nerrno=%s\n", result, error_name(errno));
    unsigned long all = space.all * space.block / 1024, used = (space.all - space.free) * space.block / 1024;
    printf("disk-total=%lu\n", all);
    /* Others write to the machine's disk meanwhile. */
    if (all > LIMIT_KIB) puts("disk-used=the machine's");
    else printf("disk-used=%lu\n", used);
    printf("in-order=%d\n", space.available <= space.free && space.free <= space.all);
    raw_close(fd);
}

/* If an overlay's layers lie on several file systems, its files report other device numbers than its directories. */
static const char *within_root(void) {
    struct stat root, file;
    int known = stat("/", &root) == 0 && stat("/etc/passwd", &file) == 0;
    return known && file.st_dev == root.st_dev ? "/etc/passwd" : "/etc";
}

/* An answered file is on the file system of the file that was asked for. */
static void on_answered(void) {
    struct statfs fs = {0};
    int fd = open("/proc/meminfo", O_RDONLY);
    int result = WATCHED(((int (*)(int, void *))symbol)(fd, &fs));
    printf("result=%d\nerrno=%s\nfile-system=%lx\n", result, error_name(errno), (long)fs.f_type);
    raw_close(fd);
}

static void answer(void) {
    const char *board = getenv("CGPROC_BOARD");
    publish(board, disk);
    on("/");
    on(within_root());
    unlink(board);
    if (row->shape == statfs_fd) on_answered();
}

static void try_path(const char *label, const char *path) {
    struct space space;
    int result = call(path, -1, &space);
    printf("%s: %d %s\n", label, result, error_name(errno));
}

static void pass(void) {
    static const char *const others[] = {"/proc", "/dev", "/sys/fs/cgroup"};
    struct space space;
    publish(getenv("CGPROC_BOARD"), disk);
    for (int i = 0; i < 3; i++) {
        int fd = raw_open(others[i], O_RDONLY), result = call(others[i], fd, &space);
        printf("%s: %d %s %lu %lu\n", others[i], result, error_name(errno), space.block, space.all);
        raw_close(fd);
    }
    unlink(getenv("CGPROC_BOARD"));
    /* If nobody measures the usage, the root is the machine's. */
    int fd = raw_open("/", O_RDONLY), result = call("/", fd, &space);
    printf("no board: %d %s %lu %lu\n", result, error_name(errno), space.block, space.all);
    raw_close(fd);
    if (is_by_path()) each_bad_path(try_path);
    else try_path("closed", NULL);
}

static void statfs_path(void) {}
static void statfs_fd(void) {}
static void statvfs_path(void) {}
static void statvfs_fd(void) {}

static const struct row rows[] = {
    {"statfs", statfs_path, answer, pass},
    {"statfs64", statfs_path, answer, pass},
    {"fstatfs", statfs_fd, answer, pass},
    {"fstatfs64", statfs_fd, answer, pass},
    {"statvfs", statvfs_path, answer, pass},
    {"statvfs64", statvfs_path, answer, pass},
    {"fstatvfs", statvfs_fd, answer, pass},
    {"fstatvfs64", statvfs_fd, answer, pass},
    {0},
};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
