//! `/proc/stat`, `/proc/uptime`

use super::text;
use crate::kernel::{Kernel, Reading};
use crate::remembered::{Plain, Remembered};
use crate::scope::{self, Scratch};
use crate::{board, clock, options};
use calc::board::{Block, Load};
use calc::compose;
use calc::host::{Host, USER_HZ};
use calc::settings::CpuCount;
use calc::text::Sink;
use calc::view::ratchet::{self, Ratchet};
use calc::view::time::{self, Times};
use core::ffi::c_int;
use core::mem::MaybeUninit;

#[inline(never)]
pub(super) fn stat(host: c_int, out: &mut impl Sink) -> Option<()> {
    scope::count()?;
    if are_times_counted()? { stat_of(&now()?, host, out) } else { stat_of_kernel(host, out) }
}

#[inline(never)]
fn are_times_counted() -> Option<bool> {
    scope::with_places(|places| Some(time::are_counted(places)))
}

fn stat_of(now: &Now, host: c_int, out: &mut impl Sink) -> Option<()> {
    let later_sec = later_sec();
    text(out, |text, scratch| {
        scope::with_counted(|cpus| {
            compose::stat(cpus, &now.times, now.load.as_ref(), later_sec, &mut Reading::of(host, false), text, scratch)
        })
    })
}

/// How much later than the machine the container is said to have booted.
#[inline(never)]
fn later_sec() -> u64 {
    if !options::btime_is_the_containers() {
        return 0;
    }
    scope::with_places(|places| Some(places.began_ticks / USER_HZ)).unwrap_or(0)
}

fn stat_of_kernel(host: c_int, out: &mut impl Sink) -> Option<()> {
    let (mut first, mut again) = (Reading::of(host, false), Reading::of(host, false));
    text(out, |text, scratch| {
        scope::with_counted(|cpus| compose::stat_of_kernel(&cpus.online, &mut first, &mut again, text, scratch))
    })
}

#[inline(never)]
pub(super) fn uptime(out: &mut impl Sink) -> Option<()> {
    if options::uptime_is_the_hosts() {
        return None;
    }
    scope::count()?;
    let now = now()?;
    let idle_ticks = u64::try_from(now.times.idle_ticks).ok()?;
    text(out, |text, _| compose::uptime(now.age_ticks?, idle_ticks, text))
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
    let is_declared = matches!(options::cpu_count(), CpuCount::Milli(_));
    let capacity = if is_declared { None } else { block.capacity_usec(now, elapsed) };
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
