/* What a program sees that goes on asking, while somebody else switches all programs off and on.
 *   switched once    a line of figures
 *   switched         a line whenever a figure changes, until it is killed; CGPROC_BOARD is a board that this writes */
#include "board.h"
#include <sched.h>
#include <sys/sysinfo.h>

/* No machine has this load, to the hundredth. */
enum { LOAD = 7777 };

static void load(uint64_t *slot) {
    uint64_t average = LOAD * 2048ull / 100 + 1;
    slot[7] = KNOWS_LOAD;
    slot[8] = average | average << 32;
    slot[9] = average;
    slot[10] = 9ull << 32;
}

static long total_at(int fd) { return slurp(fd) > 0 ? figure("MemTotal:") : -1; }

static long opened_total(void) {
    int fd = open("/proc/meminfo", O_RDONLY);
    long total = total_at(fd);
    close(fd);
    return total;
}

static const char *line_of_figures(int kept) {
    static char line[512];
    struct sysinfo info = {0};
    cpu_set_t set;
    double average[1] = {-1};
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    sysinfo(&info);
    getloadavg(average, 1);
    lseek(kept, 0, SEEK_SET);
    /* It is the same file for the program, whoever answers. */
    struct stat open_file, named_file;
    int is_same = !fstat(kept, &open_file) && !stat("/proc/meminfo", &named_file) && open_file.st_ino == named_file.st_ino &&
                  open_file.st_size == 0;
    snprintf(line, sizeof line, "meminfo %ld kept %ld %s pages %ld sysinfo %lu cpus %ld nprocs %d affinity %d load %s\n",
             opened_total(), total_at(kept), is_same ? "same" : "another", sysconf(_SC_PHYS_PAGES),
             info.totalram * info.mem_unit / 1024, sysconf(_SC_NPROCESSORS_ONLN), get_nprocs(), CPU_COUNT(&set),
             (int)(average[0] * 100 + .5) == LOAD ? "published" : "kernel's");
    return line;
}

int main(int argc, char **argv) {
    int kept = open("/proc/meminfo", O_RDONLY);
    char last[512] = "";
    if (argc > 1 && !strcmp(argv[1], "once")) return fputs(line_of_figures(kept), stdout) < 0;
    for (;;) {
        publish(getenv("CGPROC_BOARD"), load);
        const char *line = line_of_figures(kept);
        if (strcmp(line, last)) {
            strcpy(last, line);
            fputs(line, stdout), fflush(stdout);
        }
        usleep(20000);
    }
}
