//! Starts a program of a root up to its own first instruction: its loader has done all its work, and nothing of the
//! program itself has run.

use super::{
    jail::NOBODY,
    spawn::{Spawned, Variables, spawn},
    sysroot::Sysroot,
    untried::Untried,
};
use crate::host::auxv;
use rustix::{
    fs::{OFlags, fcntl_setfl},
    process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid},
};
use std::{
    ffi::OsStr,
    fs,
    io::{self, PipeReader, Read},
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::Path,
    time::{Duration, Instant},
};

/// The outcome.
#[derive(Debug)]
pub(super) enum Start {
    /// It reached its first instruction.
    Begun {
        /// Whether the loader had mapped the library as executable.
        has_library: bool,
        /// The loader's output on standard error.
        said: String,
    },
    /// It ended before.
    Ended { how: String, said: String },
    /// The kernel did not execute it.
    NotExecuted(io::Error),
}

/// Starts `program` with only these variables. `library` is the file name of the library that the loader is expected to
/// map.
pub(super) fn start(
    root: &Sysroot,
    program: &Path,
    variables: Variables<'_>,
    library: &OsStr,
) -> Result<Start, Untried> {
    let Spawned { pid, stderr, ends_together } = match spawn(root, program, variables)? {
        Ok(spawned) => spawned,
        Err(error) => return Ok(Start::NotExecuted(error)),
    };
    let traced = Traced { pid, begun: Instant::now(), is_over: false, ends_together };
    Ok(traced.watch(stderr, library)?)
}

/// A program under trace, killed and reaped when dropped.
struct Traced {
    pid: Pid,
    begun: Instant,
    is_over: bool,
    ends_together: bool,
}

impl Traced {
    fn watch(mut self, stderr: PipeReader, library: &OsStr) -> io::Result<Start> {
        let early = match self.next_stop()? {
            // It has been executed, and nothing more.
            Ok(_) => self.go_to_entry()?,
            Err(how) => Some(how),
        };
        let has_library = early.is_none() && is_mapped(&self.read("maps")?, library);
        drop(self);
        let said = said(stderr);
        Ok(match early {
            Some(how) => Start::Ended { how, said },
            None => Start::Begun { has_library, said },
        })
    }

    /// Runs it to the program's entry; if it ends before, returns how.
    fn go_to_entry(&mut self) -> io::Result<Option<String>> {
        let entry = entry(&self.read("auxv")?)?;
        self.trace(libc::PTRACE_SETOPTIONS, 0, libc::PTRACE_O_EXITKILL as u64)?;
        self.trace(libc::PTRACE_POKETEXT, entry, TRAP)?;
        let mut deliver = 0;
        loop {
            self.trace(libc::PTRACE_CONT, 0, deliver)?;
            match self.next_stop()? {
                // The library's initialisation may raise the same signal.
                Ok(libc::SIGTRAP) if self.is_at(entry)? => return Ok(None),
                Ok(signal) if self.is_killed_by(signal)? => return Ok(Some(format!("was killed by signal {signal}"))),
                // The program may handle it, or be killed by it.
                Ok(signal) => deliver = u64::from(signal.unsigned_abs()),
                Err(how) => return Ok(Some(how)),
            }
        }
    }

    /// Whether this signal would kill it if it were not the first process of a namespace, which the kernel spares.
    fn is_killed_by(&self, signal: i32) -> io::Result<bool> {
        const HARMLESS: [i32; 8] = [
            libc::SIGCHLD,
            libc::SIGCONT,
            libc::SIGSTOP,
            libc::SIGTSTP,
            libc::SIGTTIN,
            libc::SIGTTOU,
            libc::SIGURG,
            libc::SIGWINCH,
        ];
        let status = fs::read_to_string(self.file("status"))?;
        let mask = |name| {
            let text = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            u64::from_str_radix(text.trim(), 16).unwrap_or_default()
        };
        let is_in = |mask: u64| (1..=64).contains(&signal) && mask >> (signal - 1) & 1 != 0;
        let is_expected = is_in(mask("SigCgt:")) || is_in(mask("SigIgn:"));
        Ok(self.ends_together && !is_expected && !HARMLESS.contains(&signal))
    }

    /// Whether it has stopped at the trap at `entry`.
    fn is_at(&self, entry: u64) -> io::Result<bool> {
        const GENERAL: u64 = 1; // NT_PRSTATUS
        let mut registers = MaybeUninit::<libc::user_regs_struct>::zeroed();
        let mut room = libc::iovec { iov_base: registers.as_mut_ptr().cast(), iov_len: size_of_val(&registers) };
        self.trace(libc::PTRACE_GETREGSET, GENERAL, (&raw mut room) as u64)?;
        // SAFETY: zero bytes are valid, and the kernel has filled them in.
        Ok(entry == before_trap(unsafe { registers.assume_init_ref() }))
    }

    /// Waits until a signal stops it; if it ends instead, returns how.
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
        // SAFETY: these requests touch only the memory of the child, which is stopped and ours.
        match unsafe { libc::ptrace(request, pid, at, data) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Reads one of its files that only its user may read. If root has no right to trace others, as in a container, we
    /// take on that user for the file system meanwhile.
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let read = fs::read(self.file(name));
        if !read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
            return read;
        }
        // SAFETY: both change only how file systems see this thread.
        let (user, group) = unsafe { (libc::setfsuid(NOBODY), libc::setfsgid(NOBODY)) };
        let read = fs::read(self.file(name));
        // SAFETY: as above; this restores what was there before.
        unsafe { (libc::setfsgid(group.cast_unsigned()), libc::setfsuid(user.cast_unsigned())) };
        read
    }

    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid.as_raw_nonzero())
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if !self.is_over {
            // If we may not kill it, it is not waited for: it ends with us.
            let is_killed = kill_process(self.pid, Signal::KILL).is_ok();
            while is_killed
                && waitpid(Some(self.pid), WaitOptions::empty()).is_ok_and(|it| it.is_some_and(|(_, it)| it.stopped()))
            {
            }
        }
    }
}

/// The processor's breakpoint instruction, repeated to fill a word.
const TRAP: u64 = if cfg!(target_arch = "aarch64") { 0xd420_0000_d420_0000 } else { 0xcccc_cccc_cccc_cccc };

/// The address of the trap that a program has stopped at.
#[cfg(target_arch = "x86_64")]
fn before_trap(registers: &libc::user_regs_struct) -> u64 {
    // The processor is already past it.
    registers.rip.wrapping_sub(1)
}

/// The address of the trap that a program has stopped at.
#[cfg(target_arch = "aarch64")]
fn before_trap(registers: &libc::user_regs_struct) -> u64 {
    registers.pc
}

/// The address of the program's own first instruction, as the kernel tells its loader.
fn entry(vector: &[u8]) -> io::Result<u64> {
    const AT_ENTRY: u64 = 9;
    auxv::value(vector, AT_ENTRY).ok_or_else(|| io::Error::other("no AT_ENTRY in /proc/PID/auxv"))
}

/// Whether a file of this name is mapped as executable. Its path also has the root's in front.
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

/// The beginning of what an ended program wrote. Processes that it started may be alive and hold the pipe open.
fn said(stderr: PipeReader) -> String {
    const MOST: u64 = 1000;
    let mut said = Vec::new();
    if fcntl_setfl(&stderr, OFlags::NONBLOCK).is_ok() {
        let _ = stderr.take(MOST).read_to_end(&mut said);
    }
    String::from_utf8_lossy(&said).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_this_machine(program: &str, preload: Option<&str>, library: &str) -> Start {
        let root = Sysroot::open(Path::new("/")).unwrap();
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
