//! What a process has of its own because it is preloaded: the private memory of many processes that rest.

use crate::{
    bed,
    containers::{compile, written},
    figures::{self, quartiles},
    processes::Started,
};
use std::{fs, path::Path, process::Command};

const PROCESSES: usize = 1000;

/// Reads the file that it is given, if any, says so, and rests until it is ended.
const PROGRAM: &str = "
#include <fcntl.h>
#include <unistd.h>
int main(int count, char **words) {
    static char buffer[65536];
    int fd = count > 1 ? open(words[1], O_RDONLY) : -1;
    while (fd >= 0 && read(fd, buffer, sizeof buffer) > 0) {}
    if (fd >= 0) close(fd);
    if (write(1, \"x\", 1) != 1) return 1;
    for (;;) pause();
}
";

pub(crate) fn run() {
    let rest = compile("cc", "rest", &written("rest.c", PROGRAM), &[]);
    let flags = ["-shared", "-nostdlib", "-Wl,-z,norelro", "-Wl,-z,noseparate-code"];
    let empty = compile("cc", "empty.so", &written("empty.c", "\n"), &flags);
    let object = bed::object();
    let asked = Some("/proc/meminfo");
    measure("no preload", None, None, &rest);
    measure("empty object", Some(&empty), None, &rest);
    measure("ours", Some(&object), None, &rest);
    measure("no preload, which read /proc/meminfo", None, asked, &rest);
    measure("ours, which read /proc/meminfo", Some(&object), asked, &rest);
}

/// The memory that only these processes have, each of them.
fn measure(row: &str, preload: Option<&Path>, file: Option<&str>, rest: &Path) {
    let start = |_| {
        let mut command = Command::new(rest);
        if let Some(preload) = preload {
            command.env("LD_PRELOAD", preload);
        }
        command.args(file).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let mut byte = [0];
        std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut byte).expect("that it rests");
        Started(child)
    };
    let all: Vec<Started> = (0..PROCESSES).map(start).collect();
    let kib: Vec<f64> = all.iter().map(|process| private_kib(process.pid()) as f64).collect();
    figures::tell("crowd", row, "private", quartiles(&kib));
    for mut process in all {
        let _ = process.0.kill();
    }
}

fn private_kib(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("smaps_rollup");
    ["Private_Clean:", "Private_Dirty:"].iter().map(|key| bed::figure(&text, key).expect("its size")).sum()
}
