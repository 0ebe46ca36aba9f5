//! The process that becomes a program of a root, traced by us from its first instruction on.

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
    /// What it says on standard error.
    pub(super) stderr: PipeReader,
    /// Whether what it starts ends with it.
    pub(super) ends_together: bool,
}

/// Starts `program` with these variables and no others; or why the kernel did not execute it.
pub(super) fn spawn(root: &Sysroot, program: &Path, variables: Variables<'_>) -> Result<io::Result<Spawned>, Untried> {
    let image = ExecArguments::new(program, variables)?;
    let jail = Jail::of(root)?;
    let Some(jail) = &jail else { return outcome(attempt(&image, None)?) };
    let mut refused = io::Error::from(Errno::PERM);
    for &walls in Walls::to_try() {
        match attempt(&image, Some((jail, walls))) {
            Ok(Err(NotSpawned { step: ENTER, error })) if walls == Walls::User => refused = error,
            Ok(done) => return outcome(done),
            // There may be none of users. A chroot is enough only for who may not make any.
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

/// An error of `attempt` itself is that no process was made.
fn attempt(image: &ExecArguments, jail: Option<(&Jail<'_>, Walls)>) -> io::Result<Result<Spawned, NotSpawned>> {
    // A root need not have /dev/null, and nothing is read or written here.
    let (nothing, nowhere) = io::pipe()?;
    let (stderr, said) = io::pipe()?;
    let (mut refusal, refused) = io::pipe()?;
    let namespaces = jail.map_or(0, |(_, walls)| walls.namespaces());
    // SAFETY: as fork(2): no memory is shared, no other thread exists, and the child makes system calls only.
    let pid = unsafe { libc::syscall(libc::SYS_clone, namespaces | libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        // What reads the refusal is ours alone: without us, writing it is an error.
        drop(refusal);
        become_program(image, jail, [nothing.as_fd(), nowhere.as_fd(), said.as_fd()], refused);
    }
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(io::Error::last_os_error)?;
    // With them go our copies of the pipes' ends, so that reading the others comes to an end.
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

/// What the child does until it is the program, or is not.
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
    // SAFETY: ends this process, and nothing of its parent's runs in it.
    unsafe { libc::_exit(127) }
}

fn prepare(
    jail: Option<(&Jail<'_>, Walls)>,
    [input, output, error]: [BorrowedFd<'_>; 3],
    refused: &PipeWriter,
) -> Result<(), (u8, io::Error)> {
    let other = |errno: Errno| (EXECUTE, errno.into());
    dup2_stdin(input).and_then(|()| dup2_stdout(output)).and_then(|()| dup2_stderr(error)).map_err(other)?;
    // What dies must not leave its memory in the root.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(other)?;
    if let Some((jail, walls)) = jail {
        jail.enter(walls).map_err(|errno| (ENTER, errno.into()))?;
    }
    // Without us it would go on to run.
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

/// Whether nobody reads this pipe any more.
fn is_alone(pipe: &PipeWriter) -> rustix::io::Result<bool> {
    let mut ends = [PollFd::new(pipe, PollFlags::OUT)];
    poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(ends[0].revents().contains(PollFlags::ERR))
}

/// A program with its arguments and variables, as execve(2) takes them.
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

    /// Becomes it; why not, if it comes back.
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
