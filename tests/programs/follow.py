"""Keeps reading every figure in one process as long as a file exists. Opens each file anew or, every second time,
rereads it through an open descriptor. Prints a `shown` line whenever a figure has changed: MiB of memory, then the CPUs
by each way of asking. Prints a `backwards` line for every counter that falls.

    follow.py FILE
"""

import itertools
import os
import sys
import time

FILES = {
    name: open(path)
    for name, path in {
        "meminfo": "/proc/meminfo",
        "stat": "/proc/stat",
        "cpuinfo": "/proc/cpuinfo",
        "online": "/sys/devices/system/cpu/online",
        "uptime": "/proc/uptime",
        "diskstats": "/proc/diskstats",
        "vmstat": "/proc/vmstat",
    }.items()
}


def read(name, turn):
    if turn % 2:
        FILES[name].seek(0)
        return FILES[name].read().splitlines()
    with open(FILES[name].name) as file:
        return file.read().splitlines()


def shown(stat, turn):
    total = int(read("meminfo", turn)[0].split()[1]) >> 10
    return (
        total,
        ",".join(line.split()[0][3:] for line in stat if line.startswith("cpu") and line[3] != " "),
        ",".join(line.split()[-1] for line in read("cpuinfo", turn) if line.startswith("processor")),
        ",".join(map(str, sorted(os.sched_getaffinity(0)))),
        read("online", turn)[0],
        os.sysconf("SC_NPROCESSORS_ONLN"),
    )


def counters(stat, turn):
    """Every number that only grows, by name."""
    found = {}
    for line in stat:
        key, *numbers = line.split()
        if key.startswith("cpu"):
            found |= {f"{key} column {column}": int(number) for column, number in enumerate(numbers)}
        elif key in ("intr", "softirq", "ctxt", "processes"):
            found[key] = int(numbers[0])
    up, idle = map(float, read("uptime", turn)[0].split())
    found |= {"uptime": up, "uptime's idle": idle}
    for line in read("diskstats", turn):
        _, _, name, *numbers = line.split()
        # The ninth counts requests in flight.
        found |= {f"{name} column {column}": int(n) for column, n in enumerate(numbers) if column != 8}
    for line in read("vmstat", turn):
        key, number = line.split()
        if key.startswith(("pg", "pswp")):
            found[key] = int(number)
    return found


def main():
    # One set for each way of reading, because a kept descriptor may be as old as the kernel's last tick.
    last, before = None, [{}, {}]
    for turn in itertools.takewhile(lambda _: os.path.exists(sys.argv[1]), itertools.count()):
        stat = read("stat", turn)
        now, after = shown(stat, turn), counters(stat, turn)
        if now != last:
            print("shown", *now, flush=True)
        for name, number in after.items():
            if number < before[turn % 2].get(name, 0):
                print("backwards", name, before[turn % 2][name], number, flush=True)
        last, before[turn % 2] = now, after
        time.sleep(0.05)


main()
