// An allocator that asks about its machine when it is first used, as jemalloc does, and whose callers wait meanwhile.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER;
static _Alignas(64) char room[64 << 20];
static size_t used;

static void ask(void) {
  int fd = open("/sys/devices/system/cpu/online", O_RDONLY);
  if (fd >= 0) close(fd);
  if (sysconf(_SC_NPROCESSORS_ONLN) < 1 || get_nprocs() < 1) _exit(77);
}

void *malloc(size_t size) {
  // Whoever allocates within a question waits here for ever.
  pthread_mutex_lock(&in_use);
  if (used == 0) {
    used = 64;
    ask();
  }
  size = (size + 79) & ~(size_t)63;
  char *block = size <= sizeof room - used ? room + used : NULL;
  if (block) {
    used += size;
    memcpy(block, &size, sizeof size);
  }
  pthread_mutex_unlock(&in_use);
  return block ? block + 16 : NULL;
}

void free(void *block) { (void)block; }

void *calloc(size_t count, size_t size) { return malloc(count * size); }

void *realloc(void *block, size_t size) {
  void *other = malloc(size);
  if (block && other) {
    size_t old;
    memcpy(&old, (char *)block - 16, sizeof old);
    memcpy(other, block, old - 16 < size ? old - 16 : size);
  }
  return other;
}
