//! Cgroups come and go while they are looked at.

use crate::{
    groups::{Group, load_directory},
    tmux::Terminal,
};
use std::{fs, path::PathBuf};

/// How many.
const MANY: usize = 500;

/// Makes many cgroups below one.
fn made(group: &Group) -> Vec<PathBuf> {
    let above = load_directory(&group.path);
    let directories: Vec<PathBuf> = (0..MANY).map(|number| above.join(format!("one-{number:03}"))).collect();
    for directory in &directories {
        fs::create_dir(directory).expect("a cgroup");
    }
    directories
}

fn remove(directories: &[PathBuf]) {
    for directory in directories {
        fs::remove_dir(directory).expect("an empty cgroup");
    }
}

#[test]
fn many_come_and_go_and_the_details_of_one_say_so() {
    let group = Group::new();
    let directories = made(&group);
    let terminal = Terminal::new(100, 30);
    terminal.run(&format!("$TOP --all -d 0.2 --cgroup /{} --sort name; echo \"status $?\"", group.path));
    let rows = |count: usize| move |screen: &str| screen.starts_with(&format!("{count} rows"));
    terminal.until("all of them", rows(MANY + 1));
    terminal.press("End");
    terminal.until("the last one", |screen| screen.contains("one-499"));
    terminal.press("Enter");
    terminal.until("its details", |screen| screen.contains("LIMIT"));
    remove(&directories);
    terminal.until("that it is gone", |screen| screen.contains("GONE"));
    terminal.press("Escape");
    terminal.until("what is left", |screen| screen.starts_with("1 row"));
    for _ in 0..3 {
        remove(&made(&group));
    }
    // Those that follow are others with the same names.
    let directories = made(&group);
    terminal.until("all of them again", rows(MANY + 1));
    remove(&directories);
    drop(group);
    terminal.until("nothing", |screen| screen.contains("no cgroups"));
    terminal.press("q");
    terminal.until("a good end", |screen| screen.contains("status 0"));
}

#[test]
fn hostile_names_are_only_names() {
    let group = Group::new();
    let names = ["\x1b[2J\x1b]0;x\x07evil".to_owned(), "数据库".repeat(28), "..x\u{202e}y".to_owned()];
    let directories: Vec<PathBuf> = names.iter().map(|name| load_directory(&group.path).join(name)).collect();
    directories.iter().for_each(|directory| fs::create_dir(directory).expect("a cgroup"));
    let terminal = Terminal::new(140, 12);
    terminal.run(&format!("$TOP --tree --all -d 0.2 --cgroup /{}", group.path));
    let screen = terminal.until("all of them", |screen| screen.contains("数据库"));
    assert!(screen.contains("\\u{1b}[2J\\u{1b}]0;x\\u{7}evil"), "{screen}");
    assert!(screen.contains("..x\\u{202e}y"), "{screen}");
    terminal.press("q");
    terminal.until("the end", |screen| !screen.contains("NAME"));
    remove(&directories);
}
