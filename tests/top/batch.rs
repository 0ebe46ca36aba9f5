//! Output for files and programs.

use crate::{
    command::{cgproc, err, out, printed},
    groups::Group,
    screens::contained,
};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

/// The lines of JSON that a table prints.
fn samples(arguments: &[&str]) -> Vec<Value> {
    let text = printed(&cgproc(&[&["top", "--json"], arguments].concat()).output().expect("cgproc"));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn cgroups(sample: &Value) -> &[Value] {
    sample["cgroups"].as_array().expect("cgroups")
}

#[test]
fn each_sample_is_a_line_with_all_figures() {
    let container = contained();
    let pid = container.process.pid().to_string();
    let samples = samples(&["-b", "-n", "3", "-d", "0.1", "--pid", &pid]);
    assert_eq!(samples.len(), 3);
    let times: Vec<u64> = samples.iter().map(|sample| sample["monotonic_usec"].as_u64().expect("a time")).collect();
    assert!(times.is_sorted_by(|one, other| one < other), "{times:?}");
    for sample in &samples {
        let found = &cgroups(sample)[0];
        assert!(found["path"].as_str().is_some_and(|path| path.ends_with(&container.name)), "{found:#}");
        assert_eq!(found["engine"], "lxc", "{found:#}");
        assert_eq!(found["memory_limit_bytes"], 64 << 20, "{found:#}");
        assert_eq!(found["cpu_quota_cpus"], 0.5, "{found:#}");
        for figure in ["cpu_cpus", "cpu_usage_usec", "memory_working_set_bytes", "processes", "threads", "age_sec"] {
            assert!(found[figure].is_number(), "{figure}: {found:#}");
        }
    }
}

#[test]
fn without_a_terminal_there_is_one_table() {
    let container = contained();
    let name = container.name.as_str();
    let text = printed(&cgproc(&["top", "--filter", name]).output().expect("cgproc"));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("NAME ") && lines[0].ends_with(" AGE"), "{text}");
    assert!(lines[1].starts_with(name) && lines[1].contains(" 64.0M "), "{text}");
    assert_eq!(samples(&[]).len(), 1);
}

#[test]
fn columns_order_and_width_are_chosen() {
    let group = Group::new();
    let inner = ["b", "a", "c"].map(|name| group.below(name));
    let path = format!("/{}", group.path);
    let of = |options: &[&str]| {
        let whole = [&["top", "-b", "-n", "1", "--cgroup", &path], options].concat();
        printed(&cgproc(&whole).output().expect("cgproc"))
    };
    let text = of(&["--columns", "mem,pids", "--sort", "name", "-r"]);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = text.lines().map(words).collect();
    assert_eq!(rows[0], ["NAME", "MEM", "PIDS"], "{text}");
    let names: Vec<&str> = rows[1..].iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, [&format!("{path}/c"), &format!("{path}/b"), &format!("{path}/a"), &path], "{text}");
    let text = of(&["--tree", "--sort", "name"]);
    let names: Vec<&str> = text.lines().skip(1).map(|line| line.split_whitespace().next().expect("a name")).collect();
    assert_eq!(names, [&path, "a", "b", "c"], "{text}");
    let text = of(&["-w", "20"]);
    assert!(text.lines().all(|line| line.chars().count() <= 20), "{text}");
    drop(inner);
}

#[test]
fn it_goes_on_until_nobody_reads() {
    let mut top = cgproc(&["top", "-b", "-d", "0.1", "--all"]);
    let mut top = crate::command::Started::new(top.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut lines = BufReader::new(top.0.stdout.take().expect("a pipe")).lines();
    let mut titles = 0;
    while titles < 3 {
        let line = lines.next().expect("more").expect("text");
        titles += usize::from(line.starts_with("NAME "));
    }
    drop(lines);
    top.ended();
    let mut said = String::new();
    top.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("what it said");
    assert_eq!(said, "", "a pipe that is closed is no fault");
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    let boards = || crate::bed::sh("ls -d /dev/shm/cgproc-run-* 2>/dev/null");
    let mut top = cgproc(&["top", "-b", "-d", "0.1", "--all", "--board", "/nowhere/board"]);
    let mut top = crate::command::Started::new(top.stdout(Stdio::piped()).env_remove("XDG_RUNTIME_DIR"));
    let own = format!("/dev/shm/cgproc-run-{}", top.pid());
    let (mut lines, mut last) = (BufReader::new(top.0.stdout.take().expect("a pipe")).lines(), String::new());
    while !boards().lines().any(|board| board == own) {
        last = lines.next().unwrap_or_else(|| panic!("no board, after {last}")).expect("text");
    }
    crate::command::kill(top.pid(), libc::SIGTERM);
    lines.for_each(drop);
    assert_eq!(top.ended().code(), Some(0));
    assert!(!boards().lines().any(|board| board == own), "{}", boards());
}

#[test]
fn mistakes_are_told_in_a_line() {
    for (arguments, said) in [
        (&["--pid", "4194304"][..], "no process 4194304"),
        (&["--cgroup", "/cgproc-none"], "no cgroup /cgproc-none is visible"),
        (&["--columns", "cpu,what"], "no column what; there are name, cpu, "),
        (&["--sort", "what"], "no column what; there are name, cpu, "),
    ] {
        let output = cgproc(&[&["top"], arguments].concat()).output().expect("cgproc");
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
        assert!(err(&output).starts_with(&format!("cgproc: {said}")), "{arguments:?}: {}", err(&output));
        assert_eq!((err(&output).lines().count(), out(&output).as_str()), (1, ""), "{arguments:?}");
    }
    for arguments in [&["-d", "0"][..], &["-n", "0"], &["--pid", "1", "--cgroup", "/x"]] {
        let output = cgproc(&[&["top"], arguments].concat()).output().expect("cgproc");
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
    }
}
