//! The acceptance list's lines about the load itself, on a busy machine with a sampler.

use crate::{
    bed::{self, Findings},
    boards::{Sampler, load},
    harness::{AWAIT_GO, FREE, Running, machine_load},
    processes::{Place, until},
};
use std::{fs, process::Command};

/// Whether `grep -E` finds a line: the list uses its syntax.
fn matches(expression: &str, text: &str) -> bool {
    let script = "printf %s \"$1\" | grep -qaE -e \"$2\"";
    Command::new("sh").args(["-c", script, "sh", text, expression]).status().expect("grep").success()
}

#[test]
fn the_lists_lines_about_the_load() {
    bed::log_machine();
    let mut findings = Findings::default();
    let place = Place::new();
    let host = machine_load();
    let _sampler = Sampler::start(&place, &[]);
    let table = fs::read_to_string(bed::repository("tests/tools.tsv")).expect("tools.tsv");
    for line in table.lines().filter(|line| !line.starts_with('#') && line.contains("\tring sampler")) {
        let [id, name, command, expect, ..] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let container = Running::start(&FREE, &place, &format!("{AWAIT_GO}; {command}"), bed::PATIENCE_SEC);
        let key = container.key();
        until("its slot", || load(&place.board(), key).is_some());
        container.go();
        let shown = container.whole();
        let native = FREE.run(command, None, 300).text;
        println!("{id} {name}: {shown:?}, natively {native:?}");
        findings.check(matches(expect, &shown), || format!("{id} {name}: {shown:?}, not {expect}"));
        findings.check(!matches(expect, &native), || format!("{id} {name}: {native:?} natively too"));
    }
    drop(host);
    findings.conclude("the list's lines about the load");
}
