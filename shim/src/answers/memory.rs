//! `/proc/meminfo`, `/proc/swaps`, the memory of nodes and memory blocks

use super::text;
use crate::clock;
use crate::kernel::{Kernel, Reading};
use crate::scope;
use calc::compose::{self, MemoryFigures};
use calc::source::Scratch;
use calc::text::Sink;
use calc::view::nodes::{self, Share};
use core::ffi::c_int;

#[inline(never)]
pub(super) fn meminfo(host: c_int, out: &mut impl Sink) -> Option<()> {
    let mut figures = MemoryFigures::default();
    read_figures(&mut figures)?;
    text(out, |text, scratch| compose::meminfo(&figures, &mut Reading::of(host, false), text, scratch))
}

#[inline(never)]
pub(super) fn node_meminfo(host: c_int, out: &mut impl Sink) -> Option<()> {
    let mut figures = MemoryFigures::default();
    read_figures(&mut figures)?;
    let share = share(host)?;
    text(out, |text, scratch| compose::node_meminfo(&figures, &share, &mut Reading::of(host, false), text, scratch))
}

#[inline(never)]
pub(super) fn read_figures(figures: &mut MemoryFigures) -> Option<()> {
    let machine = clock::machine()?;
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| scope::with_above(|above| figures.read(&Kernel, places, above, &machine, scratch)))
}

#[inline(never)]
fn share(host: c_int) -> Option<Share> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_places(|places| nodes::share(&Kernel, places, &mut Reading::of(host, false), scratch))
}

#[inline(never)]
pub(super) fn swaps(host: c_int, out: &mut impl Sink) -> Option<()> {
    let swap = scope::measured(&clock::machine()?)?.swap?;
    text(out, |text, scratch| compose::swaps(&swap, &mut Reading::of(host, false), text, scratch))
}

#[inline(never)]
pub(super) fn block_size(out: &mut impl Sink) -> Option<()> {
    let memory = scope::measured(&clock::machine()?)?;
    text(out, |text, _| compose::block_size(memory.total_bytes, text))
}
