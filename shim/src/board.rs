//! The sampler's board, opened for one lookup.

use crate::{clock, kernel::Kernel, options, sys, sys::Fd, trusted};
use calc::{
    board::{self, Above, Block},
    cgroup::places::Places,
    source::Scratch,
};

/// A file that is trusted to be a board.
struct Open(Fd);

impl Open {
    #[inline(never)]
    fn now() -> Option<Self> {
        let file = options::with_board(trusted::open)?;
        (sys::file_system(file.number())? == libc::TMPFS_MAGIC as u64).then_some(Self(file))
    }
}

impl board::Board for Open {
    fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
        let size = board::BLOCK_BYTES as u64;
        let words = into.words_mut();
        // SAFETY: words may hold any bytes, and the slice is exactly as long.
        let bytes = unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) };
        (sys::pread(self.0.number(), bytes, index.checked_mul(size)?)? == bytes.len()).then_some(())
    }
}

/// Copies the scope's slot to `into`; returns the time by the board's clock, in microseconds.
#[inline(never)]
pub(crate) fn slot(places: &Places, into: &mut Block) -> Option<u64> {
    let board = Open::now()?;
    let now = clock::realtime_usec()?;
    let scratch: &mut Scratch = &mut [0; _];
    board::find_scope(&Kernel, places, &board, now, scratch, into)?;
    Some(now)
}

/// Adds the limits out of sight to `above`; none if there is no board.
#[inline(never)]
pub(crate) fn find_above(places: &Places, above: &mut Above) -> Option<()> {
    let board = Open::now()?;
    let now = clock::realtime_usec()?;
    let scratch: &mut Scratch = &mut [0; _];
    board::find_above(&Kernel, places, &board, now, scratch, above);
    Some(())
}
