//! The figures that matter most, on a page of 80 columns. What is too long for a line is a note below.

use super::{Explanation, print};
use crate::output::{plain, put as put_out};
use anyhow::Result;
use std::fmt::Write as _;

/// The figures, in this order; those that there are.
const FIGURES: [&str; 36] = [
    "memory.total",
    "memory.free",
    "memory.available",
    "meminfo.Cached",
    "meminfo.Shmem",
    "swap.total",
    "swap.used",
    "cpus.count",
    "cpus.online",
    "cpus.quota",
    "cpus.capacity",
    "runtimes.jdk",
    "runtimes.go",
    "runtimes.node",
    "runtimes.rust",
    "runtimes.erlang",
    "runtimes.nproc",
    "runtimes.others",
    "uptime",
    "time.user",
    "time.system",
    "time.idle",
    "load.1min",
    "load.5min",
    "load.15min",
    "load.running",
    "load.threads",
    "vmstat.pgpgin",
    "vmstat.pgpgout",
    "pressure.cpu.some.avg10",
    "pressure.memory.some.avg10",
    "pressure.io.some.avg10",
    "threads-max",
    "disk.total",
    "disk.used",
    "disk.available",
];

/// How wide a page is.
const COLUMNS: usize = 80;
/// How wide the last column is; [`line`] has the others.
const WHY: usize = 27;

/// What the notes say, in the order of their numbers.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    /// The number of a note, of which there is one however many figures it is for.
    fn number(&mut self, note: String) -> usize {
        let at = self.0.iter().position(|known| *known == note).unwrap_or_else(|| {
            self.0.push(note);
            self.0.len() - 1
        });
        at + 1
    }
}

/// Prints the page.
pub(super) fn put(all: &[Explanation]) -> Result<()> {
    put_out(page(all)?.as_bytes())
}

fn page(all: &[Explanation]) -> Result<String> {
    let mut notes = Notes::default();
    let mut text = line("FIGURE", "HERE", "KERNEL", "WHY");
    let found = FIGURES.iter().filter_map(|name| all.iter().find(|it| it.name == *name && it.here.is_some()));
    for it in found {
        let [here, kernel] = [&it.here, &it.kernel].map(|it| it.as_ref().map_or("-".to_owned(), |it| it.brief()));
        text += &line(&it.name, &here, &kernel, &why(it, &mut notes));
    }
    text.push('\n');
    for (number, note) in (1..).zip(&notes.0) {
        text += &wrapped(&format!("({number})"), note);
    }
    text += "cgproc explain FIGURE: its rule, and each file that is read for it\n";
    writeln!(text, "cgproc explain --all:  all {} figures", all.len())?;
    Ok(text)
}

fn line(name: &str, here: &str, kernel: &str, why: &str) -> String {
    let line = format!("{name:<26} {here:>11} {kernel:>11}  {why}");
    format!("{}\n", line.trim_end())
}

/// Why the figure is what it is: a few words, the file that it comes from, or the number of a note.
fn why(it: &Explanation, notes: &mut Notes) -> String {
    if let Some(reason) = &it.reason {
        let whose = if it.is_kernels() { "the kernel's" } else { "left as it is" };
        return format!("{whose} ({})", notes.number(reason.to_string()));
    }
    if let Some(imposer) = &it.limited_by {
        return format!("a limit ({})", notes.number(format!("the limit of {}", plain(&print::name_of(imposer)))));
    }
    match it.sources.first() {
        Some(source) => shortened(&plain(&source.path)),
        None => "no cgroup file here has it".to_owned(),
    }
}

/// The end of a path that fits into the last column.
fn shortened(path: &str) -> String {
    let length = |text: &str| text.chars().count();
    if length(path) <= WHY {
        return path.to_owned();
    }
    let mut ends = path.match_indices('/').map(|(at, _)| &path[at..]);
    if let Some(end) = ends.find(|end| length(end) < WHY) {
        return format!("…{end}");
    }
    match path.rsplit('/').next() {
        Some(name) if length(name) <= WHY => name.to_owned(),
        _ => format!("…{}", path.chars().skip(length(path) + 1 - WHY).collect::<String>()),
    }
}

/// A note in lines that fit on the page, as far as its words do.
fn wrapped(number: &str, note: &str) -> String {
    let indent = " ".repeat(number.len() + 1);
    let mut lines = vec![number.to_owned()];
    for word in note.split(' ') {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= COLUMNS => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_end_where_they_matter() {
        assert_eq!(shortened("/proc/stat"), "/proc/stat");
        assert_eq!(shortened("/sys/devices/system/cpu/online"), "…/devices/system/cpu/online");
        assert_eq!(shortened("/sys/fs/cgroup/memory/a/b/memory.memsw.usage_in_bytes"), "memory.memsw.usage_in_bytes");
        assert_eq!(shortened("/b/blkio.throttle.io_service_bytes_recursive"), "…io_service_bytes_recursive");
    }

    #[test]
    fn notes_are_told_once_and_fit() {
        let mut notes = Notes::default();
        let numbers = ["one", "two", "one"].map(|note| notes.number(note.to_owned()));
        assert_eq!((numbers, notes.0.len()), ([1, 2, 1], 2));
        let text = wrapped("(12)", &"word ".repeat(40));
        assert!(text.lines().count() == 3 && text.lines().all(|line| line.len() <= COLUMNS), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("     word")), "{text}");
    }
}
