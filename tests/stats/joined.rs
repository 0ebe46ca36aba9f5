//! Processes that join a cgroup while `cgproc top` looks at it. Version 1 goes on listing for an open file what it
//! listed before, as long as it is read often.

use crate::{
    bed,
    groups::Group,
    processes::{Place, Started},
};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Lines},
    process::{ChildStdout, Command, Stdio},
};

/// How many processes join, one after another.
const JOINED: u64 = 5;

#[test]
fn who_has_joined_is_seen_at_the_next_look() {
    bed::log_machine();
    let (place, group) = (Place::new(), Group::new());
    let path = format!("/{}", group.path);
    let mut command = Command::new(bed::command());
    command.args(["top", "-b", "-n", "1000000", "-d", "0.2", "--json", "--cgroup", &path, "--board"]);
    command.arg(place.board()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut top = Started(command.spawn().expect("cgproc top"));
    let mut lines = BufReader::new(top.0.stdout.take().expect("its output")).lines();
    let mut joined = Vec::new();
    for count in 1..=JOINED {
        look_after(monotonic_usec(), &mut lines);
        let mut process = Command::new("sleep");
        group.enter(process.arg("infinity"));
        joined.push(Started::quietly(&mut process));
        let seen = look_after(monotonic_usec(), &mut lines);
        assert_eq!(seen["cgroups"][0]["processes"].as_u64(), Some(count), "{seen}");
    }
}

/// The first look that began after a moment.
fn look_after(moment_usec: u64, lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let mut looks = lines.map(|line| serde_json::from_str::<Value>(&line.expect("a line")).expect("JSON"));
    looks.find(|look| look["monotonic_usec"].as_u64().expect("its time") > moment_usec).expect("a look")
}

/// By libc, because User-Mode Linux has no vdso, which rustix needs.
fn monotonic_usec() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: there is room for the time.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    assert_eq!(result, 0);
    (now.tv_sec * 1_000_000 + now.tv_nsec / 1000).unsigned_abs()
}
