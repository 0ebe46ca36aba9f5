#!/usr/bin/python3
"""kept.c in Python: `way free-before free-after fresh|stale` for each way of rereading an open /proc/meminfo.

    kept.py MIB
"""

import os
import sys

PATH = "/proc/meminfo"
descriptor = os.open(PATH, os.O_RDONLY)
text = open(PATH)
unbuffered = open(PATH, "rb", buffering=0)


def by_seek():
    text.seek(0)
    return text.read()


def by_raw_seek():
    unbuffered.seek(0)
    return unbuffered.read().decode()


def by_pread():
    return os.pread(descriptor, 8192, 0).decode()


def free(meminfo):
    return next(line.split()[1] for line in meminfo.splitlines() if line.startswith("MemFree:"))


for name, read in {"python-seek": by_seek, "python-raw-seek": by_raw_seek, "python-pread": by_pread}.items():
    before = read()
    taken = bytearray(int(sys.argv[1]) << 20)
    after = read()
    del taken
    print(name, free(before), free(after), "stale" if before == after else "fresh", flush=True)
