//! `/proc/stat`

use crate::{
    board::Load,
    cpus::CpuSet,
    lines::Lines,
    scan,
    source::Source,
    text::{Sink, Text},
    view::{
        shares::{self, Columns, Shares},
        time::Times,
    },
};

/// The scope's figures to show.
#[derive(Clone, Copy, Debug)]
pub struct Figures<'f> {
    /// The scope's times. The idle time is the one to show: the caller has made it monotonic.
    pub times: &'f Times,
    /// Each CPU's part.
    pub shares: &'f Shares,
    /// Without it, the numbers of running and blocked threads stay the machine's.
    pub load: Option<&'f Load>,
    /// How much later than the machine the container appears to have booted (`CGPROC_BTIME`).
    pub later_sec: u64,
}

/// `/proc/stat`
pub fn stat<S: Sink>(
    online: &CpuSet,
    figures: &Figures<'_>,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let mut lines = Lines::new(host, scratch);
    let total = lines.next().ok()??.whole()?.strip_prefix(b"cpu  ")?;
    let columns = scan::parts(scan::without_newline(total), b' ').count();
    cpu_lines(online, figures, columns, out)?;
    let mut of_cpu = false;
    while let Some(line) = lines.next().ok()? {
        if line.begins {
            of_cpu = line.bytes.starts_with(b"cpu");
        }
        if !of_cpu {
            match line.whole().and_then(|text| number(figures, text)) {
                Some((name, number)) => number_line(name, number, out)?,
                None => out.bytes(line.bytes)?,
            }
        }
    }
    Some(())
}

/// The rest of a line after its name, and the container's number for it, if it has one.
fn number<'l>(figures: &Figures<'_>, line: &'l [u8]) -> Option<(&'l [u8], u64)> {
    let (name, machines) = scan::key_value(line)?;
    let own = match name {
        b"btime" => machines.saturating_add(figures.later_sec),
        b"procs_running" => figures.load?.running.max(1).into(),
        b"procs_blocked" => figures.load?.blocked.into(),
        _ => return None,
    };
    Some((name, own))
}

fn number_line<S: Sink>(name: &[u8], number: u64, out: &mut Text<'_, S>) -> Option<()> {
    out.bytes(name)?;
    out.bytes(b" ")?;
    out.number(number)?;
    out.bytes(b"\n")
}

/// The `cpu` lines: the sum, then the view's CPUs.
fn cpu_lines<S: Sink>(online: &CpuSet, figures: &Figures<'_>, columns: usize, out: &mut Text<'_, S>) -> Option<()> {
    if *online == CpuSet::EMPTY {
        return None;
    }
    out.bytes(b"cpu ")?;
    row(&shares::columns(figures.times), columns, out)?;
    for (rank, cpu) in (0..).zip(online.iter()) {
        out.bytes(b"cpu")?;
        out.number(cpu)?;
        row(&figures.shares.columns(rank, figures.times), columns, out)?;
    }
    Some(())
}

/// The columns of a line, in the kernel's order: user nice system idle iowait irq softirq steal guest guest_nice.
fn row<S: Sink>(shown: &Columns, columns: usize, out: &mut Text<'_, S>) -> Option<()> {
    for index in 0..columns {
        out.bytes(b" ")?;
        out.number(shown.get(index).copied().unwrap_or(0))?;
    }
    out.bytes(b"\n")
}

/// The most columns that a kernel has.
const MOST_COLUMNS: usize = 10;

/// `/proc/stat` if the scope's CPU time is not counted separately: the kernel's own lines for the view's CPUs, and
/// their sum.
///
/// `host` and `again` are the same file, read twice because the sum precedes what it sums.
pub fn stat_of_kernel<S: Sink>(
    online: &CpuSet,
    host: &mut impl Source,
    again: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let sums = sums(online, host, scratch)?;
    let mut lines = Lines::new(again, scratch);
    let total = lines.next().ok()??.whole()?.strip_prefix(b"cpu  ")?;
    let columns = scan::parts(scan::without_newline(total), b' ').count();
    out.bytes(b"cpu ")?;
    for index in 0..columns {
        out.bytes(b" ")?;
        // Further columns, which a later kernel may have, are not summed.
        out.number(sums.get(index).copied().unwrap_or(0))?;
    }
    out.bytes(b"\n")?;
    let mut hidden = false;
    while let Some(line) = lines.next().ok()? {
        if line.begins {
            hidden = cpu_of(line.bytes).is_some_and(|(cpu, _)| !online.contains(cpu));
        }
        if !hidden {
            out.bytes(line.bytes)?;
        }
    }
    Some(())
}

/// The sums of each column in the lines of `online`. `None` if it has no line, because every kernel has one.
#[inline(never)]
fn sums(online: &CpuSet, host: &mut impl Source, scratch: &mut [u8]) -> Option<[u64; MOST_COLUMNS]> {
    let mut sums = None;
    let mut lines = Lines::new(host, scratch);
    while let Some(line) = lines.next().ok()? {
        let Some((cpu, ticks)) = cpu_of(line.bytes).filter(|_| line.begins) else { continue };
        if online.contains(cpu) {
            let sums = sums.get_or_insert([0_u64; MOST_COLUMNS]);
            for (sum, ticks) in sums.iter_mut().zip(scan::parts(scan::without_newline(ticks), b' ')) {
                *sum = sum.saturating_add(scan::clamped_number(ticks).unwrap_or(0));
            }
        }
    }
    sums
}

/// The CPU of a line `cpu3 1 2 3`, and its columns.
fn cpu_of(line: &[u8]) -> Option<(u64, &[u8])> {
    let (cpu, ticks) = scan::split_at_byte(line.strip_prefix(b"cpu")?, b' ')?;
    Some((scan::whole_number(cpu)?, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};
    use std::{format, string::String};

    #[test]
    fn an_odd_column_costs_itself() {
        let host = "cpu  9 9 9 9 9 9 9 9 9 9 7\ncpu0 1 2 3 4 5 6 7 8 9 10 11\ncpu1 x -5 3 4 5 6 7 8 18446744073709551616 10 11\nbtime 5\n";
        let online = CpuSet::parse(b"0-1").unwrap();
        let text =
            composed(|out| stat_of_kernel(&online, &mut Bytes::new(host), &mut Bytes::new(host), out, &mut [0; 512]));
        let (sum, rest) = host.split_once('\n').unwrap();
        assert_eq!(
            text.unwrap(),
            format!("{}\n{rest}", sum.replace("9 9 9 9 9 9 9 9 9 9 7", "1 2 6 8 10 12 14 16 9 20 0"))
        );
    }

    const TIMES: Times = Times { user_ticks: 11, nice_ticks: 7, system_ticks: 6, is_split: true, idle_ticks: 101 };

    const FIGURES: Figures<'_> = Figures { times: &TIMES, shares: &Shares::START, load: None, later_sec: 0 };

    fn shown(list: &str, figures: &Figures<'_>, host: &str) -> Option<String> {
        let online = CpuSet::parse(list.as_bytes()).unwrap();
        let mut shares = *figures.shares;
        shares.follow(&online, figures.times);
        let figures = Figures { shares: &shares, ..*figures };
        composed(|out| stat(&online, &figures, &mut Bytes::in_steps(host, 100), out, &mut [0; 512]))
    }

    fn text(list: &str, times: Times, host: &str) -> Option<String> {
        shown(list, &Figures { times: &times, ..FIGURES }, host)
    }

    #[test]
    fn the_cpu_lines_are_ours_and_the_rest_is_the_kernels() {
        let intr = std::format!("intr {}\n", "12 ".repeat(1000));
        let host =
            ["cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 0 0 0 0 0 0 0 0 0 0\n", &intr, "ctxt 5\n"]
                .concat();
        let ours = "cpu  11 7 6 101 0 0 0 0 0 0\ncpu3 6 4 3 51 0 0 0 0 0 0\ncpu5 5 3 3 50 0 0 0 0 0 0\n";
        assert_eq!(text("3,5", TIMES, &host).unwrap(), [ours, &intr, "ctxt 5\n"].concat());
    }

    #[test]
    fn threads_are_the_containers_where_they_are_known() {
        let host = "cpu  1 2 3 4\ncpu0 1 2 3 4\nprocesses 9\nprocs_running 7\nprocs_blocked 3\nprocs_runningx 1\n";
        let with = |load: Option<Load>| shown("0", &Figures { load: load.as_ref(), ..FIGURES }, host).unwrap();
        let ours = "cpu  11 7 6 101\ncpu0 11 7 6 101\nprocesses 9\n";
        let load = Load { running: 2, blocked: 1, ..Load::default() };
        assert_eq!(with(Some(load)), [ours, "procs_running 2\nprocs_blocked 1\nprocs_runningx 1\n"].concat());
        let idle = Load::default();
        assert_eq!(with(Some(idle)), [ours, "procs_running 1\nprocs_blocked 0\nprocs_runningx 1\n"].concat());
        assert_eq!(with(None), [ours, "procs_running 7\nprocs_blocked 3\nprocs_runningx 1\n"].concat());
    }

    #[test]
    fn the_time_of_boot_is_the_containers_where_that_is_asked_for() {
        let host = "cpu  1 2 3 4\ncpu0 1 2 3 4\nbtime 1000\n";
        let text = shown("0", &Figures { later_sec: 55, ..FIGURES }, host).unwrap();
        assert!(text.ends_with("\nbtime 1055\n"), "{text}");
    }

    #[test]
    fn there_are_as_many_columns_as_the_kernel_has() {
        assert_eq!(text("0", TIMES, "cpu  1 2 3 4 5 6 7\n").unwrap(), "cpu  11 7 6 101 0 0 0\ncpu0 11 7 6 101 0 0 0\n");
    }

    #[test]
    fn negative_idle_time_is_none() {
        assert_eq!(
            text("0", Times { idle_ticks: -5, ..TIMES }, "cpu  1 2 3 4\n").unwrap(),
            "cpu  11 7 6 0\ncpu0 11 7 6 0\n"
        );
    }

    #[test]
    fn the_kernels_own_times_of_the_views_cpus() {
        let intr = std::format!("intr {}\n", "12 ".repeat(1000));
        let host = ["cpu  6 8 10 12\ncpu0 1 2 3 4\ncpu1 2 2 2 2\ncpu2 3 4 5 6\n", &intr, "ctxt 5\n"].concat();
        let online = CpuSet::parse(b"0,2").unwrap();
        let read = || Bytes::in_steps(&host, 100);
        let ours = composed(|out| stat_of_kernel(&online, &mut read(), &mut read(), out, &mut [0; 512])).unwrap();
        assert_eq!(ours, ["cpu  4 6 8 10\ncpu0 1 2 3 4\ncpu2 3 4 5 6\n", &intr, "ctxt 5\n"].concat());
    }

    #[test]
    fn no_line_of_the_views_cpus_is_doubt() {
        let online = CpuSet::parse(b"5-7").unwrap();
        let read = || Bytes::new("cpu  3 3\ncpu0 1 2\ncpu1 2 1\n");
        assert_eq!(composed(|out| stat_of_kernel(&online, &mut read(), &mut read(), out, &mut [0; 512])), None);
    }

    #[test]
    fn another_form_is_doubt() {
        assert_eq!(text("0", TIMES, ""), None);
        assert_eq!(text("0", TIMES, "intr 1 2 3\n"), None);
        assert_eq!(text("", TIMES, "cpu  1 2 3 4\n"), None);
    }
}
