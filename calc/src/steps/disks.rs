//! `/proc/diskstats`, `/proc/vmstat`, `/sys/block/*/stat`: the scope's counters, if they are of one scope.

use super::{memory::read_figures, text, text_in};
use crate::{
    asker::{Asker, Shown},
    cgroup::io::What,
    compose::{self, MemoryFigures, VmstatFigures},
    doubt::Doubt,
    source::{Files, Scratch},
    text::Sink,
    view::{
        io::{self, Device, Devices, Io, Traffic},
        ratchet,
    },
};

/// For how many devices the scope's files are read at once: more than most containers use. There is no room for more on a
/// hook's stack.
const DEVICES: usize = 8;

/// Room to read the kernel's lines, beside what is known of the devices: see [`crate::source::Window`].
type SmallWindow = [u8; 512];

type FileOf<A> = <<A as Asker>::Files as Files>::File;

#[inline(never)]
pub(super) fn diskstats<A: Asker>(asker: &A, out: &mut impl Sink) -> Result<(), Doubt> {
    is_counted_on(asker)?;
    let mut io = opened(asker, What::All).ok_or(Doubt::NoIo)?;
    let room = &mut [io::FREE; DEVICES];
    let mut devices = io.devices(room);
    begin::<A>(&mut devices).ok_or(Doubt::NoIo)?;
    let shown = |device, traffic| asker.shown().device(device, traffic);
    text_in(out, |text, window: &mut SmallWindow| {
        compose::diskstats(&mut devices, shown, &mut asker.kernels_own(true)?, text, window)
    })
}

#[inline(never)]
pub(super) fn block_stat(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    is_counted_on(asker)?;
    let device = device(asker).ok_or(Doubt::NoIo)?;
    let mut io = opened(asker, What::All).ok_or(Doubt::NoIo)?;
    let room = &mut [io::FREE];
    let mut devices = io.devices(room);
    let shown = |device, traffic| asker.shown().device(device, traffic);
    text(out, |text, window| {
        compose::block_stat(&mut devices, device, shown, &mut asker.kernels_own(false)?, text, window)
    })
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
fn opened<A: Asker>(asker: &A, wanted: What) -> Option<Io<FileOf<A>>> {
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_places(|places| io::open(asker.files(), places, wanted, scratch))
}

/// Reads the first devices, while there is room to read them in large pieces.
#[inline(never)]
fn begin<A: Asker>(devices: &mut Devices<'_, FileOf<A>>) -> Option<()> {
    let scratch: &mut Scratch = &mut [0; _];
    devices.begin(scratch)
}

/// The totals read and written, which never run backwards. If they were unknown once, the machine's were shown, which are
/// higher, and from then on stay.
#[inline(never)]
fn traffic<A: Asker>(asker: &A) -> Option<Traffic> {
    const MACHINES: u64 = u64::MAX;
    let unknown = Traffic { read_bytes: MACHINES, written_bytes: MACHINES, ..Traffic::default() };
    let mut all = opened(asker, What::Bytes).and_then(|mut io| sum(&mut io, asker)).unwrap_or(unknown);
    asker.shown().paging(|[read, written]| {
        all.read_bytes = read.show(all.read_bytes);
        all.written_bytes = written.show(all.written_bytes);
    });
    (all.read_bytes != MACHINES && all.written_bytes != MACHINES).then_some(all)
}

#[inline(never)]
fn sum<A: Asker>(io: &mut Io<FileOf<A>>, asker: &A) -> Option<Traffic> {
    let scratch: &mut Scratch = &mut [0; _];
    // The memory's figures leave room for fewer.
    io.devices(&mut [io::FREE; 4]).sum(|| io::drivers(asker.files()), scratch)
}

/// Whether this process may continue its counters. Those of another scope may be lower, so after a move the process
/// gets the machine's, which are not.
#[inline(never)]
fn is_counted_on(asker: &impl Asker) -> Result<(), Doubt> {
    let key = asker.with_places(|places| Some(ratchet::key_of_counts(places))).ok_or(Doubt::NoCgroup)?;
    if asker.shown().may_count(key) { Ok(()) } else { Err(Doubt::OtherScope) }
}
