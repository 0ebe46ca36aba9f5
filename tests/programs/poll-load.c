/* Keeps reading the load in three ways: poll-load NAME STEP. Prints `NAME one five fifteen` whenever the averages of
 * /proc/loadavg change, `sysinfo` or `getloadavg` and their averages if these differ from the file's before and after,
 * and `failed: WHAT` for a call that fails or a malformed line. The file STEP contains a number. Many rounds after it
 * changes, `at NAME NUMBER one five fifteen` says what is shown then. If it contains `end`, `done COUNT` follows after
 * many rounds in all. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

struct loads {
    int hundredths[3];
};

static void fail(const char *what, const char *text) { printf("failed: %s: %s\n", what, text), fflush(stdout); }

/* "0.00 0.00 0.00 1/85 17542\n", and not a byte more. */
static int read_file(struct loads *loads) {
    char text[256] = "", again[256];
    int fd = open("/proc/loadavg", O_RDONLY), whole[3], part[3];
    unsigned running, total, last;
    if (fd < 0) return fail("open", "/proc/loadavg"), 0;
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0) return fail("read", "/proc/loadavg"), 0;
    if (sscanf(text, "%d.%2d %d.%2d %d.%2d %u/%u %u", whole, part, whole + 1, part + 1, whole + 2, part + 2, &running, &total, &last) != 9)
        return fail("form", text), 0;
    snprintf(again, sizeof again, "%d.%02d %d.%02d %d.%02d %u/%u %u\n", whole[0], part[0], whole[1], part[1], whole[2], part[2],
             running, total, last);
    if (strcmp(text, again) || running > total) return fail("form", text), 0;
    for (int i = 0; i < 3; i++) loads->hundredths[i] = whole[i] * 100 + part[i];
    return 1;
}

static int rounded(double load) { return (int)(load * 100 + 0.5); }

/* sysinfo, from which newer libcs get the load, has more digits than the file. */
static int alike(const struct loads *a, const struct loads *b, int within) {
    for (int i = 0; i < 3; i++)
        if (abs(a->hundredths[i] - b->hundredths[i]) > within) return 0;
    return 1;
}

static int same(const struct loads *a, const struct loads *b) { return alike(a, b, 0); }

static void show(const char *who, const struct loads *loads) {
    const int *l = loads->hundredths;
    printf("%s %d.%02d %d.%02d %d.%02d\n", who, l[0] / 100, l[0] % 100, l[1] / 100, l[1] % 100, l[2] / 100, l[2] % 100);
    fflush(stdout);
}

static void compare(const struct loads *file) {
    double averages[3];
    struct sysinfo info;
    struct loads by_call, by_info, after;
    if (getloadavg(averages, 3) != 3) return fail("getloadavg", "");
    if (sysinfo(&info)) return fail("sysinfo", "");
    for (int i = 0; i < 3; i++) {
        by_call.hundredths[i] = rounded(averages[i]);
        by_info.hundredths[i] = rounded(info.loads[i] / 65536.0);
    }
    if (!read_file(&after) || !same(file, &after)) return;
    if (!alike(file, &by_call, 1)) show("getloadavg", &by_call);
    if (!alike(file, &by_info, 1)) show("sysinfo", &by_info);
}

/* The number of the tests' current step: -1 after the last, -2 before the first. */
static int current_step(const char *path) {
    char text[16] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0) return -2;
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0) return fail("read", path), -2;
    return strcmp(text, "end") ? atoi(text) : -1;
}

enum { ROUNDS_OF_A_STEP = 40, ROUNDS = 1001 };

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct loads last = {{-1, -1, -1}}, loads;
    int step = -2, now;
    long count = 0, since = 0;
    for (; (now = current_step(argv[2])) != -1 || count < ROUNDS; count++) {
        if (now != step) step = now, since = count;
        if (!read_file(&loads)) return 1;
        if (!same(&loads, &last)) show(argv[1], &loads);
        last = loads;
        compare(&loads);
        if (step >= 0 && count - since == ROUNDS_OF_A_STEP) {
            char name[32];
            snprintf(name, sizeof name, "at %s %d", argv[1], step);
            show(name, &loads);
        }
        usleep(1000);
    }
    printf("done %ld\n", count);
    return 0;
}
