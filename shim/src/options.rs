//! What the environment asks for, read once. A value that does not parse turns everything off: any doubt, the kernel.

use crate::{environment, sys};
use calc::scan::{self, Name};
use calc::settings::{Answered, cpus_milli, size_bytes};
use calc::{answer::Answer, cgroup::places::Whose};
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::*};

/// Bits of [`FLAGS`]; the others say which answers are given.
const READ: u32 = 1 << 31;
const OFF: u32 = 1 << 30;
const UPTIME_HOST: u32 = 1 << 29;
const AFFINITY_KERNEL: u32 = 1 << 28;
const URING_ASKED: u32 = 1 << 27;
const VIEWS_ANOTHER: u32 = 1 << 26;

static FLAGS: AtomicU32 = AtomicU32::new(0);
static CPUS_MILLI: AtomicU64 = AtomicU64::new(0);
static MEMORY_BYTES: AtomicU64 = AtomicU64::new(0);
static CGROUP: Text = Text::new();
static DEBUG: Text = Text::new();
static BOARD: Text = Text::new();

/// The program has put on a seccomp filter, which may kill for any system call that the program did not foresee.
static SANDBOXED: AtomicBool = AtomicBool::new(false);

/// A short text that outlives the environment it came from (programs overwrite theirs to set a title).
struct Text([AtomicU8; ROOM]);

/// Bytes that are kept of a value, with a final NUL.
const ROOM: usize = 256;

impl Text {
    const fn new() -> Self {
        Self([const { AtomicU8::new(0) }; ROOM])
    }

    /// Keeps `value`; `None` when it is too long. The last byte stays NUL.
    #[inline(never)]
    fn set(&self, value: &[u8]) -> Option<()> {
        if value.len() >= ROOM {
            return None;
        }
        for (to, from) in self.0.iter().zip(value) {
            to.store(*from, Relaxed);
        }
        Some(())
    }

    /// Keeps an absolute path.
    fn set_path(&self, value: &[u8]) -> Option<()> {
        if value.first() == Some(&b'/') { self.set(value) } else { None }
    }

    /// Copies the text; whether there is one.
    #[inline(never)]
    fn get(&self, into: &mut [u8; ROOM]) -> bool {
        for (to, from) in into.iter_mut().zip(&self.0) {
            *to = from.load(Relaxed);
        }
        into.first() != Some(&0)
    }
}

fn flags() -> u32 {
    match FLAGS.load(Acquire) {
        0 => read(),
        flags => flags,
    }
}

#[cold]
#[inline(never)]
fn read() -> u32 {
    let all = READ | Answered::ALL.0;
    if environment::is_secure() {
        FLAGS.store(all, Release);
        return all;
    }
    let mut flags = all;
    let mut odd: &[u8] = b"";
    let seen = environment::each(|name, value| {
        if take(name, value, &mut flags).is_none() {
            odd = name;
        }
    });
    if seen.is_none() {
        return all;
    }
    if !odd.is_empty() {
        flags |= OFF;
    }
    FLAGS.store(flags, Release);
    if !odd.is_empty() {
        note(odd);
        note(b": not understood, everything passes through\n");
    }
    flags
}

/// What a variable decides.
#[derive(Clone, Copy)]
enum Variable {
    Switch,
    Uptime,
    Btime,
    Affinity,
    Files,
    Cpus,
    Memory,
    Cgroup,
    Board,
    Debug,
    Uring,
}

const VARIABLES: [(Name, Variable); 11] = [
    (Name::new("CGPROC"), Variable::Switch),
    (Name::new("CGPROC_UPTIME"), Variable::Uptime),
    (Name::new("CGPROC_BTIME"), Variable::Btime),
    (Name::new("CGPROC_AFFINITY"), Variable::Affinity),
    (Name::new("CGPROC_FILES"), Variable::Files),
    (Name::new("CGPROC_CPUS"), Variable::Cpus),
    (Name::new("CGPROC_MEMORY"), Variable::Memory),
    (Name::new("CGPROC_CGROUP"), Variable::Cgroup),
    (Name::new("CGPROC_BOARD"), Variable::Board),
    (Name::new("CGPROC_DEBUG"), Variable::Debug),
    (Name::new("UV_USE_IO_URING"), Variable::Uring),
];

/// One variable. `None` when it is ours and its value is not understood.
#[inline(never)]
fn take(name: &[u8], value: &[u8], flags: &mut u32) -> Option<()> {
    let Some((_, (_, variable))) = scan::find_from(&VARIABLES, 0, name) else { return Some(()) };
    let chosen = match variable {
        Variable::Switch => OFF * chosen(value, b"off", b"on")?,
        Variable::Uptime => UPTIME_HOST * chosen(value, b"host", b"container")?,
        Variable::Btime => chosen(value, b"host", b"container").map(|_| 0)?,
        Variable::Affinity => AFFINITY_KERNEL * chosen(value, b"kernel", b"container")?,
        Variable::Uring => URING_ASKED * u32::from(value != b"0"),
        Variable::Cgroup => {
            CGROUP.set_path(value)?;
            VIEWS_ANOTHER
        }
        _ => 0,
    };
    match variable {
        Variable::Files => *flags = *flags & !Answered::ALL.0 | Answered::parse(value)?.0,
        Variable::Cpus => CPUS_MILLI.store(cpus_milli(value)?, Relaxed),
        Variable::Memory => MEMORY_BYTES.store(size_bytes(value).filter(|size| *size > 0)?, Relaxed),
        Variable::Board => BOARD.set_path(value)?,
        Variable::Debug => DEBUG.set(value)?,
        _ => *flags |= chosen,
    }
    Some(())
}

/// 1 where `value` is the `other` of two words, 0 where it is the `usual` one or empty.
#[inline(never)]
fn chosen(value: &[u8], other: &[u8], usual: &[u8]) -> Option<u32> {
    if value == other {
        return Some(1);
    }
    (value.is_empty() || value == usual).then_some(0)
}

/// Whether nothing is to be answered.
#[inline]
pub(crate) fn off() -> bool {
    sandboxed() || flags() & OFF != 0
}

/// Whether `answer` is given.
pub(crate) fn answers(answer: Answer) -> bool {
    !off() && Answered(flags()).has(answer)
}

/// Whether uptimes are the host's: asked for, or the program only computes process ages from them.
pub(crate) fn uptime_is_the_hosts() -> bool {
    /// Their ages are uptime − start time, and start times are on the host's clock.
    const AGE_PROGRAMS: [&[u8]; 5] = [b"ps\0", b"pgrep\0", b"pkill\0", b"pidwait\0", b"pidof\0"];
    flags() & UPTIME_HOST != 0
        || sys::thread_name().is_none_or(|name| AGE_PROGRAMS.iter().any(|program| name.starts_with(program)))
}

/// Whether affinity masks are the kernel's.
pub(crate) fn affinity_is_the_kernels() -> bool {
    flags() & AFFINITY_KERNEL != 0
}

/// Whether the program is a libuv that was asked to open files through an io_uring, past every hook.
pub(crate) fn libuv_was_asked_for_a_ring() -> bool {
    flags() & URING_ASKED != 0
}

/// `CGPROC_CPUS`, in thousandths.
pub(crate) fn declared_cpus_milli() -> Option<u64> {
    flags();
    Some(CPUS_MILLI.load(Relaxed)).filter(|cpus| *cpus != 0)
}

/// `CGPROC_MEMORY`; 0 for none.
pub(crate) fn declared_memory_bytes() -> u64 {
    flags();
    MEMORY_BYTES.load(Relaxed)
}

/// Whose cgroups the view is of: the caller's, or what `CGPROC_CGROUP` names.
pub(crate) fn with_whose<T>(use_it: impl FnOnce(Whose<'_>) -> T) -> T {
    if flags() & VIEWS_ANOTHER == 0 { use_it(Whose::Caller) } else { with_another(use_it) }
}

#[cold]
#[inline(never)]
fn with_another<T>(use_it: impl FnOnce(Whose<'_>) -> T) -> T {
    let mut kept = [0; ROOM];
    CGROUP.get(&mut kept);
    let path = CStr::from_bytes_until_nul(&kept).unwrap_or_default();
    let bytes = path.to_bytes();
    use_it(if bytes.starts_with(b"/proc/") {
        Whose::Process(path)
    } else if sys::stat(path).is_some() {
        Whose::Directory(bytes)
    } else {
        Whose::Path(bytes)
    })
}

/// The board's path.
pub(crate) fn with_board<T>(use_it: impl FnOnce(&CStr) -> T) -> T {
    flags();
    let mut kept = [0; ROOM];
    let path = if BOARD.get(&mut kept) { CStr::from_bytes_until_nul(&kept).ok() } else { None };
    use_it(path.unwrap_or(calc::board::DEFAULT_PATH))
}

/// Whether the program has put on a filter already.
pub(crate) fn sandboxed() -> bool {
    SANDBOXED.load(Relaxed)
}

/// Turns everything off for good, before the program's own filter does so by force.
pub(crate) fn set_sandboxed(sandboxed: bool) {
    SANDBOXED.store(sandboxed, Relaxed);
}

/// Writes a line to the file that `CGPROC_DEBUG` names, where it does: never to the program's own descriptors.
pub(crate) fn note(line: &[u8]) {
    let mut kept = [0; ROOM];
    if !DEBUG.get(&mut kept) {
        return;
    }
    let Ok(path) = CStr::from_bytes_until_nul(&kept) else { return };
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_NOFOLLOW | libc::O_NOCTTY | libc::O_NONBLOCK;
    if let Some(fd) = sys::open(path, flags) {
        let _ = sys::write(&fd, line);
    }
}
