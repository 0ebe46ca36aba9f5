//! What the environment asks for, read once. A value that does not parse turns everything off: any doubt, the kernel.

use crate::{environment, sys};
use calc::settings::{Answered, cpus_milli, size_bytes};
use calc::{answer::Answer, cgroup::places::Whose};
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::*};

/// Bits of [`FLAGS`]; the low byte says which answers are given.
const READ: u32 = 1 << 8;
const OFF: u32 = 1 << 9;
const UPTIME_HOST: u32 = 1 << 10;
const AFFINITY_KERNEL: u32 = 1 << 11;
const URING_ASKED: u32 = 1 << 12;
const VIEWS_ANOTHER: u32 = 1 << 13;

static FLAGS: AtomicU32 = AtomicU32::new(0);
static CPUS_MILLI: AtomicU64 = AtomicU64::new(0);
static MEMORY_BYTES: AtomicU64 = AtomicU64::new(0);
static CGROUP: Text<256> = Text::new();
static DEBUG: Text<128> = Text::new();

/// The program has put on a seccomp filter, which may kill for any system call that the program did not foresee.
static SANDBOXED: AtomicBool = AtomicBool::new(false);

/// A short text that outlives the environment it came from (programs overwrite theirs to set a title).
struct Text<const LEN: usize>([AtomicU8; LEN]);

impl<const LEN: usize> Text<LEN> {
    const fn new() -> Self {
        Self([const { AtomicU8::new(0) }; LEN])
    }

    /// Keeps `value`; `None` when it is too long. The last byte stays NUL.
    fn set(&self, value: &[u8]) -> Option<()> {
        if value.len() >= LEN {
            return None;
        }
        for (to, from) in self.0.iter().zip(value) {
            to.store(*from, Relaxed);
        }
        Some(())
    }

    /// Copies the text; whether there is one.
    fn get(&self, into: &mut [u8; LEN]) -> bool {
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
    let all = READ | u32::from(Answered::ALL.0);
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

/// One variable. `None` when it is ours and its value is not understood.
fn take(name: &[u8], value: &[u8], flags: &mut u32) -> Option<()> {
    match (name, value) {
        (b"CGPROC", b"off") => *flags |= OFF,
        (b"CGPROC", b"on" | b"") => {}
        (b"CGPROC_UPTIME", b"host") => *flags |= UPTIME_HOST,
        (b"CGPROC_AFFINITY", b"kernel") => *flags |= AFFINITY_KERNEL,
        (b"CGPROC_UPTIME" | b"CGPROC_AFFINITY" | b"CGPROC_BTIME", b"container" | b"") | (b"CGPROC_BTIME", b"host") => {}
        (b"CGPROC_FILES", list) => *flags = *flags & !0xff | u32::from(Answered::parse(list)?.0),
        (b"CGPROC_CPUS", cpus) => CPUS_MILLI.store(cpus_milli(cpus)?, Relaxed),
        (b"CGPROC_MEMORY", size) => MEMORY_BYTES.store(size_bytes(size).filter(|size| *size > 0)?, Relaxed),
        (b"CGPROC_CGROUP", [b'/', ..]) => {
            CGROUP.set(value)?;
            *flags |= VIEWS_ANOTHER;
        }
        (b"CGPROC_DEBUG", path) => DEBUG.set(path)?,
        (b"UV_USE_IO_URING", value) if value != b"0" => *flags |= URING_ASKED,
        (b"CGPROC" | b"CGPROC_UPTIME" | b"CGPROC_BTIME" | b"CGPROC_AFFINITY" | b"CGPROC_CGROUP", _) => return None,
        _ => {}
    }
    Some(())
}

/// Whether nothing is to be answered.
#[inline]
pub(crate) fn off() -> bool {
    sandboxed() || flags() & OFF != 0
}

/// Whether `answer` is given.
pub(crate) fn answers(answer: Answer) -> bool {
    !off() && Answered(flags() as u8).has(answer)
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
    let mut kept = [0; 256];
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
    let mut kept = [0; 128];
    if !DEBUG.get(&mut kept) {
        return;
    }
    let Ok(path) = CStr::from_bytes_until_nul(&kept) else { return };
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_NOFOLLOW | libc::O_NOCTTY | libc::O_NONBLOCK;
    if let Some(fd) = sys::open(path, flags) {
        let _ = sys::write(&fd, line);
    }
}
