//! A sampler in this process, for looking when no service publishes.

use crate::{
    sampler::{self, Root, Sampling},
    see::board_state,
};
use anyhow::{Context, Result};
use rustix::{
    event::{EventfdFlags, eventfd},
    fd::OwnedFd,
    io::write,
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, SyncSender},
    },
    thread::{self, JoinHandle},
};

/// A sampler in a thread of its own. Dropping it ends the thread and removes the board. Averages begin at 0 and are
/// close to the truth after the time over which they average.
pub(crate) struct OwnSampler {
    board: PathBuf,
    /// Ends the thread once it becomes readable.
    ending: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl OwnSampler {
    /// Starts one that publishes all cgroups mounted here, unless somebody publishes on `board`. The first sample is
    /// published on return.
    pub(crate) fn start_unless_published(board: &Path) -> Result<Option<Self>> {
        if board_state::check(board).is_ok() { Ok(None) } else { Self::start() }
    }

    /// The path of its board.
    pub(crate) fn board(&self) -> &Path {
        &self.board
    }

    /// `None` if there are no cgroups.
    fn start() -> Result<Option<Self>> {
        let roots = sampler::mounted()?;
        let ending = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).context("a sampler of our own")?);
        let (tell, told) = mpsc::sync_channel(1);
        let end = Arc::clone(&ending);
        // Made in its thread: a sampler does not count the thread that it was made in.
        let work = move || publish(roots, &tell, &end);
        let thread = thread::Builder::new().name("sampler".into()).spawn(work)?;
        let board = told.recv().context("a sampler of our own")??;
        Ok(board.map(|board| Self { board, ending, thread: Some(thread) }))
    }
}

/// Tells where the board is, once there is one, and publishes on it until `ending` becomes readable.
fn publish(roots: Vec<Root>, tell: &SyncSender<Result<Option<PathBuf>>>, ending: &OwnedFd) {
    match Sampling::start(roots.into_iter().map(quiet).collect()) {
        Ok(Some(sampling)) => {
            let _ = tell.send(Ok(Some(sampling.board())));
            sampling.serve(ending);
        }
        Ok(None) => drop(tell.send(Ok(None))),
        Err(error) => drop(tell.send(Err(error))),
    }
}

/// Nothing is said while somebody else has the terminal.
fn quiet(root: Root) -> Root {
    Root { is_quiet: true, ..root }
}

impl Drop for OwnSampler {
    fn drop(&mut self) {
        // A counter that nobody has written to yet has room for one.
        let _ = write(&*self.ending, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_publishes_until_it_is_dropped() {
        let sampler = OwnSampler::start().unwrap().expect("cgroups");
        let board = sampler.board().to_owned();
        assert!(board_state::check(&board).is_ok());
        assert!(OwnSampler::start_unless_published(&board).unwrap().is_none(), "one is enough");
        drop(sampler);
        assert!(!board.parent().unwrap().exists());
    }
}
