//! Which cgroups are shown: their paths in all hierarchies together.

use super::{
    container::{Recognised, recognise},
    member::Member,
};
use std::{
    collections::HashMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// Which cgroups are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Containers, services and runs of ours. Where not the machine is visible but a container, or where one cgroup is
    /// looked at, all cgroups there. What is inside other containers is left out.
    Containers,
    /// Every cgroup.
    All,
}

/// A cgroup that is shown.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) path: PathBuf,
    pub(super) recognised: Option<Recognised>,
    /// Its index in each hierarchy that it is in.
    pub(super) places: Vec<Option<usize>>,
    /// The same, or the nearest cgroup above it.
    pub(super) nearest: Vec<Option<usize>>,
}

impl Row {
    /// The first hierarchy that it is in, and its index there.
    pub(super) fn home(&self) -> Option<(usize, usize)> {
        self.places.iter().enumerate().find_map(|(member, index)| Some((member, (*index)?)))
    }
}

/// The cgroups to show: of those at or below `top`, all, or those that [`Which::Containers`] means. Those above come
/// before those below.
pub(super) fn rows(members: &mut [Member], which: Which, top: &Path) -> Vec<Row> {
    let orders: Vec<Vec<usize>> = members.iter_mut().map(|member| member.hierarchy.order()).collect();
    let members = &*members;
    let shows_machine = members.iter().any(shows_the_machine);
    let is_all = which == Which::All || is_part(members, top);
    let below = top.strip_prefix("/").unwrap_or(top);
    let mut places: HashMap<&OsStr, Vec<Option<usize>>> = HashMap::new();
    for (number, (member, order)) in members.iter().zip(&orders).enumerate() {
        for &index in order {
            let Some(node) = member.hierarchy.node(index).filter(|node| node.is_published()) else { continue };
            let path = node.directory.path();
            let is_machines = shows_machine && path.as_os_str().is_empty();
            if path.starts_with(below) && !is_machines {
                places.entry(path.as_os_str()).or_insert_with(|| vec![None; members.len()])[number] = Some(index);
            }
        }
    }
    let shown = |(path, places)| {
        let path = Path::new("/").join(path);
        let recognised = recognise(&path);
        (is_all || recognised.is_some()).then(|| row(members, path, places, recognised))?
    };
    let mut rows: Vec<Row> = places.into_iter().filter_map(shown).collect();
    rows.sort_by(|one, other| one.path.cmp(&other.path));
    if which == Which::Containers { without_nested(rows, top) } else { rows }
}

/// Whether what is at or below `top` is less than the machine: a container that we are in, or a cgroup that was chosen.
pub(super) fn is_part(members: &[Member], top: &Path) -> bool {
    top != Path::new("/") || !members.iter().any(shows_the_machine)
}

/// Whether the top of what is visible is the machine's root cgroup, whose figures come from elsewhere.
fn shows_the_machine(member: &Member) -> bool {
    member.hierarchy.nearest(Path::new("")).is_some_and(|top| member.hierarchy.is_machines_root(top))
}

fn row(members: &[Member], path: PathBuf, places: Vec<Option<usize>>, recognised: Option<Recognised>) -> Option<Row> {
    let below = path.strip_prefix("/").unwrap_or(&path);
    let near = |(member, place): (&Member, &Option<usize>)| place.or_else(|| member.hierarchy.nearest(below));
    let nearest = members.iter().zip(&places).map(near).collect();
    let mut row = Row { id: 0, path, recognised, places, nearest };
    let (number, index) = row.home()?;
    row.id = id(number, members[number].hierarchy.node(index)?.id());
    Some(row)
}

/// A number for a cgroup. Version 1's hierarchies number their cgroups alike, so those of others than the first are
/// moved out of its way: no inode number has the upper bits.
fn id(member: usize, inode: u64) -> u64 {
    const SHIFT: u32 = 56;
    inode | u64::try_from(member).unwrap_or(0) << SHIFT
}

/// The rows that are not inside a container. `top` may be one.
fn without_nested(rows: Vec<Row>, top: &Path) -> Vec<Row> {
    let mut outer: Option<PathBuf> = None;
    let mut shown = Vec::new();
    for row in rows {
        if outer.as_ref().is_some_and(|outer| row.path.starts_with(outer)) {
            continue;
        }
        if row.path != top && row.recognised.as_ref().is_some_and(Recognised::owns_what_is_below) {
            outer = Some(row.path.clone());
        }
        shown.push(row);
    }
    shown
}

/// Of paths in order, the index of the nearest one above each.
pub(super) fn parents<'p>(paths: impl Iterator<Item = &'p Path>) -> Vec<Option<usize>> {
    let mut above: Vec<(usize, &Path)> = Vec::new();
    let mut parents = Vec::new();
    for (index, path) in paths.enumerate() {
        while above.last().is_some_and(|(_, last)| !path.starts_with(last)) {
            above.pop();
        }
        parents.push(above.last().map(|(index, _)| *index));
        above.push((index, path));
    }
    parents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_above_is_the_parent() {
        let paths = ["/", "/a", "/a/b", "/a/b/c/d", "/a/e", "/ab", "/f"].map(Path::new);
        let expected = [None, Some(0), Some(1), Some(2), Some(1), Some(0), Some(0)];
        assert_eq!(parents(paths.into_iter()), expected);
        assert_eq!(parents([Path::new("/a"), Path::new("/b/c")].into_iter()), [None, None]);
    }

    #[test]
    fn hierarchies_have_ids_of_their_own() {
        assert_eq!(id(0, 4711), 4711);
        assert_ne!(id(1, 4711), id(2, 4711));
    }
}
