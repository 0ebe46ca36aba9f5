//! Load for a program that `run` starts when no sampler runs: what a sampler of our own publishes for it.

use super::{cgroup::Cgroup, declared::Declared};
use crate::{host::named, sampler::Root, see::view::View};
use calc::board::Kind;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// Whether the path of a board is that of a run's.
pub(crate) fn is_of_a_run(board: &Path) -> bool {
    let directory = board.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    directory.is_some_and(|name| name.starts_with(named::PREFIX))
}

/// The roots to publish for a program in a `cgroup` made for it, or in our own cgroups. If we are in a container, they
/// are the container's. Otherwise: its own cgroup, and ours in hierarchies in which it has none, for the limits.
pub(crate) fn roots(view: Option<&View>, cgroup: Option<&Cgroup>) -> Vec<Root> {
    let in_container = view.is_some_and(|view| view.places.began_ticks != 0);
    let made = cgroup.filter(|_| !in_container).map(Cgroup::kinds).unwrap_or_default();
    let ours = view.map(View::scope_directories).unwrap_or_default();
    let not_made = |kind: &Kind| made.iter().all(|(known, _)| known != kind);
    let others: Vec<(Kind, PathBuf)> = ours.into_iter().filter(|(kind, _)| not_made(kind)).collect();
    by_directory(made.into_iter().chain(others))
}

/// The root to publish for a program under a declared view.
pub(crate) fn roots_of_declared(declared: &Declared) -> Vec<Root> {
    vec![Root::new(declared.directory().to_owned(), vec![Kind::Declared])]
}

/// One root per directory, since controllers may be mounted together.
fn by_directory(found: impl Iterator<Item = (Kind, PathBuf)>) -> Vec<Root> {
    let mut roots: Vec<(PathBuf, Vec<Kind>)> = Vec::new();
    for (kind, directory) in found {
        match roots.iter_mut().find(|(known, _)| *known == directory) {
            Some((_, kinds)) if kinds.contains(&kind) => {}
            Some((_, kinds)) => kinds.push(kind),
            None => roots.push((directory, vec![kind])),
        }
    }
    roots.into_iter().map(|(directory, kinds)| Root::new(directory, kinds)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_one_root() {
        let found = [(Kind::Memory, "/m"), (Kind::Cpu, "/c"), (Kind::Cpuacct, "/c"), (Kind::Cpu, "/c")];
        let roots = by_directory(found.into_iter().map(|(kind, path)| (kind, path.into())));
        let expected = [("/m", vec![Kind::Memory]), ("/c", vec![Kind::Cpu, Kind::Cpuacct])];
        assert_eq!(roots, expected.map(|(path, kinds)| Root::new(path.into(), kinds)));
    }
}
