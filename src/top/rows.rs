//! Which cgroups are rows of the table, and in which order.

use super::{
    columns::{Column, Seen},
    name,
};
use crate::stats::{
    Rates,
    sample::{Engine, Sample},
};
use std::cmp::Ordering;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The cgroup's index in [`Sample::cgroups`].
    pub(super) index: usize,
    /// How many rows of the tree it is below; 0 in a list.
    pub(super) depth: usize,
    /// What it is called.
    pub(super) name: String,
}

/// What the user wants to see, and how.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) sorted_by: &'static Column,
    pub(super) is_reversed: bool,
    pub(super) is_tree: bool,
    /// Cgroups that are no containers too.
    pub(super) is_all: bool,
    /// Only those with this text in their names or paths, in lower case.
    pub(super) filter: String,
}

/// The rows: largest figures first, names from A to Z.
pub(super) fn arranged(sample: &Sample, rates: &Rates, choice: &Choice) -> Vec<Row> {
    let chosen = chosen(sample, choice);
    if choice.is_tree { tree(sample, rates, choice, &chosen) } else { list(sample, rates, choice, &chosen) }
}

/// A cgroup of the sample, for the columns.
pub(super) fn seen<'s>(sample: &'s Sample, rates: &'s Rates, index: usize) -> Seen<'s> {
    let cgroup = &sample.cgroups[index];
    Seen { cgroup, rate: rates.of(cgroup.id), machine: sample.machine }
}

/// Whether each of the sample's cgroups is wanted.
fn chosen(sample: &Sample, choice: &Choice) -> Vec<bool> {
    let outermost = outermost(sample);
    let is_container = |index: usize| outermost[index] && sample.cgroups[index].container.is_some();
    // Where there is none, whatever there is; where a container or a cgroup is all there is, what is below it.
    let is_any = sample.is_part || !(0..outermost.len()).any(is_container);
    let is_all = choice.is_all || !choice.is_tree;
    let is_wanted = |index: usize| is_all || is_container(index) || (is_any && outermost[index]);
    (0..outermost.len()).map(|index| is_wanted(index) && matches(sample, index, choice)).collect()
}

/// How many containers there are that are in no other one.
pub(super) fn containers(sample: &Sample) -> usize {
    sample
        .cgroups
        .iter()
        .zip(outermost(sample))
        .filter(|(it, is_outermost)| *is_outermost && it.container.is_some())
        .count()
}

/// Whether each is in no container but the one that is looked at. Services may run engines, whose containers are their
/// own.
fn outermost(sample: &Sample) -> Vec<bool> {
    let mut is_within = vec![false; sample.cgroups.len()];
    let mut found = Vec::with_capacity(sample.cgroups.len());
    for (index, cgroup) in sample.cgroups.iter().enumerate() {
        let above = cgroup.parent.is_some_and(|parent| is_within[parent]);
        let is_owner = cgroup.container.as_ref().is_some_and(|container| container.engine != Engine::Service);
        let is_looked_at = sample.is_part && cgroup.parent.is_none();
        is_within[index] = above || (is_owner && !is_looked_at);
        found.push(!above);
    }
    found
}

fn matches(sample: &Sample, index: usize, choice: &Choice) -> bool {
    let has = |text: &str| text.to_lowercase().contains(&choice.filter);
    let cgroup = &sample.cgroups[index];
    choice.filter.is_empty() || has(&name::of(cgroup)) || has(&cgroup.path.to_string_lossy())
}

fn list(sample: &Sample, rates: &Rates, choice: &Choice, chosen: &[bool]) -> Vec<Row> {
    let indices = (0..chosen.len()).filter(|index| chosen[*index]);
    let mut rows: Vec<Row> =
        indices.map(|index| Row { index, depth: 0, name: name::of(&sample.cgroups[index]) }).collect();
    sort(&mut rows, sample, rates, choice);
    rows
}

/// Each below the nearest one above it. Those above a wanted one are shown too.
fn tree(sample: &Sample, rates: &Rates, choice: &Choice, chosen: &[bool]) -> Vec<Row> {
    let mut is_shown = chosen.to_vec();
    for index in (0..chosen.len()).rev().filter(|index| chosen[*index]) {
        let mut above = sample.cgroups[index].parent;
        while let Some(parent) = above.filter(|parent| !is_shown[*parent]) {
            is_shown[parent] = true;
            above = sample.cgroups[parent].parent;
        }
    }
    let mut tops = Vec::new();
    let mut below: Vec<Vec<Row>> = vec![Vec::new(); chosen.len()];
    for index in (0..chosen.len()).filter(|index| is_shown[*index]) {
        let cgroup = &sample.cgroups[index];
        let name = if cgroup.parent.is_some() { name::in_tree(cgroup) } else { name::of(cgroup) };
        let siblings = cgroup.parent.map_or(&mut tops, |parent| &mut below[parent]);
        siblings.push(Row { index, depth: 0, name });
    }
    sort(&mut tops, sample, rates, choice);
    // Not by recursion: others choose how deep their trees are.
    let mut waiting: Vec<Row> = tops.into_iter().rev().collect();
    let mut rows = Vec::new();
    while let Some(row) = waiting.pop() {
        let mut children = std::mem::take(&mut below[row.index]);
        sort(&mut children, sample, rates, choice);
        waiting.extend(children.into_iter().rev().map(|child| Row { depth: row.depth + 1, ..child }));
        rows.push(row);
    }
    rows
}

/// Rows without the figure come last, whichever way round.
fn sort(rows: &mut [Row], sample: &Sample, rates: &Rates, choice: &Choice) {
    let column = choice.sorted_by;
    let turned = |order: Ordering| if choice.is_reversed { order.reverse() } else { order };
    if column.is_name() {
        rows.sort_by(|one, other| turned(one.name.cmp(&other.name)));
        return;
    }
    rows.sort_by_cached_key(|row| {
        let value = column.value(&seen(sample, rates, row.index));
        let order = value.map(|value| if choice.is_reversed { Total(value) } else { Total(-value) });
        (order.is_none(), order, row.name.clone())
    });
}

/// A figure in the order of numbers.
#[derive(PartialEq)]
struct Total(f64);

impl Eq for Total {}

impl Ord for Total {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Total {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::stats::sample::{CgroupSample, Container, Machine, MemoryUse};

    /// A cgroup with so many MiB of memory, below the one with index `parent`.
    pub(in crate::top) fn cgroup(id: u64, path: &str, parent: Option<usize>, mib: u64) -> CgroupSample {
        let last = path.rsplit('/').next().unwrap();
        let engine = |name: &str| Container { engine: Engine::Docker, id: name.into(), name: None, pod: None };
        let container = last.strip_prefix("docker-").map(engine);
        let memory = MemoryUse { working_set_bytes: Some(mib << 20), ..Default::default() };
        CgroupSample { id, path: path.into(), parent, container, memory, ..Default::default() }
    }

    /// Two containers, one of them with cgroups of its own, in slices.
    pub(in crate::top) fn sample() -> Sample {
        let cgroups = vec![
            cgroup(1, "/a.slice", None, 300),
            cgroup(2, "/a.slice/docker-web", Some(0), 100),
            cgroup(3, "/a.slice/docker-web/docker-inner", Some(1), 50),
            cgroup(4, "/b.slice", None, 400),
            cgroup(5, "/b.slice/docker-db", Some(3), 200),
            cgroup(6, "/b.slice/plain", Some(3), 1),
        ];
        Sample { cgroups, machine: Machine { cpus: 4, memory_bytes: 1 << 30 }, ..Default::default() }
    }

    pub(in crate::top) fn choice() -> Choice {
        let sorted_by = Column::named("mem").unwrap();
        Choice { sorted_by, is_reversed: false, is_tree: false, is_all: true, filter: String::new() }
    }

    fn names(sample: &Sample, choice: &Choice) -> Vec<String> {
        let rows = arranged(sample, &Rates::default(), choice);
        rows.into_iter().map(|row| format!("{}{}", ".".repeat(row.depth), row.name)).collect()
    }

    #[test]
    fn a_list_is_sorted() {
        let all = choice();
        assert_eq!(names(&sample(), &all), ["/b.slice", "/a.slice", "db", "web", "inner", "/b.slice/plain"]);
        let reversed = Choice { is_reversed: true, ..all.clone() };
        assert_eq!(names(&sample(), &reversed)[0], "/b.slice/plain");
        let by_name = Choice { sorted_by: Column::named("name").unwrap(), ..all };
        assert_eq!(names(&sample(), &by_name), ["/a.slice", "/b.slice", "/b.slice/plain", "db", "inner", "web"]);
    }

    #[test]
    fn unknown_figures_come_last() {
        let mut sample = sample();
        sample.cgroups[3].memory.working_set_bytes = None;
        for is_reversed in [false, true] {
            assert_eq!(names(&sample, &Choice { is_reversed, ..choice() })[5], "/b.slice");
        }
    }

    #[test]
    fn a_tree_has_containers_with_what_is_above_them() {
        let tree = Choice { is_tree: true, is_all: false, ..choice() };
        assert_eq!(names(&sample(), &tree), ["/b.slice", ".db", "/a.slice", ".web"]);
        let all = Choice { is_all: true, ..tree.clone() };
        assert_eq!(names(&sample(), &all), ["/b.slice", ".db", ".plain", "/a.slice", ".web", "..inner"]);
        let found = Choice { filter: "inner".into(), ..all };
        assert_eq!(names(&sample(), &found), ["/a.slice", ".web", "..inner"]);
        let without = Sample { cgroups: vec![cgroup(1, "/", None, 1), cgroup(2, "/x", Some(0), 1)], ..sample() };
        assert_eq!(names(&without, &tree), ["/", ".x"]);
    }

    #[test]
    fn a_part_of_the_machine_is_shown_with_all_that_is_below() {
        let tree = Choice { is_tree: true, is_all: false, ..choice() };
        let cgroups = vec![
            cgroup(1, "/docker-web", None, 5),
            cgroup(2, "/docker-web/docker-inner", Some(0), 4),
            cgroup(3, "/docker-web/docker-inner/deep", Some(1), 3),
            cgroup(4, "/docker-web/plain", Some(0), 2),
        ];
        let part = Sample { cgroups, is_part: true, ..sample() };
        assert_eq!(names(&part, &tree), ["web", ".inner", ".plain"]);
        assert_eq!(containers(&part), 2);
        let machine = Sample { is_part: false, ..part };
        assert_eq!(names(&machine, &tree), ["web"]);
        assert_eq!(containers(&machine), 1, "not those inside");
    }

    #[test]
    fn a_filter_looks_at_names_and_paths() {
        let of = |filter: &str| names(&sample(), &Choice { filter: filter.into(), ..choice() });
        assert_eq!(of("b.slice"), ["/b.slice", "db", "/b.slice/plain"]);
        assert_eq!(of("web"), ["web", "inner"]);
        assert_eq!(of("nothing"), [""; 0]);
    }
}
