//! The whole way of an answer: path → scope → readings → view → text → memory file → the program's descriptor.

use crate::kernel::{Kernel, Reading};
use crate::memory_file::{self, MemoryFile};
use crate::path::{self, Target};
use crate::remembered::{Plain, Remembered};
use crate::scope::{self, Scratch};
use crate::{board, clock, fds, next, options, sys};
use calc::answer::Answer;
use calc::board::{Block, Load};
use calc::compose::{self, MemoryFigures};
use calc::host::Host;
use calc::text::{Sink, Text};
use calc::view::pids;
use calc::view::ratchet::{self, Ratchet};
use calc::view::time::{self, Times};
use calc::view::topology::Packages;
use core::ffi::{c_char, c_int};
use core::mem::MaybeUninit;

const PROC_SUPER_MAGIC: i64 = 0x9fa0;
const SYSFS_MAGIC: i64 = 0x6265_6572;

/// What becomes of the descriptor that next has just opened by `path`: itself, with our answer put over it where there
/// is one, or −1 where the container has no such file.
///
/// # Safety
/// `path` is null or a NUL-terminated string.
#[inline]
pub(crate) unsafe fn opened(fd: c_int, path: *const c_char, flags: c_int) -> c_int {
    if fd < 0 {
        return fd;
    }
    // SAFETY: by the caller's promise.
    match unsafe { path::opened(fd, path) } {
        None => fd,
        Some(Target::Ours(answer)) => {
            over(fd, answer, flags);
            fd
        }
        Some(Target::HiddenCpu) => {
            sys::close(fd);
            next::refuse(libc::ENOENT)
        }
    }
}

/// Puts the answer over `fd`, which the program opened with `flags`; on any doubt leaves it as it is.
#[cold]
pub(crate) fn over(fd: c_int, answer: Answer, flags: c_int) {
    const NOT_FOR_READING: c_int =
        libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_PATH | libc::O_DIRECTORY | libc::O_TMPFILE;
    if flags & NOT_FOR_READING == 0 && options::answers(answer) {
        answered(fd, answer, flags);
    }
}

#[inline(never)]
fn answered(fd: c_int, answer: Answer, flags: c_int) -> Option<()> {
    let mut file = MemoryFile::new(answer)?;
    compose(answer, fd, &mut file)?;
    file.publish(fd, flags)
}

/// Composes the answer behind `fd` again, before the program reads it from its start.
#[cold]
#[inline(never)]
pub(crate) fn refresh(fd: c_int) -> Option<()> {
    if options::off() {
        return None;
    }
    let Some(given) = memory_file::given(fd) else {
        fds::forget(fd);
        return None;
    };
    if given.is_current || !options::answers(given.answer) {
        return None;
    }
    let host = sys::open(given.answer.path()?, libc::O_RDONLY | libc::O_NOCTTY)?;
    let mut file = MemoryFile::again(given.answer, given.writing)?;
    compose(given.answer, host.number(), &mut file)?;
    file.finish_again(given.len)
}

/// Writes the text of `answer` to `out`; the kernel's own is read from `host`.
fn compose(answer: Answer, host: c_int, out: &mut impl Sink) -> Option<()> {
    let expected = if answer.is_in_proc() { PROC_SUPER_MAGIC } else { SYSFS_MAGIC };
    if sys::file_system(host)? != expected {
        // lxcfs, or whatever else is mounted there, answers already.
        return None;
    }
    scope::look()?;
    match answer {
        Answer::Meminfo => meminfo(host, out),
        Answer::Swaps => swaps(host, out),
        Answer::Stat => stat(host, out),
        Answer::Cpuinfo => cpuinfo(host, out),
        Answer::Uptime => uptime(out),
        Answer::CpuOnline | Answer::CpuPresent => cpu_list(out),
        Answer::Loadavg => loadavg(host, out),
        _ => None,
    }
}

#[inline(never)]
fn meminfo(host: c_int, out: &mut impl Sink) -> Option<()> {
    let mut figures = MemoryFigures::default();
    read_figures(&mut figures)?;
    text(out, |text, scratch| compose::meminfo(&figures, &mut Reading::of(host, false), text, scratch))
}

#[inline(never)]
fn read_figures(figures: &mut MemoryFigures) -> Option<()> {
    let machine = clock::machine()?;
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| scope::with_above(|above| figures.read(&Kernel, places, above, &machine, scratch)))
}

#[inline(never)]
fn swaps(host: c_int, out: &mut impl Sink) -> Option<()> {
    let swap = scope::measured(&clock::machine()?)?.swap?;
    text(out, |text, scratch| compose::swaps(&swap, &mut Reading::of(host, false), text, scratch))
}

fn stat(host: c_int, out: &mut impl Sink) -> Option<()> {
    scope::count()?;
    if are_times_counted()? { stat_of(&now()?, host, out) } else { stat_of_kernel(host, out) }
}

#[inline(never)]
fn are_times_counted() -> Option<bool> {
    scope::with_places(|places| Some(time::are_counted(places)))
}

fn stat_of(now: &Now, host: c_int, out: &mut impl Sink) -> Option<()> {
    text(out, |text, scratch| {
        scope::with_counted(|cpus| {
            compose::stat(cpus, &now.times, now.load.as_ref(), &mut Reading::of(host, false), text, scratch)
        })
    })
}

fn stat_of_kernel(host: c_int, out: &mut impl Sink) -> Option<()> {
    let (mut first, mut again) = (Reading::of(host, false), Reading::of(host, false));
    text(out, |text, scratch| {
        scope::with_counted(|cpus| compose::stat_of_kernel(&cpus.online, &mut first, &mut again, text, scratch))
    })
}

#[inline(never)]
fn cpuinfo(host: c_int, out: &mut impl Sink) -> Option<()> {
    scope::count()?;
    text(out, |text, scratch| {
        scope::with_counted(|cpus| {
            compose::cpuinfo(&cpus.online, &Packages::default(), &mut Reading::of(host, true), text, scratch)
        })
    })
}

#[inline(never)]
fn uptime(out: &mut impl Sink) -> Option<()> {
    if options::uptime_is_the_hosts() {
        return None;
    }
    scope::count()?;
    let now = now()?;
    let idle_ticks = u64::try_from(now.times.idle_ticks).ok()?;
    text(out, |text, _| compose::uptime(now.age_ticks?, idle_ticks, text))
}

#[inline(never)]
fn loadavg(host: c_int, out: &mut impl Sink) -> Option<()> {
    let load = scope::load()?;
    let (threads, has_all) = threads()?;
    text(out, |text, scratch| compose::loadavg(&load, threads, has_all, &mut Reading::of(host, false), text, scratch))
}

#[inline(never)]
fn cpu_list(out: &mut impl Sink) -> Option<()> {
    scope::count()?;
    text(out, |text, _| scope::with_counted(|cpus| compose::cpu_list(&cpus.online, text)))
}

/// The threads of the scope at this moment, 0 where that is not known, and whether those are all that can be seen.
#[inline(never)]
fn threads() -> Option<(u64, bool)> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| Some((pids::threads(&Kernel, places, scratch).unwrap_or(0), places.began_ticks != 0)))
}

/// Room to read the kernel's own text through.
type Window = [u8; 768];

/// Has a text written to `out`, with room to read the kernel's own through.
#[inline(never)]
fn text<S: Sink>(out: &mut S, write: impl FnOnce(&mut Text<'_, S>, &mut Window) -> Option<()>) -> Option<()> {
    let mut text = Text::new(out);
    write(&mut text, &mut [0; _])?;
    text.finish()
}

/// What this process was last shown of each counter that must never run backwards.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Shown {
    user: Ratchet,
    system: Ratchet,
    idle: Ratchet,
}

// SAFETY: nine words.
unsafe impl Plain for Shown {}

static SHOWN: Remembered<Shown, { size_of::<Shown>() / 8 }> = Remembered::new();

/// What is shown of the scope at one moment.
struct Now {
    times: Times,
    /// Since its first process, where that is known.
    age_ticks: Option<u64>,
    load: Option<Load>,
}

fn now() -> Option<Now> {
    let machine = clock::age()?;
    let (capacity_usec, load) = published(&machine);
    let (times, age_ticks) = shown_times(&machine, capacity_usec)?;
    Some(Now { times, age_ticks, load })
}

/// The scope's times as they are to be shown, and its age.
#[inline(never)]
fn shown_times(machine: &Host, capacity_usec: Option<u64>) -> Option<(Times, Option<u64>)> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| {
        scope::with_counted(|cpus| {
            let mut shown = SHOWN.recall(&mut MaybeUninit::uninit()).copied().unwrap_or_default();
            let by_formula = ratchet::key_of_idle(places, cpus);
            // What a process has begun by the formula goes on by it: a counter has one source. Below the scope there is no other.
            let goes_on = shown.idle.is_of(by_formula) || !time::are_of_scope(places, cpus);
            let capacity_usec = capacity_usec.filter(|_| !goes_on);
            let of_idle =
                if capacity_usec.is_some() { ratchet::key_of_idle_by_board(places, cpus) } else { by_formula };
            let times = time::times(&Kernel, places, cpus, machine, capacity_usec, scratch)?;
            let times = ratcheted(&mut shown, &times, (ratchet::key_of_use(places, cpus), of_idle));
            Some((times, time::age_ticks(places, machine)))
        })
    })
}

/// What the board says of the scope: the CPU time that it could have used, where no number of CPUs is declared, and its
/// load.
#[inline(never)]
fn published(machine: &Host) -> (Option<u64>, Option<Load>) {
    let mut block = Block::EMPTY;
    let moment = scope::with_places(|places| {
        let now = board::slot(places, &mut block)?;
        Some((now, time::elapsed_usec(places, machine)))
    });
    let Some((now, elapsed)) = moment else { return (None, None) };
    let capacity = if options::declared_cpus_milli().is_none() { block.capacity_usec(now, elapsed) } else { None };
    (capacity, block.load())
}

fn ratcheted(shown: &mut Shown, times: &Times, (of_use, of_idle): (u64, u64)) -> Times {
    let times = Times {
        user_ticks: shown.user.show(of_use, times.user_ticks as i64),
        system_ticks: shown.system.show(of_use, times.system_ticks as i64),
        idle_ticks: shown.idle.show(of_idle, times.idle_ticks) as i64,
    };
    SHOWN.keep(shown);
    times
}
