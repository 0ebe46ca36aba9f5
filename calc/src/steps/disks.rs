//! `/proc/diskstats`, `/proc/vmstat`, `/sys/block/*/stat`: the scope's counters, if they are of one scope.

use super::{memory::read_figures, text};
use crate::{
    asker::{Asker, Shown},
    compose::{self, MemoryFigures, VmstatFigures},
    doubt::Doubt,
    source::{Files, Scratch},
    text::Sink,
    view::{
        io::{self, Device, Io, Traffic},
        ratchet,
    },
};

type FileOf<A> = <<A as Asker>::Files as Files>::File;

#[inline(never)]
pub(super) fn diskstats(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    is_counted_on(asker)?;
    let mut io = opened(asker).ok_or(Doubt::NoIo)?;
    let shown = |device, traffic| asker.shown().device(device, traffic);
    text(out, |text, window| compose::diskstats(&mut io, shown, &mut asker.kernels_own(true)?, text, window))
}

#[inline(never)]
pub(super) fn block_stat(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    is_counted_on(asker)?;
    let device = device(asker).ok_or(Doubt::NoIo)?;
    let mut io = opened(asker).ok_or(Doubt::NoIo)?;
    let shown = |device, traffic| asker.shown().device(device, traffic);
    text(out, |text, window| compose::block_stat(&mut io, device, shown, &mut asker.kernels_own(false)?, text, window))
}

/// The number of the device whose `stat` is asked for.
#[inline(never)]
fn device(asker: &impl Asker) -> Option<Device> {
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_path(|path| Device::of_stat(path, asker.files(), scratch))
}

#[inline(never)]
pub(super) fn vmstat(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    is_counted_on(asker)?;
    let mut memory = MemoryFigures::default();
    let is_limited = read_figures(&mut memory, asker).is_some();
    vmstat_with(is_limited.then_some(&memory), asker, out)
}

/// Reads the scope's other counters only after its memory, which takes the most stack.
#[inline(never)]
fn vmstat_with(memory: Option<&MemoryFigures>, asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    let mut figures = VmstatFigures::of(memory);
    read_events(&mut figures, asker).ok_or(Doubt::NoCounters)?;
    let traffic = traffic(asker);
    text(out, |text, window| compose::vmstat(&figures, traffic.as_ref(), &mut asker.kernels_own(true)?, text, window))
}

#[inline(never)]
fn read_events(figures: &mut VmstatFigures<'_>, asker: &impl Asker) -> Option<()> {
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_places(|places| figures.read(asker.files(), places, scratch))
}

/// The files that say what the scope read and wrote.
#[inline(never)]
fn opened<A: Asker>(asker: &A) -> Option<Io<FileOf<A>>> {
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_places(|places| io::open(asker.files(), places, scratch))
}

/// The totals read and written, which never run backwards.
#[inline(never)]
fn traffic<A: Asker>(asker: &A) -> Option<Traffic> {
    let mut io = opened(asker)?;
    let mut all = sum::<A>(&mut io)?;
    asker.shown().paging(|[read, written]| {
        all.read_bytes = read.show(all.read_bytes);
        all.written_bytes = written.show(all.written_bytes);
    });
    Some(all)
}

#[inline(never)]
fn sum<A: Asker>(io: &mut Io<FileOf<A>>) -> Option<Traffic> {
    let scratch: &mut Scratch = &mut [0; _];
    io.sum(scratch)
}

/// Whether this process may continue its counters. Those of another scope may be lower, so after a move the process
/// gets the machine's, which are not.
#[inline(never)]
fn is_counted_on(asker: &impl Asker) -> Result<(), Doubt> {
    let key = asker.with_places(|places| Some(ratchet::key_of_counts(places))).ok_or(Doubt::NoCgroup)?;
    if asker.shown().may_count(key) { Ok(()) } else { Err(Doubt::OtherScope) }
}
