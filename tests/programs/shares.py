"""Runs programs side by side that show for five seconds how busy the CPUs are, and meanwhile keeps noting the CPU time
that the kernel has counted for the cgroup.

    shares.py

Prints `used AT SECONDS` for each look at the kernel's count, and for each program `program NAME BEGAN ENDED`, its
output and `end`. All times come from one clock.
"""

import subprocess
import time

PROGRAMS = {
    "top": ["top", "-b", "-d", "5", "-n", "2"],
    "mpstat": ["mpstat", "5", "1"],
    "vmstat": ["vmstat", "5", "2"],
}


def used_sec():
    try:
        with open("/sys/fs/cgroup/cpuacct/cpuacct.usage") as file:
            return int(file.read()) / 1e9
    except FileNotFoundError:
        with open("/sys/fs/cgroup/cpu.stat") as file:
            return int(file.readline().split()[1]) / 1e6


def look():
    # The count lies between two times: it belongs to both.
    before = time.monotonic()
    used = used_sec()
    print("used", before, used)
    print("used", time.monotonic(), used)


def start(command):
    return time.monotonic(), subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


look()
running = {name: start(command) for name, command in PROGRAMS.items()}
ended = {}
while len(ended) < len(running):
    look()
    for name, (_, process) in running.items():
        if name not in ended and process.poll() is not None:
            ended[name] = time.monotonic()
    time.sleep(0.01)
look()
for name, (began, process) in running.items():
    print("program", name, began, ended[name])
    print(process.stdout.read(), end="")
    print("end")
