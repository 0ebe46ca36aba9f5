/* Waits until tasks have been stalled for too long: trigger FILE TRIGGER MILLISECONDS
 *
 * Prints the file that was opened, as the kernel names it, then whether the trigger fired or all stayed quiet. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char link[64], path[256] = "";
    if (argc < 4) return 2;
    int fd = open(argv[1], O_RDWR | O_NONBLOCK);
    if (fd < 0 || write(fd, argv[2], strlen(argv[2]) + 1) < 0) return perror(argv[1]), 1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0) return perror(link), 1;
    puts(path), fflush(stdout);
    struct pollfd event = {.fd = fd, .events = POLLPRI};
    int count = poll(&event, 1, atoi(argv[3]));
    puts(count == 0 ? "quiet" : event.revents & POLLPRI && !(event.revents & POLLERR) ? "fired" : "gone");
}
