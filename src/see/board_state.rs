//! Whether there is a board and a sampler publishes on it, by the rules that readers have.

use super::board_reader::BoardReader;
use crate::host::{clocks, trusted};
use calc::board::{Block, Board, MAGIC, VERSION};
use rustix::fs::statfs;
use std::path::Path;

/// What is wrong with a board.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BoardFault {
    #[error("there is none")]
    Missing,
    #[error("it is not believed: {0}")]
    Untrusted(String),
    #[error("it is not believed: it is on no tmpfs (file system {0:#x})")]
    Elsewhere(i64),
    #[error("it has version {0}, but this release reads version {VERSION}")]
    OfAnotherVersion(u64),
    #[error("it is not a board, or is truncated")]
    Garbage,
    #[error("the sampler has ended")]
    Ended,
    #[error("the sampler no longer publishes: the board was last written {0} s ago")]
    Stale(u64),
}

/// Whether a sampler keeps the board at `path` up to date.
pub(crate) fn check(path: &Path) -> Result<(), BoardFault> {
    fresh(&header(path)?)
}

/// The first block of a board that can be trusted.
fn header(path: &Path) -> Result<Block, BoardFault> {
    match trusted::open(path) {
        Ok(Some(_)) => {}
        Ok(None) => return Err(BoardFault::Missing),
        Err(reason) => return Err(BoardFault::Untrusted(format!("{reason:#}"))),
    }
    let Some(board) = BoardReader::open(path) else {
        return Err(BoardFault::Elsewhere(statfs(path).map_or(0, |it| it.f_type)));
    };
    let mut header = Block::EMPTY;
    let is_whole = board.copy(0, &mut header).is_some() && header.is_whole();
    if is_whole && header.slots().is_some() {
        return Ok(header);
    }
    let [_, magic, version, ..] = *header.words_mut();
    let is_anothers = is_whole && magic == MAGIC && version != VERSION;
    Err(if is_anothers { BoardFault::OfAnotherVersion(version) } else { BoardFault::Garbage })
}

fn fresh(header: &Block) -> Result<(), BoardFault> {
    if header.has_ended() {
        return Err(BoardFault::Ended);
    }
    let now_usec = clocks::now_usec(libc::CLOCK_REALTIME);
    if header.is_fresh(now_usec) {
        return Ok(());
    }
    let age_usec = now_usec.saturating_sub(header.published().realtime_usec);
    Err(BoardFault::Stale(age_usec / 1_000_000))
}
