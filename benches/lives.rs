//! The life of a program that does nothing, from fork to exit: without a preload, with an empty object, with ours.

use crate::{
    bed::{self, OWN_ETC, repository},
    containers::{compile, output, written},
    figures::{self, Quartiles},
    length,
};
use std::{path::Path, process::Command};

/// Each C library, each way to be preloaded. musl's loader does not read /etc/ld.so.preload; a static program has no
/// loader, and shows what the measurement itself is worth.
const WAYS: [(&str, &str, &str, &[&str]); 4] = [
    ("glibc, LD_PRELOAD", "cc", "variable", &[]),
    ("glibc, /etc/ld.so.preload", "cc", "file", &[]),
    ("musl, LD_PRELOAD", "musl-gcc", "variable", &[]),
    ("static, LD_PRELOAD", "cc", "variable", &["-static"]),
];

pub(crate) fn run() {
    let rounds = length::rounds(1500, 5000).to_string();
    let source = written("tiny.c", "int main(void) { return 0; }\n");
    let empty_source = written("empty.c", "\n");
    let flags = ["-shared", "-nostdlib", "-Wl,-z,norelro", "-Wl,-z,noseparate-code"];
    let empty = compile("cc", "empty.so", &empty_source, &flags);
    let spawn = compile("cc", "spawn", &repository("benches/spawn.c"), &[]);
    let object = bed::object();
    for (index, (row, compiler, how, flags)) in WAYS.into_iter().enumerate() {
        let tiny = compile(compiler, &format!("tiny-{index}"), &source, flags);
        // Its own /etc, which goes with the mount namespace.
        let script = format!("{OWN_ETC} && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh"]).arg(&spawn).arg(&rounds).arg(&tiny);
        tell(row, &output(command.arg(how).args([Path::new(""), &empty, &object])), &empty);
    }
}

fn tell(row: &str, text: &str, empty: &Path) {
    for line in text.lines() {
        let mut fields = line.split('\t');
        let preload = Path::new(fields.next().expect("a preload"));
        let numbers: Vec<f64> = fields.map(|field| field.parse().expect("a number")).collect();
        let numbers: [f64; 6] = numbers.try_into().expect("two times three");
        let [time, over] = [0, 3].map(|first| <Quartiles>::try_from(&numbers[first..first + 3]).expect("three"));
        if preload.as_os_str().is_empty() {
            figures::tell("lives", row, "no preload", time);
        } else if preload == empty {
            figures::tell("lives", row, "empty object", time);
        } else {
            figures::tell("lives", row, "ours", time);
            figures::tell("lives", row, "over an empty object", over);
        }
    }
}
