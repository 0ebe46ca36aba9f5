//! Each figure that the view shows, with where it is from.

mod limit;
mod print;
mod quantity;
mod rules;
mod texts;

use crate::{
    answers::{Asked, NO_CPUS, NO_LOAD, Reason},
    kernel::Kernel,
    recorder::{Read, Recorder},
    settings::Settings,
    view::{self, View},
};
use anyhow::{Context, Result, bail};
use calc::{
    answer::Answer,
    settings::{CpuCount, Key, MemoryLimit},
};
use limit::{Beside, Imposer, Resource};
use quantity::{Quantity, Unit};
use rules::Rule;
use serde::{
    Serialize,
    ser::{SerializeMap, Serializer},
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    path::Path,
};

/// A figure, and how it comes about.
#[derive(Debug)]
struct Explanation {
    name: String,
    /// The file that programs read it in; empty for one that is in none.
    file: String,
    /// What is shown: none for what is not shown at all.
    here: Option<Quantity>,
    kernel: Option<Quantity>,
    /// Why it is the kernel's own.
    reason: Option<Reason>,
    rule: &'static Rule,
    limited_by: Option<Imposer>,
    sources: Vec<Origin>,
}

/// A file that was read, and what counts of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Origin {
    path: String,
    value: String,
}

/// The keys end in the units of the numbers.
impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("file", &Some(&self.file).filter(|file| !file.is_empty()))?;
        for (key, quantity) in [("value", &self.here), ("kernel", &self.kernel)] {
            if let Some(Quantity { value, unit }) = quantity {
                map.serialize_entry(&format!("{key}_{}", unit.name()), value)?;
            }
        }
        map.serialize_entry("is_kernels", &self.reason.is_some())?;
        map.serialize_entry("reason", &self.reason)?;
        map.serialize_entry("rule", self.rule.sentence)?;
        map.serialize_entry("reference", self.rule.reference)?;
        map.serialize_entry("limited_by", &self.limited_by)?;
        map.serialize_entry("sources", &self.sources)?;
        map.end()
    }
}

/// Prints the figure by this name, or all, as seen in `cgroup` or in our own.
pub(crate) fn explain(figure: Option<&str>, cgroup: Option<OsString>, as_json: bool) -> Result<()> {
    let settings = Settings::of_environment()?;
    let cgroup = cgroup.as_deref().or(settings.cgroup.as_deref());
    let all = Explainer::new(cgroup, &settings)?.all();
    let chosen = match figure {
        Some(name) => chosen(all, name)?,
        None => all,
    };
    if as_json {
        print::json(&chosen)
    } else if figure.is_some() {
        print::stories(&chosen)
    } else {
        print::table(&chosen)
    }
}

/// A limit in force, for a message.
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) imposer: String,
}

/// The limits that the view goes by.
pub(crate) fn limits(settings: &Settings) -> Vec<Limit> {
    const LIMITS: [&str; 5] = ["memory.total", "swap.total", "cpus.quota", "cpus.count", "pid_max"];
    let all = Explainer::new(settings.cgroup.as_deref(), settings).map(|explainer| explainer.all()).unwrap_or_default();
    let limit = |it: Explanation| {
        let imposer = print::name_of(&it.limited_by?);
        LIMITS.contains(&it.name.as_str()).then_some(Limit { value: it.here?.to_string(), name: it.name, imposer })
    };
    all.into_iter().filter_map(limit).collect()
}

/// The figures that `name` means: one, those of a file, those whose names begin or end so.
fn chosen(mut all: Vec<Explanation>, name: &str) -> Result<Vec<Explanation>> {
    let is_same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    let ends = |it: &Explanation| it.name.split_once('.').is_some_and(|(_, rest)| is_same(rest, name));
    let begins = |it: &Explanation| it.name.split('.').next().is_some_and(|first| is_same(first, name));
    let first_file = all.iter().find(|it| ends(it)).map(|it| it.file.clone());
    if all.iter().any(|it| is_same(&it.name, name)) {
        all.retain(|it| is_same(&it.name, name));
    } else if all.iter().any(|it| it.file == name) {
        all.retain(|it| it.file == name);
    } else if all.iter().any(begins) {
        all.retain(begins);
    } else if let Some(file) = first_file {
        all.retain(|it| ends(it) && it.file == file);
    } else {
        bail!("no figure {name}; there are {}", names(&all));
    }
    Ok(all)
}

/// The names for a message: those of large groups, of CPUs and of nodes stand for all.
fn names(all: &[Explanation]) -> String {
    const FEW: usize = 12;
    let group = |name: &str| {
        let first = name.split('.').next().unwrap_or_default();
        let kind = first.trim_end_matches(|byte: char| byte.is_ascii_digit());
        if kind == first { first.to_owned() } else { format!("{kind}N") }
    };
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for it in all {
        groups.entry(group(&it.name)).or_default().push(&it.name);
    }
    let named = groups.into_iter().map(|(group, names)| match names.len() {
        ..=FEW if !group.ends_with('N') => names.join(", "),
        _ => format!("{group}.*"),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// The view, and the record of what it is calculated from.
struct Explainer<'s> {
    settings: &'s Settings,
    files: Recorder<Kernel>,
    view: View<Recorder<Kernel>>,
    /// What was read to find the cgroups.
    found_by: Vec<Read>,
}

impl<'s> Explainer<'s> {
    fn new(cgroup: Option<&OsStr>, settings: &'s Settings) -> Result<Self> {
        let files = Recorder::new(Kernel);
        let view = View::over(files.clone(), cgroup, settings).with_context(|| match cgroup {
            Some(cgroup) => format!("no cgroup {} in sight", cgroup.display()),
            None => "no cgroup found: all figures are the kernel's (cgproc doctor says more)".to_owned(),
        })?;
        let found_by = files.take();
        Ok(Self { settings, files, view, found_by })
    }

    fn all(&self) -> Vec<Explanation> {
        let files = self.asked();
        let in_files = files.iter().flat_map(|asked| self.of_file(asked));
        let mut all: Vec<Explanation> = self.cgroups().into_iter().chain(in_files).collect();
        // The figures that no file has stand beside those that are related.
        let at = all.iter().position(|it| it.name == "cpus.online").map_or(all.len(), |at| at + 1);
        all.splice(at..at, self.capacity());
        all
    }

    /// The files that figures are in.
    fn asked(&self) -> Vec<Asked> {
        const OF_A_CPU: [&str; 2] = ["topology/core_cpus_list", "topology/package_cpus_list"];
        const OF_A_NODE: [&str; 2] = ["cpulist", "meminfo"];
        let fixed = Answer::ALL.into_iter().filter_map(Asked::of);
        let cpus = self.view.cpus().map(|cpus| cpus.online.iter().collect::<Vec<_>>()).unwrap_or_default();
        let of_cpus = cpus.into_iter().flat_map(|cpu| OF_A_CPU.map(|name| format!("cpu{cpu}/{name}")));
        let of_nodes = nodes().into_iter().flat_map(|node| OF_A_NODE.map(|name| format!("{node}/{name}")));
        let in_families = of_cpus.chain(of_nodes).filter_map(|name| Asked::named(&name).ok());
        fixed.chain(in_families).filter(|asked| Path::new(asked.name()).exists()).collect()
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
        let kernels = asked.kernels_own(&Kernel).map(|text| parsed(&text)).unwrap_or_default();
        let (here, reason) = match ours {
            Ok(text) => (parsed(&text), None),
            Err(reason) => (kernels.clone(), Some(reason)),
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

    /// A figure with its rule and, where it is not the kernel's own, its sources and who limited it.
    fn explained(
        &self,
        name: &str,
        file: &str,
        (here, kernel): (Option<Quantity>, Option<Quantity>),
        reason: Option<Reason>,
        reads: &[Read],
    ) -> Explanation {
        let rule = Rule::of(name);
        let is_unpublished = rule.is_of_board_alone() && self.view.slot_age_usec().is_none();
        let reason = reason.or(is_unpublished.then_some(NO_LOAD));
        let is_limited = reason.is_none() && here != kernel;
        let limited_by = rule.limit.filter(|_| is_limited).and_then(|resource| self.imposer(resource, reads));
        let mut sources = if reason.is_none() { self.origins(rule, reads) } else { Vec::new() };
        sources.extend(self.decision(limited_by.as_ref()));
        Explanation { name: name.to_owned(), file: file.to_owned(), limited_by, sources, here, kernel, reason, rule }
    }

    fn imposer(&self, resource: Resource, reads: &[Read]) -> Option<Imposer> {
        let beside = Beside {
            above: &self.view.above,
            has_memory: matches!(self.settings.memory, MemoryLimit::Bytes(_)),
            has_cpus: matches!(self.settings.cpus, CpuCount::Milli(_)),
            online: self.view.cpus().map(|cpus| cpus.online),
        };
        limit::imposer(resource, reads, &beside)
    }

    /// What of the record a figure goes by.
    fn origins(&self, rule: &Rule, reads: &[Read]) -> Vec<Origin> {
        let origin = |read: &Read| {
            let value = counting(&read.text, &rule.lines_of(&read.path)?);
            (!value.is_empty()).then(|| Origin { path: read.path.clone(), value })
        };
        let board = self.view.slot_age_usec().filter(|_| rule.is_of_board()).map(|published_usec| Origin {
            path: self.settings.board.display().to_string(),
            value: format!("the scope's slot, published {} ms ago", published_usec / 1000),
        });
        // When the scope began was read where it was found.
        let found_by = if rule.sources.is_empty() { &[][..] } else { &self.found_by };
        reads.iter().chain(found_by).filter_map(origin).chain(board).collect()
    }

    /// Where the setting is made that imposed a limit.
    fn decision(&self, imposer: Option<&Imposer>) -> Option<Origin> {
        let Some(Imposer::Setting(name)) = imposer else { return None };
        let made = self.settings.origin(Key::of(name.as_bytes())?);
        Some(Origin { path: made.to_string(), value: (*name).to_owned() })
    }

    /// Where the view is taken from.
    fn cgroups(&self) -> Vec<Explanation> {
        let kinds = self.view.scope_directories();
        let explained = kinds.iter().map(|(kind, directory)| {
            let name = format!("cgroup.{}", format!("{kind:?}").to_lowercase());
            let here = Quantity::text(&directory.display().to_string(), Unit::Path);
            self.explained(&name, "", (Some(here), None), None, &self.found_by)
        });
        explained.collect()
    }

    /// The CPU time that may be used, which no file has.
    fn capacity(&self) -> Vec<Explanation> {
        self.files.take();
        let cpus = self.view.cpus();
        let reads = self.files.take();
        let Some(cpus) = cpus else {
            return vec![self.explained("cpus.capacity", "", (None, None), Some(NO_CPUS), &reads)];
        };
        let capacity = cpus.capacity.quota_usec as f64 / cpus.capacity.period_usec as f64;
        let machine = view::machine_cpus().map(|count| Quantity::decimal(count as f64, Unit::Cpus));
        let of = |name, kernel| {
            let here = Quantity::decimal(capacity, Unit::Cpus);
            self.explained(name, "", (Some(here), kernel), None, &reads)
        };
        let is_quota = cpus.capacity.period_usec > 1;
        is_quota.then(|| of("cpus.quota", None)).into_iter().chain([of("cpus.capacity", machine)]).collect()
    }
}

/// What counts of a file's text: its one line, or the lines with these keys.
fn counting(text: &str, keys: &[&str]) -> String {
    let has_key = |line: &&str| keys.iter().any(|key| line.split([' ', ':']).next() == Some(key));
    let lines: Vec<&str> = match keys {
        [] => text.lines().collect(),
        _ => text.lines().filter(has_key).collect(),
    };
    lines.join("\n")
}

/// The names of the machine's NUMA nodes.
fn nodes() -> Vec<String> {
    let entries = fs::read_dir("/sys/devices/system/node").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let number = |name: &str| name.strip_prefix("node").and_then(|number| number.parse::<u32>().ok());
    let mut numbered: Vec<(u32, String)> = names.filter_map(|name| Some((number(&name)?, name))).collect();
    numbered.sort();
    numbered.into_iter().map(|(_, name)| name).collect()
}
