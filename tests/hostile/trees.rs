//! Hostile trees, settings and boards, in process (tests/probes/hostile.c): no crash, no hang, no leak, and no figure
//! that a kernel would not show.
//!
//! The cases are the same each time. With `CGPROC_FUZZ_MINUTES`, others are played for that long.

use crate::{
    bed::{self, Container, View},
    probes::{Libc, SMALL, program, quoted},
};
use std::time::{Duration, Instant, SystemTime};

/// How many cases are played at a time: about ten seconds on an idle machine. In the booted kernel, system calls take
/// several times as long.
fn cases() -> u64 {
    if bed::host().is_uml { 100 } else { 500 }
}

#[test]
fn hostile_trees_on_glibc() {
    play_all(Libc::Glibc);
}

#[test]
fn hostile_trees_on_musl() {
    play_all(Libc::Musl);
}

fn play_all(libc: Libc) {
    bed::log_machine();
    let Some(minutes) = bed::fuzz_minutes() else { return play(libc, 0) };
    let begun = Instant::now();
    let of_now = SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs() * 1_000_000;
    let mut turns = (0..).map(|turn| of_now + turn * cases());
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        play(libc, turns.next().expect("another turn"));
    }
}

/// Plays the cases from this number on.
fn play(libc: Libc, first: u64) {
    let program = program(libc, "hostile");
    let script = format!("exec {} {first} {}", quoted(&program.to_string_lossy()), cases());
    // No quota: calls are timed by their thread's own CPU time, and the container has the machine's CPUs.
    let container = Container { view: View::Namespace, quota_usec: None, ..SMALL };
    let outcome = container.run(&script, Some(&bed::object()), 1500);
    let last = outcome.text.lines().last().unwrap_or_default();
    println!("{libc:?}, from case {first} on: {last}");
    assert_eq!(outcome.status, Some(0), "{libc:?}, from case {first} on:\n{}", outcome.text);
    let answers = last.split(", ").find_map(|part| part.strip_suffix(" answers")?.parse::<u64>().ok());
    assert!(answers.is_some_and(|answers| answers > cases()), "{libc:?}: nothing was answered: {last}");
}

/// What a call asks of the kernel is bounded, whatever it finds. This is independent of how fast the machine is, and of
/// how finely it counts CPU time.
#[test]
fn no_call_asks_the_kernel_without_end() {
    /// Twice what 1,500 cases needed at most.
    const MOST_SYSCALLS: u64 = 1000;
    const MOST_BYTES: u64 = 400_000;
    let cases = if bed::host().is_uml { 3 } else { 100 };
    for libc in Libc::ALL {
        let script = format!("exec {} 0 {cases} counted", quoted(&program(libc, "hostile").to_string_lossy()));
        let container = Container { view: View::Namespace, quota_usec: None, ..SMALL };
        let outcome = container.run(&script, Some(&bed::object()), 1500);
        assert_eq!(outcome.status, Some(0), "{libc:?}: {}", outcome.text);
        let last = outcome.text.lines().last().unwrap_or_default();
        println!("{libc:?}: {last}");
        let number = |key: &str| last.split(", ").find_map(|part| part.strip_suffix(key)?.parse::<u64>().ok());
        let (syscalls, bytes) = (number(" system calls").unwrap_or(0), number(" bytes read").unwrap_or(0));
        assert!((10..=MOST_SYSCALLS).contains(&syscalls), "{libc:?}: {}", outcome.text);
        assert!((1000..=MOST_BYTES).contains(&bytes), "{libc:?}: {}", outcome.text);
    }
}
