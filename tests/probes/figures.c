/* What a program sees here, one line for each way of asking; no figure changes by itself. */
#include "probe.h"
#include <sched.h>
#include <sys/sysinfo.h>

static void load(const char *path) {
    int fd = open(path, O_RDONLY);
    text[0] = 0;
    if (fd < 0) return;
    slurp(fd);
    close(fd);
}

int main(void) {
    struct sysinfo info;
    cpu_set_t set;
    load("/proc/meminfo"), printf("meminfo: %ld\n", figure("MemTotal:"));
    load("/proc/stat"), printf("stat: %d\n", lines("cpu", 1));
    load("/proc/cpuinfo"), printf("cpuinfo: %d\n", lines("processor", 0));
    load(CPUS "/online"), first_line(), printf("online: %s\n", text);
    load(CPUS "/present"), first_line(), printf("present: %s\n", text);
    printf("sysconf-cpus: %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    printf("sysconf-pages: %ld\n", sysconf(_SC_PHYS_PAGES));
    printf("nprocs: %d\n", get_nprocs());
    CPU_ZERO(&set);
    int result = sched_getaffinity(0, sizeof set, &set);
    printf("affinity: %d %d\n", result, CPU_COUNT(&set));
    result = sysinfo(&info);
    printf("sysinfo: %d %lu\n", result, info.totalram * info.mem_unit / 1024);
    return 0;
}
