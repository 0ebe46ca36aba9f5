//! `/proc/stat`, `/proc/uptime`

use super::text;
use crate::{
    asker::{Asker, Shown},
    board::{Block, Load},
    compose::{self, StatFigures},
    doubt::Doubt,
    host::{Host, USER_HZ},
    settings::CpuCount,
    source::Scratch,
    text::Sink,
    view::{
        ratchet,
        shares::Shares,
        shown::Keys,
        time::{self, Times},
    },
};

#[inline(never)]
pub(super) fn stat(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    asker.count_cpus().ok_or(Doubt::NoCpus)?;
    if are_times_counted(asker).ok_or(Doubt::NoCgroup)? {
        stat_of_scope(asker, out)
    } else {
        stat_of_kernel(asker, out)
    }
}

#[inline(never)]
fn are_times_counted(asker: &impl Asker) -> Option<bool> {
    asker.with_places(|places| Some(time::are_counted(places)))
}

#[inline(never)]
fn stat_of_scope(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    let machine = asker.age().ok_or(Doubt::NoTimes)?;
    let published = Published::read(&machine, asker);
    stat_with(&machine, &published, asker, out)
}

/// The times shown are read after the board, because both take the most stack.
#[inline(never)]
fn stat_with(machine: &Host, published: &Published, asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    let mut now = Now::default();
    now.read(machine, published.capacity_usec, asker).ok_or(Doubt::NoTimes)?;
    let mut shares = Shares::default();
    now.go_on(&mut shares, asker).ok_or(Doubt::NoTimes)?;
    let load = published.load.as_ref();
    let figures = StatFigures { times: &now.times, shares: &shares, load, later_sec: later_sec(asker) };
    text(out, |text, window| {
        asker.with_cpus(|cpus| compose::stat(&cpus.online, &figures, &mut asker.kernels_own(false)?, text, window))
    })
}

/// How much later than the machine the container appears to have booted.
#[inline(never)]
fn later_sec(asker: &impl Asker) -> u64 {
    if !asker.btime_is_the_containers() {
        return 0;
    }
    asker.with_places(|places| Some(places.began_ticks / USER_HZ)).unwrap_or(0)
}

fn stat_of_kernel(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    text(out, |text, window| {
        let (mut first, mut again) = (asker.kernels_own(false)?, asker.kernels_own(false)?);
        asker.with_cpus(|cpus| compose::stat_of_kernel(&cpus.online, &mut first, &mut again, text, window))
    })
}

#[inline(never)]
pub(super) fn uptime(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    asker.count_cpus().ok_or(Doubt::NoCpus)?;
    let machine = asker.age().ok_or(Doubt::NoAge)?;
    let capacity_usec = Published::read(&machine, asker).capacity_usec;
    let (age_ticks, idle_ticks) = age_and_idle(&machine, capacity_usec, asker)?;
    text(out, |text, _| compose::uptime(age_ticks, idle_ticks, text))
}

/// The times shown are read after the board, as for `stat`.
#[inline(never)]
fn age_and_idle(machine: &Host, capacity_usec: Option<u64>, asker: &impl Asker) -> Result<(u64, u64), Doubt> {
    let mut now = Now::default();
    now.read(machine, capacity_usec, asker).ok_or(Doubt::NoTimes)?;
    now.go_on(&mut Shares::default(), asker).ok_or(Doubt::NoTimes)?;
    let idle_ticks = u64::try_from(now.times.idle_ticks).ok().ok_or(Doubt::NoTimes)?;
    Ok((now.age_ticks.ok_or(Doubt::NoAge)?, idle_ticks))
}

/// The scope's times at one moment.
#[derive(Default)]
struct Now {
    times: Times,
    keys: Keys,
    /// Since the scope's first process, if known.
    age_ticks: Option<u64>,
}

impl Now {
    /// Reads the scope's times and age.
    #[inline(never)]
    fn read(&mut self, machine: &Host, capacity_usec: Option<u64>, asker: &impl Asker) -> Option<()> {
        let scratch: &mut Scratch = &mut [0; _];
        asker.with_places(|places| {
            self.age_ticks = time::age_ticks(places, machine);
            asker.with_cpus(|cpus| {
                // A counter has one source, so a process that began with the formula stays with it. Below the scope
                // there is no other.
                let by_formula = ratchet::key_of_idle(places, cpus);
                let goes_on = asker.shown().is_idle_of(by_formula) || !time::are_of_scope(places, cpus);
                let capacity_usec = capacity_usec.filter(|_| !goes_on);
                self.keys = Keys::of(places, cpus, capacity_usec.is_some());
                self.times = time::times(asker.files(), places, cpus, machine, capacity_usec, scratch)?;
                Some(())
            })
        })
    }

    /// Continues the times from what was shown before, and sets `shares` to each CPU's part.
    #[inline(never)]
    fn go_on(&mut self, shares: &mut Shares, asker: &impl Asker) -> Option<()> {
        asker.with_cpus(|cpus| {
            asker.shown().times(|shown| *shares = shown.go_on(&mut self.times, self.keys, cpus));
            Some(())
        })
    }
}

/// What the board says about the scope.
struct Published {
    /// The CPU time that it could have used; `None` if the number of CPUs is declared.
    capacity_usec: Option<u64>,
    load: Option<Load>,
}

impl Published {
    #[inline(never)]
    fn read(machine: &Host, asker: &impl Asker) -> Self {
        let mut block = Block::EMPTY;
        let now = asker.copy_slot(&mut block);
        let elapsed = asker.with_places(|places| Some(time::elapsed_usec(places, machine)));
        let Some((now, elapsed)) = now.zip(elapsed) else { return Self { capacity_usec: None, load: None } };
        let is_declared = matches!(asker.cpu_count(), CpuCount::Milli(_));
        let capacity_usec = if is_declared { None } else { block.capacity_usec(now, elapsed) };
        Self { capacity_usec, load: block.load() }
    }
}
