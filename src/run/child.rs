//! Starting a program and waiting for it, so that the process in between goes unnoticed.

use super::{
    apart::{self, Apart, Init},
    environment::LaidOut,
    signals::{self, Inherited, Signal},
};
use crate::failure::OWN_CODE;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait as wait_for_any};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::process::CommandExt,
    },
    process::Command,
    time::Duration,
};

/// A started program.
pub(crate) struct Child {
    pid: Pid,
    /// Of its pid namespace, if it has one of its own. When the child is dropped, that ends.
    init: Option<Init>,
}

/// Why a program was not started.
pub(crate) enum NotStarted {
    /// The kernel did not let it join the cgroup.
    Join(io::Error),
    /// The kernel did not execute it.
    Exec(io::Error),
    /// It was to be supervised, and cannot be.
    Unsupervised(anyhow::Error),
    /// It was to have a pid namespace of its own, and there is none.
    Together(io::Error),
}

/// How a program ended.
pub(crate) enum Ending {
    Exited(u8),
    Killed(i32),
}

impl Ending {
    fn of(status: WaitStatus) -> Self {
        match status.terminating_signal() {
            Some(number) => Self::Killed(number),
            None => Self::Exited(status.exit_status().and_then(|code| code.try_into().ok()).unwrap_or(OWN_CODE)),
        }
    }
}

/// Work to do while the program runs.
pub(crate) trait Meanwhile {
    /// The time until there is something to do; `None` for never.
    fn pause(&self) -> Option<Duration>;
    /// Does what is due.
    fn act(&mut self);
    /// Calls `stop`, which stops us for as long as the program is stopped.
    fn while_stopped(&self, stop: &dyn Fn());
    /// Notes that a child of ours other than the program has ended.
    fn has_buried(&mut self, pid: i32);
}

/// How a program is started.
pub(crate) struct Start {
    pub(crate) command: Command,
    pub(crate) environment: LaidOut,
    /// The `cgroup.procs` files of the cgroups that it becomes a member of.
    pub(crate) joins: Vec<File>,
    pub(crate) inherited: Inherited,
    /// Whether it has a pid namespace of its own.
    pub(crate) apart: Option<Apart>,
}

/// What the child reports before it fails; nothing if it only cannot execute the program.
const NOT_JOINED: u8 = b'!';
const NOT_APART: u8 = b'?';

/// Starts a program.
pub(crate) fn start(start: Start) -> Result<Child, NotStarted> {
    let Some(apart) = start.apart else { return spawn(start).map(|pid| Child { pid, init: None }) };
    let joins: Vec<RawFd> = start.joins.iter().map(AsRawFd::as_raw_fd).collect();
    let (started, init) = apart.enter(&joins, || spawn(start)).map_err(NotStarted::Together)?;
    started.map(|pid| Child { pid, init: Some(init) })
}

fn spawn(start: Start) -> Result<Pid, NotStarted> {
    let Start { mut command, environment, joins, inherited, apart } = start;
    let (mut refusal, mut refused) = io::pipe().map_err(NotStarted::Exec)?;
    let enter = move || {
        for mut join in &joins {
            if let Err(error) = join.write_all(b"0") {
                refused.write_all(&[NOT_JOINED])?;
                return Err(error);
            }
        }
        if apart.is_some() {
            apart::mount_proc().inspect_err(|_| drop(refused.write_all(&[NOT_APART])))?;
        }
        inherited.put_back();
        // SAFETY: the closure owns the environment, and the command owns the closure.
        unsafe { environment.put_in_force() };
        Ok(())
    };
    // SAFETY: the closure makes only system calls, allocates nothing and takes no lock.
    unsafe { command.pre_exec(enter) };
    let spawned = command.spawn();
    // Drops the closure and our copy of the pipe's write end with it, so that reading the other end finishes.
    drop(command);
    let mut word = [0];
    match spawned {
        Ok(child) => Ok(Pid::from_child(&child)),
        Err(error) => Err(match (refusal.read(&mut word), word) {
            (Ok(1), [NOT_JOINED]) => NotStarted::Join(error),
            (Ok(1), [NOT_APART]) => NotStarted::Together(error),
            _ => NotStarted::Exec(error),
        }),
    }
}

impl Child {
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The first process of its pid namespace, which is ours.
    pub(crate) fn init(&self) -> Option<i32> {
        self.init.as_ref().map(Init::pid)
    }

    /// Waits until the program ends; stops and continues along with it, and forwards signals sent only to us.
    pub(crate) fn wait(&self, meanwhile: &mut impl Meanwhile) -> Ending {
        loop {
            let signal = signals::next(meanwhile.pause());
            if let Some(ending) = signal.and_then(|signal| self.obey(&signal, meanwhile)) {
                return ending;
            }
            if meanwhile.pause().is_some_and(|pause| pause.is_zero()) {
                meanwhile.act();
            }
        }
    }

    fn obey(&self, signal: &Signal, meanwhile: &mut impl Meanwhile) -> Option<Ending> {
        match signal.number {
            libc::SIGCHLD => self.reap(meanwhile).1,
            // The program has already stopped, and no further SIGCHLD will report that.
            libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU if self.is_stopped() => {
                let (stopped, ending) = self.reap(meanwhile);
                if !stopped && ending.is_none() {
                    meanwhile.while_stopped(&|| signals::suffer(signal.number));
                }
                ending
            }
            _ => {
                self.hand_on(signal);
                None
            }
        }
    }

    /// Handles everything that happened to our children. Returns whether the program had stopped (then we had too, and
    /// have continued), and how it ended. Orphans that the kernel gave us are reaped.
    fn reap(&self, meanwhile: &mut impl Meanwhile) -> (bool, Option<Ending>) {
        let mut stopped = false;
        while let Ok(Some((pid, status))) = wait_for_any(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
            match status.stopping_signal() {
                None if pid != self.pid => meanwhile.has_buried(pid.as_raw_nonzero().get()),
                Some(_) if pid != self.pid => {}
                None => return (stopped, Some(Ending::of(status))),
                Some(number) => {
                    meanwhile.while_stopped(&|| signals::suffer(number));
                    stopped = true;
                }
            }
        }
        (stopped, None)
    }

    /// Forwards a signal that is meant for the program: one that a process sent to us. A terminal sends its signals to
    /// the whole foreground group, us and the program alike. (What a process sends to our group arrives twice: it
    /// cannot be told apart.)
    fn hand_on(&self, signal: &Signal) {
        let meant = match signal.number {
            libc::SIGCONT => self.is_stopped(),
            // A timer set before we were executed: only we have it, because fork does not pass it on.
            libc::SIGALRM => true,
            _ => signal.sender.is_some_and(|sender| !self.is_within(sender)),
        };
        if meant {
            // SAFETY: sends a signal to a child that has not been waited for, so the number is still its own.
            unsafe { libc::kill(self.pid(), signal.number) };
        }
    }

    fn is_stopped(&self) -> bool {
        let stat = procfs::process::Process::new(self.pid()).and_then(|process| process.stat());
        stat.is_ok_and(|stat| stat.state == 'T')
    }

    /// Whether `process` is us, the program or its descendant: what these send to our group or to their parent is not
    /// meant for the program.
    fn is_within(&self, mut process: i32) -> bool {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        while process != own && process != self.pid() {
            let stat = procfs::process::Process::new(process).and_then(|process| process.stat());
            match stat {
                Ok(stat) if stat.ppid > 0 => process = stat.ppid,
                _ => return false,
            }
        }
        true
    }
}
