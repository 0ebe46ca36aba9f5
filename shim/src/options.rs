//! The settings, from the administrator's file and then from the environment, read once. A variable that does not
//! parse turns everything off: if in doubt, the kernel's answers stand.

use crate::{
    environment::{self, Memory, Unknown},
    kernel::{self, Kernel, Reading},
    notes, sys, trusted,
};
use calc::{
    answer::Answer,
    cgroup::places::Whose,
    policy, scan,
    settings::{AGE_PROGRAMS, Answered, CpuCount, Key, LONGEST_TEXT, MemoryLimit, Value},
    source::{Files, Source},
};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::*},
};

/// Bits of [`FLAGS`]; the others are the answers given.
const READ: u32 = 1 << 31;
const OFF: u32 = 1 << 30;
const UPTIME_HOST: u32 = 1 << 29;
const AFFINITY_KERNEL: u32 = 1 << 28;
const URING_ASKED: u32 = 1 << 27;
const VIEWS_ANOTHER: u32 = 1 << 26;
const BTIME_CONTAINER: u32 = 1 << 25;

/// No bit is both an answer's and an option's.
const _: () = assert!(
    Answered::ALL.0 & (READ | OFF | UPTIME_HOST | AFFINITY_KERNEL | URING_ASKED | VIEWS_ANOTHER | BTIME_CONTAINER) == 0
);

static FLAGS: AtomicU32 = AtomicU32::new(0);
static CPUS: AtomicU64 = AtomicU64::new(0);
static MEMORY: AtomicU64 = AtomicU64::new(0);
static DISK_BYTES: AtomicU64 = AtomicU64::new(0);
static CGROUP: Text = Text::new();
static DEBUG: Text = Text::new();
static BOARD: Text = Text::new();

/// Whether the program has installed a seccomp filter, which may kill it for any system call that it did not foresee.
static SANDBOXED: AtomicBool = AtomicBool::new(false);

/// A short text that outlives the environment from which it came: programs overwrite theirs to set a title.
struct Text([AtomicU8; ROOM]);

/// The bytes kept of a value, including a final NUL.
const ROOM: usize = LONGEST_TEXT + 1;

impl Text {
    const fn new() -> Self {
        Self([const { AtomicU8::new(0) }; ROOM])
    }

    /// Keeps `value`, which must be shorter than the room.
    #[inline(never)]
    fn set(&self, value: &[u8]) {
        for (to, from) in self.0.iter().zip(value.iter().chain(core::iter::repeat(&0))) {
            to.store(*from, Relaxed);
        }
    }

    /// Copies the text; returns whether there is one.
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

/// The numeric settings, gathered completely before other threads see any of them.
struct Asked {
    flags: u32,
    cpus: u64,
    memory: u64,
    disk_bytes: u64,
}

#[cold]
#[inline(never)]
fn read() -> u32 {
    /// Other threads may change the environment during a look.
    const MOST_LOOKS: usize = 8;
    let mut looks = 1;
    let (mut asked, odd) = loop {
        let mut asked = Asked::of_file();
        match asked.take_environment() {
            Ok(odd) => break (asked, odd),
            Err(Unknown::NotYet) => return asked.flags,
            Err(Unknown::Changing) if looks == MOST_LOOKS => return READ | OFF,
            Err(Unknown::Changing) => looks += 1,
        }
    };
    asked.set(OFF, asked.flags & OFF != 0 || odd.is_some());
    asked.keep();
    if let Some(odd) = odd {
        note([odd.name(), b": not understood", b": everything passes through"]);
    }
    asked.flags
}

/// Room for a program's name and a newline.
const COMM: usize = 16;

/// libuv's own variable.
const LIBUV_RING: &[u8] = b"UV_USE_IO_URING";

impl Asked {
    /// Those of the administrator's file, and nothing of an earlier look at the environment.
    #[inline(never)]
    fn of_file() -> Self {
        DEBUG.set(b"");
        BOARD.set(b"");
        let mut asked = Self { flags: READ | Answered::ALL.0, cpus: 0, memory: 0, disk_bytes: 0 };
        asked.take_file();
        asked
    }

    /// Takes this program's settings from the administrator's file. An invalid line is ignored.
    #[inline(never)]
    fn take_file(&mut self) -> Option<()> {
        let mut file = Reading::owned(trusted::open(policy::PATH)?, false);
        let mut comm = [0; COMM];
        let len = Kernel.open(c"/proc/self/comm")?.read(&mut comm)?;
        let comm = scan::without_newline(comm.get(..len)?);
        // Asked once, however many lines there are. In another root than the one in which the process was started, the
        // settings that name files may be a stranger's.
        let may_name = trusted::is_in_first_root();
        policy::settings_for(&mut file, comm, &mut [0; _], |value| {
            if may_name || !matches!(value, Value::Debug(_) | Value::Cgroup(_) | Value::Board(_)) {
                self.take(&value);
            }
        })
    }

    /// Takes the variables, and returns the key of one with an invalid value, if there is one.
    #[inline(never)]
    fn take_environment(&mut self) -> Result<Option<Key>, Unknown> {
        // In secure-execution mode they come from a stranger.
        if environment::is_secure() {
            return Ok(None);
        }
        let mut odd = None;
        Memory::now()?.each(|name, value| self.take_variable(name, value, &mut odd))?;
        Ok(odd)
    }

    fn take_variable(&mut self, name: &[u8], value: &[u8], odd: &mut Option<Key>) {
        if name == LIBUV_RING {
            self.set(URING_ASKED, value != b"0");
        }
        let Some(key) = Key::of(name) else { return };
        match key.parse(value) {
            Some(value) => self.take(&value),
            None => *odd = Some(key),
        }
    }

    /// Takes a setting, in place of an earlier one of its kind.
    #[inline(never)]
    fn take(&mut self, value: &Value<'_>) {
        match value {
            Value::Off(off) => self.set(OFF, *off),
            Value::HostUptime(host) => self.set(UPTIME_HOST, *host),
            Value::KernelAffinity(kernel) => self.set(AFFINITY_KERNEL, *kernel),
            Value::ContainerBtime(container) => self.set(BTIME_CONTAINER, *container),
            Value::Files(answered) => self.flags = self.flags & !Answered::ALL.0 | answered.0,
            Value::Cpus(count) => self.cpus = count.to_word(),
            Value::Memory(limit) => self.memory = limit.to_word(),
            Value::Disk(bytes) => self.disk_bytes = *bytes,
            Value::Board(path) => BOARD.set(path),
            Value::Debug(path) => DEBUG.set(path),
            Value::Cgroup(path) => {
                CGROUP.set(path);
                self.set(VIEWS_ANOTHER, true);
            }
        }
    }

    fn set(&mut self, bit: u32, is_set: bool) {
        self.flags = if is_set { self.flags | bit } else { self.flags & !bit };
    }

    fn keep(&self) {
        CPUS.store(self.cpus, Relaxed);
        MEMORY.store(self.memory, Relaxed);
        DISK_BYTES.store(self.disk_bytes, Relaxed);
        if self.flags & VIEWS_ANOTHER != 0 {
            kernel::look_first();
        }
        FLAGS.store(self.flags, Release);
    }
}

/// Whether nothing is answered.
#[inline]
pub(crate) fn off() -> bool {
    sandboxed() || flags() & OFF != 0
}

/// Whether `answer` is given.
pub(crate) fn answers(answer: Answer) -> bool {
    !off() && Answered(flags()).has(answer)
}

/// Whether uptimes are the host's: because of the setting, or because the program only computes process ages from
/// them.
pub(crate) fn uptime_is_the_hosts() -> bool {
    flags() & UPTIME_HOST != 0
        || sys::thread_name().is_none_or(|name| AGE_PROGRAMS.iter().any(|program| name.starts_with(program.text())))
}

/// Whether the container's start is shown as the time of boot.
pub(crate) fn btime_is_the_containers() -> bool {
    flags() & BTIME_CONTAINER != 0
}

/// Whether affinity masks are left to the kernel.
pub(crate) fn affinity_is_the_kernels() -> bool {
    flags() & AFFINITY_KERNEL != 0
}

/// Whether this is a libuv program that was asked to open files through an io_uring, without any hook.
pub(crate) fn libuv_was_asked_for_a_ring() -> bool {
    flags() & URING_ASKED != 0
}

/// `CGPROC_CPUS`
pub(crate) fn cpu_count() -> CpuCount {
    flags();
    CpuCount::from_word(CPUS.load(Relaxed))
}

/// `CGPROC_MEMORY`
pub(crate) fn memory_limit() -> MemoryLimit {
    flags();
    MemoryLimit::from_word(MEMORY.load(Relaxed))
}

/// `CGPROC_DISK`; 0 for none.
pub(crate) fn disk_bytes() -> u64 {
    flags();
    DISK_BYTES.load(Relaxed)
}

/// Whether `CGPROC_CGROUP` names what is viewed. False while the settings are still being read.
pub(crate) fn views_another() -> bool {
    FLAGS.load(Acquire) & VIEWS_ANOTHER != 0
}

/// Whose cgroups are viewed: the caller's, or those that `CGPROC_CGROUP` names.
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

/// Whether the program has installed a filter.
pub(crate) fn sandboxed() -> bool {
    SANDBOXED.load(Relaxed)
}

/// Turns everything off for good, before the program's own filter does so by force.
pub(crate) fn set_sandboxed(sandboxed: bool) {
    SANDBOXED.store(sandboxed, Relaxed);
}

/// Whether `CGPROC_DEBUG` asks for notes.
pub(crate) fn notes() -> bool {
    DEBUG.get(&mut [0; ROOM])
}

/// Notes why something was passed through, if `CGPROC_DEBUG` asks for it. The note consists of these parts.
pub(crate) fn note(parts: [&[u8]; 3]) {
    let mut kept = [0; ROOM];
    if DEBUG.get(&mut kept) {
        // A note that cannot be written is dropped.
        let _ = CStr::from_bytes_until_nul(&kept).ok().and_then(|path| notes::write(path, parts));
    }
}
