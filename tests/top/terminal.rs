//! The terminal is given back as it was, whatever ends or stops the table.

use crate::{command::kill, processes::until, tmux::Terminal};
use std::fs;

/// A table in a terminal, in front of whose shell `stty` has told how it is.
fn started(terminal: &Terminal) -> i32 {
    terminal.run("stty -a >before");
    terminal.run("$TOP -d 0.2; echo \"status $?\" >status; stty -a >after");
    terminal.until("a table", |screen| screen.contains("NAME"));
    assert!(terminal.is_taken());
    the_top(terminal)
}

/// The process id of the table: the shell's child.
fn the_top(terminal: &Terminal) -> i32 {
    let shell = terminal.shell();
    let mut found = Vec::new();
    until("the table's process", || {
        found = crate::command::children(shell);
        found.len() == 1
    });
    found[0]
}

/// The shell has the terminal again, and finds it as it was.
fn expect_given_back(terminal: &Terminal, how: &str) {
    until("the shell goes on", || fs::read_to_string(terminal.file("after")).is_ok_and(|text| text.ends_with('\n')));
    let [before, after, status] =
        ["before", "after", "status"].map(|name| fs::read_to_string(terminal.file(name)).expect(name));
    assert_eq!(before, after, "{how}");
    assert_eq!(status.trim(), "status 0", "{how}");
    assert!(!terminal.is_taken(), "{how}");
    assert!(!terminal.screen().contains("NAME"), "{how}: {}", terminal.screen());
}

#[test]
fn keys_and_signals_end_it() {
    for key in ["q", "C-c", "F10"] {
        let terminal = Terminal::new(80, 24);
        started(&terminal);
        terminal.press(key);
        expect_given_back(&terminal, key);
    }
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        let terminal = Terminal::new(80, 24);
        let top = started(&terminal);
        kill(top, signal);
        expect_given_back(&terminal, &format!("signal {signal}"));
    }
}

#[test]
fn it_stops_and_goes_on() {
    let terminal = Terminal::new(80, 24);
    terminal.run("stty -a >before");
    terminal.run("$TOP -d 0.2");
    terminal.until("a table", |screen| screen.contains("NAME"));
    let top = the_top(&terminal);
    for by_key in [true, false] {
        if by_key {
            terminal.press("C-z");
        } else {
            kill(top, libc::SIGTSTP);
        }
        terminal.until("the shell", |screen| screen.contains("Stopped") && !screen.contains("NAME"));
        assert!(!terminal.is_taken());
        let _ = fs::remove_file(terminal.file("after"));
        terminal.run("stty -a >after");
        until("stty", || fs::read_to_string(terminal.file("after")).is_ok_and(|text| text.ends_with('\n')));
        let [before, after] = ["before", "after"].map(|name| fs::read_to_string(terminal.file(name)).expect(name));
        assert_eq!(before, after);
        terminal.run("clear; fg");
        terminal.until("the table again", |screen| screen.contains("NAME"));
        assert!(terminal.is_taken());
    }
    // Others may stop it in a way that it does not notice.
    kill(top, libc::SIGSTOP);
    terminal.until("the shell", |screen| screen.contains('$'));
    terminal.run("fg");
    terminal.press("h");
    terminal.until("the help", |screen| screen.contains("KEYS"));
    terminal.press("C-c");
    until("its end", || !std::path::Path::new(&format!("/proc/{top}")).exists());
}

#[test]
fn it_ends_with_its_terminal() {
    let terminal = Terminal::new(80, 24);
    terminal.run("trap '' HUP; $TOP -d 0.2");
    terminal.until("a table", |screen| screen.contains("NAME"));
    let top = the_top(&terminal);
    terminal.close();
    // It ignores the signal, but there is nobody any more to see it.
    until("its end", || !std::path::Path::new(&format!("/proc/{top}")).exists());
}

#[test]
fn a_terminal_that_cannot_be_drawn_on_gets_one_table() {
    let terminal = Terminal::new(80, 24);
    terminal.run("clear; TERM=dumb $TOP --all; echo done");
    let screen = terminal.until("its end", |screen| screen.lines().any(|line| line == "done"));
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    assert!(!terminal.is_taken());
}

#[test]
fn without_colours_there_are_none() {
    let terminal = Terminal::new(80, 24);
    let is_coloured = || terminal.coloured().contains("\x1b[38;5;");
    // A board that is not there is stressed.
    terminal.run("$TOP -d 0.2 --board /nowhere/board");
    terminal.until("a message", |screen| screen.contains("measured here"));
    assert!(is_coloured(), "{:?}", terminal.coloured());
    terminal.press("q");
    terminal.until("the shell", |screen| !screen.contains("NAME"));
    terminal.run("clear; NO_COLOR=1 $TOP -d 0.2 --board /nowhere/board");
    terminal.until("a message", |screen| screen.contains("measured here"));
    assert!(!is_coloured(), "{:?}", terminal.coloured());
}
