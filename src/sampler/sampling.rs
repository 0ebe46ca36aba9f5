//! A sampler of our own when no service publishes: its board is in a directory that goes with it.

use super::{Board, INTERVAL, Root, Sampler, service};
use crate::host::{named::Named, temporary};
use anyhow::Result;
use rustix::fd::OwnedFd;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A sampler with a directory for its board.
pub(crate) struct Sampling {
    sampler: Sampler,
    directory: Named,
}

impl Sampling {
    /// Publishes what is below `roots` for the first time; `None` if there is nothing.
    pub(crate) fn start(roots: Vec<Root>) -> Result<Option<Self>> {
        if roots.is_empty() {
            return Ok(None);
        }
        let directory = temporary::make_in_memory()?;
        let sampler = Board::create(&board_in(&directory)).and_then(|board| Sampler::new(board, roots, INTERVAL));
        let sampler = sampler.inspect_err(|_| drop(fs::remove_dir_all(&*directory)))?;
        let mut sampling = Self { sampler, directory };
        sampling.sampler.tick()?;
        Ok(Some(sampling))
    }

    /// The path of its board.
    pub(crate) fn board(&self) -> PathBuf {
        board_in(&self.directory)
    }

    /// The time until there is something to do.
    pub(crate) fn pause(&self) -> Duration {
        self.sampler.pause()
    }

    /// Takes a sample if it is due. A board that cannot be written becomes stale, and the kernel's figures are shown.
    pub(crate) fn act(&mut self) {
        let _ = self.sampler.tick();
    }

    /// Takes samples until `ending` becomes readable.
    pub(crate) fn serve(mut self, ending: &OwnedFd) {
        while !service::wait(&self.sampler, ending, Duration::MAX) {
            self.act();
        }
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&*self.directory);
    }
}

fn board_in(directory: &Path) -> PathBuf {
    directory.join("board")
}
