//! `/proc/meminfo`, `/proc/swaps`, the memory of nodes and memory blocks

use super::text;
use crate::{
    asker::Asker,
    compose::{self, MemoryFigures},
    doubt::Doubt,
    source::Scratch,
    text::Sink,
    view::nodes::{self, Share},
};

#[inline(never)]
pub(super) fn meminfo(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    let mut figures = MemoryFigures::default();
    read_figures(&mut figures, asker).ok_or(Doubt::NoMemoryLimit)?;
    text(out, |text, window| compose::meminfo(&figures, &mut asker.kernels_own(false)?, text, window))
}

#[inline(never)]
pub(super) fn node_meminfo(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    let mut figures = MemoryFigures::default();
    read_figures(&mut figures, asker).ok_or(Doubt::NoMemoryLimit)?;
    let share = share(asker).ok_or(Doubt::NoNode)?;
    text(out, |text, window| compose::node_meminfo(&figures, &share, &mut asker.kernels_own(false)?, text, window))
}

#[inline(never)]
pub(super) fn read_figures(figures: &mut MemoryFigures, asker: &impl Asker) -> Option<()> {
    asker.memory_figures(figures, |figures| read_anew(figures, asker))
}

#[inline(never)]
fn read_anew(figures: &mut MemoryFigures, asker: &impl Asker) -> Option<()> {
    let machine = asker.machine()?;
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_places(|places| asker.with_above(|above| figures.read(asker.files(), places, above, &machine, scratch)))
}

#[inline(never)]
fn share(asker: &impl Asker) -> Option<Share> {
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_places(|places| nodes::share(asker.files(), places, &mut asker.kernels_own(false)?, scratch))
}

#[inline(never)]
pub(super) fn swaps(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    let swap = asker.memory().ok_or(Doubt::NoMemoryLimit)?.swap.ok_or(Doubt::NoSwap)?;
    text(out, |text, window| compose::swaps(&swap, &mut asker.kernels_own(false)?, text, window))
}

#[inline(never)]
pub(super) fn block_size(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    asker.first_block().ok_or(Doubt::NoBlock)?;
    let memory = asker.memory().ok_or(Doubt::NoMemoryLimit)?;
    text(out, |text, _| compose::block_size(memory.total_bytes, text))
}
