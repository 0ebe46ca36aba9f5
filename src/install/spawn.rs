//! The process that becomes a program of a root, traced by us from its first instruction.

use super::{
    jail::{Jail, Walls},
    sysroot::Sysroot,
    untried::Untried,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Pid, Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
    time::Timespec,
};
use std::{
    ffi::{CString, OsStr},
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    ptr,
};

/// The variables of a program's environment.
pub(super) type Variables<'v> = &'v [(&'v str, &'v OsStr)];

/// A process that has executed its program, or is about to.
pub(super) struct Spawned {
    pub(super) pid: Pid,
    /// Its standard error.
    pub(super) stderr: PipeReader,
    /// Whether the processes that it starts end with it.
    pub(super) ends_together: bool,
}

/// Starts `program` with only these variables. The inner error is the kernel's refusal to execute it.
pub(super) fn spawn(root: &Sysroot, program: &Path, variables: Variables<'_>) -> Result<io::Result<Spawned>, Untried> {
    let image = ExecArguments::new(program, variables)?;
    let jail = Jail::of(root)?;
    let Some(jail) = &jail else { return outcome(attempt(&image, None)?) };
    let mut refused = io::Error::from(Errno::PERM);
    for &walls in Walls::to_try() {
        match attempt(&image, Some((jail, walls))) {
            Ok(Err(NotSpawned { step: ENTER, error })) if walls == Walls::User => refused = error,
            Ok(done) => return outcome(done),
            // User namespaces may be unavailable. A chroot is enough only for a process that may not make the others.
            Err(error) if walls != Walls::Root || error.raw_os_error() == Some(libc::EPERM) => refused = error,
            Err(error) => return Err(Untried::NotEntered(error)),
        }
    }
    Err(Untried::NotEntered(refused))
}

/// Why a process did not become the program.
struct NotSpawned {
    step: u8,
    error: io::Error,
}

const ENTER: u8 = b'e';
const TRACE: u8 = b't';
const EXECUTE: u8 = b'x';

fn outcome(done: Result<Spawned, NotSpawned>) -> Result<io::Result<Spawned>, Untried> {
    match done {
        Ok(spawned) => Ok(Ok(spawned)),
        Err(NotSpawned { step: ENTER, error }) => Err(Untried::NotEntered(error)),
        Err(NotSpawned { step: TRACE, error }) => Err(Untried::NotTraced(error)),
        Err(NotSpawned { error, .. }) => Ok(Err(error)),
    }
}

/// The outer error means that no process was made.
fn attempt(image: &ExecArguments, jail: Option<(&Jail<'_>, Walls)>) -> io::Result<Result<Spawned, NotSpawned>> {
    // A root need not have /dev/null, and nothing is read or written here.
    let (nothing, nowhere) = io::pipe()?;
    let (stderr, said) = io::pipe()?;
    let (mut refusal, refused) = io::pipe()?;
    let namespaces = jail.map_or(0, |(_, walls)| walls.namespaces());
    // SAFETY: as fork(2): no memory is shared, no other thread exists, and the child makes only system calls.
    let pid = unsafe { libc::syscall(libc::SYS_clone, namespaces | libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        // We alone read the refusal: if we are gone, writing it fails.
        drop(refusal);
        become_program(image, jail, [nothing.as_fd(), nowhere.as_fd(), said.as_fd()], refused);
    }
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(io::Error::last_os_error)?;
    // Drops our copies of the pipes' write ends, so that reading the others comes to an end.
    drop((said, refused));
    let mut message = [0; 5];
    match refusal.read(&mut message)? {
        0 => {
            let ends_together = jail.is_some_and(|(_, walls)| walls.end_together());
            Ok(Ok(Spawned { pid, stderr, ends_together }))
        }
        _ => {
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
            let [step, number @ ..] = message;
            Ok(Err(NotSpawned { step, error: io::Error::from_raw_os_error(i32::from_ne_bytes(number)) }))
        }
    }
}

/// Runs in the child until it has become the program or has failed to.
fn become_program(
    image: &ExecArguments,
    jail: Option<(&Jail<'_>, Walls)>,
    standard: [BorrowedFd<'_>; 3],
    mut refused: PipeWriter,
) -> ! {
    let (step, error) = match prepare(jail, standard, &refused) {
        Ok(()) => (EXECUTE, image.execute()),
        Err(refused) => refused,
    };
    let mut message = [step; 5];
    message[1..].copy_from_slice(&error.raw_os_error().unwrap_or(libc::EIO).to_ne_bytes());
    let _ = refused.write_all(&message);
    // SAFETY: ends this process, which runs none of its parent's clean-up.
    unsafe { libc::_exit(127) }
}

fn prepare(
    jail: Option<(&Jail<'_>, Walls)>,
    [input, output, error]: [BorrowedFd<'_>; 3],
    refused: &PipeWriter,
) -> Result<(), (u8, io::Error)> {
    let other = |errno: Errno| (EXECUTE, errno.into());
    dup2_stdin(input).and_then(|()| dup2_stdout(output)).and_then(|()| dup2_stderr(error)).map_err(other)?;
    // A crash must not leave a core file in the root.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(other)?;
    if let Some((jail, walls)) = jail {
        jail.enter(walls).map_err(|errno| (ENTER, errno.into()))?;
    }
    // If we ended, it would run on.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(other)?;
    if is_alone(refused).map_err(other)? {
        return Err(other(Errno::SRCH));
    }
    // SAFETY: asks to be traced by the parent; nothing of ours is touched.
    match unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, ptr::null_mut::<()>(), ptr::null_mut::<()>()) } {
        0 => Ok(()),
        _ => Err((TRACE, io::Error::last_os_error())),
    }
}

/// Whether nobody is left to read this pipe.
fn is_alone(pipe: &PipeWriter) -> rustix::io::Result<bool> {
    let mut ends = [PollFd::new(pipe, PollFlags::OUT)];
    poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(ends[0].revents().contains(PollFlags::ERR))
}

/// A program with its arguments and variables, in the form for execve(2).
struct ExecArguments {
    program: CString,
    variables: Vec<CString>,
}

impl ExecArguments {
    fn new(program: &Path, variables: Variables<'_>) -> io::Result<Self> {
        let line = |(name, value): &(&str, &OsStr)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat());
        let variables = variables.iter().map(line).collect::<Result<_, _>>()?;
        Ok(Self { program: CString::new(program.as_os_str().as_bytes())?, variables })
    }

    /// Executes it; returns only on failure, with the reason.
    fn execute(&self) -> io::Error {
        const MOST: usize = 8;
        let mut variables = [ptr::null(); MOST + 1];
        for (to, from) in variables.iter_mut().take(MOST).zip(&self.variables) {
            *to = from.as_ptr();
        }
        let arguments = [self.program.as_ptr(), ptr::null()];
        // SAFETY: all are strings that end in NUL, and both arrays end in a null pointer.
        unsafe { libc::execve(self.program.as_ptr(), arguments.as_ptr(), variables.as_ptr()) };
        io::Error::last_os_error()
    }
}
