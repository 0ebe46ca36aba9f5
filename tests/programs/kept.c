/*
 * Keeps /proc/meminfo open, takes memory, and rereads the file: `way free-before free-after fresh|stale` (KiB; whether
 * the text changed) for each way of rereading.
 *   kept MIB
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char text[8192], earlier[8192];

static long mem_free(ssize_t length)
{
    long kib = -1;
    text[length > 0 ? length : 0] = 0;
    char *line = strstr(text, "MemFree:");
    if (line)
        sscanf(line, "MemFree: %ld", &kib);
    return kib;
}

static int fd;
static FILE *file;

static long by_lseek(void)
{
    lseek(fd, 0, SEEK_SET);
    return mem_free(read(fd, text, 2048));
}

static long by_pread(void)
{
    return mem_free(pread(fd, text, 2048, 0));
}

static long by_rewind(void)
{
    rewind(file);
    return mem_free((ssize_t)fread(text, 1, 2048, file));
}

static long by_fflush_rewind(void)
{
    fflush(file);
    return by_rewind();
}

static long by_fseek(void)
{
    fseek(file, 0, SEEK_SET);
    return mem_free((ssize_t)fread(text, 1, 2048, file));
}

static long by_freopen(void)
{
    file = freopen("/proc/meminfo", "r", file);
    return mem_free((ssize_t)fread(text, 1, 2048, file));
}

static const struct {
    const char *name;
    long (*read)(void);
} ways[] = {
    { "lseek", by_lseek },   { "pread", by_pread }, { "rewind", by_rewind }, { "fflush+rewind", by_fflush_rewind },
    { "fseek", by_fseek }, { "freopen", by_freopen },
};

int main(int argc, char **argv)
{
    size_t taken = (size_t)atoi(argc > 1 ? argv[1] : "200") << 20;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        fd = open("/proc/meminfo", O_RDONLY);
        file = fopen("/proc/meminfo", "r");
        long before = ways[i].read();
        memcpy(earlier, text, sizeof text);
        char *memory = mmap(NULL, taken, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(memory, 1, taken);
        long after = ways[i].read();
        munmap(memory, taken);
        printf("%s %ld %ld %s\n", ways[i].name, before, after, strcmp(text, earlier) ? "fresh" : "stale");
        fclose(file);
        close(fd);
    }
    return 0;
}
