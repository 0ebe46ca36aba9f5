// Asks about its machine, with another C library.
#include <fcntl.h>

int main(void) { return open("/proc/meminfo", O_RDONLY) < 0; }
