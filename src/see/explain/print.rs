//! Printing explanations: a table, full explanations, or JSON.

use super::{
    Explanation, Imposer,
    quantity::{Quantity, Unit},
};
use crate::output::{plain, put};
use anyhow::Result;
use std::fmt::Write as _;

/// As a JSON array of objects.
pub(super) fn json(all: &[Explanation]) -> Result<()> {
    put((serde_json::to_string_pretty(all)? + "\n").as_bytes())
}

/// A line per figure. Figures that are not shown, and vmstat's lines that are the machine's, are only counted.
pub(super) fn table(all: &[Explanation]) -> Result<()> {
    let is_listed = |it: &&Explanation| it.here.is_some() && (!it.name.starts_with("vmstat.") || it.here != it.kernel);
    let listed: Vec<&Explanation> = all.iter().filter(is_listed).collect();
    let mut text = format!("{:<34} {:>18} {:>18}  WHY\n", "FIGURE", "HERE", "KERNEL");
    for it in &listed {
        let (here, kernel) = (shown(it.here.as_ref()), shown(it.kernel.as_ref()));
        writeln!(text, "{:<34} {here:>18} {kernel:>18}  {}", it.name, plain(&why(it)))?;
    }
    let rest = all.len() - listed.len();
    if rest > 0 {
        writeln!(
            text,
            "and {rest} of devices that are not shown, and lines of vmstat that are the machine's: --json has all"
        )?;
    }
    put(text.as_bytes())
}

fn shown(value: Option<&Quantity>) -> String {
    match value {
        Some(value) if value.unit != Unit::Path => value.to_string(),
        _ => "-".to_owned(),
    }
}

/// Why the figure is what it is, in a few words.
fn why(it: &Explanation) -> String {
    match (&it.reason, &it.limited_by, &it.here) {
        (Some(reason), ..) if it.is_kernels() => format!("the kernel's: {reason}"),
        (Some(reason), ..) => format!("left as it is: {reason}"),
        (None, Some(imposer), _) => format!("limit of {}", name_of(imposer)),
        (None, None, Some(Quantity { value, unit: Unit::Path })) => value.to_string(),
        (None, None, _) => {
            it.sources.first().map_or_else(|| "no cgroup file here has it".to_owned(), |origin| origin.path.clone())
        }
    }
}

/// Who imposed a limit, in words.
pub(super) fn name_of(imposer: &Imposer) -> String {
    match imposer {
        Imposer::Cgroup(directory) => directory.clone(),
        Imposer::OutOfSight(by) => format!("a cgroup out of sight, by {by}"),
        Imposer::Setting(name) => format!("the setting {name}"),
    }
}

/// Everything that is known about each figure.
pub(super) fn stories(all: &[Explanation]) -> Result<()> {
    let stories: Result<Vec<String>> = all.iter().map(story).collect();
    put(stories?.join("\n").as_bytes())
}

fn story(it: &Explanation) -> Result<String> {
    let mut text = String::new();
    let exact = |value: &Option<Quantity>| match value {
        None => "-".to_owned(),
        Some(value) if value.to_string() == value.exact() => value.exact(),
        Some(value) => format!("{value} ({})", value.exact()),
    };
    writeln!(text, "{}: {}", it.name, exact(&it.here))?;
    writeln!(text, "  kernel   {}", exact(&it.kernel))?;
    if !it.file.is_empty() {
        writeln!(text, "  in       {}", it.file)?;
    }
    if let Some(reason) = it.reason {
        let who = if it.is_kernels() { "the kernel's own is shown" } else { "it is left as it is" };
        writeln!(text, "  reason   {who}: {reason}")?;
    }
    if let Some(imposer) = &it.limited_by {
        writeln!(text, "  limit    {}", plain(&name_of(imposer)))?;
    }
    writeln!(text, "  rule     {} [{}]", it.rule.sentence, it.rule.reference)?;
    let mut label = "read";
    for origin in &it.sources {
        let lines: Vec<String> = origin.value.lines().map(plain).collect();
        writeln!(text, "  {label:<8} {}  {}", plain(&origin.path), lines.join(", "))?;
        label = "";
    }
    Ok(text)
}
