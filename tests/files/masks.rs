//! Programs that may run on some of the machine's CPUs alone: how many they are shown goes by the quota and by the mask, whichever
//! is less, and all that they are shown tells of the same CPUs.

use crate::bed::{self, Container, Findings, PLAIN, View};
use calc::cpus::CpuSet;

/// By every door, a line each.
const LOOK: &str = "nproc; python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)), sep=\",\")'; getconf _NPROCESSORS_ONLN; cat /sys/devices/system/cpu/online
    grep -c ^processor /proc/cpuinfo; sed -n 's/^cpu\\([0-9][0-9]*\\) .*/\\1/p' /proc/stat | paste -sd,; \
    cd /sys/devices/system/cpu && ls -d cpu[0-9]* | wc -l";

/// The same after the program has changed its mask by itself: at once.
const CHANGE: &str = "import os\n\
    os.cpu_count(), open('/sys/devices/system/cpu/online').read()\n\
    os.sched_setaffinity(0, {cpus})\n\
    print(len(os.sched_getaffinity(0)), open('/sys/devices/system/cpu/online').read().strip(), os.sysconf('SC_NPROCESSORS_ONLN'))";

#[test]
fn the_mask_and_the_quota_count_together() {
    bed::log_machine();
    let cpus = bed::host().cpus;
    let mut findings = Findings::default();
    for quota in 1..=cpus {
        for first in 0..cpus {
            check(&mut findings, quota, first..cpus);
        }
    }
    findings.conclude("masks");
}

fn check(findings: &mut Findings, quota: usize, mask: std::ops::Range<usize>) {
    let quota_usec = u32::try_from(quota * 100_000).ok();
    let container = Container { quota_usec, view: View::Namespace, ..PLAIN };
    let list = mask.clone().map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(",");
    let change = CHANGE.replace("{cpus}", &format!("{{{list}}}"));
    let script = format!("taskset -c {list} sh -c '{}'; python3 -c \"{change}\"", LOOK.replace('\'', "'\\''"));
    let outcome = container.run(&script, Some(&bed::object()), 60);
    let lines: Vec<_> = outcome.text.lines().collect();
    let [nproc, shown, onln, online, processors, stat, listed, changed] = lines[..] else {
        panic!("quota {quota}, mask {list}: {:?} {}", outcome.status, outcome.text);
    };
    let set = |list: &str| CpuSet::parse(list.as_bytes()).unwrap_or_else(|| panic!("no list: {list}"));
    let usable = quota.min(mask.len());
    let title = || format!("quota {quota}, mask {list}: {lines:?}");
    findings.check(nproc == usable.to_string(), || format!("nproc: {}", title()));
    let (shown, online) = (set(shown), set(online));
    let expected = set(&list).first(usable as u64);
    findings.check(shown == expected && shown.and(&online) == shown, || format!("mask: {}", title()));
    let count = quota.to_string();
    let counts = [onln, processors, listed, &online.count().to_string()];
    findings.check(counts.iter().all(|it| *it == count) && set(stat) == online, || format!("counts: {}", title()));
    findings.check(changed == format!("{usable} {} {quota}", lines[3]), || format!("changed: {}", title()));
}
