//! Each figure that the view shows, with where it is from.

mod figures;
mod limit;
mod print;
mod quantity;
mod rules;
mod texts;

use crate::{answers::Reason, settings::Settings};
use anyhow::{Result, bail};
use figures::Figures;
use limit::Imposer;
use quantity::Quantity;
use rules::Rule;
use serde::{
    Serialize,
    ser::{SerializeMap, Serializer},
};
use std::{collections::BTreeMap, ffi::OsString};

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
    let all = Figures::of(cgroup, &settings)?.all();
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
    let all = Figures::of(settings.cgroup.as_deref(), settings).map(|figures| figures.all()).unwrap_or_default();
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
