//! The one figure that says most about a file's text, as the container and as the kernel have it: for a line of
//! `cgproc trace`.

use super::{
    limit::{Imposer, Setters},
    print,
    quantity::Quantity,
    rules::Rule,
    texts,
};
use crate::{
    host::kernel::{Kernel, Placed},
    see::{answers::Asked, view::View},
    settings::Settings,
};
use calc::{answer::Answer, doubt::Doubt, source::Files};
use serde::ser::{SerializeMap, Serializer};

/// A figure of a file, both ways.
#[derive(Clone, Debug)]
pub(crate) struct Headline {
    /// Why the kernel's own text stands, if it does.
    pub(crate) reason: Option<Doubt>,
    figure: Option<Figure>,
}

#[derive(Clone, Debug)]
struct Figure {
    name: String,
    here: Option<Quantity>,
    kernel: Option<Quantity>,
    limited_by: Option<Imposer>,
}

/// The headline of `asked` in `view`, with the program's `settings`. `wanted` names the figure, or it is the file's most
/// telling one.
pub(crate) fn headline<F: Files<File: Placed>>(
    asked: &Asked,
    wanted: Option<&str>,
    view: &View<F>,
    settings: &Settings,
) -> Headline {
    let reason = asked.passes(&view.files, settings).or_else(|| asked.text(view).err());
    Headline { reason, figure: figure(asked, wanted, view, settings, reason) }
}

fn figure<F: Files<File: Placed>>(
    asked: &Asked,
    wanted: Option<&str>,
    view: &View<F>,
    settings: &Settings,
    reason: Option<Doubt>,
) -> Option<Figure> {
    let (shown_in, most_telling) = most_telling(asked)?;
    let wanted = wanted.unwrap_or(most_telling);
    let parsed = |text: Vec<u8>| texts::figures(shown_in.answer, shown_in.name(), &String::from_utf8_lossy(&text));
    let kernels = shown_in.kernels_own(&Kernel).map(parsed).unwrap_or_default();
    let ours = if reason.is_none() { shown_in.text(view).ok().map(parsed) } else { None };
    let find = |figures: &[texts::Named]| figures.iter().find(|(name, _)| is_meant(name, wanted)).cloned();
    let (kernel, here) = (find(&kernels), ours.as_deref().and_then(find));
    let name = here.as_ref().or(kernel.as_ref())?.0.clone();
    let value = |named: Option<texts::Named>| named.map(|(_, value)| value);
    let (kernel, here) = (value(kernel), value(here));
    let limit = Rule::of(&name).limit.filter(|_| here.is_some() && here != kernel);
    let limited_by = limit.and_then(|it| Setters::of(view, settings.cpus).imposer(it, view));
    Some(Figure { name, here, kernel, limited_by })
}

/// The file that shows it best, and the figure's name or the end of it. Some files have only numbers that never stay the
/// same, but say how many CPUs there are.
fn most_telling(asked: &Asked) -> Option<(Asked, &'static str)> {
    let (instead, name) = match asked.answer {
        Answer::Meminfo => (None, "memory.total"),
        Answer::Swaps => (Some(Answer::Meminfo), "swap.total"),
        Answer::Stat | Answer::Schedstat | Answer::CpuPresent => (Some(Answer::CpuOnline), "cpus.count"),
        Answer::CpuOnline => (None, "cpus.count"),
        Answer::Cpuinfo => (None, "cpuinfo.processors"),
        Answer::Loadavg => (None, "load.1min"),
        Answer::Vmstat => (None, "vmstat.nr_free_pages"),
        Answer::NodeMeminfo => (None, ".MemTotal"),
        Answer::BlockStat | Answer::Diskstats => return None,
        _ => (None, ""),
    };
    let shown_in = instead.map_or_else(|| Some(asked.clone()), Asked::of)?;
    Some((shown_in, name))
}

/// Whether a figure's name is `wanted`, or ends in it.
fn is_meant(name: &str, wanted: &str) -> bool {
    name == wanted || wanted.is_empty() || wanted.starts_with('.') && name.ends_with(wanted)
}

impl Headline {
    /// For what is answered without a file.
    pub(crate) fn without_figure(reason: Option<Doubt>) -> Self {
        Self { reason, figure: None }
    }

    /// The same, given that the kernel answered although it need not have.
    pub(crate) fn of_the_kernel(mut self) -> Self {
        if let Some(figure) = &mut self.figure {
            figure.limited_by = None;
        }
        self
    }

    /// The container's value and the kernel's, if both are whole numbers; in bytes if they are amounts of memory.
    pub(crate) fn numbers(&self) -> Option<(u64, u64)> {
        let figure = self.figure.as_ref()?;
        let number = |value: &Option<Quantity>| value.as_ref()?.number();
        Some((number(&figure.here)?, number(&figure.kernel)?))
    }

    /// What was shown, `memory.total 512.0 MiB (kernel: 23.5 GiB; limit of DIRECTORY)`; empty if there is nothing to
    /// show. The name in it may be anybody's.
    pub(crate) fn words(&self, is_the_containers: bool) -> String {
        let Some(Figure { name, here, kernel, limited_by }) = &self.figure else { return String::new() };
        let kernels = kernel.as_ref().map(ToString::to_string);
        if !is_the_containers {
            return kernels.map_or_else(String::new, |value| format!("{name} {value}"));
        }
        let limit = limited_by.as_ref().map(|imposer| format!("limit of {}", print::name_of(imposer)));
        let notes: Vec<String> = kernels.map(|value| format!("kernel: {value}")).into_iter().chain(limit).collect();
        // What is no longer there cannot be calculated any more.
        let here = here.as_ref().map(|here| format!(" {here}")).unwrap_or_default();
        if notes.is_empty() { format!("{name}{here}") } else { format!("{name}{here} ({})", notes.join("; ")) }
    }
}

/// With the keys of `cgproc explain --json`.
impl serde::Serialize for Headline {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        if let Some(Figure { name, here, kernel, limited_by }) = &self.figure {
            map.serialize_entry("name", name)?;
            for (key, quantity) in [("value", here), ("kernel", kernel)] {
                if let Some(Quantity { value, unit }) = quantity {
                    map.serialize_entry(&format!("{key}_{}", unit.name()), value)?;
                }
            }
            map.serialize_entry("limited_by", limited_by)?;
        }
        map.serialize_entry("reason", &self.reason.map(|doubt| doubt.to_string()))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::see::explain::quantity::Unit;

    #[test]
    fn every_file_with_figures_has_one() {
        let settings = Settings::of_process("".as_ref(), b"CGPROC_MEMORY=64M\0", b"", || true).unwrap();
        let view = View::of(None, &settings).unwrap();
        let meminfo = headline(&Asked::of(Answer::Meminfo).unwrap(), None, &view, &settings);
        let words = meminfo.words(true);
        assert!(
            words.starts_with("memory.total 64.0 MiB (kernel: ")
                && words.contains("limit of the setting CGPROC_MEMORY"),
            "{words}"
        );
        assert_eq!(meminfo.numbers().map(|(here, _)| here), Some(64 << 20));
        for answer in [Answer::Stat, Answer::Cpuinfo, Answer::Uptime, Answer::Loadavg, Answer::Vmstat] {
            let headline = headline(&Asked::of(answer).unwrap(), None, &view, &settings);
            assert!(headline.figure.is_some(), "{answer:?}");
        }
    }

    #[test]
    fn words_for_what_there_is() {
        let figure = |here: Option<u64>, kernel| Headline {
            reason: None,
            figure: Some(Figure {
                name: "cpus.count".to_owned(),
                here: here.map(|count| Quantity::whole(count, Unit::Cpus)),
                kernel: Some(Quantity::whole(kernel, Unit::Cpus)),
                limited_by: Some(Imposer::Setting("CGPROC_CPUS")),
            }),
        };
        let words = "cpus.count 2 cpus (kernel: 64 cpus; limit of the setting CGPROC_CPUS)";
        assert_eq!(figure(Some(2), 64).words(true), words);
        assert_eq!(figure(Some(2), 64).words(false), "cpus.count 64 cpus");
        assert!(figure(None, 64).words(true).starts_with("cpus.count (kernel: 64 cpus"));
        assert_eq!(Headline::without_figure(None).words(true), "");
    }
}
