"""Keeps reading every figure in one process, and prints a `name value...` line for each; a sample ends with `end`. The
files are opened anew or, every second sample, reread through an open descriptor. Before and after each sample it asks
the kernel for the CPU time of the cgroup.

    watch.py SAMPLES [CPU_SECONDS MIB]

Ends once there are SAMPLES samples, the kernel has counted that CPU time, and free memory has gone up and down by that
much.
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


def used_nsec():
    try:
        with open("/sys/fs/cgroup/cpuacct/cpuacct.usage") as file:
            return int(file.read())
    except FileNotFoundError:
        with open("/sys/fs/cgroup/cpu.stat") as file:
            return 1000 * int(file.readline().split()[1])


def show(sample):
    before = used_nsec()
    for line in text("meminfo", sample).splitlines():
        key, value = line.split()[:2]
        print("meminfo", key.rstrip(":"), value)
        if key == "MemFree:":
            free_kib.append(int(value))
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
    used_nsecs.append((before, used_nsec()))
    print("used", *used_nsecs[-1])
    print("end", flush=True)


def listed(ranges):
    cpus = []
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def is_enough(sample):
    used = used_nsecs[-1][0] - used_nsecs[0][1]
    return sample >= int(samples) and used >= float(cpu_seconds) * 1e9 and max(free_kib) - min(free_kib) >= int(mib) << 10


samples, cpu_seconds, mib = (sys.argv[1:] + ["0", "0"])[:3]
free_kib, used_nsecs, sample = [], [], 0
while not sample or not is_enough(sample):
    show(sample)
    sample += 1
    time.sleep(0.05)
