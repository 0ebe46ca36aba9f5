//! The tables: what is in them, in which unit, and which ratios are shown.

use crate::{figures::Figure, lxcfs};

/// A table of the page; its figures have its name.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    /// What one is, in the unit in which figures are told.
    per_unit: f64,
    decimals: usize,
    ratios: &'static [Ratio],
}

/// A column that is computed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ratio {
    /// The second column as a multiple of the first one.
    Times(&'static str, &'static str),
    /// A column as a share of the quickest lxcfs's.
    OfLxcfs(&'static str),
}

const KERNEL: Ratio = Ratio::Times("kernel", "ours");
const LXCFS: Ratio = Ratio::OfLxcfs("ours");

pub(crate) const ALL: [Table; 13] = [
    Table {
        name: "lives",
        title: "Programs that start",
        about: "Fork, exec and exit of a small program, in µs. The empty object has no code: what it costs, any preloaded \
                object does. musl's loader does not read `/etc/ld.so.preload`. A static program has no loader.",
        per_unit: 1e3,
        decimals: 1,
        ratios: &[],
    },
    Table {
        name: "files",
        title: "Answered files",
        about: "Open, read to the end, close, in µs, in a container with limits of memory and CPU time of which one cgroup \
                is visible. `first`: the first time in a process. `read again`: kept open, from the start.",
        per_unit: 1e3,
        decimals: 1,
        ratios: &[KERNEL, LXCFS],
    },
    Table {
        name: "calls",
        title: "Answered calls",
        about: "In ns. `first`: the first time in a process.",
        per_unit: 1.0,
        decimals: 0,
        ratios: &[KERNEL],
    },
    Table {
        name: "passed",
        title: "Calls that are passed through",
        about: "What a hook adds to calls that are not ours to answer, in ns.",
        per_unit: 1.0,
        decimals: 1,
        ratios: &[],
    },
    Table {
        name: "threads",
        title: "Several threads",
        about: "The time that passes per operation, in µs, when 1 to 16 threads are at it.",
        per_unit: 1e3,
        decimals: 2,
        ratios: &[KERNEL, LXCFS],
    },
    Table {
        name: "nesting",
        title: "Nested cgroups",
        about: "Open, read and close in a container that is so many cgroups deep, all of them visible, in µs.",
        per_unit: 1e3,
        decimals: 1,
        ratios: &[KERNEL],
    },
    Table {
        name: "texts",
        title: "Large machines",
        about: "Composing the text of an answer from recorded or made-up files, in µs. Reading those files is part of it.",
        per_unit: 1e3,
        decimals: 1,
        ratios: &[],
    },
    Table {
        name: "crowd",
        title: "Memory of a process",
        about: "Memory that one of 1,000 processes that rest shares with no other, in KiB.",
        per_unit: 1.0,
        decimals: 0,
        ratios: &[],
    },
    Table {
        name: "supervised",
        title: "Static programs, supervised",
        about: "A static program under `cgproc run`, in µs.",
        per_unit: 1e3,
        decimals: 2,
        ratios: &[Ratio::Times("kernel", "supervised"), Ratio::OfLxcfs("supervised")],
    },
    Table {
        name: "trace",
        title: "Programs under cgproc trace",
        about: "A program that asks through libc, in µs.",
        per_unit: 1e3,
        decimals: 2,
        ratios: &[Ratio::Times("kernel", "trace"), Ratio::Times("library", "trace")],
    },
    Table {
        name: "sampler",
        title: "The sampler",
        about: "10,000 threads; CPU seconds a minute, of the sampler and of Debian 12's `lxcfs -l` beside it; memory \
                resident; the longest time between two publications.",
        per_unit: 1.0,
        decimals: 3,
        ratios: &[LXCFS],
    },
    Table {
        name: "stats",
        title: "top and metrics",
        about: "CPU time in ms; of the first table of `cgproc top`, also the time that passes until it is there.",
        per_unit: 1.0,
        decimals: 1,
        ratios: &[],
    },
    Table {
        name: "runtime",
        title: "Containers that start",
        about: "A container that runs `true`, and `true` in one that is there: by runc, and through `cgproc-runtime`, in ms.",
        per_unit: 1.0,
        decimals: 2,
        ratios: &[],
    },
];

/// Medians of a row by column.
pub(crate) fn median(figures: &[Figure], kernel: &str, table: &str, row: &str, column: &str) -> Option<f64> {
    let is_it = |it: &&Figure| it.kernel == kernel && it.table == table && it.row == row && it.column == column;
    figures.iter().find(is_it).map(Figure::median)
}

/// The quickest lxcfs of a row.
pub(crate) fn best_lxcfs(figures: &[Figure], kernel: &str, table: &str, row: &str) -> Option<f64> {
    let is_it = |it: &&Figure| it.kernel == kernel && it.table == table && it.row == row;
    let all = figures.iter().filter(is_it).filter(|it| lxcfs::is_column(&it.column));
    all.map(Figure::median).min_by(f64::total_cmp)
}

/// Values in the order in which they were first seen.
pub(crate) fn distinct<'f>(values: impl Iterator<Item = &'f str>) -> Vec<&'f str> {
    let mut seen = Vec::new();
    values.for_each(|value| {
        if !seen.contains(&value) {
            seen.push(value);
        }
    });
    seen
}

impl Table {
    /// In Markdown; `None` if nothing was measured on this kernel.
    pub(crate) fn text(&self, figures: &[Figure], kernel: &str) -> Option<String> {
        let own: Vec<&Figure> = figures.iter().filter(|it| it.table == self.name && it.kernel == kernel).collect();
        let columns = ordered(distinct(own.iter().map(|it| it.column.as_str())));
        let rows = distinct(own.iter().map(|it| it.row.as_str()));
        if rows.is_empty() {
            return None;
        }
        let mut lines = vec![[""].into_iter().chain(columns.iter().copied()).map(str::to_owned).collect::<Vec<_>>()];
        lines[0].extend(self.ratios.iter().map(|ratio| ratio.name()));
        for row in rows {
            let cell = |column: &&str| {
                let figure = own.iter().find(|it| it.row == row && it.column == **column);
                figure.map_or_else(String::new, |it| self.cell(it))
            };
            let mut line: Vec<String> = [row.to_owned()].into_iter().chain(columns.iter().map(cell)).collect();
            line.extend(self.ratios.iter().map(|ratio| ratio.of(figures, kernel, self.name, row).unwrap_or_default()));
            lines.push(line);
        }
        Some(aligned(&lines))
    }

    fn cell(&self, figure: &Figure) -> String {
        let [first, median, third] = figure.quartiles.map(|value| value / self.per_unit);
        let decimals = match figure.column.as_str() {
            "bytes" => 0,
            name if name.starts_with("MiB") || name.ends_with(", s") => 1,
            _ => self.decimals,
        };
        if first.to_bits() == third.to_bits() {
            return format!("{median:.decimals$}");
        }
        format!("{median:.decimals$} ({first:.decimals$} to {third:.decimals$})")
    }
}

/// What others take comes before ours, lxcfs after it, differences last.
fn ordered(mut columns: Vec<&str>) -> Vec<&str> {
    let place = |column: &str| match column {
        "kernel" | "no preload" | "runc" => 0,
        "empty object" => 1,
        "trace" => 3,
        "difference" | "over an empty object" => 6,
        name if lxcfs::is_column(name) => 4,
        name if name.starts_with("MiB") => 5,
        _ => 2,
    };
    columns.sort_by_key(|column| (place(column), if lxcfs::is_column(column) { *column } else { "" }));
    columns
}

impl Ratio {
    fn name(self) -> String {
        match self {
            Self::Times(first, second) => format!("{second} / {first}"),
            Self::OfLxcfs(column) => format!("{column} / lxcfs"),
        }
    }

    fn of(self, figures: &[Figure], kernel: &str, table: &str, row: &str) -> Option<String> {
        let median = |column| median(figures, kernel, table, row, column);
        Some(match self {
            Self::Times(first, second) => format!("{:.1}", median(second)? / median(first)?),
            Self::OfLxcfs(column) => format!("1/{:.1}", best_lxcfs(figures, kernel, table, row)? / median(column)?),
        })
    }
}

/// A table in Markdown, whose columns are aligned in plain text too.
pub(crate) fn aligned(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default().max(3))
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate();
        let cells = cells.map(
            |(index, (cell, width))| {
                if index == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
            },
        );
        text += &format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
        if number == 0 {
            let rules = widths.iter().enumerate();
            let rules = rules.map(|(index, width)| match index {
                0 => "-".repeat(width + 2),
                _ => format!("{}:", "-".repeat(width + 1)),
            });
            text += &format!("|{}|\n", rules.collect::<Vec<_>>().join("|"));
        }
    }
    text
}
