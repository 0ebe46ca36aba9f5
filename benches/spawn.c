/* Times the life of a small program under several preloads, which take turns, and prints per preload
 *   PRELOAD <tab> microseconds <tab> microseconds over the first preload, as the median of each round's
 *
 *   spawn ROUNDS PROGRAM PRELOAD...        an empty PRELOAD: none */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "timing.h"

enum { MOST = 8 };

static double life(char *program, char *variable) {
    char *arguments[] = {program, NULL}, *environment[] = {variable, NULL};
    pid_t child;
    int status;
    double begun = now();
    if (posix_spawn(&child, program, NULL, NULL, arguments, environment) || waitpid(child, &status, 0) != child || status) exit(1);
    return (now() - begun) / 1e3;
}

int main(int argc, char **argv) {
    int rounds = argc > 3 ? atoi(argv[1]) : 0, preloads = argc - 3;
    static char variables[MOST][4096];
    if (rounds < 1 || preloads > MOST) return 2;
    double *times = calloc((size_t)rounds * preloads, sizeof *times), *over = calloc(rounds, sizeof *over);
    for (int i = 0; i < preloads; i++)
        if (argv[3 + i][0]) snprintf(variables[i], sizeof *variables, "LD_PRELOAD=%s", argv[3 + i]);
    for (int round = -20; round < rounds; round++)
        for (int turn = 0; turn < preloads; turn++) {
            int i = (turn + round + 20) % preloads;
            double time = life(argv[2], variables[i][0] ? variables[i] : NULL);
            if (round >= 0) times[i * rounds + round] = time;
        }
    for (int i = preloads - 1; i >= 0; i--) {
        for (int round = 0; round < rounds; round++) over[round] = times[i * rounds + round] - times[round];
        double difference = median(over, rounds);
        if (i) printf("%s\t%.2f\t%.2f\n", argv[3 + i], median(times + i * rounds, rounds), difference);
    }
    printf("%s\t%.2f\t0\n", argv[3], median(times, rounds));
    return 0;
}
