//! `/proc/diskstats`, `/proc/partitions`, `/proc/vmstat`: what the scope did, as far as it is one scope.

use super::text;
use crate::kernel::{Kernel, Reading};
use crate::scope::{self, Scratch};
use crate::{clock, owner};
use calc::compose::{self, VmstatFigures};
use calc::text::Sink;
use calc::view::io::{self, Io, Traffic};
use calc::view::ratchet;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[inline(never)]
pub(super) fn diskstats(host: c_int, out: &mut impl Sink) -> Option<()> {
    is_counted_on()?;
    let mut io = opened()?;
    text(out, |text, scratch| compose::diskstats(&mut io, &mut Reading::of(host, true), text, scratch))
}

#[inline(never)]
pub(super) fn partitions(host: c_int, out: &mut impl Sink) -> Option<()> {
    let mut io = opened()?;
    text(out, |text, scratch| compose::partitions(&mut io, &mut Reading::of(host, true), text, scratch))
}

#[inline(never)]
pub(super) fn vmstat(host: c_int, out: &mut impl Sink) -> Option<()> {
    is_counted_on()?;
    let traffic = traffic();
    let mut figures = VmstatFigures::default();
    read_figures(&mut figures)?;
    text(out, |text, scratch| compose::vmstat(&figures, traffic.as_ref(), &mut Reading::of(host, true), text, scratch))
}

/// The files that tell what the scope read and wrote.
#[inline(never)]
fn opened() -> Option<Io<Reading>> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| io::open(&Kernel, places, scratch))
}

fn traffic() -> Option<Traffic> {
    let mut io = opened()?;
    sum(&mut io)
}

#[inline(never)]
fn sum(io: &mut Io<Reading>) -> Option<Traffic> {
    let scratch: &mut Scratch = &mut [0; _];
    io.sum(scratch)
}

#[inline(never)]
fn read_figures(figures: &mut VmstatFigures) -> Option<()> {
    let machine = clock::machine()?;
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| scope::with_above(|above| figures.read(&Kernel, places, above, &machine, scratch)))
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
