#!/bin/sh
# record.sh FOLDER -- runs inside a container, and copies into FOLDER the sources of the figures: the kernel's /proc
# files and, in each mounted cgroup hierarchy, the process's own cgroup and its ancestors, with the files that are read.
# Git keeps neither inode numbers nor link counts, so FOLDER/directories lists them.
set -eu
to=$1
mkdir -p "$to"

# take PATH: copies one file, if it exists and is readable
take() {
    [ ! -f "$1" ] || { mkdir -p "$to${1%/*}" && cat "$1" > "$to$1" 2>/dev/null || rm -f "$to$1"; }
}

for file in meminfo swaps stat cpuinfo uptime 1/cgroup 1/stat self/cgroup; do take /proc/$file; done
take /sys/devices/system/cpu/online
[ ! -e /proc/self/ns/cgroup ] || { mkdir -p "$to/proc/self/ns" && : > "$to/proc/self/ns/cgroup"; }
# Other mounts say nothing about cgroups, and too much about the machine.
grep -E ' / (/proc|/sys) | /sys/fs/cgroup' /proc/self/mountinfo > "$to/proc/self/mountinfo"

# level DIRECTORY: copies the files of one cgroup
level() {
    [ -d "$1" ] || return 0
    stat -L -c '%n %i %h' "$1" >> "$to/directories"
    for file in cgroup.procs cpu.cfs_quota_us cpu.cfs_period_us cpu.max cpu.stat cpuacct.stat cpuacct.usage \
        cpuacct.usage_user cpuacct.usage_sys cpuset.cpus cpuset.cpus.effective cpuset.effective_cpus \
        memory.current memory.max memory.stat memory.swap.current memory.swap.max memory.limit_in_bytes \
        memory.usage_in_bytes memory.memsw.limit_in_bytes memory.memsw.usage_in_bytes memory.use_hierarchy; do
        take "$1/$file"
    done
    [ ! -f "$to$1/cgroup.procs" ] || : > "$to$1/cgroup.procs"
}

# The process's own cgroup below a mount, by its full path and with the mount as its top.
: > "$to/directories"
while read -r _ _ _ _ point _; do
    case ${point##*/} in cgroup | unified | memory | cpu* ) ;; *) continue ;; esac
    level "$point"
    cut -d: -f3 /proc/self/cgroup | sort -u | while read -r path; do
        while [ "$path" != / ] && [ -n "$path" ]; do
            [ ! -d "$point$path" ] || level "$point$path"
            path=${path%/*}
        done
    done
done < "$to/proc/self/mountinfo"
for link in /sys/fs/cgroup/*; do
    [ ! -L "$link" ] || { cp -P "$link" "$to$link" && stat -L -c '%n %i %h' "$link" >> "$to/directories"; }
done
sort -u -o "$to/directories" "$to/directories"
