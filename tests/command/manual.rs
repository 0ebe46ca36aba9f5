//! The manual pages and the completions, as packages install them.

use crate::{
    bed,
    harness::{cgproc, err, out, printed, tempfile},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The pages that `cgproc man --output` writes, removed when dropped.
struct Pages(PathBuf);

impl Pages {
    fn new() -> Self {
        let pages = Self(tempfile().join("man"));
        printed(&pages.write());
        pages
    }

    fn write(&self) -> std::process::Output {
        cgproc(&["man", "--output", self.0.to_str().expect("UTF-8")]).output().expect("cgproc")
    }

    /// The names of the files.
    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.0).expect("pages");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.0.parent().map(fs::remove_dir_all);
    }
}

/// The commands that the help lists, except `help` itself.
fn commands() -> Vec<String> {
    let text = printed(&cgproc(&["--help"]).output().expect("cgproc"));
    let list = text.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("commands");
    // What a description is wrapped to is indented further.
    let of_line = |line: &str| {
        let word = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split(' ').next()?;
        (word != "help").then(|| word.to_owned())
    };
    list.lines().filter_map(of_line).collect()
}

/// The page as a reader sees it, without what a terminal makes of it; groff must have nothing to say about it.
fn shown(page: &Path) -> String {
    let mut groff = Command::new("groff");
    groff.args(["-man", "-Tutf8", "-ww", "-rCHECKSTYLE=3", "-rHY=0", "-rLL=300n", "-P-cbou"]).arg(page);
    printed(&groff.output().expect("groff"))
}

/// The references to pages, such as `cgproc.conf(5)`, in a page's text.
fn references(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    let is_section = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit()) && rest[1..].starts_with(')');
    let reference = |word: &str| {
        let (name, rest) = word.split_once('(')?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-._".contains(c));
        (is_name && is_section(rest)).then(|| format!("{name}.{}", &rest[..1]))
    };
    words.filter_map(reference).collect()
}

#[test]
fn every_command_has_a_page() {
    let (pages, commands) = (Pages::new(), commands());
    assert!(["man", "completions", "run"].iter().all(|name| commands.iter().any(|it| it == name)), "{commands:?}");
    let written = fs::read_dir(bed::repository("docs/man")).expect("docs/man");
    let written = written.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let made = commands.iter().map(|name| format!("cgproc-{name}.1")).chain(["cgproc.1".to_owned()]);
    let expected: BTreeSet<_> = made.chain(written).collect();
    assert!(["cgproc.conf.5", "libcgproc.7"].iter().all(|name| expected.contains(*name)), "{expected:?}");
    assert_eq!(pages.names(), expected);
    for name in &commands {
        let text = shown(&pages.0.join(format!("cgproc-{name}.1")));
        assert!(text.contains(&format!("cgproc {name}")) && text.contains("SEE ALSO"), "{text}");
        let alone = out(&cgproc(&["man", name]).output().expect("cgproc"));
        assert_eq!(fs::read_to_string(pages.0.join(format!("cgproc-{name}.1"))).expect("a page"), alone);
    }
}

#[test]
fn pages_refer_to_pages_that_exist() {
    /// Pages of the kernel's manual and of the tools in every system.
    const OTHERS: [&str; 9] = [
        "cgroups.7",
        "ld.so.8",
        "df.1",
        "sysconf.3",
        "sysinfo.2",
        "sched_getaffinity.2",
        "getloadavg.3",
        "statfs.2",
        "proc.5",
    ];
    let pages = Pages::new();
    let names = pages.names();
    for name in &names {
        let text = shown(&pages.0.join(name));
        let found = references(&text);
        assert!(found.len() > 2, "{name}: {found:?}");
        let missing: Vec<_> =
            found.iter().filter(|it| !names.contains(*it) && !OTHERS.contains(&it.as_str())).collect();
        assert!(missing.is_empty(), "{name} refers to {missing:?}");
    }
    let of_all = references(&shown(&pages.0.join("cgproc.1")));
    for command in commands() {
        assert!(of_all.contains(&format!("cgproc-{command}.1")), "cgproc(1) does not list {command}");
    }
}

#[test]
fn pages_replace_nothing() {
    let pages = Pages::new();
    fs::write(pages.0.join("cgproc.1"), "mine").expect("written");
    let output = pages.write();
    assert_eq!(output.status.code(), Some(125));
    assert!(err(&output).ends_with("/cgproc.1: File exists\n"), "{}", err(&output));
    assert_eq!(fs::read_to_string(pages.0.join("cgproc.1")).expect("a page"), "mine");
    let unknown = err(&cgproc(&["man", "fly"]).output().expect("cgproc"));
    assert!(unknown.starts_with("cgproc: no page fly; there are cgproc, run, "), "{unknown}");
}

#[test]
fn completions_have_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&cgproc(&["completions", shell]).output().expect("cgproc"));
        assert!(commands().iter().all(|name| script.contains(name.as_str())), "{shell}");
    }
}
