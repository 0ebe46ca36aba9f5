//! Descriptors that were told of: a seek to their start reads a figure again.
//!
//! A mark is a hint. A number may stand for another file by now, so whoever acts on a mark asks what the number leads
//! to.

use std::{
    ffi::c_int,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Numbers from here on are not marked.
const COUNT: usize = 1024;

static MARKS: [AtomicU64; COUNT / 64] = [const { AtomicU64::new(0) }; _];
/// Of descriptors that may be directories: 1 + the number of entries read since the start.
static ENTRIES: [AtomicU32; COUNT] = [const { AtomicU32::new(0) }; _];

fn word_and_bit(fd: c_int) -> Option<(&'static AtomicU64, u64)> {
    let fd = usize::try_from(fd).ok()?;
    Some((MARKS.get(fd / 64)?, 1 << (fd % 64)))
}

pub(crate) fn mark(fd: c_int) {
    if let Some((word, bit)) = word_and_bit(fd) {
        word.fetch_or(bit, Ordering::Relaxed);
    }
}

pub(crate) fn is_marked(fd: c_int) -> bool {
    word_and_bit(fd).is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
}

pub(crate) fn forget(fd: c_int) {
    if let Some((word, bit)) = word_and_bit(fd) {
        word.fetch_and(!bit, Ordering::Relaxed);
    }
}

fn directory(fd: c_int) -> Option<&'static AtomicU32> {
    ENTRIES.get(usize::try_from(fd).ok()?)
}

/// The entries of this directory are counted, from its start on.
pub(crate) fn begin_directory(fd: c_int) {
    if let Some(entries) = directory(fd) {
        entries.store(1, Ordering::Relaxed);
    }
}

pub(crate) fn is_directory(fd: c_int) -> bool {
    directory(fd).is_some_and(|entries| entries.load(Ordering::Relaxed) != 0)
}

pub(crate) fn forget_directory(fd: c_int) {
    if let Some(entries) = directory(fd) {
        entries.store(0, Ordering::Relaxed);
    }
}

/// Counts entries that were read. If there are none any more, returns how many there were.
pub(crate) fn read_entries(fd: c_int, more: u32) -> Option<u32> {
    let entries = directory(fd)?;
    let before = entries.fetch_add(more, Ordering::Relaxed);
    (more == 0).then(|| before.saturating_sub(1))
}
