/* Times the life of a small program under several preloads, which take turns, and prints per preload
 *   PRELOAD <tab> nanoseconds, as quartiles <tab> nanoseconds over the preload before it, as quartiles of each round's
 *
 *   spawn ROUNDS PROGRAM HOW PRELOAD...
 *
 * HOW is `variable` (LD_PRELOAD) or `file` (/etc/ld.so.preload, which is written before each life and has to be this
 * mount namespace's own). An empty PRELOAD: none. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

enum { MOST = 8 };

static double life(char *program, char *variable) {
    char *arguments[] = {program, NULL}, *environment[] = {variable, NULL};
    pid_t child;
    int status;
    double begun = now();
    if (posix_spawn(&child, program, NULL, NULL, arguments, environment) || waitpid(child, &status, 0) != child || status) exit(1);
    return now() - begun;
}

static void write_file(const char *preload) {
    int fd = open("/etc/ld.so.preload", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || dprintf(fd, "%s\n", preload) < 0 || close(fd)) perror("/etc/ld.so.preload"), exit(1);
}

int main(int argc, char **argv) {
    int rounds = argc > 4 ? atoi(argv[1]) : 0, preloads = argc - 4, by_file = argc > 3 && !strcmp(argv[3], "file");
    static char variables[MOST][4096];
    if (rounds < 1 || preloads > MOST) return 2;
    double *times = calloc((size_t)rounds * preloads, sizeof *times), *over = calloc(rounds, sizeof *over);
    for (int i = 0; i < preloads; i++)
        if (argv[4 + i][0] && !by_file) snprintf(variables[i], sizeof *variables, "LD_PRELOAD=%s", argv[4 + i]);
    for (int round = -20; round < rounds; round++)
        for (int turn = 0; turn < preloads; turn++) {
            int i = (turn + round + 20) % preloads;
            if (by_file) write_file(argv[4 + i]);
            double time = life(argv[2], variables[i][0] ? variables[i] : NULL);
            if (round >= 0) times[i * rounds + round] = time;
        }
    for (int i = preloads - 1; i >= 0; i--) {
        for (int round = 0; round < rounds; round++) over[round] = i ? times[i * rounds + round] - times[(i - 1) * rounds + round] : 0;
        printf("%s", argv[4 + i]);
        /* Sorts these times, which no later line needs. */
        print_quartiles(times + i * rounds, rounds);
        print_quartiles(over, rounds);
        putchar('\n');
    }
    return 0;
}
