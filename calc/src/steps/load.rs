//! `/proc/loadavg`

use super::text;
use crate::{
    asker::Asker,
    board::{Block, Load},
    compose,
    doubt::Doubt,
    source::Scratch,
    text::Sink,
    view::pids,
};

#[inline(never)]
pub(super) fn loadavg(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    let load = published(asker).ok_or(Doubt::NoLoad)?;
    let (threads, has_all) = threads(asker).ok_or(Doubt::NoCgroup)?;
    text(out, |text, window| compose::loadavg(&load, threads, has_all, &mut asker.kernels_own(false)?, text, window))
}

#[inline(never)]
fn published(asker: &impl Asker) -> Option<Load> {
    let mut block = Block::EMPTY;
    asker.copy_slot(&mut block)?;
    block.load()
}

/// The number of threads in the scope now, 0 if unknown, and whether these are all that can be seen.
#[inline(never)]
fn threads(asker: &impl Asker) -> Option<(u64, bool)> {
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_places(|places| {
        Some((pids::threads(asker.files(), places, scratch).unwrap_or(0), places.began_ticks != 0))
    })
}
