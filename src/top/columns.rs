//! The columns of the table: what each shows, and which of them fit.

use super::{text::width, units::Unit};
use crate::stats::{
    Rate,
    sample::{CgroupSample, Machine, Stall},
};
use calc::{board::Load, load};

/// A cgroup as the columns see it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'s> {
    pub(super) cgroup: &'s CgroupSample,
    /// What it did since the look before.
    pub(super) rate: Rate,
    pub(super) machine: Machine,
}

/// A column.
pub(super) struct Column {
    /// Its name on the command line.
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) unit: Unit,
    /// In which order columns give way if there is no room: the highest first.
    rank: u8,
    /// Whether it is shown unless others are asked for.
    is_usual: bool,
    of: fn(&Seen<'_>) -> Option<f64>,
}

/// All columns, in the order in which they are shown.
pub(super) static COLUMNS: [Column; 27] = [
    column("name", "NAME", "name, or path below the mounts", Unit::Name, 0, |_| None),
    column("cpu", "CPU", "CPU time, in CPUs", Unit::Decimal, 1, |it| it.rate.cpus),
    column("cpu%", "%CPU", "CPU time, in percent of CPUS", Unit::Share, 4, cpu_share),
    column("cpus", "CPUS", "CPUs it can have, by its quotas and CPU sets", Unit::Decimal, 12, |it| {
        it.cgroup.limits.cpus
    }),
    column("throttled", "%THR", "periods in which its quota ran out, in percent", Unit::Share, 6, |it| {
        it.rate.throttled_share
    }),
    column("mem", "MEM", "memory without inactive page cache (working set)", Unit::Bytes, 2, |it| {
        number(it.cgroup.memory.working_set_bytes)
    }),
    column("limit", "LIMIT", "the lowest memory limit", Unit::Bytes, 5, |it| number(it.cgroup.limits.memory_bytes)),
    column("mem%", "%MEM", "MEM in percent of LIMIT, or of the machine if that is less", Unit::Share, 7, memory_share),
    column("cache", "CACHE", "page cache", Unit::Bytes, 11, |it| number(it.cgroup.memory.cache_bytes)),
    column("swap", "SWAP", "swap", Unit::Bytes, 13, |it| number(it.cgroup.memory.swap_bytes)),
    column("load1", "LOAD1", "load average of 1 minute", Unit::Decimal, 3, |it| {
        Some(load_average(it.cgroup.load.as_ref()?, 0))
    }),
    column("psi-cpu", "PSICPU", "time some tasks waited for a CPU, in percent of 10 s", Unit::Percent, 14, |it| {
        average(it.cgroup.pressure.cpu.some)
    }),
    column("psi-mem", "PSIMEM", "time all tasks waited for memory, in percent of 10 s", Unit::Percent, 15, |it| {
        average(it.cgroup.pressure.memory.full)
    }),
    column("psi-io", "PSIIO", "time all tasks waited for disks, in percent of 10 s", Unit::Percent, 16, |it| {
        average(it.cgroup.pressure.io.full)
    }),
    column("read", "READ/s", "bytes read from disks in a second", Unit::Bytes, 9, |it| it.rate.read_bytes),
    column("write", "WRIT/s", "bytes written to disks in a second", Unit::Bytes, 10, |it| it.rate.written_bytes),
    column("pids", "PIDS", "processes and threads", Unit::Count, 8, |it| number(it.cgroup.threads)),
    column("pids-max", "MAX", "most processes and threads that it can have", Unit::Count, 17, |it| {
        number(it.cgroup.limits.threads)
    }),
    column("age", "AGE", "how long its oldest process has run", Unit::Age, 8, |it| {
        it.cgroup.age.map(|age| age.as_secs_f64())
    }),
    on_request("load5", "LOAD5", "load average of 5 minutes", Unit::Decimal, |it| {
        Some(load_average(it.cgroup.load.as_ref()?, 1))
    }),
    on_request("load15", "LOAD15", "load average of 15 minutes", Unit::Decimal, |it| {
        Some(load_average(it.cgroup.load.as_ref()?, 2))
    }),
    on_request("running", "RUN", "threads that run or wait for a CPU", Unit::Count, |it| {
        Some(it.cgroup.load?.running.into())
    }),
    on_request("blocked", "BLOCK", "threads that wait for a disk", Unit::Count, |it| {
        Some(it.cgroup.load?.blocked.into())
    }),
    on_request("usage", "USAGE", "memory with all page cache", Unit::Bytes, |it| number(it.cgroup.memory.usage_bytes)),
    on_request("avail", "AVAIL", "memory that can be had without swapping", Unit::Bytes, |it| {
        number(it.cgroup.memory.available_bytes)
    }),
    on_request("procs", "PROCS", "processes", Unit::Count, |it| number(it.cgroup.processes)),
    on_request("oom", "OOM", "processes killed for want of memory", Unit::Count, |it| {
        number(it.cgroup.memory.oom_kills)
    }),
];

type Figure = fn(&Seen<'_>) -> Option<f64>;

const fn column(
    key: &'static str,
    title: &'static str,
    about: &'static str,
    unit: Unit,
    rank: u8,
    of: Figure,
) -> Column {
    Column { key, title, about, unit, rank, is_usual: true, of }
}

const fn on_request(key: &'static str, title: &'static str, about: &'static str, unit: Unit, of: Figure) -> Column {
    Column { key, title, about, unit, rank: u8::MAX, is_usual: false, of }
}

fn number(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

/// A load average, as /proc/loadavg has it.
pub(super) fn load_average(load: &Load, at: usize) -> f64 {
    load::hundredths(load.averages[at]) as f64 / 100.0
}

fn average(stall: Option<Stall>) -> Option<f64> {
    stall.map(|stall| stall.avg10)
}

fn cpu_share(it: &Seen<'_>) -> Option<f64> {
    it.rate.cpu_share
}

/// How near it is to its limit; without one, or with one above the machine's memory, how much of the machine it has.
fn memory_share(it: &Seen<'_>) -> Option<f64> {
    let all = it.cgroup.limits.memory_bytes.unwrap_or(u64::MAX).min(it.machine.memory_bytes);
    Some(it.cgroup.memory.working_set_bytes? as f64 / all as f64).filter(|share| share.is_finite())
}

impl Column {
    /// The column with this name.
    pub(super) fn named(key: &str) -> Option<&'static Self> {
        COLUMNS.iter().find(|column| column.key.eq_ignore_ascii_case(key))
    }

    /// The figure; `None` if it is not known, and in the column of names.
    pub(super) fn value(&self, of: &Seen<'_>) -> Option<f64> {
        (self.of)(of)
    }

    /// The figure as it is shown.
    pub(super) fn text(&self, of: &Seen<'_>) -> String {
        self.value(of).map_or_else(|| "-".to_owned(), |value| self.unit.text(value))
    }

    /// Whether it has names, not figures.
    pub(super) fn is_name(&self) -> bool {
        self.unit == Unit::Name
    }

    /// How wide it is; the column of names takes what is left.
    pub(super) fn width(&self) -> usize {
        self.unit.width().max(self.title.len())
    }
}

/// By name: there is one of each.
impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl std::fmt::Debug for Column {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(self.key)
    }
}

/// Which columns are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted(Vec<(&'static Column, u8)>);

impl Wanted {
    /// The usual ones, of which the less important give way.
    pub(super) fn usual() -> Self {
        Self(COLUMNS.iter().filter(|column| column.is_usual).map(|column| (column, column.rank)).collect())
    }

    /// These, in this order, of which the last give way; names come first if they are not among them.
    pub(super) fn chosen(columns: &[&'static Column]) -> Self {
        let name = Some(&COLUMNS[0]).filter(|name| !columns.contains(name));
        Self(name.into_iter().chain(columns.iter().copied()).map(|column| (column, 0)).collect())
    }

    /// Whether the column is among them.
    pub(super) fn has(&self, column: &Column) -> bool {
        self.0.iter().any(|(wanted, _)| *wanted == column)
    }

    /// Shows a column from now on, or no longer. One that was asked for gives way last. Names stay.
    pub(super) fn toggle(&mut self, column: &'static Column) {
        if column.is_name() {
        } else if self.has(column) {
            self.0.retain(|(wanted, _)| *wanted != column);
        } else {
            let place = |it: &Column| COLUMNS.iter().position(|column| column == it);
            let at = self.0.iter().position(|(wanted, _)| place(wanted) > place(column)).unwrap_or(self.0.len());
            self.0.insert(at, (column, 0));
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<&'static Column> {
        self.0.iter().map(|(column, _)| *column).collect()
    }

    /// Those for which a line of `room` columns is enough if the longest name has `longest`. The one by which rows are
    /// sorted stays, and so does one figure.
    pub(super) fn fitting(&self, sorted_by: &Column, longest: usize, room: usize) -> Vec<&'static Column> {
        let mut kept = self.0.clone();
        let first = self.0.iter().filter(|(column, _)| !column.is_name()).min_by_key(|(_, rank)| *rank);
        let needed = if sorted_by.is_name() { first.map(|(column, _)| *column) } else { Some(sorted_by) };
        let may_go = |column: &Column| !column.is_name() && Some(column) != needed;
        while !fits(&kept, longest, room) {
            let going = (0..kept.len()).filter(|at| may_go(kept[*at].0)).max_by_key(|at| (kept[*at].1, *at));
            let Some(at) = going else { break };
            kept.remove(at);
        }
        kept.into_iter().map(|(column, _)| column).collect()
    }
}

fn fits(columns: &[(&'static Column, u8)], longest: usize, room: usize) -> bool {
    let figures: usize = columns.iter().filter(|(it, _)| !it.is_name()).map(|(it, _)| it.width() + 1).sum();
    figures + room_for_names(longest, room) <= room
}

/// How much of a line of `room` columns is for names of which the longest has `longest`: the wider the line, the more.
fn room_for_names(longest: usize, room: usize) -> usize {
    let least = Unit::Name.width();
    longest.clamp(least, least + room.saturating_sub(20) / 5)
}

/// How wide each of the columns is in a line of `room`.
pub(super) fn widths(columns: &[&'static Column], longest: usize, room: usize) -> Vec<usize> {
    let figures: usize = columns.iter().filter(|it| !it.is_name()).map(|it| it.width() + 1).sum();
    let name = longest.max(width("NAME")).min(room.saturating_sub(figures)).max(1);
    columns.iter().map(|it| if it.is_name() { name } else { it.width() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(columns: &[&'static Column]) -> Vec<&'static str> {
        columns.iter().map(|column| column.key).collect()
    }

    #[test]
    fn keys_are_unique_and_titles_fit() {
        for (at, column) in COLUMNS.iter().enumerate() {
            assert_eq!(COLUMNS.iter().position(|it| it == column), Some(at), "{}", column.key);
            assert!(column.title.len() <= 6 && column.about.is_ascii(), "{}", column.key);
        }
        assert_eq!(Column::named("CPU%"), Some(&COLUMNS[2]));
        assert_eq!(Column::named("x"), None);
    }

    #[test]
    fn the_less_important_columns_give_way() {
        let cpu = Column::named("cpu").unwrap();
        let usual = Wanted::usual();
        let at = |room| keys(&usual.fitting(cpu, 16, room));
        assert_eq!(at(20), ["name", "cpu"]);
        assert_eq!(at(40), ["name", "cpu", "mem", "load1"]);
        assert_eq!(at(80), ["name", "cpu", "cpu%", "throttled", "mem", "limit", "mem%", "load1", "pids", "age"]);
        assert_eq!(at(200), keys(&usual.all()));
        let age = Column::named("age").unwrap();
        assert_eq!(keys(&usual.fitting(age, 16, 20)), ["name", "age"]);
        assert_eq!(keys(&usual.fitting(&COLUMNS[0], 16, 20)), ["name", "cpu"]);
        for room in 0..300 {
            let columns = usual.fitting(cpu, 64, room);
            let all: usize = widths(&columns, 64, room).iter().map(|width| width + 1).sum();
            assert!(all <= room + 1 || columns.len() == 2, "{all} in {room}");
        }
    }

    #[test]
    fn memory_is_compared_with_the_lesser_of_limit_and_machine() {
        let machine = Machine { cpus: 4, memory_bytes: 1 << 30 };
        for (limit, expected) in [(None, 0.5), (Some(1 << 29), 1.0), (Some(1 << 40), 0.5)] {
            let mut cgroup = CgroupSample::default();
            (cgroup.memory.working_set_bytes, cgroup.limits.memory_bytes) = (Some(1 << 29), limit);
            assert_eq!(memory_share(&Seen { cgroup: &cgroup, rate: Rate::default(), machine }), Some(expected));
        }
    }

    #[test]
    fn what_was_asked_for_stays() {
        let cpu = Column::named("cpu").unwrap();
        let oom = Column::named("oom").unwrap();
        let mut wanted = Wanted::usual();
        wanted.toggle(oom);
        wanted.toggle(&COLUMNS[0]);
        assert!(keys(&wanted.fitting(cpu, 16, 80)).ends_with(&["oom"]));
        wanted.toggle(oom);
        assert_eq!(wanted, Wanted::usual());
        let chosen = Wanted::chosen(&[oom, cpu]);
        assert_eq!(keys(&chosen.all()), ["name", "oom", "cpu"]);
        assert_eq!(keys(&chosen.fitting(cpu, 16, 20)), ["name", "cpu"]);
    }
}
