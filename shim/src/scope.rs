//! The container of this process: where its cgroups are and which CPUs it has, looked up at most once a second.
//!
//! The results are in static memory, and each step that needs one takes a copy. The steps run one after the other,
//! never nested, so a hook's stack holds what one of them needs.

use crate::{board, clock, kernel::Kernel, options, owner, remembered::Remembered, sys, trusted};
use calc::{
    answer::Answer,
    board::{Above, Block, OFF_PATH},
    cgroup::places::Places,
    cpus::CpuSet,
    doubt::Doubt,
    host::Host,
    source::{Files, Scratch},
    view::{
        blocks,
        cpu::{self, Choice, Cpus},
        memory::{self, Memory},
        time,
    },
};
use core::mem::{MaybeUninit, offset_of};

static PLACES: Remembered<Places, { size_of::<Places>() / 8 }> = Remembered::new();
static ABOVE: Remembered<Above, { size_of::<Above>() / 8 }> = Remembered::new();
static CPUS: Remembered<Cpus, { size_of::<Cpus>() / 8 }> = Remembered::new();
/// That no cgroup was found, or that everything is switched off, so that a program that asks for each of many directories
/// does not repeat the search.
static MISSED: Remembered<u64, 1> = Remembered::new();
/// The number of the one memory block shown, plus 1; 0 if all are shown.
static FIRST_BLOCK: Remembered<u64, 1> = Remembered::new();

/// Ensures that this process's cgroups are known.
pub(crate) fn look() -> Option<()> {
    // Stored last, so if it is fresh, so are the places.
    if ABOVE.is_fresh() { Some(()) } else { look_again() }
}

#[cold]
#[inline(never)]
fn look_again() -> Option<()> {
    if MISSED.is_fresh() {
        return None;
    }
    let since = clock::tick();
    if is_switched_off() {
        return None;
    }
    match still_hold() {
        Some(()) => PLACES.confirm(),
        None => find_places()?,
    }
    look_above(since)
}

/// Whether everything is switched off for all programs: looked at before each lookup, so once a second at most. What is
/// remembered of this container becomes stale with it, so nothing is answered from a second after the switch on.
#[inline(never)]
fn is_switched_off() -> bool {
    let is_off = trusted::is_there(OFF_PATH);
    if is_off {
        MISSED.confirm();
        options::note([Doubt::SwitchedOff.words(), b": everything passes through", b""]);
    }
    is_off
}

#[inline(never)]
fn find_places() -> Option<()> {
    let mut places = Places::NONE;
    let scratch: &mut Scratch = &mut [0; _];
    if options::with_whose(|whose| places.find(&Kernel, whose, scratch)).is_none() {
        // If no descriptor was free, nothing was searched.
        if Kernel.open(c"/proc/self/cgroup").is_some() {
            MISSED.confirm();
        }
        options::note([b"no cgroup of this process found", b": passed through", b""]);
        return None;
    }
    places.declare(options::memory_limit());
    PLACES.keep(&places);
    Some(())
}

#[inline(never)]
fn still_hold() -> Option<()> {
    let scratch: &mut Scratch = &mut [0; _];
    with_places(|places| options::with_whose(|whose| places.still_hold(&Kernel, whose, scratch)).then_some(()))
}

/// Lends the places of this process's cgroups, once [`look`] has found them. A returned value would be copied.
#[inline(always)]
pub(crate) fn with_places<T>(use_it: impl FnOnce(&Places) -> Option<T>) -> Option<T> {
    let mut places = MaybeUninit::uninit();
    use_it(PLACES.recall(&mut places)?)
}

#[inline(never)]
fn look_above(since: Option<u64>) -> Option<()> {
    let mut above = Above::NONE;
    with_places(|places| Some(board::find_above(places, &mut above)))?;
    ABOVE.keep_of(since, &above);
    Some(())
}

/// Lends the limits above what is in sight, as [`look`] has found them.
#[inline(always)]
pub(crate) fn with_above<T>(use_it: impl FnOnce(&Above) -> Option<T>) -> Option<T> {
    let mut above = MaybeUninit::uninit();
    use_it(ABOVE.recall(&mut above)?)
}

/// The space that the container's root takes on disk, if the board has it.
pub(crate) fn disk_used_bytes() -> Option<u64> {
    look()?;
    published(Block::disk_used_bytes)
}

/// A figure from the scope's slot.
#[inline(never)]
pub(crate) fn published<T>(what: fn(&Block) -> Option<T>) -> Option<T> {
    let mut block = Block::EMPTY;
    with_places(|places| board::slot(places, &mut block))?;
    what(&block)
}

/// Ensures that the view's CPUs are known.
pub(crate) fn count() -> Option<()> {
    if CPUS.is_fresh() {
        return Some(());
    }
    look()?;
    count_again()
}

#[cold]
#[inline(never)]
fn count_again() -> Option<()> {
    let scratch: &mut Scratch = &mut [0; _];
    let mut mask = CpuSet::EMPTY;
    if !options::views_another() {
        // The process's mask, not the thread's, because all threads see the same CPUs. If it cannot be read, no CPU is
        // preferred.
        let _ = sys::affinity(sys::getpid(), mask.words_mut());
    }
    let choice = Choice { by: options::cpu_count(), mask: &mask };
    let cpus = with_places(|places| with_above(|above| cpu::cpus(&Kernel, places, above, choice, scratch)))?;
    CPUS.keep_of(ABOVE.tick(), &cpus);
    Some(())
}

/// The process has changed its mask, so the CPUs shown are chosen anew.
pub(crate) fn choose_again() {
    if !options::off() && owner::is_ours() {
        CPUS.expire();
    }
}

/// Lends the view's CPUs, once [`count`] has found them.
#[inline(never)]
pub(crate) fn with_counted<T>(use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T> {
    let mut cpus = MaybeUninit::uninit();
    use_it(CPUS.recall(&mut cpus)?)
}

/// Lends the CPUs that this process sees, unless CPUs are not answered.
#[inline(always)]
pub(crate) fn with_cpus<T>(use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T> {
    if !options::answers(Answer::CpuOnline) {
        return None;
    }
    count()?;
    with_counted(use_it)
}

/// The container's memory, once [`look`] has found the places.
#[inline(never)]
pub(crate) fn measured(machine: &Host) -> Option<Memory> {
    let scratch: &mut Scratch = &mut [0; _];
    with_places(|places| with_above(|above| memory::memory(&Kernel, places, above, machine, scratch)))
}

/// The number of the one memory block that this process sees; `None` if it sees the machine's.
pub(crate) fn first_block() -> Option<u64> {
    if !options::answers(Answer::BlockSize) {
        return None;
    }
    if !FIRST_BLOCK.is_fresh() {
        find_first_block()?;
    }
    FIRST_BLOCK.recall(&mut MaybeUninit::uninit())?.checked_sub(1)
}

#[cold]
#[inline(never)]
fn find_first_block() -> Option<()> {
    look()?;
    let first = is_limited().and_then(|()| lowest_block()).map_or(0, |block| block.saturating_add(1));
    FIRST_BLOCK.keep_of(ABOVE.tick(), &first);
    Some(())
}

fn is_limited() -> Option<()> {
    measured(&clock::machine()?).map(drop)
}

#[inline(never)]
fn lowest_block() -> Option<u64> {
    let scratch: &mut Scratch = &mut [0; _];
    blocks::first(&Kernel, scratch)
}

/// Lends how many CPUs this process sees, and the first `words` words of the bitmap of those, unless CPUs are not
/// answered. Copies no more than that.
#[inline(always)]
pub(crate) fn with_first_cpus<T>(words: usize, use_it: impl FnOnce(u64, &[u64]) -> Option<T>) -> Option<T> {
    const { assert!(offset_of!(Cpus, count) == 0 && offset_of!(Cpus, online) == 8) };
    if !options::answers(Answer::CpuOnline) {
        return None;
    }
    count()?;
    lend_first(words, use_it)
}

/// Apart, because to count CPUs takes most of the stack.
#[inline(never)]
fn lend_first<T>(words: usize, use_it: impl FnOnce(u64, &[u64]) -> Option<T>) -> Option<T> {
    let mut cpus = MaybeUninit::uninit();
    let (count, online) = CPUS.recall_first(words.saturating_add(1), &mut cpus)?.split_first()?;
    use_it(*count, online)
}

/// The container's age in hundredths of a second, if it is known, answered and wanted by this program.
pub(crate) fn age_ticks() -> Option<u64> {
    if !options::answers(Answer::Uptime) || options::uptime_is_the_hosts() {
        return None;
    }
    look()?;
    aged(&clock::age()?)
}

#[inline(never)]
fn aged(machine: &Host) -> Option<u64> {
    with_places(|places| time::age_ticks(places, machine))
}
