/*
 * Prints MemTotal as read in each way. Compiled with _FORTIFY_SOURCE, and with and without _FILE_OFFSET_BITS=64, so
 * that it uses the __open_2, __read_chk, open64 and pread64 families.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static const char path[] = "/proc/meminfo";
static volatile int read_only = O_RDONLY;
static char text[4096];

static void show(const char *way, ssize_t length)
{
    long kib = -1;
    if (length > 0) {
        text[length < (ssize_t)sizeof text ? length : (ssize_t)sizeof text - 1] = 0;
        sscanf(text, "MemTotal: %ld", &kib);
    }
    printf("%s %ld\n", way, kib);
    memset(text, 0, sizeof text);
}

static void descriptors(void)
{
    volatile size_t size = 512;
    struct iovec vector = { text, 512 };
    int fd = open(path, read_only);
    show("read", read(fd, text, size));
    show("pread", pread(fd, text, size, 0));
    show("preadv", preadv(fd, &vector, 1, 0));
    lseek(fd, 0, SEEK_SET);
    show("readv", readv(fd, &vector, 1));
    close(fd);

    int proc = open("/proc", O_RDONLY | O_DIRECTORY);
    fd = openat(proc, "meminfo", read_only);
    show("openat", read(fd, text, size));
    close(fd);
    close(proc);
}

static void streams(void)
{
    char *line = NULL;
    size_t room = 0;
    long kib = -1;
    FILE *file = fopen(path, "r");
    show("fgets", fgets(text, 512, file) ? (ssize_t)strlen(text) : -1);
    rewind(file);
    show("fread", (ssize_t)fread(text, 1, 512, file));
    rewind(file);
    if (fscanf(file, "MemTotal: %ld", &kib) == 1)
        printf("fscanf %ld\n", kib);
    rewind(file);
    if (getline(&line, &room, file) > 0)
        printf("getline %ld\n", atol(line + strlen("MemTotal:")));
    file = freopen(path, "r", file);
    show("freopen", fgets(text, 512, file) ? (ssize_t)strlen(text) : -1);
    fclose(file);
    free(line);
}

int main(void)
{
    descriptors();
    streams();
    return 0;
}
