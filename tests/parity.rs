//! The object against the real lxcfs, in one container, for the figures that lxcfs gets right: on cgroup v1, where it
//! knows a container's usage. One process reads lxcfs's file, the object's, and lxcfs's again, which brackets live
//! counters.

mod bed;

use bed::{Container, PLAIN, Version, disk::Disk};
use std::process::Command;

/// Lines of meminfo in which the two differ, and why. In these ours must stay within the container; lxcfs's need not.
const KNOWN: [(&str, &str); 13] = [
    ("CommitLimit", "lxcfs copies the host's line; the container cannot commit more than it has"),
    ("Committed_AS", "lxcfs copies the host's line"),
    ("FileHugePages", "lxcfs copies the host's line"),
    ("FilePmdMapped", "lxcfs copies the host's line"),
    ("HardwareCorrupted", "lxcfs copies the host's line"),
    ("KReclaimable", "lxcfs copies the host's line"),
    ("KernelStack", "lxcfs copies the host's line"),
    ("MemAvailable", "lxcfs 5.0.3 counts tmpfs as available: compared by itself below"),
    ("Mlocked", "lxcfs copies the host's line"),
    ("NFS_Unstable", "lxcfs copies the host's line"),
    ("PageTables", "lxcfs copies the host's line"),
    ("Percpu", "lxcfs copies the host's line"),
    ("VmallocUsed", "lxcfs copies the host's line"),
];

/// Rounds of lxcfs's copy, ours, and lxcfs's again, once the counters have settled.
const READ_MEMINFO: &str = r#"
sleep 3
for round in 1 2 3 4 5; do
  cat "$LXCFS/proc/meminfo" /proc/meminfo "$LXCFS/proc/meminfo"
  sleep 0.2
done
"#;

/// How much a page counter may be off between two looks: the kernel charges a cgroup 64 pages at a time for each CPU.
const BATCH_KIB: u64 = 64 * 4;

#[test]
fn meminfo() {
    let script = r#"
        held=$(head -c 20M /dev/zero | tr '\0' x)
        head -c 30M /dev/zero >"$TMPDIR/file"; cat "$TMPDIR/file" >/dev/null"#;
    let text = in_lxcfs(&PLAIN, &format!("{script}{READ_MEMINFO}rm \"$TMPDIR/file\""));
    let copies = copies(&text);
    let mut findings = bed::Findings::default();
    for (position, &(key, _)) in copies[1].iter().enumerate() {
        let most = copies[1][0].1 + of(&copies[1], "SwapTotal").expect("SwapTotal");
        match KNOWN.iter().find(|(known, _)| *known == key) {
            Some((_, reason)) => {
                let ours = copies[1][position].1;
                println!("{key}: {ours}, lxcfs {:?}: {reason}", of(&copies[0], key));
                findings.check(ours <= most, || format!("{key} {ours} is beyond the container"));
            }
            None => compare(&mut findings, &copies, key),
        }
    }
    findings.check(copies[0].len() == copies[1].len(), || {
        format!("lxcfs has {} lines, ours {}", copies[0].len(), copies[1].len())
    });
    findings.conclude("meminfo");
}

/// tmpfs cannot be reclaimed: later versions of lxcfs leave it out of MemAvailable, unlike the packaged one.
#[test]
fn tmpfs_is_not_available() {
    let script = "tmpfs=$(mktemp /dev/shm/cgproc-test-XXXXXX); head -c 40M /dev/zero >$tmpfs";
    let text = in_lxcfs(&PLAIN, &format!("{script}{READ_MEMINFO}rm $tmpfs"));
    let copies = copies(&text);
    let mut findings = bed::Findings::default();
    compare(&mut findings, &copies, "Shmem");
    let [lxcfs, ours] = [&copies[0], &copies[1]].map(|copy| of(copy, "MemAvailable").expect("MemAvailable"));
    let shmem = of(&copies[1], "Shmem").expect("Shmem");
    println!("MemAvailable: lxcfs {lxcfs}, ours {ours}, Shmem {shmem}");
    findings.check(shmem == 40 << 10, || format!("Shmem {shmem}"));
    findings.check((lxcfs - shmem).abs_diff(ours) <= 4 * BATCH_KIB, || format!("{lxcfs} - {shmem} is not {ours}"));
    findings.conclude("tmpfs");
}

fn copies(text: &str) -> Vec<Vec<(&str, u64)>> {
    let copies: Vec<_> = split_at(text, "MemTotal:").map(figures).collect();
    assert_eq!(copies.len(), 15, "five rounds of three copies: {text}");
    copies
}

/// Ours lies between lxcfs's before and after in most rounds, because a counter may move there and back within one. If
/// lxcfs's figure never moved, ours is the same.
fn compare(findings: &mut bed::Findings, copies: &[Vec<(&str, u64)>], key: &str) {
    let rounds: Vec<_> = copies.chunks(3).map(|c| [&c[0], &c[1], &c[2]].map(|copy| of(copy, key))).collect();
    let moves = rounds.iter().any(|[before, _, after]| [before, after] != [&rounds[0][0]; 2]);
    let slack = if moves { BATCH_KIB * bed::host().cpus as u64 } else { 0 };
    let is_within = |round: &&[Option<u64>; 3]| {
        let [Some(before), Some(ours), Some(after)] = **round else { return false };
        (before.min(after).saturating_sub(slack)..=before.max(after) + slack).contains(&ours)
    };
    let within = rounds.iter().filter(is_within).count();
    findings.check(within >= 3, || format!("{key}: lxcfs, ours, lxcfs: {rounds:?}"));
}

fn of(copy: &[(&str, u64)], key: &str) -> Option<u64> {
    copy.iter().find(|(name, _)| *name == key).map(|&(_, value)| value)
}

fn figures(copy: &str) -> Vec<(&str, u64)> {
    copy.lines()
        .map(|line| {
            let (key, rest) = line.split_once(':').unwrap_or_else(|| panic!("not a meminfo line: {line:?}"));
            let value = rest.split_whitespace().next().and_then(|v| v.parse().ok());
            (key, value.unwrap_or_else(|| panic!("no figure: {line:?}")))
        })
        .collect()
}

/// The parts of a text, each starting with a line that begins with `first`.
fn split_at<'a>(text: &'a str, first: &'a str) -> impl Iterator<Item = &'a str> {
    let starts: Vec<_> = text.match_indices(first).map(|(at, _)| at).collect();
    let ends: Vec<_> = starts.iter().copied().skip(1).chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &text[start..end])
}

#[test]
fn processor_count() {
    let mut findings = bed::Findings::default();
    let script = r#"for root in "$LXCFS" ""; do
        grep -c ^processor "$root/proc/cpuinfo"; grep -c '^cpu[0-9]' "$root/proc/stat"
        awk -F- 'END { print (NF == 2 ? $2 - $1 + 1 : 1) }' "$root/sys/devices/system/cpu/online"
    done"#;
    for (quota_usec, cpus, expected) in [
        (Some(50_000), None, "1"),
        (Some(100_000), Some("0-1"), "1"),
        (Some(150_000), None, "2"),
        // The CPU's number differs by design: lxcfs numbers from 0, we keep the real numbers.
        (None, Some("1"), "1"),
    ] {
        let container = Container { quota_usec, cpus, ..PLAIN };
        let seen = in_lxcfs(&container, script);
        let right = seen.split_whitespace().eq([expected; 6]);
        findings.check(right, || format!("{container:?}: lxcfs's cpuinfo, stat, online, then ours: {seen:?}"));
    }
    findings.conclude("processor count");
}

/// lxcfs counts CPU time from its first look at a container, so the figures differ, but the lines and columns do not.
#[test]
fn shape_of_stat() {
    let text = in_lxcfs(&PLAIN, r#"cat "$LXCFS/proc/stat"; echo ===; cat /proc/stat"#);
    let (lxcfs, ours) = text.split_once("===\n").expect("two copies");
    let shape = |copy: &str| -> Vec<(String, usize)> {
        let line = |l: &str| (l.split(' ').next().unwrap_or_default().to_owned(), l.split_whitespace().count());
        copy.lines().map(line).collect()
    };
    assert!(shape(ours).len() > 5, "{ours}");
    assert_eq!(shape(lxcfs), shape(ours));
}

#[test]
fn uptime() {
    let text = in_lxcfs(&PLAIN, r#"sleep 2; cat "$LXCFS/proc/uptime" /proc/uptime "$LXCFS/proc/uptime""#);
    let seconds: Vec<f64> =
        text.lines().map(|l| l.split(' ').next().and_then(|s| s.parse().ok()).expect("seconds")).collect();
    let [before, ours, after] = seconds[..] else { panic!("not three lines: {text}") };
    println!("uptime: lxcfs {before}, ours {ours}, lxcfs {after}");
    // lxcfs rounds to a hundredth; the kernel and we truncate.
    let within = before - 0.015..after + 0.015;
    assert!(before >= 2.0 && within.contains(&ours), "{text}");
}

#[test]
fn swaps() {
    let text = in_lxcfs(&PLAIN, r#"cat "$LXCFS/proc/swaps"; echo ===; cat /proc/swaps"#);
    let (lxcfs, ours) = text.split_once("===\n").expect("two copies");
    // We choose the name, the type and the priority, but not size and use.
    let fields = |copy: &str| -> Vec<Vec<String>> {
        copy.lines().map(|l| l.split_whitespace().skip(2).take(2).map(str::to_owned).collect()).collect()
    };
    assert_eq!(fields(ours).first().map(Vec::len), Some(2), "{ours}");
    assert_eq!(fields(lxcfs), fields(ours));
}

/// Lines of cpuinfo in which the two differ, and why.
const KNOWN_IN_CPUINFO: [(&str, &str); 4] = [
    ("processor", "lxcfs numbers from 0; ours are the real numbers, to which programs can be bound"),
    ("siblings", "lxcfs copies the host's line: more than there are processors in the file"),
    ("cpu cores", "lxcfs copies the host's line"),
    ("cpu MHz", "it changes between two looks"),
];

#[test]
fn cpuinfo() {
    let mut findings = bed::Findings::default();
    for (quota_usec, cpus) in [(Some(50_000), None), (Some(150_000), None), (None, Some("1"))] {
        let container = Container { quota_usec, cpus, ..PLAIN };
        let text = in_lxcfs(&container, r#"cat "$LXCFS/proc/cpuinfo"; echo ===; cat /proc/cpuinfo"#);
        let (lxcfs, ours) = text.split_once("===\n").expect("two copies");
        let key = |line: &'_ str| line.split(':').next().unwrap_or_default().trim().to_owned();
        for (theirs, own) in lxcfs.lines().zip(ours.lines()) {
            let is_known = KNOWN_IN_CPUINFO.iter().any(|(known, _)| *known == key(own));
            let alike = if is_known { key(theirs) == key(own) } else { theirs == own };
            findings.check(alike, || format!("{container:?}: lxcfs {theirs:?}, ours {own:?}"));
        }
        let [theirs, own] = [lxcfs, ours].map(|copy| copy.lines().count());
        findings.check(theirs == own, || format!("{container:?}: lxcfs {theirs} lines, ours {own}"));
    }
    findings.conclude("cpuinfo");
}

/// Files below /sys/devices/system/cpu in a container whose only CPU is the machine's second: what lxcfs shows, what we
/// show, and why.
const CPU_LISTS: [(&str, &str, &str, &str); 4] = [
    ("online", "0", "1", "lxcfs numbers from 0"),
    ("present", "HOST", "1", "lxcfs passes the host's on, which lscpu counts"),
    ("possible", "HOST", "HOST", "arrays are sized by it"),
    ("offline", "", "", ""),
];

#[test]
fn lists_of_cpus() {
    let container = Container { quota_usec: None, cpus: Some("1"), ..PLAIN };
    let all = bed::sh("cat /sys/devices/system/cpu/possible");
    let mut findings = bed::Findings::default();
    let script = format!(
        "for list in {}; do path=/sys/devices/system/cpu/$list; echo \"$(cat \"$LXCFS$path\")=$(cat $path)\"; done",
        CPU_LISTS.map(|(name, ..)| name).join(" ")
    );
    let text = in_lxcfs(&container, &script);
    assert_eq!(text.lines().count(), CPU_LISTS.len(), "{text}");
    for ((name, lxcfs, ours, reason), seen) in CPU_LISTS.iter().zip(text.lines()) {
        let expected = format!("{lxcfs}={ours}").replace("HOST", all.trim());
        findings.check(seen == expected, || format!("{name}: lxcfs=ours {seen}, not {expected}: {reason}"));
    }
    findings.conclude("lists of CPUs");
}

/// lxcfs reads counters of a scheduler that Linux 5.0 removed (`blkio.io_serviced_recursive`). Without them it copies
/// the host's text, so ours is compared with the container's own part of its figures.
#[test]
fn diskstats() {
    let disk = Disk::new();
    let all = bed::sh(&format!("{}cat /proc/diskstats", disk.traffic(3, 0)));
    let copies = r#"cat "$LXCFS/proc/diskstats"; echo ===; cat /proc/diskstats"#;
    let text = in_lxcfs(&PLAIN, &format!("{}{copies}", disk.traffic(24, 10)));
    let (lxcfs, ours) = text.split_once("===\n").expect("two copies");
    let line = |copy: &str| -> Vec<u64> {
        let mut words = copy.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let own = words.rfind(|words| words.get(2) == Some(&&*disk.name));
        own.map_or_else(Vec::new, |words| words[3..].iter().map(|word| word.parse().expect("a figure")).collect())
    };
    let (before, lxcfs, ours) = (line(&all), line(lxcfs), line(ours));
    println!("the host's before {before:?}, lxcfs {lxcfs:?}, ours {ours:?}");
    let mut findings = bed::Findings::default();
    findings.check(lxcfs.len() == ours.len(), || format!("columns: lxcfs {}, ours {}", lxcfs.len(), ours.len()));
    for (column, name) in ["reads", "merged", "sectors read", "ms", "writes", "merged", "sectors"].iter().enumerate() {
        // No cgroup knows how much was merged and how long it took.
        let has_source = !["merged", "ms"].contains(name);
        let expected = if has_source { lxcfs[column] - before[column] } else { 0 };
        findings.check(ours[column] == expected, || format!("{name}: {}, not {expected}", ours[column]));
    }
    findings.conclude("diskstats");
}

/// lxcfs's files, and the test that compares each, or why none does.
const FILES: [(&str, &str); 8] = [
    ("cpuinfo", "cpuinfo, processor_count"),
    ("diskstats", "diskstats"),
    ("loadavg", "ring sampler: ours are the sampler's, and lxcfs's are the host's unless it is told to count"),
    ("meminfo", "meminfo, tmpfs_is_not_available"),
    ("slabinfo", "not ours: only root may read the kernel's, and no tool of the list does"),
    ("stat", "shape_of_stat, processor_count"),
    ("swaps", "swaps"),
    ("uptime", "uptime"),
];

/// Files that lxcfs lacks or passes on from the host. The other rings compare them with the kernel's.
const OURS_ALONE: [&str; 7] = [
    "/proc/vmstat",
    "/proc/pressure/memory",
    "/proc/sys/kernel/threads-max",
    "/sys/devices/system/cpu/cpu0/topology/package_cpus_list",
    "/sys/devices/system/node/node0/meminfo",
    "/sys/devices/system/node/node0/cpulist",
    "/sys/devices/system/memory/block_size_bytes",
];

#[test]
fn no_file_is_left_out() {
    let script = format!(
        "ls \"$LXCFS/proc\"; for path in {}; do echo \"== $(head -n 1 \"$LXCFS$path\" 2>/dev/null)\"; done",
        OURS_ALONE.join(" ")
    );
    let text = in_lxcfs(&PLAIN, &script);
    let (names, firsts): (Vec<_>, Vec<_>) = text.lines().partition(|line| !line.starts_with("== "));
    assert!(names.into_iter().eq(FILES.map(|(name, _)| name)), "{text}");
    assert_eq!(firsts.len(), OURS_ALONE.len(), "{text}");
    let mut findings = bed::Findings::default();
    for (path, first) in OURS_ALONE.iter().zip(firsts) {
        let theirs = &first["== ".len()..];
        let hosts = bed::sh(&format!("head -n 1 {path}"));
        let is_no_answer = theirs.is_empty() || theirs == hosts.trim_end();
        findings.check(is_no_answer, || format!("{path}: lxcfs {theirs:?}, the host {hosts:?}"));
    }
    findings.conclude("files");
}

/// Runs a script under the object in a container, with a private lxcfs beside it.
fn in_lxcfs(container: &Container, script: &str) -> String {
    bed::log_machine();
    assert_eq!(bed::version(), Version::V1, "on cgroup v2 lxcfs gives the host's CPU time: nothing to compare with");
    let enter = container.enter();
    let mut command = Command::new(bed::repository("tests/bed/lxcfs"));
    command.arg(enter.get_program()).args(enter.get_args());
    command.args(["env", &format!("LD_PRELOAD={}", bed::object().display()), "timeout", "600", "bash", "-c"]);
    command.arg(format!("export TMPDIR=$(mktemp -d)\n{script}\nrmdir \"$TMPDIR\""));
    let output = command.env_remove("LD_PRELOAD").output().expect("tests/bed/lxcfs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}
