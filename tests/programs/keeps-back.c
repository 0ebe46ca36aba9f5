/* A user who serves a file, and withholds its bytes from whoever reads that user's memory.
 *
 *   keeps-back DIR CALL USER NUMBER MSEC PROGRAM...
 *
 * Started by root. Mounts a file system on DIR as fusermount3(1) does for USER, who then serves it. NUMBER processes
 * make CALL (path, how, figures or mask), one after the other, with memory that belongs to that file. Its bytes are
 * zeros, and come after MSEC, or never if MSEC is 0. The next process begins once the previous one's bytes were asked
 * for. After the last, runs PROGRAM as root, and exits with its status. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fuse.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 32 };

static void must(int done, const char *what) {
    if (!done) perror(what), exit(99);
}

static void become(unsigned user) {
    must(setgroups(0, NULL) == 0 && setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0, "become");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void reply(int to, uint64_t unique, int error, const void *body, size_t len) {
    char room[8192];
    struct fuse_out_header head = {.len = sizeof head + len, .error = -error, .unique = unique};
    memcpy(room, &head, sizeof head);
    if (len) memcpy(room + sizeof head, body, len);
    if (write(to, room, head.len) < 0 && errno != ENOENT) perror("reply");
}

static struct fuse_attr attributes(uint64_t node, unsigned user) {
    struct fuse_attr attr = {.ino = node, .nlink = 1, .uid = user, .gid = user, .blksize = 4096};
    attr.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
    attr.size = node == FUSE_ROOT_ID ? 0 : MOST * 4096;
    return attr;
}

static void serve(int device, unsigned user, int asked, unsigned msec) {
    static const char zeros[4096];
    static char request[1 << 17];
    for (ssize_t len; (len = read(device, request, sizeof request)) > 0 || errno == EINTR || errno == ENOENT;) {
        if (len <= 0) continue;
        struct fuse_in_header *head = (void *)request;
        uint64_t id = head->unique;
        switch (head->opcode) {
        case FUSE_INIT: {
            /* No read-ahead: whoever wants a page waits for it. */
            struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096};
            reply(device, id, 0, &out, sizeof out);
            break;
        }
        case FUSE_LOOKUP: {
            struct fuse_entry_out out = {.nodeid = 2, .attr_valid = 600, .entry_valid = 600};
            out.attr = attributes(2, user);
            reply(device, id, 0, &out, sizeof out);
            break;
        }
        case FUSE_GETATTR: {
            struct fuse_attr_out out = {.attr_valid = 600};
            out.attr = attributes(head->nodeid, user);
            reply(device, id, 0, &out, sizeof out);
            break;
        }
        case FUSE_OPEN: {
            /* Without this, an open would wait for the existing pages. */
            struct fuse_open_out out = {.open_flags = FOPEN_KEEP_CACHE};
            reply(device, id, 0, &out, sizeof out);
            break;
        }
        case FUSE_READ:
            must(write(asked, "!", 1) == 1, "a word");
            if (msec == 0) break;
            usleep(msec * 1000);
            reply(device, id, 0, zeros, sizeof zeros);
            break;
        case FUSE_FORGET:
        case FUSE_BATCH_FORGET:
        case FUSE_INTERRUPT: break;
        default: reply(device, id, ENOSYS, NULL, 0);
        }
    }
}

static void call(const char *name, char *memory) {
    if (strcmp(name, "path") == 0) syscall(SYS_openat, AT_FDCWD, memory, O_RDONLY);
    else if (strcmp(name, "how") == 0) syscall(SYS_openat2, AT_FDCWD, "/proc/meminfo", memory, sizeof(struct open_how));
    else if (strcmp(name, "figures") == 0) syscall(SYS_sysinfo, memory);
    else if (strcmp(name, "mask") == 0) syscall(SYS_sched_setaffinity, 0, 128, memory);
}

int main(int argc, char **argv) {
    if (argc < 7) return 2;
    const char *directory = argv[1], *name = argv[2];
    unsigned user = atoi(argv[3]), number = atoi(argv[4]);
    char options[128], path[4096], word;
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC), asked[2];
    must(device >= 0, "/dev/fuse");
    must(pipe2(asked, O_CLOEXEC) == 0, "pipe");
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u", device, user, user);
    must(mount("keeps-back", directory, "fuse.keeps-back", MS_NOSUID | MS_NODEV, options) == 0, "mount");
    pid_t server = fork();
    if (server == 0) {
        become(user);
        serve(device, user, asked[1], atoi(argv[5]));
        _exit(0);
    }
    close(device), close(asked[1]);
    snprintf(path, sizeof path, "%s/file", directory);
    for (unsigned i = 0; i < number && i < MOST; i++) {
        if (fork() == 0) {
            become(user);
            int fd = open(path, O_RDONLY);
            must(fd >= 0, path);
            char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, i * 4096);
            must(memory != MAP_FAILED, "mmap");
            call(name, memory);
            _exit(0);
        }
        must(read(asked[0], &word, 1) == 1, "nobody has asked");
    }
    pid_t program = fork();
    if (program == 0) execv(argv[6], argv + 6), _exit(127);
    int status;
    must(waitpid(program, &status, 0) == program, "waitpid");
    /* Once nobody serves the file, whoever waits for a page continues. */
    kill(server, SIGKILL);
    umount2(directory, MNT_DETACH);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}
