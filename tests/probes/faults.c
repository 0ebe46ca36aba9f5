/* A program that handles its own SIGBUS, and asks in the handler. The signal is not blocked meanwhile, so whatever
 * faults in the handler calls it again, for ever.
 *   faults beside   the program itself reads a page that its file has lost; the handler puts another in its place
 *   faults within   functions that the object stands before read or write such a page; the handler leaves them by a jump */
#include "probe.h"
#include <glob.h>
#include <setjmp.h>
#include <signal.h>

static volatile int handled, jumps;
static char *lost;
static sigjmp_buf back;
static const char *volatile in_handler = "never";

static const char *ask(void) {
    int fd = open("/proc/meminfo", O_RDONLY);
    if (fd < 0) return error_name(errno);
    slurp(fd);
    close(fd);
    return sysconf(_SC_NPROCESSORS_ONLN) < 1 ? "none" : whose();
}

static void on_fault(int number) {
    (void)number;
    if (++handled > 100) _exit(3);
    in_handler = ask();
    if (jumps) siglongjmp(back, 1);
    mmap(lost, getpagesize(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* A page of a file that has become shorter since. */
static char *lose(void) {
    int fd = (int)raw(SYS_memfd_create, (long)"lost", 0, 0, 0, 0, 0);
    raw(SYS_ftruncate, fd, getpagesize(), 0, 0, 0, 0);
    char *at = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    raw(SYS_ftruncate, fd, 0, 0, 0, 0, 0);
    raw_close(fd);
    return at;
}

static void load(void) { getloadavg((double *)(void *)lost, 3); }
static void paths(void) {
    glob_t found = {0};
    glob(lost, 0, NULL, &found);
}
static void mode(void) { fopen("/proc/meminfo", lost); }

static void leave(const char *label, void (*call)(void)) {
    handled = 0;
    if (!sigsetjmp(back, 1)) call();
    printf("%s: handled %d, saw %s", label, handled, in_handler);
    printf(", then %s\n", ask());
}

int main(int argc, char **argv) {
    static char stack[64 * 1024];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER};
    if (sigaltstack(&other, NULL) || sigaction(SIGBUS, &action, NULL)) return 1;
    lost = lose();
    jumps = argc > 1 && !strcmp(argv[1], "within");
    if (jumps) return leave("getloadavg", load), leave("glob", paths), leave("fopen", mode), 0;
    printf("read %d", *(volatile char *)lost);
    printf(", handled %d, saw %s\n", handled, in_handler);
    return 0;
}
