//! Looks at the cgroups.

use super::sample::{Machine, Sample};
use crate::{
    host::clocks,
    see::{board_state, view},
};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Which cgroups are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Containers, services and runs of ours, unless they are inside a container.
    Containers,
    /// Every cgroup.
    All,
}

/// Looks at the cgroups again and again.
pub(crate) struct Collector {
    board: PathBuf,
    which: Which,
    /// Only this cgroup and those below it.
    top: PathBuf,
}

impl Collector {
    /// Looks at the cgroups that are mounted here, with what is published on `board`.
    pub(crate) fn new(board: &Path, which: Which) -> Result<Self> {
        Ok(Self { board: board.to_owned(), which, top: "/".into() })
    }

    /// Looks only at the cgroup at this path below the mounts, and at those below it.
    pub(crate) fn below(self, cgroup: &Path) -> Self {
        Self { top: Path::new("/").join(cgroup), ..self }
    }

    /// Chooses other cgroups.
    pub(crate) fn choose(&mut self, which: Which) {
        self.which = which;
    }

    /// Reads another board from now on.
    pub(crate) fn read_board(&mut self, board: &Path) {
        self.board = board.to_owned();
    }

    /// Looks at the cgroups.
    pub(crate) fn look(&mut self) -> Sample {
        let machine = view::machine();
        Sample {
            monotonic_usec: clocks::now_usec(libc::CLOCK_MONOTONIC),
            machine: Machine { cpus: view::machine_cpus().unwrap_or(1), memory_bytes: machine.memory_bytes },
            has_board: board_state::check(&self.board).is_ok(),
            ..Sample::default()
        }
    }
}
