//! Pressure: a container sees how long its own tasks waited, and is woken when they wait too long. Version 1 has no pressure
//! of cgroups: the kernel's own files stay.

use crate::{
    bed::{self, Container, Findings, PLAIN, Version},
    harness::Running,
    processes::Place,
    text::section,
};

/// Little memory, so that whoever reads much waits for it.
const TIGHT: Container = Container { memory: "64M", quota_usec: None, ..PLAIN };

/// Waits for a tenth of a second in two: the kernel lets everybody ask for windows of twos.
fn wait(milliseconds: u32) -> String {
    format!("./trigger /proc/pressure/memory 'some 100000 2000000' {milliseconds}\n{SHOW}")
}

/// Reads more than there is memory for, over and over, until the trigger has fired or has given up.
const STRAIN: &str = "(while :; do cat /usr/lib/x86_64-linux-gnu/*.so* >/dev/null; done) &";

const SHOW: &str = "echo '== shown'; cat /proc/pressure/memory
    echo '== cgroup'; cat /sys/fs/cgroup/memory.pressure; echo '== again'; cat /proc/pressure/memory
    kill $(jobs -p) 2>/dev/null; exit 0";

/// What the trigger said, of which file, and how long tasks have waited in all, as shown and by the cgroup's own file.
struct Seen {
    file: String,
    ended: String,
    shown_usec: u64,
    own_usec: u64,
    again_usec: u64,
}

fn seen(text: &str) -> Seen {
    let line = |at: usize| text.lines().nth(at).unwrap_or_else(|| panic!("too short: {text}")).to_owned();
    let usec = |name| total_usec(section(text, name)).unwrap_or(0);
    Seen {
        file: line(0),
        ended: line(1),
        shown_usec: usec("shown"),
        own_usec: usec("cgroup"),
        again_usec: usec("again"),
    }
}

/// The first `total=`: of times in which some task waited.
fn total_usec(text: &str) -> Option<u64> {
    text.split("total=").nth(1)?.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_trigger_fires_where_the_pressure_is() {
    bed::log_machine();
    let (is_v1, place) = (bed::version() == Version::V1, Place::new());
    // However long it takes one to be strained; the other has as long as a trigger's window, five times.
    let [strained, idle] = if is_v1 { [1, 1] } else { [bed::PATIENCE_SEC * 1000, 10_000] }.map(wait);
    let strained = Running::start(&TIGHT, &place, &format!("{STRAIN} {strained}"), bed::PATIENCE_SEC);
    let idle = Running::start(&TIGHT, &place, &idle, bed::PATIENCE_SEC);
    let mut findings = Findings::default();
    for (container, ended) in [(strained, "fired"), (idle, "quiet")] {
        let seen = seen(&container.whole());
        let own = if is_v1 { "/proc/pressure/memory" } else { "/sys/fs/cgroup/memory.pressure" };
        findings.check(seen.file == own, || format!("{}, not {own}", seen.file));
        if is_v1 {
            continue;
        }
        println!("{ended}: waited {} us, {} by the cgroup's own file", seen.shown_usec, seen.own_usec);
        findings.check(seen.ended == ended, || format!("{}, not {ended}", seen.ended));
        findings.check((seen.shown_usec >= 50_000) == (ended == "fired"), || format!("waited {} us", seen.shown_usec));
        // The time goes on between the looks.
        let is_own = (seen.shown_usec..=seen.again_usec).contains(&seen.own_usec);
        findings.check(is_own, || {
            format!("{} us, the cgroup's {}, then {}", seen.shown_usec, seen.own_usec, seen.again_usec)
        });
    }
    findings.conclude("pressure");
}

/// All three files are the scope's own, or the kernel's.
#[test]
fn every_file_is_the_scopes() {
    let script = "for it in cpu memory io; do
        echo \"== shown $it\"; cat /proc/pressure/$it; echo \"== own $it\"; cat /sys/fs/cgroup/$it.pressure 2>/dev/null
        echo \"== again $it\"; cat /proc/pressure/$it
    done; exit 0";
    let idle = Container { quota_usec: None, ..PLAIN };
    let [under, native] =
        [Some(bed::object()), None].map(|object| idle.run(script, object.as_deref(), bed::PATIENCE_SEC).text);
    let mut findings = Findings::default();
    for it in ["cpu", "memory", "io"] {
        let total = |text: &str, of: &str| total_usec(section(text, &format!("{of} {it}")));
        let [shown, kernels] = [&under, &native].map(|text| total(text, "shown"));
        if bed::version() == Version::V2 {
            let [own, again] = ["own", "again"].map(|of| total(&under, of));
            let is_own = shown.is_some() && shown <= own && own <= again;
            findings.check(is_own, || format!("{it}: shown {shown:?}, the cgroup's {own:?}, shown again {again:?}"));
        }
        let lines = |text: &str| section(text, &format!("shown {it}")).lines().count();
        findings.check(lines(&under) == lines(&native) && kernels.is_some(), || format!("{it}: {under} {native}"));
    }
    findings.conclude("files of pressure");
}

/// Where the cgroups cannot be written, a trigger goes to the kernel's own file, and reading still shows the scope's.
#[test]
fn a_read_only_cgroup_mount() {
    let script = format!("mount -o remount,bind,ro /sys/fs/cgroup; {}", wait(1));
    let text = Running::start(&PLAIN, &Place::new(), &script, bed::PATIENCE_SEC).whole();
    let seen = seen(&text);
    let mut findings = Findings::default();
    findings.check(seen.file == "/proc/pressure/memory", || seen.file.clone());
    if bed::version() == Version::V2 {
        findings.check(seen.shown_usec <= seen.own_usec, || format!("{} {}", seen.shown_usec, seen.own_usec));
    }
    findings.conclude("a read-only mount");
}
