/* fopen(3), freopen(3), and the calls that return a stream to its start: rewind(3), fseek(3), fsetpos(3). */
#include "probe.h"

typedef FILE *opener(const char *path, const char *mode);

static FILE *as_fopen(const char *path, const char *mode) {
    return WATCHED(((FILE *(*)(const char *, const char *))symbol)(path, mode));
}

static FILE *as_freopen(const char *path, const char *mode) {
    FILE *other = fopen("/dev/null", "r");
    return WATCHED(((FILE *(*)(const char *, const char *, FILE *))symbol)(path, mode, other));
}

static FILE *call(const char *path, const char *mode) { return ((opener *)row->shape)(path, mode); }

static void read_stream(FILE *stream) {
    text[fread(text, 1, TEXT - 1, stream)] = 0;
}

static void read_through(const char *path) {
    FILE *stream = call(path, "r");
    text[0] = 0;
    if (!stream) return;
    read_stream(stream);
    fclose(stream);
}

static void answer_open(void) {
    FILE *stream = call("/proc/meminfo", "r");
    printf("errno=%s\nfd=%d\n", error_name(errno), fileno(stream));
    read_stream(stream);
    fclose(stream);
    printf("memtotal=%ld\n", figure("MemTotal:"));
    stream = call("/proc/meminfo", "re");
    printf("asked-cloexec=%d\n", fcntl(fileno(stream), F_GETFD));
    fclose(stream);
    read_through("/proc/stat"), printf("stat-cpus=%d\n", lines("cpu", 1));
    read_through("/proc/cpuinfo"), printf("processors=%d\n", lines("processor", 0));
    read_through(CPUS "/online"), first_line(), printf("online=%s\n", text);
    read_through(CPUS "/present"), first_line(), printf("present=%s\n", text);
    read_through("/proc/vmstat"), printf("free-pages=%s\n", side(figure("nr_free_pages ")));
    stream = call(CPUS "/cpu1/uevent", "r");
    printf("hidden=%s\n", stream ? "open" : error_name(errno));
}

static void say(const char *label, const char *path, const char *mode) {
    FILE *stream = call(path, mode);
    int error = errno;
    printf("%s: %s %s", label, stream ? "stream" : "NULL", error_name(error));
    if (stream) {
        struct stat st = {0};
        raw_fstat(fileno(stream), &st);
        printf(" fd %d mode %o flags %lo", fileno(stream), st.st_mode, raw(SYS_fcntl, fileno(stream), F_GETFL, 0, 0, 0, 0));
        text[0] = 0;
        read_stream(stream), first_line();
        if (strncmp(label, "self", 4)) printf(" [%s]", text);
        fclose(stream);
    }
    putchar('\n');
}

static void bad(const char *label, const char *path) {
    /* A NULL path means something else to freopen: reopen the stream's own file in another mode. */
    if (path || row->shape == (void (*)(void))as_fopen) say(label, path, "r");
}

static void pass_open(void) {
    umask(0);
    say("other", "/proc/version", "r");
    say("missing", "/proc/nothing", "r");
    say("self/stat", "/proc/self/stat", "r");
    say("read and write", "/proc/meminfo", "r+");
    say("no such mode", "/proc/version", "q");
    say("possible", CPUS "/possible", "r");
    unlink("cgproc-probe-stdio");
    say("create", "cgproc-probe-stdio", "w");
    say("append", "cgproc-probe-stdio", "a+");
    say("exists", "cgproc-probe-stdio", "wx");
    unlink("cgproc-probe-stdio");
    each_bad_path(bad);
}

/* ---- back to the start ---- */

typedef int seeker(FILE *stream, long offset, int whence);

static int as_rewind(FILE *stream, long offset, int whence) {
    (void)offset, (void)whence;
    WATCHED_VOID(((void (*)(FILE *))symbol)(stream));
    return 0;
}

static int as_fseek(FILE *stream, long offset, int whence) {
    return WATCHED(((int (*)(FILE *, long, int))symbol)(stream, offset, whence));
}

/* Only to `offset` from the start: a position that fgetpos(3) would have given. */
static int as_fsetpos(FILE *stream, long offset, int whence) {
    fpos_t position;
    long back = ftell(stream);
    (void)whence;
    if (fseek(stream, offset, SEEK_SET) || fgetpos(stream, &position) || fseek(stream, back, SEEK_SET)) return -1;
    return WATCHED(((int (*)(FILE *, const fpos_t *))symbol)(stream, &position));
}

static int seek(FILE *stream, long offset, int whence) { return ((seeker *)row->shape)(stream, offset, whence); }

/* The position is taken while the stream is at its start: going there would refresh the stream. */
static void answer_setpos(void) {
    FILE *stream = fopen("/proc/meminfo", "r");
    fpos_t start;
    fgetpos(stream, &start);
    read_stream(stream);
    long before = figure("MemFree:");
    touch(TOUCHED_KIB * 1024l);
    int result = WATCHED(((int (*)(FILE *, const fpos_t *))symbol)(stream, &start));
    printf("result=%d\nerrno=%s\n", result, error_name(errno));
    read_stream(stream);
    say_fresh(before);
}

static void answer_seek(void) {
    FILE *stream = fopen("/proc/meminfo", "r");
    read_stream(stream);
    long before = figure("MemFree:");
    touch(TOUCHED_KIB * 1024l);
    int result = seek(stream, 0, SEEK_SET);
    printf("result=%d\nerrno=%s\n", result, error_name(errno));
    read_stream(stream);
    say_fresh(before);
}

static void pass_seek(void) {
    FILE *stream = fopen("cgproc-probe-seek", "w+");
    int from_start = row->shape != (void (*)(void))as_fseek;
    for (int i = 0; i < 2000; i++) fprintf(stream, "%04d\n", i);
    int result = seek(stream, 0, SEEK_SET), error = errno;
    printf("start: %d %s %c", result, error_name(error), fgetc(stream));
    fputs("XYZ", stream); /* unwritten until the next call, which must flush it exactly once */
    result = seek(stream, 0, SEEK_SET);
    if (fgets(text, 64, stream)) printf(" then %s", text);
    if (row->shape != (void (*)(void))as_rewind) {
        result = seek(stream, 5 * 777, SEEK_SET), error = errno;
        if (fgets(text, 64, stream)) printf("middle: %d %s %s", result, error_name(error), text);
    }
    if (!from_start) {
        result = seek(stream, -10, SEEK_END), error = errno;
        if (fgets(text, 64, stream)) printf("end: %d %s %s", result, error_name(error), text);
        result = seek(stream, -5, SEEK_CUR), error = errno;
        if (fgets(text, 64, stream)) printf("back: %d %s %s", result, error_name(error), text);
        result = seek(stream, -1, SEEK_SET), error = errno;
        printf("before the start: %d %s\n", result, error_name(error));
        result = seek(stream, 0, 77), error = errno;
        printf("no such whence: %d %s\n", result, error_name(error));
    }
    fclose(stream);
    unlink("cgproc-probe-seek");
    int ends[2];
    if (pipe(ends)) return;
    stream = fdopen(ends[0], "r");
    if (row->shape != (void (*)(void))as_fsetpos) {
        result = seek(stream, 0, SEEK_SET), error = errno;
        printf("pipe: %d %s\n", result, error_name(error));
    }
}

#define SHAPE(name) (void (*)(void))name
static const struct row rows[] = {
    {"fopen", SHAPE(as_fopen), answer_open, pass_open},     {"fopen64", SHAPE(as_fopen), answer_open, pass_open},
    {"freopen", SHAPE(as_freopen), answer_open, pass_open}, {"freopen64", SHAPE(as_freopen), answer_open, pass_open},
    {"rewind", SHAPE(as_rewind), answer_seek, pass_seek},   {"fseek", SHAPE(as_fseek), answer_seek, pass_seek},
    {"fseeko", SHAPE(as_fseek), answer_seek, pass_seek},    {"fseeko64", SHAPE(as_fseek), answer_seek, pass_seek},
    {"fsetpos", SHAPE(as_fsetpos), answer_setpos, pass_seek},
    {"fsetpos64", SHAPE(as_fsetpos), answer_setpos, pass_seek},
    {0},
};

int main(int argc, char **argv) { return probe_main(argc, argv, rows); }
