"""Every way (door) to ask about a container's CPUs and memory: `cpus DOOR LIST` with the CPUs' numbers, `count DOOR N`
if a door only counts, `mib DOOR SIZE`, and `hidden DOOR ANSWER` for what should not exist: the given CPU and memory
block.

    topology.py CPU BLOCK
"""

import errno
import glob
import math
import os
import re
import subprocess
import sys

CPUS, NODES, BLOCKS = (f"/sys/devices/system/{kind}" for kind in ("cpu", "node", "memory"))


def text(path):
    with open(path) as file:
        return file.read()


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout


def listed(ranges):
    found = []
    for part in filter(None, ranges.strip().split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def masked(mask):
    bits = int(mask.replace(",", ""), 16)
    return [number for number in range(bits.bit_length()) if bits >> number & 1]


def numbers(pattern, within):
    return [int(number) for number in re.findall(pattern, within, re.MULTILINE)]


def of_files(pattern, parse):
    return [number for path in glob.glob(pattern) for number in parse(text(path))]


def lscpu(key):
    """What lscpu says about it; several lines are joined by commas."""
    return ",".join(re.findall(rf"^{key}: *(.*)", run("lscpu"), re.MULTILINE))


def cpu_lists():
    yield "cpuinfo", numbers(r"^processor\s*: (\d+)", text("/proc/cpuinfo"))
    yield "stat", numbers(r"^cpu(\d+) ", text("/proc/stat"))
    yield "affinity", os.sched_getaffinity(0)
    for name in ("online", "present"):
        yield name, listed(text(f"{CPUS}/{name}"))
    yield "listdir", numbers(r"^cpu(\d+)$", "\n".join(os.listdir(CPUS)))
    yield "ls", numbers(r"^cpu(\d+)$", run("ls", CPUS))
    yield "glob", numbers(r"cpu(\d+)$", run("bash", "-c", f"printf '%s\\n' {CPUS}/cpu[0-9]*"))
    yield "php-glob", numbers(r"cpu(\d+)$", run("php", "-r", f"echo implode('\n', glob('{CPUS}/cpu[0-9]*'));"))
    yield "find", numbers(r"cpu(\d+)$", run("find", CPUS, "-maxdepth", "1", "-name", "cpu[0-9]*"))
    yield "lscpu", listed(lscpu(r"On-line CPU\(s\) list"))
    yield "lscpu-p", numbers(r"^(\d+)", run("lscpu", "-p=CPU"))
    yield "lstopo", numbers(r"PU P#(\d+)", run("lstopo-no-graphics", "--of", "console", "--physical", "--only", "pu"))
    yield "package_cpus_list", of_files(f"{CPUS}/cpu[0-9]*/topology/package_cpus_list", listed)
    yield "package_cpus", of_files(f"{CPUS}/cpu[0-9]*/topology/package_cpus", masked)
    yield "core_cpus_list", of_files(f"{CPUS}/cpu[0-9]*/topology/core_cpus_list", listed)
    if os.path.exists(NODES):
        yield "cpulist", of_files(f"{NODES}/node*/cpulist", listed)
        yield "cpumap", of_files(f"{NODES}/node*/cpumap", masked)
        yield "lscpu-nodes", listed(lscpu(r"NUMA node\d+ CPU\(s\)"))
        yield "numactl", numbers(r"\d+", "".join(re.findall(r" cpus:(.*\n)", run("numactl", "-H"))))


def cpu_counts():
    yield "nproc", run("nproc")
    yield "getconf", run("getconf", "_NPROCESSORS_ONLN")
    yield "os.cpu_count", os.cpu_count()
    yield "hwloc-calc", run("hwloc-calc", "--number-of", "pu", "machine:0")
    yield "lscpu", lscpu(r"CPU\(s\)")
    levels = (r"Thread\(s\) per core", r"Core\(s\) per socket", r"Socket\(s\)")
    yield "lscpu's-levels", math.prod(map(int, map(lscpu, levels)))
    packages = re.findall(r"^physical id\s*: (\d+)", text("/proc/cpuinfo"), re.MULTILINE)
    siblings = numbers(r"^siblings\s*: (\d+)", text("/proc/cpuinfo"))
    yield "siblings", sum(dict(zip(packages, siblings)).values())


def memory_sizes():
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield "sysconf", pages >> 20
    yield "meminfo", int(text("/proc/meminfo").split()[1]) >> 10
    yield "free", run("free", "-m").split()[7]
    yield "lstopo", numbers(r"(\d+)MB", run("lstopo-no-graphics", "--of", "console"))[0]
    if os.path.exists(NODES):
        nodes = "".join(map(text, glob.glob(f"{NODES}/node*/meminfo")))
        yield "nodes", sum(numbers(r" MemTotal: *(\d+)", nodes)) >> 10
        yield "numactl", sum(numbers(r"^node \d+ size: (\d+) MB", run("numactl", "-H")))
    if os.path.exists(BLOCKS):
        yield "lsmem", numbers(r"^Total online memory: *(\d+)", run("lsmem", "-b"))[0] >> 20
        blocks = glob.glob(f"{BLOCKS}/memory[0-9]*")
        yield "blocks", len(blocks) * int(text(f"{BLOCKS}/block_size_bytes"), 16) >> 20


def answers(directory, name):
    """What each way of asking for a member of a directory says."""

    def error(ask):
        try:
            ask()
        except OSError as refused:
            return errno.errorcode[refused.errno]
        return "there"

    at = os.open(directory, os.O_RDONLY)
    yield "stat", error(lambda: os.stat(f"{directory}/{name}"))
    yield "lstat", error(lambda: os.lstat(f"{directory}/{name}"))
    yield "fstatat", error(lambda: os.stat(name, dir_fd=at))
    yield "access", "there" if os.access(f"{directory}/{name}", os.F_OK) else "ENOENT"
    yield "open", error(lambda: os.open(f"{directory}/{name}", os.O_RDONLY))
    yield "openat", error(lambda: os.open(name, os.O_RDONLY, dir_fd=at))
    yield "openat-below", error(lambda: os.open(f"{name}/uevent", os.O_RDONLY, dir_fd=at))
    yield "opendir", error(lambda: os.scandir(f"{directory}/{name}"))
    yield "listdir", "there" if name in os.listdir(directory) else "ENOENT"
    yield "scandir", "there" if name in [entry.name for entry in os.scandir(directory)] else "ENOENT"
    yield "glob", "there" if glob.glob(f"{directory}/{name}") else "ENOENT"


def main():
    cpu, block = sys.argv[1:]
    for door, cpus in cpu_lists():
        print("cpus", door, ",".join(map(str, sorted(set(cpus)))))
    for door, count in cpu_counts():
        print("count", door, str(count).strip())
    for door, size in memory_sizes():
        print("mib", door, size)
    for directory, name in ((CPUS, cpu), (BLOCKS, block)):
        for door, answer in answers(directory, name) if os.path.exists(f"{directory}/uevent") else ():
            print("hidden", f"{door}({name})", answer)


main()
