//! `/proc/diskstats`, `/proc/vmstat`: what the scope did, as far as it is one scope.

use super::{memory::read_figures, text};
use crate::kernel::{Kernel, Reading};
use crate::remembered::{Plain, Remembered};
use crate::scope;
use crate::{memory_file, owner};
use calc::answer::Answer;
use calc::compose::{self, MemoryFigures, VmstatFigures};
use calc::source::Scratch;
use calc::text::Sink;
use calc::view::io::{self, Device, Io, Shown, Traffic};
use calc::view::ratchet::{self, Onward};
use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[inline(never)]
pub(super) fn diskstats(host: c_int, out: &mut impl Sink) -> Option<()> {
    is_counted_on()?;
    let mut io = opened()?;
    text(out, |text, scratch| compose::diskstats(&mut io, go_on, &mut Reading::of(host, true), text, scratch))
}

#[inline(never)]
pub(super) fn block_stat(host: c_int, out: &mut impl Sink) -> Option<()> {
    is_counted_on()?;
    let device = device_of(host)?;
    let mut io = opened()?;
    text(out, |text, scratch| compose::block_stat(&mut io, device, go_on, &mut Reading::of(host, false), text, scratch))
}

/// The number of the device whose `stat` the descriptor is.
#[inline(never)]
fn device_of(stat: c_int) -> Option<Device> {
    let scratch: &mut Scratch = &mut [0; _];
    memory_file::with_path(Answer::BlockStat, stat, |path| Device::of_stat(path, &Kernel, scratch))
}

#[inline(never)]
pub(super) fn vmstat(host: c_int, out: &mut impl Sink) -> Option<()> {
    is_counted_on()?;
    let mut memory = MemoryFigures::default();
    let is_limited = read_figures(&mut memory).is_some();
    vmstat_with(is_limited.then_some(&memory), host, out)
}

/// The scope's other counters are read once its memory is: that takes the most of the stack.
#[inline(never)]
fn vmstat_with(memory: Option<&MemoryFigures>, host: c_int, out: &mut impl Sink) -> Option<()> {
    let mut figures = VmstatFigures::of(memory);
    read_events(&mut figures)?;
    let traffic = traffic();
    text(out, |text, scratch| compose::vmstat(&figures, traffic.as_ref(), &mut Reading::of(host, true), text, scratch))
}

#[inline(never)]
fn read_events(figures: &mut VmstatFigures<'_>) -> Option<()> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| figures.read(&Kernel, places, scratch))
}

/// The files that tell what the scope read and wrote.
#[inline(never)]
fn opened() -> Option<Io<Reading>> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| io::open(&Kernel, places, scratch))
}

/// What was read and written in all, which never runs backwards.
#[inline(never)]
fn traffic() -> Option<Traffic> {
    let mut io = opened()?;
    let mut all = sum(&mut io)?;
    PAGED.change(|[read, written]| {
        all.read_bytes = read.show(all.read_bytes);
        all.written_bytes = written.show(all.written_bytes);
    });
    Some(all)
}

#[inline(never)]
fn sum(io: &mut Io<Reading>) -> Option<Traffic> {
    let scratch: &mut Scratch = &mut [0; _];
    io.sum(scratch)
}

/// What this process was last shown of all devices: bytes read and written.
static PAGED: Remembered<[Onward; 2], 4> = Remembered::new();

/// What it was last shown of each; more devices than these are rare, and go by what they tell.
static SHOWN: [Remembered<Shown, { size_of::<Shown>() / 8 }>; 3] = [const { Remembered::new() }; 3];

// SAFETY: words, all of them.
unsafe impl Plain for Shown {}
// SAFETY: words, all of them.
unsafe impl Plain for [Onward; 2] {}

/// The figures of a device as they are to be shown. One that the scope did not use, as most are, takes no place from one that it did.
#[inline(never)]
fn go_on(device: Device, traffic: Option<Traffic>) -> Traffic {
    let may_be_its = |shown: &&Remembered<Shown, _>| {
        let mut last = MaybeUninit::uninit();
        match (shown.recall(&mut last), traffic) {
            (None, _) => traffic.is_some(),
            (Some(last), None) => last.is_of(device),
            (Some(last), Some(_)) => last.may_be_of(device),
        }
    };
    let traffic = traffic.unwrap_or_default();
    match SHOWN.iter().find(may_be_its) {
        Some(shown) => shown.change(|shown| shown.show(device, &traffic)),
        None => traffic,
    }
}

/// The scope of which this process was shown counters; 0 before the first.
static COUNTED: AtomicU64 = AtomicU64::new(0);

/// Whether counters go on where this process saw them last. Those of another scope may be less: after a move the process
/// gets the machine's, which are not.
#[inline(never)]
fn is_counted_on() -> Option<()> {
    let key = scope::with_places(|places| Some(ratchet::key_of_counts(places)))?;
    let counted = COUNTED.load(Relaxed);
    if counted == 0 && owner::is_ours() {
        COUNTED.store(key, Relaxed);
    }
    (counted == 0 || counted == key).then_some(())
}
