"""Reads every figure over and over for some seconds in one process, and prints a `name value...` line for each; a sample ends
with `end`. The files are opened anew and, every second sample, read again through a kept descriptor.

    watch.py SECONDS
"""

import os
import sys
import time

FILES = {
    "meminfo": "/proc/meminfo",
    "stat": "/proc/stat",
    "cpuinfo": "/proc/cpuinfo",
    "uptime": "/proc/uptime",
    "swaps": "/proc/swaps",
    "online": "/sys/devices/system/cpu/online",
}
kept = {name: open(path) for name, path in FILES.items()}


def text(name, sample):
    if sample % 2:
        kept[name].seek(0)
        return kept[name].read()
    with open(FILES[name]) as file:
        return file.read()


def show(sample):
    for line in text("meminfo", sample).splitlines():
        key, value = line.split()[:2]
        print("meminfo", key.rstrip(":"), value)
    for line in text("stat", sample).splitlines():
        if line.startswith("cpu"):
            print("stat", line)
    print("uptime", text("uptime", sample).strip())
    for line in text("swaps", sample).splitlines()[1:]:
        print("swaps", *line.split()[2:4])
    print("cpus stat", sum(line[:3] == "cpu" and line[3] != " " for line in text("stat", sample).splitlines()))
    print("cpus cpuinfo", sum(line.startswith("processor") for line in text("cpuinfo", sample).splitlines()))
    print("cpus online", len(listed(text("online", sample))))
    print("cpus sysconf", os.sysconf("SC_NPROCESSORS_ONLN"))
    print("cpus affinity", len(os.sched_getaffinity(0)))
    print("cpus os.cpu_count", os.cpu_count())
    print("pages", os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_AVPHYS_PAGES"))
    print("end", flush=True)


def listed(ranges):
    cpus = []
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def main():
    until = time.monotonic() + float(sys.argv[1])
    sample = 0
    while time.monotonic() < until:
        show(sample)
        sample += 1
        time.sleep(0.05)


main()
