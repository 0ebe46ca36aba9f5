//! Starting a program of a root, up to its own first instruction: all that its loader does is done then, and nothing of the
//! program itself has run.

use super::root::Root;
use rustix::{
    fd::OwnedFd,
    fs::{OFlags, fcntl_setfl},
    io::Errno,
    process::{
        Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, chroot, fchdir, getpid, getppid, kill_process,
        set_parent_process_death_signal, setrlimit, waitpid,
    },
    thread::{UnshareFlags, unshare_unsafe},
};
use std::{
    ffi::OsStr,
    fs,
    io::{self, PipeWriter, Read, Write},
    mem::MaybeUninit,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::Path,
    process::{ChildStderr, Command, Stdio},
    ptr,
    time::{Duration, Instant},
};

/// How it went.
#[derive(Debug)]
pub(super) enum Start {
    /// It came to its first instruction.
    Begun {
        /// Whether the loader had mapped the library, and may execute it.
        has_library: bool,
        /// What the loader said on standard error.
        said: String,
    },
    /// It ended before that.
    Ended { how: String, said: String },
    /// The kernel did not execute it.
    NotExecuted(io::Error),
}

/// Why nothing can be tried in this root, by this process.
#[derive(Debug, thiserror::Error)]
pub(super) enum Untried {
    /// Neither root nor a user namespace of our own.
    #[error("no right to enter it: {0}")]
    NotEntered(io::Error),
    /// A filter of system calls, or an emulator.
    #[error("no right to trace a program: {0}")]
    NotTraced(io::Error),
    /// Something of this process: descriptors, memory.
    #[error(transparent)]
    Other(#[from] io::Error),
    /// There are none, or none starts.
    #[error("{0}")]
    NoProgram(String),
}

/// The variables of a program's environment.
pub(super) type Variables<'v> = &'v [(&'v str, &'v OsStr)];

/// Starts `program` with these variables and no others. `library` is the file name of what the loader is to map.
pub(super) fn start(root: &Root, program: &Path, variables: Variables<'_>, library: &OsStr) -> Result<Start, Untried> {
    let mut command = Command::new(program);
    command.env_clear().envs(variables.iter().copied());
    // A root need not have /dev/null, and nothing is read or written here.
    let (nothing, nowhere) = io::pipe()?;
    command.stdin(nothing).stdout(nowhere).stderr(Stdio::piped());
    let (mut refusal, refused) = io::pipe()?;
    let parent = getpid();
    let top = if root.is_own() { None } else { Some(root.top().try_clone()?) };
    // SAFETY: the closure makes system calls only and allocates nothing, and no other thread exists.
    unsafe { command.pre_exec(move || prepare(parent, top.as_ref(), &refused)) };
    let spawned = command.spawn();
    // With it goes our copy of the pipe's end, so that reading the other comes to an end.
    drop(command);
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let mut step = [0];
            return match refusal.read(&mut step) {
                Ok(1) if step == ENTER => Err(Untried::NotEntered(error)),
                Ok(1) => Err(Untried::NotTraced(error)),
                _ => Ok(Start::NotExecuted(error)),
            };
        }
    };
    let traced = Traced { pid: Pid::from_child(&child), begun: Instant::now(), is_over: false };
    Ok(traced.watch(child.stderr.take(), library)?)
}

const ENTER: [u8; 1] = *b"e";
const TRACE: [u8; 1] = *b"t";

/// What the process does before it becomes the program.
fn prepare(parent: Pid, top: Option<&OwnedFd>, mut refused: &PipeWriter) -> io::Result<()> {
    // What dies must not leave its memory in the root.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    if let Some(Err(error)) = top.map(enter) {
        refused.write_all(&ENTER)?;
        return Err(error.into());
    }
    // Without us it would go on to run.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(parent) {
        return Err(Errno::SRCH.into());
    }
    // SAFETY: asks to be traced by the parent; nothing of ours is touched.
    if unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, ptr::null_mut::<()>(), ptr::null_mut::<()>()) } != 0 {
        let error = io::Error::last_os_error();
        refused.write_all(&TRACE)?;
        return Err(error);
    }
    Ok(())
}

fn enter(top: &OwnedFd) -> rustix::io::Result<()> {
    fchdir(top)?;
    match chroot(".") {
        Err(Errno::PERM) => {
            // In a user namespace of its own, every process may. Files stay this user's.
            // SAFETY: this process has one thread, and shares no descriptors.
            unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }?;
            chroot(".")
        }
        entered => entered,
    }
}

/// A program that stops for us, killed and buried with this.
struct Traced {
    pid: Pid,
    begun: Instant,
    is_over: bool,
}

impl Traced {
    fn watch(mut self, stderr: Option<ChildStderr>, library: &OsStr) -> io::Result<Start> {
        let early = match self.next_stop()? {
            // Executed, and nothing else yet.
            Ok(_) => self.go_to_entry()?,
            Err(how) => Some(how),
        };
        let has_library = early.is_none() && is_mapped(&fs::read(self.file("maps"))?, library);
        drop(self);
        let said = said(stderr);
        Ok(match early {
            Some(how) => Start::Ended { how, said },
            None => Start::Begun { has_library, said },
        })
    }

    /// Lets it run to the program's entry; how it ended, if it did not come there.
    fn go_to_entry(&mut self) -> io::Result<Option<String>> {
        let entry = entry(&fs::read(self.file("auxv"))?)?;
        self.trace(libc::PTRACE_SETOPTIONS, 0, libc::PTRACE_O_EXITKILL as u64)?;
        self.trace(libc::PTRACE_POKETEXT, entry, TRAP)?;
        let mut deliver = 0;
        loop {
            self.trace(libc::PTRACE_CONT, 0, deliver)?;
            match self.next_stop()? {
                // The library's initialisation may raise the same signal.
                Ok(libc::SIGTRAP) if self.is_at(entry)? => return Ok(None),
                // It may be meant for it, or kill it.
                Ok(signal) => deliver = u64::from(signal.unsigned_abs()),
                Err(how) => return Ok(Some(how)),
            }
        }
    }

    /// Whether it has stopped at the trap that lies at `entry`.
    fn is_at(&self, entry: u64) -> io::Result<bool> {
        const GENERAL: u64 = 1; // NT_PRSTATUS
        let mut registers = MaybeUninit::<libc::user_regs_struct>::zeroed();
        let mut room = libc::iovec { iov_base: registers.as_mut_ptr().cast(), iov_len: size_of_val(&registers) };
        self.trace(libc::PTRACE_GETREGSET, GENERAL, (&raw mut room) as u64)?;
        // SAFETY: all bytes zero are valid, and the kernel has filled them in.
        Ok(entry == before_trap(unsafe { registers.assume_init_ref() }))
    }

    /// Waits until it stops, for a signal; or how it ended.
    fn next_stop(&mut self) -> io::Result<Result<i32, String>> {
        const LONGEST: Duration = Duration::from_secs(10);
        let begun = self.begun;
        let status = loop {
            match waitpid(Some(self.pid), WaitOptions::NOHANG)? {
                Some((_, status)) => break status,
                None if begun.elapsed() > LONGEST => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "a program of it has not started within 10 seconds",
                    ));
                }
                None => std::thread::sleep(Duration::from_micros(200)),
            }
        };
        if let Some(signal) = status.stopping_signal() {
            return Ok(Ok(signal));
        }
        self.is_over = true;
        Ok(Err(ending(status)))
    }

    fn trace(&self, request: libc::c_uint, at: u64, data: u64) -> io::Result<()> {
        let pid = self.pid.as_raw_nonzero().get();
        // SAFETY: the requests that are made here touch the memory of the child alone, which is stopped and ours.
        match unsafe { libc::ptrace(request, pid, at, data) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid.as_raw_nonzero())
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = kill_process(self.pid, Signal::KILL);
            while waitpid(Some(self.pid), WaitOptions::empty()).is_ok_and(|it| it.is_some_and(|(_, it)| it.stopped())) {
            }
        }
    }
}

/// The processor's instruction that stops a traced program, as often as it fits into a word.
const TRAP: u64 = if cfg!(target_arch = "aarch64") { 0xd420_0000_d420_0000 } else { 0xcccc_cccc_cccc_cccc };

/// The address of the trap that a program has stopped at.
#[cfg(target_arch = "x86_64")]
fn before_trap(registers: &libc::user_regs_struct) -> u64 {
    // The processor has gone past it.
    registers.rip.wrapping_sub(1)
}

/// The address of the trap that a program has stopped at.
#[cfg(target_arch = "aarch64")]
fn before_trap(registers: &libc::user_regs_struct) -> u64 {
    registers.pc
}

/// Where the program's own instructions begin, by what the kernel tells its loader.
fn entry(vector: &[u8]) -> io::Result<u64> {
    const AT_ENTRY: u64 = 9;
    let (words, _) = vector.as_chunks::<8>();
    let pairs = words.iter().map(|word| u64::from_ne_bytes(*word)).collect::<Vec<_>>();
    let entry = pairs.chunks_exact(2).find(|pair| pair[0] == AT_ENTRY).map(|pair| pair[1]);
    entry.ok_or_else(|| io::Error::other("no AT_ENTRY in /proc/PID/auxv"))
}

/// Whether a file of this name is mapped, with the right to execute it. Its path is longer by the root's.
fn is_mapped(maps: &[u8], name: &OsStr) -> bool {
    let end = [b"/", name.as_bytes()].concat();
    let is_executable = |line: &[u8]| line.split(|byte| *byte == b' ').nth(1).is_some_and(|mode| mode.contains(&b'x'));
    maps.split(|byte| *byte == b'\n').any(|line| line.ends_with(&end) && is_executable(line))
}

fn ending(status: WaitStatus) -> String {
    match (status.terminating_signal(), status.exit_status()) {
        (Some(signal), _) => format!("was killed by signal {signal}"),
        (None, code) => format!("ended with status {}", code.unwrap_or_default()),
    }
}

/// The beginning of what a program that is over has said. What it has started may be alive, and hold the pipe.
fn said(stderr: Option<ChildStderr>) -> String {
    const MOST: u64 = 1000;
    let mut said = Vec::new();
    if let Some(pipe) = stderr.filter(|pipe| fcntl_setfl(pipe, OFlags::NONBLOCK).is_ok()) {
        let _ = pipe.take(MOST).read_to_end(&mut said);
    }
    String::from_utf8_lossy(&said).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_this_machine(program: &str, preload: Option<&str>, library: &str) -> Start {
        let root = Root::open(Path::new("/")).unwrap();
        let variables = preload.map(|preload| ("LD_PRELOAD", OsStr::new(preload)));
        start(&root, Path::new(program), variables.as_slice(), library.as_ref()).unwrap()
    }

    #[test]
    fn a_program_begins_and_goes_no_further() {
        let started = of_this_machine("/bin/false", None, "libc.so.6");
        assert!(matches!(started, Start::Begun { has_library: true, .. }), "{started:?}");
        let started = of_this_machine("/bin/false", None, "libnone.so");
        assert!(matches!(&started, Start::Begun { has_library: false, said } if said.is_empty()), "{started:?}");
    }

    #[test]
    fn what_the_loader_says_is_heard() {
        let started = of_this_machine("/bin/false", Some("/nowhere.so"), "nowhere.so");
        let is_heard = |started: &Start| match started {
            Start::Begun { has_library: false, said } => said.contains("/nowhere.so"),
            _ => false,
        };
        assert!(is_heard(&started), "{started:?}");
        assert!(matches!(of_this_machine("/etc/passwd", None, "x"), Start::NotExecuted(_)));
    }

    #[test]
    fn maps_name_files_by_longer_paths() {
        let maps =
            b"7f00-7f01 r-xp 00000000 fd:00 7 /root/usr/lib/libcgproc.so\n7f01-7f02 r--p 0 fd:00 8 /x/libother.so\n";
        assert!(is_mapped(maps, "libcgproc.so".as_ref()));
        assert!(!is_mapped(maps, "cgproc.so".as_ref()));
        assert!(!is_mapped(maps, "libother.so".as_ref()));
    }
}
