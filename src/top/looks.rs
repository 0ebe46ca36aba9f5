//! Looks at the cgroups, and where the load comes from.

use super::rows::Choice;
use crate::{
    host::{hierarchy, temporary},
    sampler,
    see::{board_state, view::View},
    settings::Settings,
    stats::{Collector, OwnSampler, Which, sample::Sample},
};
use anyhow::{Context, Result, ensure};
use calc::board::Kind;
use std::{
    ffi::OsStr,
    mem,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::Instant,
};

/// What looks.
pub(super) struct Looks {
    collector: Collector,
    which: Which,
    board: PathBuf,
    load: Load,
}

/// Where the load comes from.
enum Load {
    /// The board, if somebody publishes there.
    Board,
    /// From a sampler of our own that is being started: to find all cgroups takes a while.
    Awaited(JoinHandle<Result<Option<OwnSampler>>>),
    Own(OwnSampler, Instant),
    /// It could not be started.
    Unknown(String),
}

impl Looks {
    /// Looks at what is visible here, or only at `cgroup`, in a form of `CGPROC_CGROUP`, and at what is below it.
    pub(super) fn open(board: &Path, cgroup: Option<&OsStr>) -> Result<Self> {
        ensure!(!sampler::mounted()?.is_empty(), "no cgroups are visible here (cgproc doctor says more)");
        let collector = Collector::new(board, Which::Containers)?;
        let collector = match cgroup {
            Some(cgroup) => collector.below(&path_of(cgroup)?),
            None => collector,
        };
        Ok(Self { collector, which: Which::Containers, board: board.to_owned(), load: Load::Board })
    }

    /// Looks at the cgroups that `choice` is about.
    pub(super) fn look(&mut self, choice: &Choice) -> Sample {
        // A tree has what is above the containers.
        let is_all = choice.is_all || choice.is_tree;
        let which = if is_all { Which::All } else { Which::Containers };
        if which != self.which {
            self.which = which;
            self.collector.choose(which);
        }
        self.collector.look()
    }

    /// Measures the load as long as no sampler publishes it.
    pub(super) fn follow_load(&mut self) {
        let is_published = board_state::check(&self.board).is_ok();
        self.load = match mem::replace(&mut self.load, Load::Board) {
            Load::Board if !is_published => self.started(),
            Load::Awaited(starting) if starting.is_finished() => self.begun(starting),
            Load::Own(..) if is_published => {
                self.collector.read_board(&self.board);
                Load::Board
            }
            same => same,
        };
    }

    fn started(&self) -> Load {
        let board = self.board.clone();
        let start = move || {
            // Its board is in such a directory, and nobody removes that of one that was killed.
            temporary::clear_stale();
            OwnSampler::start_unless_published(&board)
        };
        match thread::Builder::new().name("load".into()).spawn(start) {
            Ok(starting) => Load::Awaited(starting),
            Err(error) => Load::Unknown(error.to_string()),
        }
    }

    fn begun(&mut self, starting: JoinHandle<Result<Option<OwnSampler>>>) -> Load {
        match starting.join() {
            Ok(Ok(Some(own))) => {
                self.collector.read_board(own.board());
                Load::Own(own, Instant::now())
            }
            Ok(Ok(None)) => Load::Board,
            Ok(Err(error)) => Load::Unknown(format!("{error:#}")),
            Err(_) => Load::Unknown("its thread has ended".to_owned()),
        }
    }

    /// The board that is read.
    pub(super) fn board(&self) -> &Path {
        if let Load::Own(own, _) = &self.load { own.board() } else { &self.board }
    }

    /// Where the load comes from, in a few words, and whether somebody should see to it.
    pub(super) fn load_from(&self) -> (String, bool) {
        let Err(fault) = board_state::check(&self.board) else { return ("load: from the sampler".to_owned(), false) };
        let words = match &self.load {
            Load::Own(_, since) => format!("load: measured here for {} s (board: {fault})", since.elapsed().as_secs()),
            Load::Unknown(refusal) => format!("load: unknown ({refusal}; board: {fault})"),
            Load::Board | Load::Awaited(_) => format!("load: unknown (board: {fault})"),
        };
        (words, true)
    }
}

/// A sampler that is being started has to be ended, too.
impl Drop for Looks {
    fn drop(&mut self) {
        if let Load::Awaited(starting) = mem::replace(&mut self.load, Load::Board) {
            drop(starting.join());
        }
    }
}

/// The path below the mounts of a cgroup that is visible here.
fn path_of(cgroup: &OsStr) -> Result<PathBuf> {
    const BY_CPU_TIME: [Kind; 3] = [Kind::Unified, Kind::Cpuacct, Kind::Cpu];
    let settings = Settings::of_environment()?;
    let view = View::of(Some(cgroup), &settings);
    let view = view.with_context(|| format!("no cgroup {} is visible", cgroup.display()))?;
    let directories = view.scope_directories();
    let preferred = directories.iter().find(|(kind, _)| BY_CPU_TIME.contains(kind)).or(directories.first());
    let directory = preferred.map(|(_, directory)| directory.as_path()).filter(|it| !hierarchy::is_machines(it));
    let path = directory.map(|directory| {
        // Where the view's own cgroup is the top of what is visible, it has no path.
        hierarchy::below_mount(directory).unwrap_or_else(|| "/".into())
    });
    path.with_context(|| format!("{} is in no cgroup but the machine's own", cgroup.display()))
}
