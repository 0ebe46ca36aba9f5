//! Statuses, signals and terminals: a program fares as if it ran alone.

use crate::{
    bed,
    harness::{Started, cgproc, changed, has_obeyed, kill, read, run, tempfile, until},
};
use std::{
    fs,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::OpenOptionsExt as _,
            process::{CommandExt as _, ExitStatusExt as _},
        },
    },
    process::{Command, Stdio},
};

#[test]
fn the_programs_status_is_the_commands() {
    for options in [&["--memory", "64M"][..], &["--memory", "64M", "--pidns"]] {
        for code in [0, 1, 3, 125, 255] {
            assert_eq!(run(options, &format!("exit {code}")).status.code(), Some(code));
        }
        for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSEGV, libc::SIGPIPE, libc::SIGRTMIN() + 2] {
            let status = run(options, &format!("kill -{signal} $$")).status;
            assert_eq!(status.signal(), Some(signal), "{status:?}");
            assert!(!status.core_dumped());
        }
    }
}

#[test]
fn the_program_is_started_as_if_alone() {
    // Descriptors, signals, environment, limits and position among the processes, except the process's own numbers.
    let script = "cat; for f in /proc/self/fd/*; do echo $f; done; grep -E '^(Sig[BCI]|ShdPnd|Umask|Cpus_allowed:)' \
                  /proc/self/status; env | grep -vE '^(LD_PRELOAD|CGPROC|_)'; ulimit -a; ps -o pgid=,sid=,tty=,ni= -p $$; \
                  echo $0 $1 \"$2\"";
    let told = |mut command: Command| {
        command.args(["sh", "-c", script, "zeroth", "first", "se cond"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("Z", "1").env("A", "a=b\u{e9}").env("CGPROC_OBJECT", bed::object()).process_group(0);
        let mut program = Started::new(&mut command);
        let pid = program.pid();
        program.0.stdin.take().expect("a pipe").write_all(b"input\n").expect("written");
        let mut text = String::new();
        program.0.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
        assert!(program.ended().success());
        text.replace(&pid.to_string(), "GROUP")
    };
    let alone = told(Command::new("env"));
    assert!(alone.starts_with("input\n") && alone.contains("SigBlk"), "{alone}");
    let under_the_command = told(cgproc(&["run", "--memory", "1G", "--"]));
    assert_eq!(under_the_command.lines().count(), alone.lines().count(), "{under_the_command}");
    for (with, without) in under_the_command.lines().zip(alone.lines()) {
        assert_eq!(with.trim(), without.trim());
    }
}

#[test]
fn signal_dispositions_and_closed_descriptors_are_passed_on() {
    for shell in ["trap '' PIPE CHLD HUP", "trap - PIPE", "exec <&-", "exec >&-", "exec <&- 2>&-"] {
        let told = |prefix: &str| {
            let file = tempfile();
            let script = format!(
                "{shell}; exec {prefix} sh -c 'grep ^Sig[BI] /proc/self/status >{0}; ls /proc/$$/fd >>{0}'",
                file.display()
            );
            let status = Command::new("sh").args(["-c", &script]).env("CGPROC_OBJECT", bed::object()).status();
            assert!(status.expect("sh").success(), "{script}");
            let text = read(&file);
            fs::remove_file(&file).expect("removed");
            text
        };
        let alone = told("env");
        assert!(alone.contains("SigIgn"), "{alone}");
        assert_eq!(told(&format!("{} run --memory 1G", bed::command().display())), alone, "after {shell}");
    }
}

/// Programs that a shell starts in the background ignore interrupts, and so would everything that such a test starts.
fn heeding_interrupts(command: &mut Command) -> &mut Command {
    let heed = || {
        // SAFETY: system calls that touch no memory.
        unsafe {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            libc::signal(libc::SIGQUIT, libc::SIG_DFL);
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only.
    unsafe { command.pre_exec(heed) }
}

#[test]
fn what_is_sent_to_the_command_reaches_the_program() {
    let script = "trap 'echo got; exit 9' TERM HUP USR1 INT; echo ready; while :; do sleep 0.02; done";
    let signals = [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGINT];
    for (signal, option) in signals.into_iter().flat_map(|it| [(it, "--static=auto"), (it, "--pidns")]) {
        let mut command = cgproc(&["run", "-m", "64M", option, "sh", "-c", script]);
        let mut program = Started::new(heeding_interrupts(&mut command).stdout(Stdio::piped()));
        assert_eq!(program.line(), "ready");
        kill(program.pid(), signal);
        assert_eq!(program.line(), "got", "signal {signal}");
        assert_eq!(program.ended().code(), Some(9));
    }
}

#[test]
fn a_program_that_signals_its_group_hears_it_once() {
    let told = tempfile();
    let script = format!(
        "trap 'n=$((n+1))' USR1; kill -USR1 0; echo sent; until [ -e {} ]; do sleep 0.02; done; echo $n",
        told.display()
    );
    let mut command = cgproc(&["run", "-m", "64M", "sh", "-c", &script]);
    let mut program = Started::new(command.process_group(0).stdout(Stdio::piped()));
    assert_eq!(program.line(), "sent");
    // The command has received it too. By now it has passed on whatever it passes on.
    until("the command's rest", || has_obeyed(program.pid()));
    fs::write(&told, "").expect("written");
    assert_eq!(program.line(), "1");
    assert!(program.ended().success());
    fs::remove_file(&told).expect("removed");
}

#[test]
fn a_timer_set_before_reaches_the_program() {
    let script = "alarm 1; exec @ARGV or die";
    let mut command = Command::new("perl");
    command.args(["-e", script, "--"]).arg(bed::command()).args(["run", "-m", "64M", "sleep", "60"]);
    let status = command.env("CGPROC_OBJECT", bed::object()).status().expect("perl");
    assert_eq!(status.signal(), Some(libc::SIGALRM));
}

#[test]
fn it_stops_and_goes_on_with_the_program() {
    let script = "echo ready; read x; exit 7";
    let mut command = cgproc(&["run", "-m", "64M", "sh", "-c", script]);
    let mut program = Started::new(command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0));
    assert_eq!(program.line(), "ready");
    for (target, signal) in [(program.child(), libc::SIGSTOP), (-program.pid(), libc::SIGTSTP)] {
        kill(target, signal);
        let status = changed(program.pid());
        assert!(libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == signal, "{status:#x}");
        // Sent to the command alone: it must continue the program itself.
        kill(program.pid(), libc::SIGCONT);
        // If it passed it on late, it would undo the next stop.
        until("the command going on", || has_obeyed(program.pid()));
    }
    drop(program.0.stdin.take());
    assert_eq!(program.ended().code(), Some(7));
}

/// A pseudo-terminal with a job-control shell in its foreground, which runs `script`.
struct Terminal {
    screen: BufReader<File>,
    shell: Started,
}

impl Terminal {
    fn new(script: &str) -> Self {
        let open = |path: &str| File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path);
        let master = open("/dev/ptmx").expect("/dev/ptmx");
        let (mut number, unlocked): (i32, i32) = (0, 0);
        // SAFETY: both requests take a pointer to an int, which outlives the call.
        let made = unsafe {
            libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) == 0
                && libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) == 0
        };
        assert!(made, "a pseudo-terminal");
        let slave = open(&format!("/dev/pts/{number}")).expect("its other end");
        let mut command = Command::new("sh");
        // The end of the session would discard output that has not reached the screen yet.
        command
            .args(["-c", &format!("{script}; read last")])
            .env("CGPROC_OBJECT", bed::object())
            .env_remove("LD_PRELOAD");
        command.stdout(slave.try_clone().expect("a copy")).stderr(slave.try_clone().expect("a copy")).stdin(slave);
        let lead = || {
            // SAFETY: both are system calls; standard input is the terminal.
            let leads = unsafe { libc::setsid() != -1 && libc::ioctl(0, libc::TIOCSCTTY, 0) != -1 };
            if leads { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        };
        // SAFETY: the closure makes system calls only.
        unsafe { heeding_interrupts(&mut command).pre_exec(lead) };
        Self { screen: BufReader::new(master), shell: Started::new(&mut command) }
    }

    fn types(&mut self, text: &str) {
        self.screen.get_mut().write_all(text.as_bytes()).expect("typed");
    }

    /// Reads the screen until a line ends in `text`.
    fn shows(&mut self, text: &str) {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let read = self.screen.read_line(&mut line);
            assert!(read.is_ok_and(|read| read > 0), "{text:?} did not come after\n{all}");
            all.push_str(&line);
            if line.trim_end().ends_with(text) {
                return;
            }
        }
    }
}

/// Runs the test with the program alone and under the command: the shell must not see a difference.
fn alone_and_under_the_command(test: impl Fn(&str)) {
    test("env");
    test(&format!("{} run --memory 64M --", bed::command().display()));
    test(&format!("{} run --memory 64M --pidns --", bed::command().display()));
}

#[test]
fn an_interrupt_from_the_terminal() {
    alone_and_under_the_command(|prefix| {
        let script = format!("trap : INT; {prefix} sh -c 'echo ready; while :; do sleep 0.02; done'; echo status $?");
        let mut terminal = Terminal::new(&script);
        terminal.shows("ready");
        terminal.types("\x03");
        terminal.shows("status 130");
        let script = format!("trap : INT; {prefix} sh -c 'trap \"exit 9\" INT; echo ready; read x'; echo status $?");
        let mut terminal = Terminal::new(&script);
        terminal.shows("ready");
        terminal.types("\x03");
        terminal.shows("status 9");
    });
}

#[test]
fn stopped_from_the_terminal_and_brought_back() {
    alone_and_under_the_command(|prefix| {
        let script = format!(
            "set -m; {prefix} sh -c 'echo ready; read x; echo \"read $x\"; exit 7'; echo status $?; fg; echo status $?"
        );
        let mut terminal = Terminal::new(&script);
        terminal.shows("ready");
        terminal.types("\x1a");
        terminal.shows("status 148");
        terminal.types("word\n");
        terminal.shows("read word");
        terminal.shows("status 7");
        terminal.types("\n");
        assert!(terminal.shell.ended().success());
    });
}
