//! Samplers, and the contents of their boards.

use crate::{
    bed,
    processes::{Place, Started, now_usec, until},
};
use calc::board::{self, BLOCK_BYTES, Block, Board, Key, Load};
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

/// The command `cgproc sampler --board BOARD OPTIONS`.
pub(crate) fn sampler(board: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(bed::command());
    command.arg("sampler").arg("--board").arg(board).args(options);
    command.env_remove("LD_PRELOAD").env_remove("CGPROC_BOARD").stdin(Stdio::null());
    command
}

/// A running sampler, and its messages.
pub(crate) struct Sampler {
    pub(crate) process: Started,
    log: PathBuf,
}

impl Sampler {
    /// Starts a sampler and waits until it has published.
    pub(crate) fn start(place: &Place, options: &[&str]) -> Self {
        Self::start_by(place, sampler(&place.board(), options))
    }

    /// The same, started by another program.
    pub(crate) fn start_by(place: &Place, mut command: Command) -> Self {
        let begun = now_usec();
        let log = place.file("log");
        let file = OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        command.stderr(file);
        let mut sampler = Self { process: Started::quietly(&mut command), log };
        until("the sampler publishes", || {
            let ended = sampler.process.0.try_wait().expect("its status");
            assert!(ended.is_none(), "the sampler ended, {ended:?}: {}", sampler.log());
            published_usec(&place.board()).is_some_and(|moment| moment >= begun)
        });
        sampler
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("its log")
    }

    pub(crate) fn end(mut self, signal: i32) -> ExitStatus {
        self.process.signal(signal);
        self.process.ended()
    }
}

/// Reads blocks as readers do.
struct Blocks(File);

impl Board for Blocks {
    fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
        let mut bytes = [0; BLOCK_BYTES];
        self.0.read_exact_at(&mut bytes, index * BLOCK_BYTES as u64).ok()?;
        *into = Block::from_bytes(&bytes);
        Some(())
    }
}

fn blocks(board: &Path) -> Option<Blocks> {
    Some(Blocks(OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(board).ok()?))
}

/// When the board's header was published.
pub(crate) fn published_usec(board: &Path) -> Option<u64> {
    let mut header = Block::EMPTY;
    blocks(board)?.copy(0, &mut header)?;
    (header.is_whole() && header.slots().is_some()).then(|| header.published().realtime_usec)
}

/// The slot of `key`, if it can be believed.
pub(crate) fn slot(board: &Path, key: Key) -> Option<Block> {
    let mut block = Block::EMPTY;
    board::find(&blocks(board)?, key, now_usec(), &mut block)?;
    Some(block)
}

pub(crate) fn load(board: &Path, key: Key) -> Option<Load> {
    slot(board, key)?.load()
}

/// The averages in the format of `/proc/loadavg`.
pub(crate) fn shown(load: &Load) -> String {
    load.averages.map(calc::load::hundredths).map(|h| format!("{}.{:02}", h / 100, h % 100)).join(" ")
}
