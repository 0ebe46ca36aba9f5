/* Random numbers that follow from a seed (splitmix64). Threads may share them. */
#ifndef CHANCE_H
#define CHANCE_H
#include <stdint.h>

static uint64_t dice;

static inline uint64_t thrown(void) {
    uint64_t z = __atomic_add_fetch(&dice, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline unsigned below(unsigned bound) { return bound ? (unsigned)(thrown() % bound) : 0; }

/* True once in `times`. */
static inline int once_in(unsigned times) { return below(times) == 0; }

#define ONE_OF(list) ((list)[below(sizeof(list) / sizeof *(list))])

#endif
