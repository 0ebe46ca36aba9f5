//! `/proc/stat`, `/proc/uptime`

use super::text;
use crate::kernel::{Kernel, Reading};
use crate::remembered::{Plain, Remembered};
use crate::scope;
use crate::{board, clock, options};
use calc::board::{Block, Load};
use calc::compose::{self, StatFigures};
use calc::host::{Host, USER_HZ};
use calc::settings::CpuCount;
use calc::source::Scratch;
use calc::text::Sink;
use calc::view::cpu::Cpus;
use calc::view::ratchet::{self, Ratchet};
use calc::view::shares::Shares;
use calc::view::time::{self, Times};
use core::ffi::c_int;
use core::mem::MaybeUninit;

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
    now.read(machine, published.capacity_usec)?;
    let mut shares = Shares::default();
    now.go_on(&mut shares)?;
    let figures =
        StatFigures { times: &now.times, shares: &shares, load: published.load.as_ref(), later_sec: later_sec() };
    text(out, |text, scratch| {
        scope::with_counted(|cpus| compose::stat(&cpus.online, &figures, &mut Reading::of(host, false), text, scratch))
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
    now.read(&machine, capacity_usec)?;
    now.go_on(&mut Shares::default())?;
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
    /// How they fell to the CPUs.
    shares: Shares,
}

// SAFETY: words, all of them.
unsafe impl Plain for Shown {}

impl Shown {
    /// The times as they are to be shown. A CPU was idle for a tick at the least: no kernel shows a CPU without any time, and programs
    /// divide by the sum.
    fn ratcheted(&mut self, now: &Now, cpus: &Cpus) -> Times {
        Times {
            user_ticks: self.user.show(now.of_use, now.times.user_ticks as i64),
            nice_ticks: self.nice.show(now.of_use, now.times.nice_ticks as i64),
            system_ticks: self.system.show(now.of_use, now.times.system_ticks as i64),
            idle_ticks: self.idle.show_from(cpus.online.count(), now.of_idle, now.times.idle_ticks) as i64,
        }
    }
}

static SHOWN: Remembered<Shown, { size_of::<Shown>() / 8 }> = Remembered::new();

/// The scope's times at one moment.
#[derive(Default)]
struct Now {
    times: Times,
    /// Of what the time used is, and the idle time ([`Ratchet::show`]).
    of_use: u64,
    of_idle: u64,
    /// Since its first process, where that is known.
    age_ticks: Option<u64>,
}

impl Now {
    /// Reads the scope's times and age.
    #[inline(never)]
    fn read(&mut self, machine: &Host, capacity_usec: Option<u64>) -> Option<()> {
        let scratch: &mut Scratch = &mut [0; _];
        scope::with_places(|places| {
            self.age_ticks = time::age_ticks(places, machine);
            scope::with_counted(|cpus| {
                // What a process has begun by the formula goes on by it: a counter has one source. Below the scope there is no other.
                let by_formula = ratchet::key_of_idle(places, cpus);
                let goes_on = was_idle_of(by_formula) || !time::are_of_scope(places, cpus);
                let capacity_usec = capacity_usec.filter(|_| !goes_on);
                let by_board = || ratchet::key_of_idle_by_board(places, cpus);
                self.of_idle = capacity_usec.map_or(by_formula, |_| by_board());
                self.of_use = ratchet::key_of_use(places, cpus);
                self.times = time::times(&Kernel, places, cpus, machine, capacity_usec, scratch)?;
                Some(())
            })
        })
    }

    /// Makes of the times what is shown from now on, and of `shares` how that falls to the CPUs.
    #[inline(never)]
    fn go_on(&mut self, shares: &mut Shares) -> Option<()> {
        scope::with_counted(|cpus| {
            SHOWN.change(|shown| {
                self.times = shown.ratcheted(self, cpus);
                shown.shares.follow(&cpus.online, &self.times);
                *shares = shown.shares;
            });
            Some(())
        })
    }
}

/// Whether idle time was last shown under this key.
#[inline(never)]
fn was_idle_of(key: u64) -> bool {
    let mut shown = MaybeUninit::uninit();
    SHOWN.recall(&mut shown).is_some_and(|shown: &Shown| shown.idle.is_of(key))
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
