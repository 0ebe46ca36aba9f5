//! A real terminal, as far as programs can tell: tmux, without anybody who looks.

use crate::{
    bed::{self, until_but},
    processes::serial,
};
use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// A terminal with a shell, which is ended with the test.
pub(crate) struct Terminal {
    directory: PathBuf,
}

impl Terminal {
    /// A terminal of this size. Its shell knows `$TOP`, the command under test.
    pub(crate) fn new(columns: u32, rows: u32) -> Self {
        let directory = std::env::temp_dir().join(format!("cgproc-test-top-{}", serial()));
        std::fs::create_dir(&directory).expect("a directory");
        let terminal = Self { directory };
        let size = [columns, rows].map(|size| size.to_string());
        let place = terminal.directory.display();
        let shell =
            format!("cd {place} && exec env TOP='{} top' PS1='$ ' bash --norc --noprofile", bed::command().display());
        let new = ["new-session", "-d", "-x", &size[0], "-y", &size[1], &shell];
        let output = terminal.tmux(&new);
        assert!(output.status.success(), "tmux: {}", String::from_utf8_lossy(&output.stderr));
        terminal.until("a shell", |screen| screen.contains('$'));
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(self.directory.join("socket")).args(arguments);
        command.env("LC_ALL", "C.UTF-8").env_remove("TMUX").env_remove("NO_COLOR");
        command.output().expect("tmux")
    }

    /// Runs a command in the shell.
    pub(crate) fn run(&self, line: &str) {
        self.write(line);
        self.press("Enter");
    }

    /// Types text.
    pub(crate) fn write(&self, text: &str) {
        assert!(self.tmux(&["send-keys", "-l", text]).status.success());
    }

    /// Presses a key, by tmux's name for it.
    pub(crate) fn press(&self, key: &str) {
        assert!(self.tmux(&["send-keys", key]).status.success());
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// The same with the colours.
    pub(crate) fn coloured(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p", "-e"]).stdout).into_owned()
    }

    /// The lines on the screen.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.screen().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until the screen is as it should be, and returns it.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let mut screen = String::new();
        let see = || {
            screen = self.screen();
            is_so(&screen)
        };
        until_but(what, see, || format!("the screen is\n{}", self.screen()));
        screen
    }

    /// Whether a program has the screen for itself.
    pub(crate) fn is_taken(&self) -> bool {
        let output = self.tmux(&["display-message", "-p", "#{alternate_on}#{cursor_flag}"]);
        match String::from_utf8_lossy(&output.stdout).trim() {
            "10" | "11" => true,
            "01" => false,
            other => panic!("the shell's screen without a cursor: {other}"),
        }
    }

    /// The process id of its shell.
    pub(crate) fn shell(&self) -> i32 {
        let output = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a process id")
    }

    /// A file in the shell's directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes the terminal larger or smaller.
    pub(crate) fn resize(&self, columns: u32, rows: u32) {
        let size = [columns, rows].map(|size| size.to_string());
        assert!(self.tmux(&["resize-window", "-x", &size[0], "-y", &size[1]]).status.success());
    }

    /// Closes it, like a window.
    pub(crate) fn close(&self) {
        self.tmux(&["kill-server"]);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.close();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
