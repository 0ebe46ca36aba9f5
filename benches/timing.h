/* Times in nanoseconds, and their quartiles. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static inline double median(double *values, int count) {
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

/* Sorts the values, and prints <tab> first quartile <tab> median <tab> third quartile. */
static inline void print_quartiles(double *values, int count) {
    qsort(values, count, sizeof *values, by_value);
    printf("\t%.1f\t%.1f\t%.1f", values[count / 4], values[count / 2], values[count * 3 / 4]);
}
