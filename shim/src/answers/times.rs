//! `/proc/stat`, `/proc/uptime`

use super::text;
use crate::kernel::{Kernel, Reading};
use crate::remembered::{Plain, Remembered};
use crate::scope::{self, Scratch};
use crate::{board, clock, options};
use calc::board::{Block, Load};
use calc::compose::{self, StatFigures};
use calc::host::{Host, USER_HZ};
use calc::settings::CpuCount;
use calc::text::Sink;
use calc::view::cpu::Cpus;
use calc::view::ratchet::{self, Ratchet};
use calc::view::shares::Shares;
use calc::view::time::{self, Times};
use core::ffi::c_int;

#[inline(never)]
pub(super) fn stat(host: c_int, out: &mut impl Sink) -> Option<()> {
    scope::count()?;
    if are_times_counted()? { stat_of_scope(host, out) } else { stat_of_kernel(host, out) }
}

#[inline(never)]
fn are_times_counted() -> Option<bool> {
    scope::with_places(|places| Some(time::are_counted(places)))
}

#[inline(never)]
fn stat_of_scope(host: c_int, out: &mut impl Sink) -> Option<()> {
    let machine = clock::age()?;
    let published = published(&machine);
    stat_with(&machine, &published, host, out)
}

/// What is shown is read once the board has been: both take the most of the stack.
#[inline(never)]
fn stat_with(machine: &Host, published: &Published, host: c_int, out: &mut impl Sink) -> Option<()> {
    let mut now = Now::default();
    now.show(machine, published.capacity_usec)?;
    let mut shares = Shares::START;
    share(&mut shares, &now.times)?;
    let figures =
        StatFigures { times: &now.times, shares: &shares, load: published.load.as_ref(), later_sec: later_sec() };
    text(out, |text, scratch| {
        scope::with_counted(|cpus| compose::stat(&cpus.online, &figures, &mut Reading::of(host, false), text, scratch))
    })
}

/// How these times, which are shown from now on, fall to the CPUs.
#[inline(never)]
fn share(shares: &mut Shares, times: &Times) -> Option<()> {
    scope::with_counted(|cpus| {
        SHARES.change(|kept| {
            kept.follow(&cpus.online, times);
            *shares = *kept;
        });
        Some(())
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
    let machine = clock::age()?;
    let capacity_usec = published(&machine).capacity_usec;
    let mut now = Now::default();
    now.show(&machine, capacity_usec)?;
    let idle_ticks = u64::try_from(now.times.idle_ticks).ok()?;
    text(out, |text, _| compose::uptime(now.age_ticks?, idle_ticks, text))
}

/// What this process was last shown of each counter that must never run backwards.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Shown {
    user: Ratchet,
    nice: Ratchet,
    system: Ratchet,
    idle: Ratchet,
}

// SAFETY: words, all of them.
unsafe impl Plain for Shown {}
// SAFETY: words, all of them.
unsafe impl Plain for Shares {}

impl Shown {
    /// The times as they are to be shown, under these keys. A CPU was idle for a tick at the least: no kernel shows a CPU without any
    /// time, and programs divide by the sum.
    fn ratcheted(&mut self, times: &Times, cpus: &Cpus, of_use: u64, of_idle: u64) -> Times {
        Times {
            user_ticks: self.user.show(of_use, times.user_ticks as i64),
            nice_ticks: self.nice.show(of_use, times.nice_ticks as i64),
            system_ticks: self.system.show(of_use, times.system_ticks as i64),
            idle_ticks: self.idle.show_from(cpus.online.count(), of_idle, times.idle_ticks) as i64,
        }
    }
}

static SHOWN: Remembered<Shown, { size_of::<Shown>() / 8 }> = Remembered::new();

/// How they fell to the CPUs.
static SHARES: Remembered<Shares, { size_of::<Shares>() / 8 }> = Remembered::new();

/// What is shown of the scope at one moment.
#[derive(Default)]
struct Now {
    times: Times,
    /// Since its first process, where that is known.
    age_ticks: Option<u64>,
}

impl Now {
    /// Reads the scope's times and age, and notes what is shown of them.
    #[inline(never)]
    fn show(&mut self, machine: &Host, capacity_usec: Option<u64>) -> Option<()> {
        let scratch: &mut Scratch = &mut [0; _];
        scope::with_places(|places| {
            self.age_ticks = time::age_ticks(places, machine);
            scope::with_counted(|cpus| {
                SHOWN.change(|shown| {
                    // What a process has begun by the formula goes on by it: a counter has one source. Below the scope there is no other.
                    let by_formula = ratchet::key_of_idle(places, cpus);
                    let goes_on = shown.idle.is_of(by_formula) || !time::are_of_scope(places, cpus);
                    let capacity_usec = capacity_usec.filter(|_| !goes_on);
                    let by_board = || ratchet::key_of_idle_by_board(places, cpus);
                    let of_idle = capacity_usec.map_or(by_formula, |_| by_board());
                    let times = time::times(&Kernel, places, cpus, machine, capacity_usec, scratch)?;
                    self.times = shown.ratcheted(&times, cpus, ratchet::key_of_use(places, cpus), of_idle);
                    Some(())
                })
            })
        })
    }
}

/// What the board says of the scope.
struct Published {
    /// The CPU time that it could have used, where no number of CPUs is declared.
    capacity_usec: Option<u64>,
    load: Option<Load>,
}

#[inline(never)]
fn published(machine: &Host) -> Published {
    let mut block = Block::EMPTY;
    let moment = scope::with_places(|places| {
        let now = board::slot(places, &mut block)?;
        Some((now, time::elapsed_usec(places, machine)))
    });
    let Some((now, elapsed)) = moment else { return Published { capacity_usec: None, load: None } };
    let is_declared = matches!(options::cpu_count(), CpuCount::Milli(_));
    let capacity_usec = if is_declared { None } else { block.capacity_usec(now, elapsed) };
    Published { capacity_usec, load: block.load() }
}
