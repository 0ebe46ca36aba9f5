//! All figures of a view. Each is calculated again to see what is read for it.

use super::{
    Explanation, SourceFile,
    limit::{self, Imposer, Setters},
    quantity::{Quantity, Unit},
    rules::{Rule, is_beginning},
    runtimes::{Counted, RUNTIMES},
    texts,
};
use crate::{
    host::kernel::Kernel,
    see::{
        answers::Asked,
        recorder::{Read, Recorder},
        view::{self, View},
    },
    settings::Settings,
};
use anyhow::{Context, Result};
use calc::{
    answer::Answer,
    board::Above,
    capacity::Capacity,
    doubt::Doubt,
    settings::{CpuCount, Key},
    source::Files,
    view::disk::Space,
};
use rustix::fs::{Dir, Mode, OFlags, open, statfs};
use std::{ffi::OsStr, path::Path};

/// The view, and a record of what it is calculated from.
pub(super) struct RecordedView<'s> {
    settings: &'s Settings,
    pub(super) files: Recorder<Kernel>,
    pub(super) view: View<Recorder<Kernel>>,
    pub(super) setters: Setters,
    /// What was read to find the cgroups.
    found_by: Vec<Read>,
    is_own: bool,
}

impl<'s> RecordedView<'s> {
    /// The view of `cgroup`, or of our own.
    pub(super) fn of(cgroup: Option<&OsStr>, settings: &'s Settings) -> Result<Self> {
        let files = Recorder::new(Kernel);
        let view = View::over(files.clone(), cgroup, settings).with_context(|| match cgroup {
            Some(cgroup) => format!("no cgroup {} is visible", cgroup.display()),
            None => "no cgroup found: all figures are the kernel's (cgproc doctor says more)".to_owned(),
        })?;
        Ok(Self { is_own: cgroup.is_none(), ..Self::over(files, view, settings) })
    }

    /// The view of the cgroup at this path below the mounts; see [`View::below_mounts`].
    pub(super) fn below_mounts(path: &Path, settings: &'s Settings) -> Option<Self> {
        let files = Recorder::new(Kernel);
        let view = View::below_mounts(files.clone(), path, settings)?;
        Some(Self::over(files, view, settings))
    }

    fn over(files: Recorder<Kernel>, view: View<Recorder<Kernel>>, settings: &'s Settings) -> Self {
        let found_by = files.take();
        let setters = Setters::of(&view, settings.cpus);
        Self { settings, files, view, setters, found_by, is_own: false }
    }

    /// All figures, in the order of the table.
    pub(super) fn all(&self) -> Vec<Explanation> {
        let files = self.asked();
        let in_files = files.iter().flat_map(|asked| self.of_file(asked));
        let mut all: Vec<Explanation> = self.cgroups().into_iter().chain(in_files).collect();
        // Figures that are in no file go next to related ones.
        let at = all.iter().position(|it| it.name == "cpus.online").map_or(all.len(), |at| at + 1);
        all.splice(at..at, self.capacity().into_iter().chain(self.runtimes()));
        // Our root belongs to the view only if the view is our own.
        if self.is_own {
            all.extend(self.disk());
        }
        all
    }

    /// The files that have figures.
    fn asked(&self) -> Vec<Asked> {
        const OF_A_CPU: [&str; 2] = ["topology/core_cpus_list", "topology/package_cpus_list"];
        const OF_A_NODE: [&str; 2] = ["cpulist", "meminfo"];
        let fixed = Answer::ALL.into_iter().filter_map(Asked::of);
        let cpus = self.view.cpus().map(|cpus| cpus.online.iter().collect::<Vec<_>>()).unwrap_or_default();
        let of_cpus = cpus.into_iter().flat_map(|cpu| OF_A_CPU.map(|name| format!("cpu{cpu}/{name}")));
        let of_nodes = nodes().into_iter().flat_map(|node| OF_A_NODE.map(|name| format!("{node}/{name}")));
        let in_families = of_cpus.chain(of_nodes).filter_map(|name| Asked::named(&name).ok());
        fixed.chain(in_families).filter(|asked| Kernel.file_system(&asked.path).is_some()).collect()
    }

    /// The figures of a file.
    fn of_file(&self, asked: &Asked) -> Vec<Explanation> {
        self.files.take();
        let ours = match asked.passes(&Kernel, self.settings) {
            Some(reason) => Err(reason),
            None => asked.text(&self.view),
        };
        let reads = self.files.take();
        let parsed = |text: &[u8]| texts::figures(asked.answer, asked.name(), &String::from_utf8_lossy(text));
        let below = asked.kernels_own(&Kernel).map(|text| parsed(&text)).unwrap_or_default();
        let (here, kernels, reason) = match ours {
            Ok(text) => (parsed(&text), below, None),
            // The text below the mount is not the kernel's.
            Err(Doubt::MountedOver) => (below, Vec::new(), Some(Doubt::MountedOver)),
            Err(reason) => (below.clone(), below, Some(reason)),
        };
        let of = |figures: &[texts::Named], name: &str| figures.iter().find(|it| it.0 == name).map(|it| it.1.clone());
        let hidden = kernels.iter().filter(|(name, _)| of(&here, name).is_none());
        let names = here.iter().chain(hidden).map(|(name, _)| name);
        let explained = names.map(|name| {
            let values = (of(&here, name), of(&kernels, name));
            self.explained(name, asked.name(), values, reason, &reads)
        });
        explained.collect()
    }

    /// A figure with its rule; and if it is not the kernel's own, with its sources and who limited it.
    fn explained(
        &self,
        name: &str,
        file: &str,
        (here, kernel): (Option<Quantity>, Option<Quantity>),
        reason: Option<Doubt>,
        reads: &[Read],
    ) -> Explanation {
        let rule = Rule::of(name);
        let is_unpublished = rule.is_of_board_alone() && self.view.slot_age_usec().is_none();
        let reason = reason.or(is_unpublished.then_some(Doubt::NoLoad));
        let is_limited = reason.is_none() && here != kernel;
        let limited_by = rule.limit.filter(|_| is_limited).and_then(|it| self.setters.imposer(it, &self.view));
        let is_declared = matches!(limited_by, Some(Imposer::Setting(_)));
        let rule = Rule::declared(name).filter(|_| is_declared).unwrap_or(rule);
        let mut sources = if reason.is_none() { self.origins(rule, name, reads) } else { Vec::new() };
        sources.extend(self.decision(limited_by.as_ref()));
        Explanation { name: name.to_owned(), file: file.to_owned(), limited_by, sources, here, kernel, reason, rule }
    }

    /// The parts of the record that a figure depends on.
    fn origins(&self, rule: &Rule, name: &str, reads: &[Read]) -> Vec<SourceFile> {
        // A node has a share of what meminfo has.
        let shared =
            name.strip_prefix("node").and_then(|rest| rest.split_once('.')).map(|(_, key)| format!("meminfo.{key}"));
        let of_shared = |path: &str| shared.as_ref().and_then(|name| Rule::of(name).lines_of(path, name));
        let origin = |read: &Read| {
            let text = beginning_of(read).unwrap_or_else(|| read.text.clone());
            let value = counting(&text, &rule.lines_of(&read.path, name).or_else(|| of_shared(&read.path))?);
            (!value.is_empty()).then(|| SourceFile { path: read.path.clone(), value })
        };
        let board = self.view.slot_age_usec().filter(|_| rule.is_of_board()).map(|published_usec| SourceFile {
            path: self.settings.board.display().to_string(),
            value: format!("the scope's slot, published {} ms ago", published_usec / 1000),
        });
        // When the scope began was read while finding it.
        let found_by = if rule.sources.is_empty() { &[][..] } else { &self.found_by };
        reads.iter().chain(found_by).filter_map(origin).chain(board).collect()
    }

    /// The source of a limit that is in no cgroup file: where the setting was made, or the board.
    fn decision(&self, imposer: Option<&Imposer>) -> Option<SourceFile> {
        let (path, value) = match imposer? {
            Imposer::Setting(name) => {
                let (origin, value) = self.settings.said(Key::of(name.as_bytes())?)?;
                (origin.to_string(), format!("{name}={value}"))
            }
            imposer if *imposer == limit::BOARD => {
                (self.settings.board.display().to_string(), "the least limit above the visible cgroups".to_owned())
            }
            _ => return None,
        };
        Some(SourceFile { path, value })
    }

    /// The cgroups that the view is taken from.
    fn cgroups(&self) -> Vec<Explanation> {
        let mut kinds = self.view.scope_directories();
        // Version 2's controllers share one directory.
        kinds.dedup();
        let explained = kinds.iter().map(|(kind, directory)| {
            let name = format!("cgroup.{}", format!("{kind:?}").to_lowercase());
            let here = Quantity::text(&directory.display().to_string(), Unit::Path);
            self.explained(&name, "", (Some(here), None), None, &self.found_by)
        });
        explained.collect()
    }

    /// The CPU time that may be used; no file has it.
    pub(super) fn capacity(&self) -> Vec<Explanation> {
        self.files.take();
        let cpus = self.view.cpus();
        let reads = self.files.take();
        let Some(cpus) = cpus else {
            return vec![self.explained("cpus.capacity", "", (None, None), Some(Doubt::NoCpus), &reads)];
        };
        let of = |name, cpus, kernel| {
            let here = Quantity::decimal(cpus, Unit::Cpus);
            self.explained(name, "", (Some(here), kernel), None, &reads)
        };
        let quota = self.view.quota(self.settings.cpus, &self.view.above).map(|quota| in_cpus(&quota.value));
        let capacity = in_cpus(&cpus.capacity);
        let machine = view::machine_cpus().map(|count| Quantity::decimal(count as f64, Unit::Cpus));
        let quota = quota.map(|quota| of("cpus.quota", quota, None));
        quota.into_iter().chain([of("cpus.capacity", capacity, machine)]).collect()
    }

    /// How many CPUs runtimes take that count by rules of their own.
    fn runtimes(&self) -> Vec<Explanation> {
        let Some(shown) = self.view.cpus().map(|cpus| cpus.online.count()) else { return Vec::new() };
        self.files.take();
        let by_quota = self.view.cpus_by(CpuCount::ByQuota);
        let reads = self.files.take();
        let Some(allowed) = by_quota.and_then(|_| self.view.allowed_cpus()) else {
            return Vec::new();
        };
        // The mask of another cgroup's processes is unknown.
        let of_mask = Some(self.view.mask().count()).filter(|count| *count > 0).unwrap_or(u64::MAX);
        let is_version_1 = !reads.iter().any(|read| read.name() == "cpu.max");
        let counted = Counted {
            // A runtime cannot see limits that only the board knows.
            quota: self.view.quota(CpuCount::ByQuota, &Above::NONE).map(|quota| in_cpus(&quota.value)),
            is_version_1,
            shown: shown.min(of_mask),
            allowed: allowed.count().min(of_mask),
            is_by_quota: self.settings.cpus == CpuCount::ByQuota,
        };
        let explained = RUNTIMES.iter().map(|runtime| {
            let (here, kernel) = runtime.counts(&counted);
            let values = [here, kernel].map(|count| Some(Quantity::whole(count, Unit::Cpus)));
            self.explained(runtime.name, "", values.into(), None, &reads)
        });
        explained.collect()
    }

    /// The space on our root's file system, which programs get from `statfs`.
    fn disk(&self) -> Vec<Explanation> {
        let Ok(found) = statfs("/") else { return Vec::new() };
        let block_bytes = u64::try_from(found.f_bsize).unwrap_or(0);
        let machine = Space { blocks: found.f_blocks, free: found.f_bfree, available: found.f_bavail };
        let limited = self.limit_of_disk().and_then(|(limit_bytes, used_bytes)| {
            machine.limited(limit_bytes, used_bytes, block_bytes).ok_or(Doubt::NoBlockSize)
        });
        let amounts = |space: &Space| {
            let used = space.blocks.saturating_sub(space.free);
            [
                ("disk.total", space.blocks),
                ("disk.used", used),
                ("disk.free", space.free),
                ("disk.available", space.available),
            ]
        };
        let quantity = |blocks: u64| Some(Quantity::whole(blocks.saturating_mul(block_bytes), Unit::Bytes));
        let here = amounts(limited.as_ref().unwrap_or(&machine));
        let explained = here.into_iter().zip(amounts(&machine)).map(|((name, here), (_, kernel))| {
            self.explained(name, "", (quantity(here), quantity(kernel)), limited.err(), &[])
        });
        explained.collect()
    }

    /// The declared size of our root, and what is used of it.
    fn limit_of_disk(&self) -> Result<(u64, u64), Doubt> {
        if let Some(doubt) = self.settings.passes_all() {
            return Err(doubt);
        }
        let limit_bytes = self.settings.disk_bytes.ok_or(Doubt::NoDiskSize)?;
        let used_bytes = self.view.disk_used_bytes().ok_or(Doubt::NoDiskUse)?;
        Ok((limit_bytes, used_bytes))
    }
}

fn in_cpus(capacity: &Capacity) -> f64 {
    capacity.quota_usec as f64 / capacity.period_usec as f64
}

/// The start time of a process, if the file has it (proc_pid_stat(5)): nothing else in that file matters.
fn beginning_of(read: &Read) -> Option<String> {
    let is_of_process = is_beginning(&read.path) && read.name() == "stat";
    let (_, fields) = read.text.rsplit_once(')').filter(|_| is_of_process)?;
    fields.split_whitespace().nth(19).map(|ticks| format!("starttime {ticks}"))
}

/// The part of a file's text that matters: all of it, or the lines with these keys, such as `file 4096` or `Node 0
/// Dirty: 4 kB`.
fn counting(text: &str, keys: &[String]) -> String {
    let key_of =
        |line: &str| line.split([' ', ':']).nth(if line.starts_with("Node ") { 2 } else { 0 }).map(str::to_owned);
    // Version 1's counters without `total_` are for the cgroup alone, without those below it, and are not used.
    let has_totals = text.lines().any(|line| line.starts_with("total_"));
    let is_total = |key: &str| key.starts_with("total_") || key.starts_with("hierarchical_");
    let has_key = |line: &&str| key_of(line).is_some_and(|key| keys.contains(&key) && (!has_totals || is_total(&key)));
    let lines: Vec<&str> = match keys {
        [] => text.lines().collect(),
        _ => text.lines().filter(has_key).collect(),
    };
    lines.join("\n")
}

/// The names of the machine's NUMA nodes, read past libc.
fn nodes() -> Vec<String> {
    let directory = open("/sys/devices/system/node", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let entries = directory.and_then(Dir::new).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned));
    let number = |name: &str| name.strip_prefix("node").and_then(|number| number.parse::<u32>().ok());
    let mut numbered: Vec<(u32, String)> = names.filter_map(|name| Some((number(&name)?, name))).collect();
    numbered.sort();
    numbered.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_count() {
        let of = |text, keys: &[&str]| counting(text, &keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
        assert_eq!(of("anon 1\nfile 2\n", &["file", "total_cache"]), "file 2");
        let v1 = "cache 1\nactive_file 2\nhierarchical_memory_limit 9\ntotal_cache 3\ntotal_active_file 4\n";
        let keys = ["active_file", "total_active_file", "hierarchical_memory_limit"];
        assert_eq!(of(v1, &keys), "hierarchical_memory_limit 9\ntotal_active_file 4");
        assert_eq!(of("Node 0 MemFree: 1 kB\nNode 0 Dirty: 4 kB\n", &["Dirty"]), "Node 0 Dirty: 4 kB");
        assert_eq!(of("200\n", &[]), "200");
    }
}
