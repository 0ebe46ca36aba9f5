# How many CPUs Python counts, by itself and by the kernel's files. One line of `way=count`.
import os


def lines(path, begins):
    with open(path) as file:
        return sum(map(begins, file))


def listed(path):
    with open(path) as file:
        ends = [part.split("-") for part in file.read().strip().split(",")]
    return sum(int(end[-1]) - int(end[0]) + 1 for end in ends)


counts = {
    "own": os.cpu_count(),
    "mask": len(os.sched_getaffinity(0)),
    "sysconf": os.sysconf("SC_NPROCESSORS_ONLN"),
    "cpuinfo": lines("/proc/cpuinfo", lambda line: line.startswith("processor")),
    "stat": lines("/proc/stat", lambda line: line.startswith("cpu") and line[3].isdigit()),
    "online": listed("/sys/devices/system/cpu/online"),
    "directories": sum(name.startswith("cpu") and name[3:].isdigit() for name in os.listdir("/sys/devices/system/cpu")),
}
if hasattr(os, "process_cpu_count"):
    counts["process"] = os.process_cpu_count()
print(*(f"{way}={count}" for way, count in counts.items()))
