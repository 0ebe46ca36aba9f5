//! Whatever hostile programs do (`tests/programs/wild-calls.c`), others in the same run get an answer each time, and
//! the supervisor takes no more than before.

use crate::{
    bed::{self, Findings},
    harness::{Started, cgproc, read, tempfile, until},
    program::{KIB, LIMITS, compiled, is_at_rest, supervisors, until_no_heir_is_left},
};
use std::{
    fs::{self, File},
    io::Write as _,
    process::Stdio,
    time::{Duration, Instant, SystemTime},
};

/// What all supervising processes of a run may use at any time.
const MOST: Taken = Taken { kib: 32 << 10, descriptors: 128 };

#[derive(Clone, Copy, Debug, PartialEq)]
struct Taken {
    /// The largest resident size ever.
    kib: u64,
    descriptors: usize,
}

/// What the processes that supervise for the command `pid` have used together. One may end meanwhile.
fn taken(pid: i32) -> Taken {
    let mut all = Taken { kib: 0, descriptors: 0 };
    for pid in supervisors(pid) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        all.kib += bed::figure(&status, "VmHWM:").unwrap_or(0);
        all.descriptors += fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    }
    all
}

/// The same while nobody asks anything.
fn taken_at_rest(pid: i32) -> Taken {
    until("the supervisor is idle", || supervisors(pid).into_iter().all(is_at_rest));
    taken(pid)
}

/// The same each time, unless other cases are requested.
fn seed() -> u64 {
    bed::fuzz_minutes().map_or(1, |_| SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs())
}

#[test]
fn hostile_programs_hold_up_no_other() {
    bed::log_machine();
    let mut findings = Findings::default();
    let output = tempfile();
    let program = [&compiled("wild-calls"), "12345", &seed().to_string(), &KIB.to_string()];
    let mut command = cgproc(&[&["run", "--static"], &LIMITS[..], &["--"], &program].concat());
    command.stdin(Stdio::piped()).stdout(File::create(&output).expect("a file"));
    let mut run = Started::new(&mut command);
    let pid = run.pid();
    let said = |words: &str| until(words, || read(&output).contains(words));
    let mut tell = || run.0.stdin.as_mut().expect("a pipe").write_all(b"\n").expect("written");
    said("begins");
    let before = taken_at_rest(pid);
    tell();
    said("all kinds");
    let (mut most, mut shown) = (before, Instant::now());
    bed::endure(|| {
        let now = taken(pid);
        most = Taken { kib: most.kib.max(now.kib), descriptors: most.descriptors.max(now.descriptors) };
        if shown.elapsed() > Duration::from_secs(60) {
            shown = Instant::now();
            println!("at most {most:?}");
        }
    });
    tell();
    said("wrong");
    let after = taken_at_rest(pid);
    let text = read(&output);
    println!("{}\nat first {before:?}, at most {most:?}, at last {after:?}", text.lines().last().unwrap_or_default());
    let wrong: Vec<&str> = text.split(", ").filter_map(|part| part.trim().strip_prefix("wrong ")).collect();
    findings.check(wrong == ["0", "0"], || format!("answers to others: {text}"));
    findings.check(most.kib <= MOST.kib && after.kib <= MOST.kib, || format!("{most:?} of {MOST:?}"));
    findings.check(most.descriptors <= MOST.descriptors, || format!("{most:?} of {MOST:?}"));
    findings.check(after.descriptors <= before.descriptors, || format!("{before:?} at first, {after:?} at last"));
    drop(run.0.stdin.take());
    let status = run.ended();
    findings.check(status.success(), || format!("the run: {status}"));
    until_no_heir_is_left();
    fs::remove_file(&output).expect("removed");
    findings.conclude("hostile programs");
}
