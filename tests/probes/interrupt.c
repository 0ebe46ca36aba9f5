/* A timer's handler, on an 8 KiB stack, opens and reads the same files as the main program. Below that stack is a page
 * that faults. */
#include "probe.h"
#include <sched.h>
#include <signal.h>
#include <sys/sysinfo.h>
#include <sys/time.h>

enum { STACK = 8192, ROUNDS = 300, MANY = 200000 };
static volatile int handled, failed;
static __thread char seen[16 * 1024];

static void look(void) {
    struct sysinfo info;
    cpu_set_t set;
    char buffer[9];
    int fd = open("/proc/meminfo", O_RDONLY);
    if (fd < 0 || read(fd, buffer, 9) != 9 || strncmp(buffer, "MemTotal:", 9)) failed++;
    if (lseek(fd, 0, SEEK_SET) || pread(fd, buffer, 9, 0) != 9 || strncmp(buffer, "MemTotal:", 9)) failed++;
    if (close(fd)) failed++;
    if (sysinfo(&info) || sched_getaffinity(0, sizeof set, &set) || sysconf(_SC_NPROCESSORS_ONLN) < 1) failed++;
}

static void on_timer(int number) {
    int error = errno;
    (void)number;
    if (handled < ROUNDS) look(), handled++;
    errno = error;
}

int main(void) {
    long page = getpagesize();
    char *below = mmap(NULL, page + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(below, page, PROT_NONE);
    stack_t stack = {.ss_sp = below + page, .ss_size = STACK};
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_ONSTACK | SA_RESTART};
    struct itimerval often = {{0, 200}, {0, 200}};
    int rounds = 0;
    if (sigaltstack(&stack, NULL) || sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &often, NULL)) return 1;
    for (; rounds < MANY && (rounds < ROUNDS || handled < ROUNDS); rounds++) {
        int fd = open("/proc/meminfo", O_RDONLY);
        long n = read(fd, seen, sizeof seen - 1);
        if (n < 100 || strncmp(seen, "MemTotal:", 9) || seen[n - 1] != '\n') failed++;
        close(fd);
        look();
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    printf("handled %d, rounds %s, failed %d\n", handled, rounds >= ROUNDS ? "enough" : "few", failed);
    return failed != 0;
}
