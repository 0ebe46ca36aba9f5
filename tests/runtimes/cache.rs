//! What the set-up keeps (`tests/bed/cache`): everything that the tests use is as its recipe says, however long ago it
//! was made.

use crate::{
    bed::{self, Findings},
    harness::Scratch,
};
use std::{
    fmt::Write as _,
    fs,
    process::{Command, Output},
};

/// The commands of two recipes, one of which fails; `made` says how often the other has run.
const COMMANDS: &str = r#"
    make() { mkdir "$1"; echo "$2" >"$1/content"; echo made >>"$cache/made"; note_packages "$1/content"; }
    make_badly() { mkdir "$1"; echo half >"$1/content"; false; echo "gone on" >"$1/content"; }
"#;

fn keep(cache: &Scratch, script: &str) -> Output {
    let script = format!(". {}\n{COMMANDS}\n{script}", bed::repository("tests/bed/cache").display());
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &script]).env("CGPROC_CACHE", cache.path());
    command.output().expect("bash")
}

/// Keeps `below/thing`; says whether that succeeded and what exists afterwards.
fn after(cache: &Scratch, recipe: &str, command: &str) -> String {
    let output = keep(cache, &format!("keep below/thing '{recipe}' {command}"));
    let mut seen = String::from(if output.status.success() { "done" } else { "refused" });
    let content = fs::read_to_string(cache.path().join("below/thing/content")).unwrap_or_default();
    let made = fs::read_to_string(cache.path().join("made")).unwrap_or_default().lines().count();
    let _ = write!(seen, ", {:?}, made {made}", content.trim());
    seen
}

#[test]
fn what_is_kept_is_made_anew_by_another_recipe() {
    let cache = Scratch::new();
    let mut findings = Findings::default();
    for (recipe, command, expected) in [
        ("first", "make one", "done, \"one\", made 1"),
        ("first", "make other", "done, \"one\", made 1"),
        ("second", "make two", "done, \"two\", made 2"),
        ("third", "make_badly", "refused, \"two\", made 2"),
        ("third", "make three", "done, \"three\", made 3"),
        ("first", "make one", "done, \"one\", made 4"),
    ] {
        let seen = after(&cache, recipe, command);
        findings.check(seen == expected, || format!("{recipe}, {command}: {seen}, not {expected}"));
    }
    let note = fs::read_to_string(cache.path().join("below/thing.done")).expect("a note of what was made");
    let sum = bed::sh(&format!("sha256sum <{}", cache.path().join("below/thing/content").display()));
    let expected = sum.replace('-', "content");
    findings.check(note.lines().nth(1) == Some(expected.trim()), || format!("{note}, not a line {expected}"));
    let left = bed::sh(&format!("cd {}/below; ls", cache.path().display()));
    findings.check(left == "thing\nthing.done\nthing.lock\n", || format!("left behind: {left}"));
    findings.conclude("what is kept");
}

/// Whoever comes while it is being made waits, and makes nothing.
#[test]
fn what_is_kept_is_made_once() {
    let cache = Scratch::new();
    let output = keep(
        &cache,
        "for i in 1 2 3 4; do keep thing same make one & jobs+=($!); done; for job in ${jobs[*]}; do wait $job; done",
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = fs::read_to_string(cache.path().join("made")).expect("made");
    assert_eq!(made, "made\n", "{}", String::from_utf8_lossy(&output.stderr));
}
