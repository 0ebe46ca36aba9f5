//! The view of a supervised process, calculated from outside by the object's rules.

use super::{peer, target::Target};
use crate::{
    host::kernel::{Kernel, Reading},
    run::environment::Environment,
    see::view::{self, View},
    settings::Settings,
};
use calc::{
    board::Above,
    cgroup::places::Places,
    source::{Directory, Files},
};
use std::{
    ffi::{CStr, CString, OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    time::{Duration, Instant},
};

/// The kernel's files as the process finds them: "self" is that process, not us.
#[derive(Clone)]
pub(super) struct Its {
    cgroup: CString,
}

impl Files for Its {
    type File = Reading;

    fn open(&self, path: &CStr) -> Option<Reading> {
        Kernel.open(if path == c"/proc/self/cgroup" { &self.cgroup } else { path })
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        Kernel.directory(path)
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        Kernel.file_system(path)
    }
}

/// What applies to a process.
pub(super) struct Seen {
    pub(super) settings: Settings,
    pub(super) view: View<Its>,
}

/// Where the cgroups of recent callers are: finding them takes more than half the time of an answer.
pub(super) struct Known<'a> {
    found: Vec<Found>,
    /// The environment that the first of them was started with.
    gave: &'a Environment,
}

struct Found {
    /// The cgroup that was asked for.
    cgroup: Option<OsString>,
    board: PathBuf,
    places: Places,
    above: Above,
    when: Instant,
}

impl<'a> Known<'a> {
    pub(super) fn new(gave: &'a Environment) -> Self {
        Self { found: Vec::new(), gave }
    }

    /// What `target` is to see; `None` if its settings are not understood, or no cgroup of it is found.
    pub(super) fn seen_by(&mut self, target: Target<'_>) -> Option<Seen> {
        let comm = target.comm();
        let own = target.environment();
        let may_name = || peer::is_peer(target);
        let settings = Settings::of_process(OsStr::from_bytes(&comm), &own, self.gave.text(), may_name).ok()?;
        let files = Its { cgroup: CString::new(target.file("cgroup").as_os_str().as_bytes()).ok()? };
        let (places, above) = self.places(&files, &settings)?;
        Some(Seen { view: View::at(files, places, above, &settings), settings })
    }

    /// The places of a process. As in the object, they are looked up at most once a second, as long as the process
    /// stays in the same cgroups.
    fn places(&mut self, files: &Its, settings: &Settings) -> Option<(Places, Above)> {
        const FRESH: Duration = Duration::from_secs(1);
        const MOST: usize = 16;
        self.found.retain(|found| found.when.elapsed() < FRESH);
        let cgroup = settings.cgroup.as_deref();
        let same = |found: &&Found| {
            (found.cgroup.as_deref(), &found.board) == (cgroup, &settings.board)
                && view::are_still_at(&found.places, files, cgroup)
        };
        if let Some(found) = self.found.iter().find(same) {
            return Some((found.places, found.above));
        }
        let places = view::located(files, cgroup)?;
        let above = view::limits_above(files, &places, settings);
        let (cgroup, board) = (settings.cgroup.clone(), settings.board.clone());
        self.found.truncate(MOST - 1);
        self.found.insert(0, Found { cgroup, board, places, above, when: Instant::now() });
        Some((places, above))
    }
}
