/* To be preloaded: a clock in front of libc's, as of a library that changes the time. It ends whoever asks it for the
 * clock that only the object uses. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *to) {
    if (clock == CLOCK_MONOTONIC_COARSE) _exit(99);
    return (int)syscall(SYS_clock_gettime, clock, to);
}
