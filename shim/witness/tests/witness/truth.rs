//! What is told, compared with what strace sees. Both look at the same run: an event is itself a system call
//! (`sendto`), so strace's log has events and the kernel's calls in one order.

use crate::{
    both,
    listener::{Listener, text},
    preload,
};
use std::{fs, process::Command};
use witness_event::{Event, Moment, SOCKET};

/// Programs with one thread at a time.
const PROGRAMS: &[&[&str]] = &[
    &["free"],
    &["nproc"],
    &["lscpu"],
    &["vmstat"],
    &["uptime"],
    &["ps", "aux"],
    &["top", "-bn1"],
    &["df", "/"],
    &["ls", "-l", "/sys/devices/system/cpu"],
    &["bash", "-c", "read line </proc/meminfo; cd /proc; read line <stat; test -e /sys/devices/system/cpu/cpu1"],
    &["awk", "{n++} END {print n}", "/proc/cpuinfo"],
    &[
        "perl",
        "-e",
        "open F, '/proc/loadavg'; print <F>; seek F, 0, 0; print <F>; print glob '/sys/devices/system/cpu/cpu*'",
    ],
    &[
        "python3",
        "-c",
        "import os; os.cpu_count(); os.getloadavg(); os.sched_getaffinity(0); open('/proc/meminfo').read()",
    ],
    &["find", "/sys/devices/system/cpu/", "-name", "online"],
    &["sh", "-c", "free; nproc & nproc; exec uptime"],
];

/// A line of strace's log.
enum Line {
    Told(Event<'static>),
    /// A call that asks about the machine: its name or the path, and its result.
    Asked {
        what: String,
        result: i64,
    },
}

#[test]
fn each_event_is_true_and_each_question_told() {
    let mut faults = Vec::new();
    for program in PROGRAMS {
        let lines = run(program);
        assert!(lines.iter().any(|(_, line)| matches!(line, Line::Asked { .. })), "{program:?} asks nothing");
        faults.extend(compare(&lines).into_iter().map(|fault| format!("{program:?}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The log of one run: each line with the thread that it is about.
fn run(program: &[&str]) -> Vec<(i32, Line)> {
    let listener = Listener::new();
    let log = listener.path().with_file_name("log");
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-k",
        "-y",
        "-s",
        "4096",
        "-e",
        "trace=open,openat,openat2,sysinfo,sched_getaffinity,sendto",
        "-o",
    ]);
    strace.arg(&log).arg("-E").arg(format!("LD_PRELOAD={}", preload(&both()[..1])));
    strace.arg("-E").arg(format!("{SOCKET}={}", listener.path().display())).args(program);
    let output = strace.output().expect("strace");
    assert!(output.status.success(), "{program:?}: {}", text(&output.stderr));
    let lines = whole(&fs::read_to_string(log).expect("the log"));
    let told = listener.end().len();
    let logged: Vec<_> = lines.iter().filter_map(|call| Some((call.tid, parse(call)?))).collect();
    let sent = logged.iter().filter(|(_, line)| matches!(line, Line::Told(_))).count();
    assert_eq!(sent, told, "{program:?}: events that were sent, and that arrived");
    logged
}

/// A call as strace writes it.
struct Call {
    tid: i32,
    text: String,
    /// The functions from which it was made, a line each.
    stack: String,
}

/// The calls of the log, those that were cut in two put together.
fn whole(log: &str) -> Vec<Call> {
    let mut begun: Vec<(i32, String)> = Vec::new();
    let mut calls: Vec<Call> = Vec::new();
    for line in log.lines() {
        if line.starts_with(" > ") {
            calls.last_mut().expect("a call").stack += line;
            continue;
        }
        let Some((tid, text)) = line.split_once(' ') else { continue };
        let Ok(tid) = tid.parse() else { continue };
        let text = text.trim_start();
        let text = if let Some(start) = text.strip_suffix("<unfinished ...>") {
            begun.push((tid, start.trim_end().to_owned()));
            continue;
        } else if let Some((_, end)) = text.split_once(" resumed>") {
            let at = begun.iter().rposition(|(other, _)| *other == tid).expect("the beginning of a call");
            begun.remove(at).1 + end
        } else {
            text.to_owned()
        };
        calls.push(Call { tid, text, stack: String::new() });
    }
    calls
}

fn parse(call: &Call) -> Option<Line> {
    let (name, rest) = call.text.split_once('(')?;
    let (_, result) = call.text.rsplit_once(" = ")?;
    let result = result.split([' ', '<']).next()?.parse().ok()?;
    match name {
        // One without room in the reader's queue is sent again.
        "sendto" if result < 0 => None,
        "sendto" => Event::read(&unescaped(quoted(rest)?.1)).map(Line::Told),
        // How much memory a sort may use is a question of libc's own. No figure comes out of it.
        "sysinfo" if call.stack.contains("libc.so.6(qsort") => None,
        "sysinfo" | "sched_getaffinity" => Some(Line::Asked { what: name.to_owned(), result }),
        _ => {
            let (before, path) = quoted(rest)?;
            let directory =
                before.split_once('<').and_then(|(_, path)| path.split_once('>')).map_or("", |(path, _)| path);
            let path = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
            let path = path.trim_end_matches('/').to_owned();
            is_told(&path).then_some(Line::Asked { what: path, result })
        }
    }
}

/// The first quoted text, and what stands before it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let (before, rest) = text.split_once('"')?;
    let mut escaped = false;
    let end = rest.find(|c| {
        let is_end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    })?;
    Some((before, &rest[..end]))
}

/// Of strace's escapes, those that events have.
fn unescaped(text: &str) -> Vec<u8> {
    text.replace("\\\\", "\u{1}").replace("\\t", "\t").replace('\u{1}', "\\").into_bytes()
}

/// Whether this path is one that is told of: in /proc or /sys, and not in a process's own directory.
fn is_told(path: &str) -> bool {
    let own = |below: &str| below.starts_with(|c: char| c.is_ascii_digit());
    path.strip_prefix("/proc/").is_some_and(|below| !own(below)) || path.starts_with("/sys/")
}

/// Every question is asked between an `enter` and its `leave`; every open that was told was made, with the result that
/// was told.
fn compare(lines: &[(i32, Line)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut open: Vec<(i32, &Event, Option<i64>)> = Vec::new();
    for (tid, line) in lines {
        let innermost = open.iter().rposition(|(other, ..)| other == tid);
        match line {
            Line::Told(event) if event.moment == Moment::Enter => open.push((*tid, event, None)),
            Line::Told(event) if event.moment == Moment::Leave => {
                let Some(at) = innermost else { continue };
                let (_, enter, result) = open.remove(at);
                let Some(told) = event.outcome.as_ref().map(|outcome| outcome.returned) else { continue };
                let is_open = text(&enter.function).contains("open") && !text(&enter.function).contains("opendir");
                let is_stream = text(&enter.function).contains("fopen") || text(&enter.function).contains("freopen");
                let seen = if is_stream { result.map(|fd| i64::from(fd >= 0)) } else { result };
                if is_open && seen != Some(told) {
                    faults.push(format!("strace saw {seen:?}: {event:?}"));
                }
            }
            Line::Told(_) => {}
            Line::Asked { what, result } => match innermost {
                Some(at) => {
                    if what.as_bytes() == &*open[at].1.argument {
                        open[at].2 = Some(*result);
                    }
                }
                None => faults.push(format!("was not told: {what}")),
            },
        }
    }
    faults.extend(open.iter().map(|(_, event, _)| format!("was not left: {event:?}")));
    faults
}
