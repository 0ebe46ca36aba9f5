//! Explains each figure that the view shows, with its sources.

mod figures;
mod headline;
mod in_force;
mod limit;
mod page;
mod print;
mod quantity;
mod rules;
mod runtimes;
mod texts;
mod words;

use super::answers::Asked;
use crate::{host::kernel::Kernel, meant::meant, settings::Settings};
use anyhow::{Result, bail};
use calc::{answer::Answer, doubt::Doubt, source::Files};
use figures::RecordedView;
pub(crate) use headline::{Headline, headline};
pub(crate) use in_force::Limit;
use limit::Imposer;
use quantity::Quantity;
use rules::Rule;
use serde::{
    Serialize,
    ser::{SerializeMap, Serializer},
};
use std::{collections::BTreeMap, ffi::OsString, path::Path};

/// A figure and how it comes about.
#[derive(Debug)]
struct Explanation {
    name: String,
    /// The file that programs read it from; empty if there is none.
    file: String,
    /// The value shown; `None` if it is not shown at all.
    here: Option<Quantity>,
    kernel: Option<Quantity>,
    /// Why the view does not provide this figure.
    reason: Option<Doubt>,
    rule: &'static Rule,
    limited_by: Option<Imposer>,
    sources: Vec<SourceFile>,
}

impl Explanation {
    /// Whether it is the kernel's own figure.
    fn is_kernels(&self) -> bool {
        self.reason.is_some_and(|reason| reason != Doubt::MountedOver)
    }
}

/// A file that was read, and the part of it that matters.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct SourceFile {
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
        map.serialize_entry("is_kernels", &self.is_kernels())?;
        map.serialize_entry("reason", &self.reason.map(|doubt| doubt.to_string()))?;
        map.serialize_entry("rule", self.rule.sentence)?;
        map.serialize_entry("reference", self.rule.reference)?;
        map.serialize_entry("limited_by", &self.limited_by)?;
        map.serialize_entry("sources", &self.sources)?;
        map.end()
    }
}

/// What is printed if no figure is named; of one that is named, its whole story.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The figures that matter most, on a page.
    Page,
    /// A line for each figure.
    All,
    /// Everything, for programs, whether a figure is named or not.
    Json,
}

/// Prints the figures of this name, or those that `form` says, as seen in `cgroup` or in our own.
pub(crate) fn explain(figure: Option<&str>, cgroup: Option<OsString>, form: Form) -> Result<()> {
    let settings = Settings::of_environment()?;
    let cgroup = cgroup.as_deref().or(settings.cgroup.as_deref());
    let all = RecordedView::of(cgroup, &settings)?.all();
    let chosen = match figure {
        Some(name) => chosen(all, name)?,
        None => all,
    };
    match form {
        Form::Json => print::json(&chosen),
        Form::Page | Form::All if figure.is_some() => print::stories(&chosen),
        Form::Page => page::put(&chosen),
        Form::All => print::table(&chosen),
    }
}

/// The limits that apply to the view.
pub(crate) fn limits(settings: &Settings) -> Vec<Limit> {
    RecordedView::of(settings.cgroup.as_deref(), settings).map(|figures| figures.limits()).unwrap_or_default()
}

/// The limits that apply to the cgroup at this path below the mounts; `None` if they are not known.
pub(crate) fn limits_below_mounts(path: &Path, settings: &Settings) -> Option<Vec<Limit>> {
    RecordedView::below_mounts(path, settings).map(|figures| figures.limits())
}

/// The figures that `name` means, by the first interpretation that fits: a name, the beginning of names, a file, a word
/// for some of them, the end of names.
fn chosen(mut all: Vec<Explanation>, name: &str) -> Result<Vec<Explanation>> {
    let wanted = name.to_ascii_lowercase();
    let asked = Asked::named(name).ok();
    let known = |it: &Explanation| it.name.to_ascii_lowercase();
    let is_whole = |it: &Explanation| known(it) == wanted;
    let begins = |it: &Explanation| known(it).strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('.'));
    let is_in_file = |it: &Explanation| asked.as_ref().is_some_and(|asked| is_told_by(asked, it));
    let ends = |it: &Explanation| known(it).strip_suffix(&wanted).is_some_and(|rest| rest.ends_with('.'));
    let meant = words::names(&wanted);
    let is_meant =
        |it: &Explanation| meant.iter().any(|name| known(it) == **name || known(it).starts_with(&format!("{name}.")));
    let meanings: [&dyn Fn(&Explanation) -> bool; 5] = [&is_whole, &begins, &is_in_file, &is_meant, &ends];
    match meanings.into_iter().find(|means| all.iter().any(means)) {
        Some(means) if !name.is_empty() => all.retain(means),
        _ => bail!("no figure {name}{}; there are {}{}", question(&all, &wanted), names(&all), files_out_of_sight()),
    }
    Ok(all)
}

/// The name most similar to `wanted`, whole or by its beginning or end, as a question; empty if there is none.
fn question(all: &[Explanation], wanted: &str) -> String {
    let part = |name: Option<&str>| name.unwrap_or_default().to_owned();
    let groups = all.iter().map(|it| part(it.name.split('.').next())).map(|group| (group.clone(), group));
    let names = all.iter().map(|it| (it.name.clone(), it.name.clone()));
    let ends = all.iter().map(|it| (part(it.name.rsplit('.').next()), it.name.clone()));
    // Of equally similar ones, the first.
    meant(wanted, groups.chain(names).chain(ends)).map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}

/// Whether the file shows this figure, even if the figure is taken from another file.
fn is_told_by(file: &Asked, it: &Explanation) -> bool {
    match file.answer {
        Answer::Swaps => it.name.starts_with("swap."),
        Answer::CpuPresent => Asked::of(Answer::CpuOnline).is_some_and(|online| it.file == online.name()),
        Answer::BlockStat => {
            let device = file.name().rsplit('/').nth(1).unwrap_or_default();
            it.name.starts_with(&format!("diskstats.{device}."))
        }
        _ => it.file == file.name(),
    }
}

/// Files whose figures are not listed because they cannot be opened here.
fn files_out_of_sight() -> String {
    let files = Answer::ALL.into_iter().filter_map(Asked::of).filter(|file| Kernel.file_system(&file.path).is_none());
    let names = files.map(|file| file.name().to_owned()).collect::<Vec<_>>().join(", ");
    if names.is_empty() { names } else { format!("; not visible are {names}") }
}

/// The names, for a message. Large groups, CPUs and nodes are abbreviated.
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
