//! Keys that are typed, and screens that follow.

use crate::{
    bed::{self, Version},
    groups::Group,
    processes::{Started, serial},
    tmux::Terminal,
};
use std::process::Command;

/// A container with half a CPU and 64 MiB, as LXC names them, in which a program sleeps. It ends with the test.
pub(crate) struct Contained {
    pub(crate) process: Started,
    #[expect(dead_code, reason = "removed with the container")]
    group: Group,
    /// Removed after the one in it.
    above: Group,
    pub(crate) name: String,
}

impl Contained {
    /// A cgroup beside the container that is none.
    fn beside(&self) -> Group {
        self.above.below(&format!("plain.{}", self.name))
    }
}

pub(crate) fn contained() -> Contained {
    // It ends with what no number does: a filter for it finds no other.
    let name = format!("web-{}_", serial());
    let above = Group::new();
    let group = above.below(&format!("lxc.payload.{name}"));
    match bed::version() {
        Version::V1 => {
            group.set("memory.limit_in_bytes", "64M");
            group.set("cpu.cfs_quota_us", "50000");
        }
        Version::V2 => {
            group.set("memory.max", "64M");
            group.set("cpu.max", "50000 100000");
        }
    }
    let mut command = Command::new("sleep");
    group.enter(command.arg("infinity"));
    Contained { process: Started::quietly(&mut command), group, above, name }
}

/// `cgproc top` in a terminal of this size, with one row: the container's.
fn started(columns: u32, name: &str) -> Terminal {
    let terminal = Terminal::new(columns, 30);
    terminal.run(&format!("$TOP -d 0.2 --filter {name} --sort mem"));
    terminal.until("a table", |screen| screen.lines().nth(3).is_some_and(|row| row.starts_with("web-")));
    terminal
}

#[test]
fn the_wider_the_more_columns() {
    let container = contained();
    let terminal = started(80, &container.name);
    let titles = |terminal: &Terminal| terminal.lines()[2].split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(titles(&terminal)[..6], ["NAME", "CPU", "%CPU", "%THR", "MEM", "LIMIT"]);
    terminal.until("figures", |screen| screen.lines().nth(3).is_some_and(|row| row.contains(" 64.0M ")));
    terminal.resize(20, 30);
    let is_narrow =
        |screen: &str| screen.lines().nth(2).is_some_and(|line| line.split_whitespace().eq(["NAME", "MEM"]));
    let screen = terminal.until("twenty columns", is_narrow);
    assert!(screen.lines().all(|line| line.chars().count() <= 20), "{screen}");
    terminal.resize(200, 20);
    let is_wide = |screen: &str| screen.lines().nth(2).is_some_and(|titles| titles.ends_with("AGE"));
    let screen = terminal.until("two hundred columns", is_wide);
    for title in ["CPUS", "CACHE", "SWAP", "PSICPU", "PSIMEM", "PSIIO", "READ/s", "WRIT/s", "PIDS", "MAX"] {
        assert!(screen.contains(&format!(" {title} ")), "{title} is not in\n{screen}");
    }
    assert!(screen.lines().nth(3).is_some_and(|row| row.contains(&container.name)), "{screen}");
}

#[test]
fn keys_do_what_the_help_says() {
    let container = contained();
    let terminal = started(80, &container.name);
    // What is there after each, and what is there no longer.
    let presses: [(&str, &str, &str); 16] = [
        ("r", "by MEM, reversed", "by MEM, filter"),
        ("r", "by MEM, filter", "reversed"),
        ("t", "tree of containers", "_, every"),
        ("t", "_, every", "tree of containers"),
        ("a", "all cgroups, every", "_, every"),
        ("a", "_, every", "all cgroups, every"),
        (">", "by LIMIT", "by MEM"),
        ("<", "by MEM", "by LIMIT"),
        ("P", "by CPU", "by MEM"),
        ("Space", "PAUSED, by CPU", "\nby CPU"),
        ("Space", "\nby CPU", "PAUSED"),
        ("h", "KEYS", "every 0.2 s"),
        ("Escape", "by CPU", "KEYS"),
        ("F", "COLUMNS", "every 0.2 s"),
        ("s", "NAME    name      sorted by", "CPU     cpu       sorted by"),
        ("q", "by NAME", "COLUMNS"),
    ];
    for (key, expected, gone) in presses {
        terminal.press(key);
        let is_so = |screen: &str| screen.contains(expected) && !screen.contains(gone);
        terminal.until(&format!("{expected}, not {gone}, after {key}"), is_so);
    }
}

#[test]
fn rows_that_a_key_adds_have_rates_soon_and_count_as_no_sample() {
    let container = contained();
    let terminal = Terminal::new(200, 30);
    // Of two samples, the second comes in an hour.
    terminal.run(&format!("$TOP -d 3600 -n 2 --filter {} --sort name", container.name));
    let rows = |screen: &str| screen.lines().skip(3).take_while(|row| !row.is_empty()).map(str::to_owned).collect();
    let have_rates = |rows: Vec<String>| {
        !rows.is_empty() && rows.iter().all(|row| row.split_whitespace().nth(1).is_some_and(|cpu| cpu != "-"))
    };
    terminal.until("rates", |screen| have_rates(rows(screen)));
    let beside = container.beside();
    let is_there = |screen: &str| screen.contains("/plain.web-");
    terminal.press("a");
    terminal.until("rates of all", |screen| is_there(screen) && have_rates(rows(screen)));
    terminal.press("a");
    terminal.until("the container alone", |screen| !is_there(screen));
    terminal.press("t");
    terminal.until("a tree", |screen| screen.contains("tree of containers"));
    terminal.press("t");
    terminal.until("no tree", |screen| !screen.contains("tree of containers"));
    terminal.press("Enter");
    terminal.until("its history", |screen| screen.contains("of 2 samples"));
    drop(beside);
}

#[test]
fn a_column_is_added_and_sorted_by() {
    let container = contained();
    let terminal = started(80, &container.name);
    terminal.press("F");
    terminal.press("End");
    terminal.until("the last column", |screen| screen.contains("[ ] OOM"));
    terminal.press("Space");
    terminal.until("a mark", |screen| screen.contains("[x] OOM"));
    terminal.press("s");
    terminal.press("Escape");
    let screen = terminal.until("the table", |screen| screen.contains("by OOM"));
    assert!(screen.lines().nth(2).is_some_and(|titles| titles.trim_end().ends_with("OOM")), "{screen}");
}

#[test]
fn a_filter_is_typed_and_ended() {
    let (container, other) = (contained(), contained());
    let terminal = started(80, &container.name);
    terminal.press("/");
    terminal.press("C-u");
    terminal.write(&other.name.to_uppercase());
    let rows = |screen: &str| screen.lines().skip(3).filter(|row| row.starts_with("web-")).count();
    let row = |screen: &str| screen.lines().nth(3).unwrap_or_default().starts_with(&other.name);
    terminal.until("rows as they are typed", |screen| row(screen) && rows(screen) == 1);
    terminal.press("Escape");
    terminal.until("the filter from before", |screen| screen.contains(&format!("filter {}", container.name)));
    terminal.press("/");
    terminal.write("nothing has such a name");
    terminal.press("Enter");
    terminal.until("no row", |screen| screen.contains("none matches the filter"));
    terminal.press("Escape");
    terminal.until("all rows", |screen| screen.lines().nth(1).is_some_and(|line| !line.contains("filter")));
}

#[test]
fn details_show_limits_and_who_set_them() {
    let container = contained();
    let terminal = started(120, &container.name);
    terminal.press("Enter");
    let screen = terminal.until("limits", |screen| screen.contains("memory.total"));
    let setter = |figure: &str| {
        let line = screen.lines().find(|line| line.starts_with(figure));
        line.unwrap_or_else(|| panic!("no {figure} in\n{screen}")).to_owned()
    };
    assert!(
        setter("memory.total").contains(" 64.0 MiB ") && setter("memory.total").ends_with(&container.name),
        "{screen}"
    );
    assert!(setter("cpus.quota").contains(" 0.50 cpus ") && setter("cpus.quota").contains(&container.name), "{screen}");
    terminal.until("some history", |screen| screen.contains("of 5 samples"));
    terminal.press("q");
    terminal.until("the table", |screen| screen.contains("NAME"));
}

#[test]
fn a_long_path_has_limits_of_its_own() {
    let above = Group::new();
    let long = "x".repeat(130);
    let outer = above.below(&long);
    let inner = outer.below(&long);
    assert!(inner.path.len() > 255);
    inner.set(if bed::version() == Version::V2 { "memory.max" } else { "memory.limit_in_bytes" }, "64M");
    let terminal = Terminal::new(80, 30);
    terminal.run(&format!("$TOP -d 0.2 --all --cgroup /{} --sort name", above.path));
    terminal.until("all rows", |screen| screen.starts_with("3 rows"));
    terminal.press("End");
    terminal.press("Enter");
    terminal.until("its limit", |screen| screen.contains("memory.total 64.0 MiB"));
}

#[test]
fn a_delay_is_typed() {
    let container = contained();
    let terminal = started(80, &container.name);
    terminal.press("d");
    terminal.write("1.5");
    terminal.press("Enter");
    terminal.until("another delay", |screen| screen.contains("every 1.5 s"));
    terminal.press("d");
    terminal.write("soon");
    terminal.press("Enter");
    let screen = terminal.until("an answer", |screen| screen.contains("soon: not a number of seconds"));
    assert!(screen.contains("every 1.5 s"), "{screen}");
}
