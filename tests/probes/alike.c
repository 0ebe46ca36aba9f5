/* Everything that can be asked of an answered descriptor must come out as for the kernel's file: the output is the same
 * whoever answers. Left out, because no hook could change them: poll(2), pwrite(2), O_NOFOLLOW in F_GETFL. */
#include "probe.h"
#include <sys/uio.h>

static int descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) count += raw(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0;
    return count;
}

static void say(const char *label, long result) { printf("  %s: %ld %s\n", label, result, result < 0 ? error_name(errno) : ""); }

static void status(const char *path, int fd) {
    struct stat by_fd, by_path;
    fstat(fd, &by_fd), stat(path, &by_path);
    printf("  same file: %d\n", by_fd.st_dev == by_path.st_dev && by_fd.st_ino == by_path.st_ino);
    printf("  mode %o links %lu owner %u.%u size %ld blocks %ld of %ld\n", by_fd.st_mode, (long)by_fd.st_nlink, by_fd.st_uid,
           by_fd.st_gid, (long)by_fd.st_size, (long)by_fd.st_blocks, (long)by_fd.st_blksize);
    say("flags", raw(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0));
}

static void changes(int fd) {
    say("write", write(fd, "x", 1));
    say("ftruncate", ftruncate(fd, 0));
    say("mmap to write", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    say("mmap to read", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static void positions(int fd) {
    static char whole[TEXT];
    char piece[8] = {0};
    long length = slurp(fd);
    memcpy(whole, text, length);
    say("at the end", lseek(fd, 0, SEEK_CUR) == length);
    say("end", lseek(fd, 0, SEEK_END));
    say("data", lseek(fd, 0, SEEK_DATA));
    say("hole", lseek(fd, 0, SEEK_HOLE));
    say("negative", lseek(fd, -1, SEEK_SET));
    say("no such whence", lseek(fd, 0, 99));
    say("fourth", lseek(fd, 4, SEEK_SET));
    say("read", read(fd, piece, 1));
    /* The answer is composed again, and a clock's digits have advanced meanwhile. */
    printf("  the same text: %d\n", is_digit(piece[0]) ? is_digit(whole[4]) : piece[0] == whole[4]);
    say("back", lseek(fd, -2, SEEK_CUR));
    say("forth", lseek(fd, 1, SEEK_CUR));
    say("beyond", lseek(fd, 1 << 20, SEEK_SET));
    say("read", read(fd, piece, sizeof piece));
    int copy = dup(fd);
    lseek(fd, 0, SEEK_SET);
    say("read of a duplicate", read(copy, piece, 1));
    say("shared position", lseek(fd, 0, SEEK_CUR));
    close(copy);
    lseek(fd, 0, SEEK_SET);
    long steps = 0;
    while (read(fd, piece, 1) == 1) steps++;
    printf("  a byte at a time, no less: %d\n", steps >= length / 2 && steps > 1);
}

static void streams(const char *path) {
    FILE *stream = fopen(path, "r");
    char line[64];
    int fd = fileno(stream);
    printf("  stream: %d", fd);
    printf(" %d", fgets(line, sizeof line, stream) != NULL);
    printf(" tell %d", ftell(stream) == (long)strlen(line));
    rewind(stream);
    printf(" again %d\n", fgets(line, sizeof line, stream) != NULL);
    printf("  closed: %d\n", fclose(stream));
}

int main(void) {
    static const char *const paths[] = {"/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/proc/uptime", "/proc/swaps",
                                        CPUS "/online", CPUS "/present", "/proc/vmstat", "/proc/diskstats",
                                        "/proc/pressure/memory",
                                        NODE "/meminfo", BLOCKS "/block_size_bytes"};
    static const int flags[] = {O_RDONLY, O_RDONLY | O_CLOEXEC, O_RDONLY | O_NONBLOCK, O_RDONLY | O_NOCTTY};
    int before = descriptors();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct stat st;
        puts(paths[i]);
        if (stat(paths[i], &st)) continue;
        for (size_t j = 0; j < sizeof flags / sizeof *flags; j++) {
            errno = UNTOUCHED;
            int fd = open(paths[i], flags[j]);
            printf("  opened: %d %s close-on-exec %d\n", fd, error_name(errno), fcntl(fd, F_GETFD));
            status(paths[i], fd);
            say("more descriptors", descriptors() - before);
            if (!j) changes(fd), positions(fd);
            say("close", close(fd));
        }
        streams(paths[i]);
        say("descriptors kept", descriptors() - before);
    }
    return 0;
}
