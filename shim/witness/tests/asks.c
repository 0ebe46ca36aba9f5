// Asks about its machine, in the circumstances that its first argument names. Ends with 0 if every answer was as it
// would be without the witness.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPUS "/sys/devices/system/cpu"

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "asks: %s\n", what);
  _exit(1);
}
#define MUST(condition) must(condition, #condition)

static void look(void) {
  char text[16];
  int fd = open("/proc/meminfo", O_RDONLY);
  if (fd < 0 || read(fd, text, sizeof text) != sizeof text || memcmp(text, "MemTotal:", 9) != 0) _exit(1);
  close(fd);
}

static void wait_for(pid_t child) {
  int status;
  MUST(waitpid(child, &status, 0) == child);
  MUST(status == 0);
}

static void forks(void) {
  for (int i = 0; i < 100; i++) {
    pid_t child = fork();
    if (child == 0) {
      look();
      _exit(0);
    }
    wait_for(child);
  }
  look();
}

static void vforks(void) {
  for (volatile int i = 0; i < 100; i++) {
    pid_t child = vfork();
    if (child == 0) {
      look();
      _exit(0);
    }
    wait_for(child);
  }
  look();
}

// The witness keeps no descriptor: the numbers are those that a program without it gets.
static void descriptors(void) {
  int first = open("/dev/null", O_RDONLY);
  for (int i = 0; i < 3; i++) {
    int fd = open("/proc/meminfo", O_RDONLY);
    MUST(fd == first + 1);
    close_range(first + 1, ~0U, 0);
    fd = open("/dev/null", O_RDONLY);
    MUST(fd == first + 1);
    close(fd);
  }
  // Without standard streams, the lowest number is theirs.
  close(0);
  MUST(open("/proc/uptime", O_RDONLY) == 0);
}

static void errors(void) {
  errno = 77;
  look();
  MUST(sysconf(_SC_NPROCESSORS_ONLN) > 0);
  MUST(access(CPUS, F_OK) == 0);
  MUST(errno == 77);
  MUST(open("/proc/no-such-file", O_RDONLY) == -1 && errno == ENOENT);
  MUST(open("/proc/meminfo", O_RDONLY | O_DIRECTORY) == -1 && errno == ENOTDIR);
  MUST(fopen("/proc/no-such-file", "r") == NULL && errno == ENOENT);
  const char *volatile nothing = NULL;
  MUST(open(nothing, O_RDONLY) == -1 && errno == EFAULT);
  MUST(opendir("/proc/meminfo") == NULL && errno == ENOTDIR);
  errno = 0;
  DIR *dir = opendir(CPUS);
  while (readdir(dir)) {}
  MUST(errno == 0);
  closedir(dir);
  // It has no descriptor to ask for.
  char memory[8];
  FILE *stream = fmemopen(memory, sizeof memory, "w+");
  errno = 0;
  rewind(stream);
  MUST(errno == 0 && fseek(stream, 0, SEEK_SET) == 0 && errno == 0);
}

static volatile sig_atomic_t signals;

static void on_signal(int number) {
  (void)number;
  look();
  signals++;
}

static void in_handlers(void) {
  static char stack[8192];
  stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
  struct itimerval often = {{0, 500}, {0, 500}};
  MUST(sigaltstack(&other, NULL) == 0 && sigaction(SIGALRM, &action, NULL) == 0);
  MUST(setitimer(ITIMER_REAL, &often, NULL) == 0);
  while (signals < 100) look();
}

static void *looks(void *nothing) {
  for (int i = 0; i < 100; i++) {
    look();
    if (sysconf(_SC_NPROCESSORS_ONLN) <= 0) _exit(1);
  }
  return nothing;
}

static void threads(void) {
  pthread_t thread[8];
  for (int i = 0; i < 8; i++) MUST(pthread_create(&thread[i], NULL, looks, NULL) == 0);
  for (int i = 0; i < 8; i++) pthread_join(thread[i], NULL);
}

// A sandbox that kills whoever makes a socket.
static void sandbox(void) {
  struct sock_filter lines[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof lines / sizeof *lines, lines};
  look();
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
  look();
}

// A sandbox that kills whoever makes another call than the few that this program itself needs.
static void allows(void) {
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
  struct sock_filter lines[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ALLOW(openat), ALLOW(lseek), ALLOW(getdents64), ALLOW(statfs), ALLOW(write), ALLOW(brk), ALLOW(exit_group),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  struct sock_fprog filter = {sizeof lines / sizeof *lines, lines};
  struct statfs about;
  int fd = open("/proc/meminfo", O_RDONLY);
  DIR *dir = opendir(CPUS);
  MUST(fd >= 0 && dir != NULL && chdir("/proc") == 0);
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
  MUST(open("meminfo", O_RDONLY) >= 0);
  MUST(lseek(fd, 0, SEEK_SET) == 0);
  MUST(readdir(dir) != NULL);
  MUST(statfs("/", &about) == 0);
}

static void relative(void) {
  MUST(chdir("/proc") == 0 && open("meminfo", O_RDONLY) >= 0);
  MUST(chdir("/") == 0 && open("proc/uptime", O_RDONLY) >= 0);
  int cpus = open(CPUS, O_RDONLY | O_DIRECTORY);
  MUST(openat(cpus, "online", O_RDONLY) >= 0);
  MUST(openat(cpus, "../../../../proc/loadavg", O_RDONLY) >= 0);
  MUST(open("/dev/..//proc/./stat", O_RDONLY) >= 0);
  // Of no concern.
  MUST(open("/process", O_RDONLY) == -1);
  MUST(open("/etc/passwd", O_RDONLY) >= 0);
  MUST(chdir("/etc") == 0 && open("passwd", O_RDONLY) >= 0);
  char own[64];
  snprintf(own, sizeof own, "/proc/%d/stat", getpid());
  MUST(open(own, O_RDONLY) >= 0);
}

// Every function that has a hook, by its name.
static void *named(const char *name) {
  void *function = dlsym(RTLD_DEFAULT, name);
  must(function != NULL, name);
  return function;
}
#define CALL(type, name, ...) ((type)named(name))(__VA_ARGS__)

static void each_path(void) {
  static const char *const opens[] = {"open", "open64"}, *const opens_2[] = {"__open_2", "__open64_2"},
                           *const opens_at[] = {"openat", "openat64"}, *const opens_at_2[] = {"__openat_2", "__openat64_2"};
  typedef int open_(const char *, int, ...), open_2(const char *, int);
  typedef int openat_(int, const char *, int, ...), openat_2(int, const char *, int);
  for (int i = 0; i < 2; i++) {
    MUST(CALL(open_ *, opens[i], "/proc/meminfo", O_RDONLY, 0) >= 0);
    MUST(CALL(open_2 *, opens_2[i], "/proc/meminfo", O_RDONLY) >= 0);
    MUST(CALL(openat_ *, opens_at[i], AT_FDCWD, "/proc/meminfo", O_RDONLY, 0) >= 0);
    MUST(CALL(openat_2 *, opens_at_2[i], AT_FDCWD, "/proc/meminfo", O_RDONLY) >= 0);
  }
  // glibc has it since 2.43.
  struct open_how how = {.flags = O_RDONLY};
  CALL(int (*)(int, const char *, void *, size_t), "openat2", AT_FDCWD, "/proc/meminfo", &how, sizeof how);
  FILE *file = CALL(FILE * (*)(const char *, const char *), "fopen", "/proc/meminfo", "r");
  MUST(CALL(FILE * (*)(const char *, const char *), "fopen64", "/proc/meminfo", "r") != NULL);
  MUST(CALL(FILE * (*)(const char *, const char *, FILE *), "freopen", "/proc/meminfo", "r", file) == file);
  MUST(CALL(FILE * (*)(const char *, const char *, FILE *), "freopen64", "/proc/meminfo", "r", file) == file);
  CALL(void (*)(FILE *), "rewind", file);
  static const char *const seeks[] = {"fseek", "fseeko", "fseeko64"};
  for (int i = 0; i < 3; i++) MUST(CALL(int (*)(FILE *, long, int), seeks[i], file, 0, SEEK_SET) == 0);
}

static void each_again(void) {
  int fd = open("/proc/meminfo", O_RDONLY);
  char text[64];
  struct iovec into = {text, sizeof text};
  MUST(CALL(off_t (*)(int, off_t, int), "lseek", fd, 0, SEEK_SET) == 0);
  MUST(CALL(off_t (*)(int, off_t, int), "lseek64", fd, 0, SEEK_SET) == 0);
  MUST(CALL(ssize_t (*)(int, void *, size_t, off_t), "pread", fd, text, 64, 0) == 64);
  MUST(CALL(ssize_t (*)(int, void *, size_t, off_t), "pread64", fd, text, 64, 0) == 64);
  MUST(CALL(ssize_t (*)(int, void *, size_t, off_t, size_t), "__pread_chk", fd, text, 64, 0, 64) == 64);
  MUST(CALL(ssize_t (*)(int, void *, size_t, off_t, size_t), "__pread64_chk", fd, text, 64, 0, 64) == 64);
  MUST(CALL(ssize_t (*)(int, void *, int, off_t), "preadv", fd, &into, 1, 0) == 64);
  MUST(CALL(ssize_t (*)(int, void *, int, off_t), "preadv64", fd, &into, 1, 0) == 64);
  MUST(CALL(ssize_t (*)(int, void *, int, off_t, int), "preadv2", fd, &into, 1, 0, 0) == 64);
  MUST(CALL(ssize_t (*)(int, void *, int, off_t, int), "preadv64v2", fd, &into, 1, 0, 0) == 64);
}

static void each_status(void) {
  static const char *const by_path[] = {"stat", "stat64", "lstat", "lstat64"};
  static const char *const by_version[] = {"__xstat", "__xstat64", "__lxstat", "__lxstat64"};
  struct stat to;
  for (int i = 0; i < 4; i++) {
    MUST(CALL(int (*)(const char *, void *), by_path[i], CPUS, &to) == 0);
    MUST(CALL(int (*)(int, const char *, void *), by_version[i], 1, CPUS, &to) == 0);
  }
  MUST(CALL(int (*)(int, const char *, void *, int), "fstatat", AT_FDCWD, CPUS, &to, 0) == 0);
  MUST(CALL(int (*)(int, const char *, void *, int), "fstatat64", AT_FDCWD, CPUS, &to, 0) == 0);
  MUST(CALL(int (*)(int, int, const char *, void *, int), "__fxstatat", 1, AT_FDCWD, CPUS, &to, 0) == 0);
  MUST(CALL(int (*)(int, int, const char *, void *, int), "__fxstatat64", 1, AT_FDCWD, CPUS, &to, 0) == 0);
  struct statx more;
  MUST(CALL(int (*)(int, const char *, int, unsigned, void *), "statx", AT_FDCWD, CPUS, 0, STATX_SIZE, &more) == 0);
  static const char *const accesses[] = {"access", "eaccess", "euidaccess"};
  for (int i = 0; i < 3; i++) MUST(CALL(int (*)(const char *, int), accesses[i], CPUS, R_OK) == 0);
  MUST(CALL(int (*)(int, const char *, int, int), "faccessat", AT_FDCWD, CPUS, R_OK, 0) == 0);
}

static void each_directory(void) {
  static const char *const reads[] = {"readdir", "readdir64"}, *const reads_into[] = {"readdir_r", "readdir64_r"};
  static const char *const scans[] = {"scandir", "scandir64"}, *const scans_at[] = {"scandirat", "scandirat64"};
  static const char *const globs[] = {"glob", "glob64"};
  for (int i = 0; i < 2; i++) {
    DIR *dir = CALL(DIR * (*)(const char *), "opendir", CPUS);
    while (CALL(void *(*)(DIR *), reads[i], dir)) {}
    CALL(void (*)(DIR *), "rewinddir", dir);
    MUST(readdir(dir) != NULL);
    closedir(dir);
    dir = opendir(CPUS);
    struct dirent entry, *result = &entry;
    while (result) MUST(CALL(int (*)(DIR *, void *, void *), reads_into[i], dir, &entry, &result) == 0);
    closedir(dir);
    struct dirent **list;
    MUST(CALL(int (*)(const char *, void *, void *, void *), scans[i], CPUS, &list, NULL, NULL) > 2);
    MUST(CALL(int (*)(int, const char *, void *, void *, void *), scans_at[i], AT_FDCWD, CPUS, &list, NULL, NULL) > 2);
    glob_t found;
    MUST(CALL(int (*)(const char *, int, void *, void *), globs[i], CPUS "/cpu[0-9]*", 0, NULL, &found) == 0);
  }
  char records[4096];
  int fd = open(CPUS, O_RDONLY | O_DIRECTORY);
  while (CALL(ssize_t (*)(int, void *, size_t), "getdents64", fd, records, sizeof records) > 0) {}
}

static void each_figure(void) {
  MUST(CALL(long (*)(int), "sysconf", _SC_NPROCESSORS_ONLN) > 0);
  MUST(CALL(long (*)(int), "__sysconf", _SC_PHYS_PAGES) > 0);
  MUST(CALL(int (*)(void), "get_nprocs") > 0);
  MUST(CALL(int (*)(void), "get_nprocs_conf") > 0);
  MUST(CALL(long (*)(void), "get_phys_pages") > 0);
  MUST(CALL(long (*)(void), "get_avphys_pages") > 0);
  cpu_set_t mask;
  MUST(CALL(int (*)(pid_t, size_t, void *), "sched_getaffinity", 0, sizeof mask, &mask) == 0);
  MUST(CALL(int (*)(pthread_t, size_t, void *), "pthread_getaffinity_np", pthread_self(), sizeof mask, &mask) == 0);
  double averages[3];
  MUST(CALL(int (*)(double *, int), "getloadavg", averages, 3) == 3);
  struct sysinfo about;
  MUST(CALL(int (*)(void *), "sysinfo", &about) == 0);
  typedef long by_number(long, ...);
  by_number *number = named("syscall");
  MUST(number(SYS_sysinfo, &about) == 0);
  MUST(number(SYS_sched_getaffinity, 0, sizeof mask, &mask) > 0);
  MUST(number(SYS_openat, AT_FDCWD, "/proc/meminfo", O_RDONLY) >= 0);
  // Six arguments arrive.
  char *page = (char *)number(SYS_mmap, NULL, 4096, 3, 0x22, -1, 0);
  MUST(page != (char *)-1 && (*page = 1));
}

static void each_volume(void) {
  static const char *const figures[] = {"statfs", "statfs64"}, *const of_fd[] = {"fstatfs", "fstatfs64"};
  static const char *const volumes[] = {"statvfs", "statvfs64"}, *const volumes_of_fd[] = {"fstatvfs", "fstatvfs64"};
  int root = open("/", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 2; i++) {
    struct statfs one;
    struct statvfs other;
    MUST(CALL(int (*)(const char *, void *), figures[i], "/", &one) == 0);
    MUST(CALL(int (*)(int, void *), of_fd[i], root, &one) == 0);
    MUST(CALL(int (*)(const char *, void *), volumes[i], "/", &other) == 0);
    MUST(CALL(int (*)(int, void *), volumes_of_fd[i], root, &other) == 0);
  }
}

static void each(void) {
  each_path();
  each_again();
  each_status();
  each_directory();
  each_figure();
  each_volume();
}

int main(int count, char **words) {
  static const struct {
    const char *name;
    void (*run)(void);
  } ways[] = {{"look", look},         {"forks", forks},       {"vforks", vforks},     {"descriptors", descriptors},
              {"errors", errors},     {"handlers", in_handlers}, {"threads", threads}, {"sandbox", sandbox},
              {"allows", allows},
              {"relative", relative}, {"each", each}};
  for (size_t i = 0; count == 2 && i < sizeof ways / sizeof *ways; i++) {
    if (strcmp(ways[i].name, words[1]) == 0) {
      ways[i].run();
      return 0;
    }
  }
  return 2;
}
