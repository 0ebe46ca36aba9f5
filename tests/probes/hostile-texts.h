/* Texts meant to harm their reader: the kernel's texts with something wrong in them, or anything at all. They follow
 * from a number, so whatever was found once is found again. */
#include "probe.h"
#include "../programs/chance.h"

/* Consecutive numbers give unrelated texts. */
static void throw_from(uint64_t seed) { dice = seed, dice = thrown() ^ 0x5851f42d4c957f2d; }

/* ---- a text ---- */

enum { ROOM = 256 * 1024 };

struct bytes {
    long len;
    char at[ROOM];
};

static void add(struct bytes *to, const char *from, long len) {
    if (len > ROOM - to->len) len = ROOM - to->len;
    memcpy(to->at + to->len, from, len);
    to->len += len;
}

static void add_text(struct bytes *to, const char *from) { add(to, from, strlen(from)); }

/* Replaces `cut` bytes at `at` by `len` others. */
static void put(struct bytes *text, long at, long cut, const char *from, long len) {
    long rest = text->len - at - cut;
    if (len > ROOM - at) len = ROOM - at;
    if (rest > ROOM - at - len) rest = ROOM - at - len;
    memmove(text->at + at + len, text->at + at + cut, rest);
    memcpy(text->at + at, from, len);
    text->len = at + len + rest;
}

/* ---- what is wrong with it ---- */

static const char *const NUMBERS[] = {
    "0", "1", "2", "-1", "-9223372036854775808", "max", "", " ", "00000000000000000000000000000000000000000000000000007",
    "4095", "4096", "65536", "1048576", "2147483647", "2147483648", "4294967295", "4294967296", "9007199254740993",
    "9223372036854771712", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "999999999999999999999999999999999999999999", "1.5", "1e99", "0x10", "+5", "0-3", "3-0", "0-511", "512", "0-4294967295",
    "0-18446744073709551615", "1,3,5,7,9,11,13,15,17,19,21", "0,0,0", "-", ",", "nan", "inf",
};

/* Finds the `number`th run of digits; returns its length, or 0 if there is none. */
static long find_number(const struct bytes *text, unsigned number, long *at) {
    for (long i = 0; i < text->len; i++) {
        long end = i;
        while (end < text->len && text->at[end] >= '0' && text->at[end] <= '9') end++;
        if (end == i) continue;
        if (number-- == 0) return *at = i, end - i;
        i = end;
    }
    return 0;
}

static unsigned count_numbers(const struct bytes *text) {
    unsigned count = 0;
    for (long i = 0; i < text->len; i++)
        count += text->at[i] >= '0' && text->at[i] <= '9' && (i == 0 || text->at[i - 1] < '0' || text->at[i - 1] > '9');
    return count;
}

static void change_number(struct bytes *text) {
    char own[32];
    const char *to = ONE_OF(NUMBERS);
    long at = 0, len = find_number(text, below(count_numbers(text)), &at);
    if (once_in(3)) to = own, snprintf(own, sizeof own, "%llu", (unsigned long long)thrown() >> below(64));
    put(text, at, len, to, strlen(to));
}

/* Finds the start of a line; returns its length with the newline. */
static long some_line(const struct bytes *text, long *at) {
    long from = below(text->len + 1), to = from;
    while (from > 0 && text->at[from - 1] != '\n') from--;
    while (to < text->len && text->at[to++] != '\n') {}
    return *at = from, to - from;
}

static char spare[ROOM];

static void repeat_line(struct bytes *text) {
    long at, len = some_line(text, &at), all;
    if (len == 0) return;
    all = (1 + below(once_in(20) ? 20000 : 30)) * len;
    if (all > ROOM / 2) all = ROOM / 2 / len * len;
    for (long i = 0; i < all; i++) spare[i] = text->at[at + i % len];
    put(text, at, 0, spare, all);
}

static void move_line(struct bytes *text) {
    long at, len = some_line(text, &at);
    memcpy(spare, text->at + at, len);
    put(text, at, len, "", 0);
    some_line(text, &at);
    put(text, at, 0, spare, len);
}

static void lengthen(struct bytes *text) {
    long at = below(text->len + 1), len = 1 + below(once_in(10) ? 70000 : 600);
    memset(spare, " \t0a,-\\/:."[below(10)], len);
    put(text, at, 0, spare, len);
}

static void put_a_byte(struct bytes *text) {
    static const char odd[] = {0, '\n', '\r', '\t', ' ', ':', '-', '9', (char)0xff, '\\', '/', '('};
    long cut = once_in(2) && text->len;
    put(text, below(text->len - cut + 1), cut, &ONE_OF(odd), 1);
}

static void fill_with_anything(struct bytes *text) {
    long len = below(once_in(20) ? ROOM : once_in(2) ? 5000 : 80);
    text->len = 0;
    while (text->len < len) {
        uint64_t some = thrown();
        if (once_in(2)) some &= 0x7f7f7f7f7f7f7f7f;
        add(text, (const char *)&some, len - text->len < 8 ? len - text->len : 8);
    }
}

/* Makes a few things wrong, and mostly keeps the form. */
static void damage(struct bytes *text) {
    long at, len;
    for (int times = 1 + below(4); times; times--)
        switch (below(12)) {
        case 0: case 1: case 2: change_number(text); break;
        case 3: for (unsigned i = count_numbers(text) % 200; i; i--) change_number(text); break;
        case 4: len = some_line(text, &at), put(text, at, len, "", 0); break;
        case 5: repeat_line(text); break;
        case 6: move_line(text); break;
        case 7: lengthen(text); break;
        case 8: put_a_byte(text); break;
        case 9: text->len = below(text->len + 1); break;
        case 10: if (text->len && text->at[text->len - 1] == '\n') text->len--; break;
        default: if (once_in(3)) fill_with_anything(text); else change_number(text);
        }
}
