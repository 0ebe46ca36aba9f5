//! Nobody who leaves unread what is written can keep it from ending or stopping.

use crate::{
    bed::until,
    command::{Started, cgproc, kill},
    groups::Group,
};
use std::{
    fs::{self, File},
    io::Read as _,
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd as _, FromRawFd as _},
        unix::process::CommandExt as _,
    },
    path::Path,
    process::Stdio,
    ptr,
};

/// Both ends of a terminal: the one that shows it, and the one that programs have.
fn terminal() -> [File; 2] {
    let (mut outer, mut inner) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the numbers and the size outlive the call, and nothing else is asked for.
    let outcome =
        unsafe { libc::openpty(&raw mut outer, &raw mut inner, ptr::null_mut(), ptr::null(), &raw const size) };
    assert_eq!(outcome, 0, "a terminal");
    // SAFETY: both are open, and belong to nobody else.
    [outer, inner].map(|number| unsafe { File::from_raw_fd(number) })
}

/// Whether the terminal hands over lines, not single keys.
fn has_lines(terminal: &File) -> bool {
    let mut how = MaybeUninit::zeroed();
    // SAFETY: `how` outlives the call, which initialises it; a zeroed one is one too.
    let how: libc::termios = unsafe {
        assert_eq!(libc::tcgetattr(terminal.as_raw_fd(), how.as_mut_ptr()), 0);
        how.assume_init()
    };
    how.c_lflag & libc::ICANON != 0
}

#[test]
fn a_terminal_that_is_halted_gets_back_what_it_was() {
    let [mut outer, inner] = terminal();
    let mut top = cgproc(&["top", "-d", "0.2", "--board", "/nowhere/board"]);
    let end = || Stdio::from(inner.try_clone().expect("the terminal"));
    top.stdin(end()).stdout(end()).stderr(end()).env("TERM", "xterm").env_remove("XDG_RUNTIME_DIR");
    let mut top = Started::new(&mut top);
    let (mut seen, mut some) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&seen).contains("NAME") {
        let count = outer.read(&mut some).expect("a table");
        seen.extend_from_slice(&some[..count]);
    }
    let own = format!("/dev/shm/cgproc-run-{}", top.pid());
    until("its own board", || Path::new(&own).exists());
    assert!(!has_lines(&inner));
    // As Ctrl-S does.
    // SAFETY: the terminal is open.
    assert_eq!(unsafe { libc::tcflow(inner.as_raw_fd(), libc::TCOOFF) }, 0);
    // More than may be waiting to be heard.
    for _ in 0..100 {
        kill(top.pid(), libc::SIGWINCH);
    }
    kill(top.pid(), libc::SIGTERM);
    until("its end", || top.0.try_wait().expect("its state").is_some());
    assert_eq!(top.ended().code(), Some(0));
    assert!(has_lines(&inner), "keys are lines again");
    assert!(!Path::new(&own).exists(), "{own}");
}

#[test]
fn a_pager_that_waits_does_not_keep_it_from_stopping() {
    let group = Group::new();
    let below: Vec<Group> = (0..8).map(|number| group.below(&format!("one-{number}"))).collect();
    let mut top = cgproc(&["top", "-b", "--json", "-d", "0.1", "--cgroup", &format!("/{}", group.path)]);
    let (pipe, end) = std::io::pipe().expect("a pipe");
    // SAFETY: the pipe is open.
    let room = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert!(room >= 4096, "a small pipe");
    // A group of its own, which has its parent in another one: the kernel does not stop one that has nobody.
    let mut top = Started::new(top.stdout(end).process_group(0));
    let waiting = || {
        let mut count = 0;
        // SAFETY: the pipe is open, and the number outlives the call.
        assert_eq!(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) }, 0);
        count
    };
    until("a full pipe", || waiting() == room);
    kill(top.pid(), libc::SIGTSTP);
    let state = || {
        let text = fs::read_to_string(format!("/proc/{}/stat", top.pid())).expect("its state");
        text.rsplit_once(") ").expect("a state").1.to_owned()
    };
    until("that it stops", || state().starts_with('T'));
    kill(top.pid(), libc::SIGCONT);
    until("that it goes on", || !state().starts_with('T'));
    drop(pipe);
    until("its end", || top.0.try_wait().expect("its state").is_some());
    drop(below);
}
