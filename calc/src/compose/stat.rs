//! `/proc/stat`

use crate::{
    lines::Lines,
    scan,
    source::Source,
    text::{Sink, Text},
    view::{cpu::Cpus, time::Times},
};
use core::num::NonZero;

/// What a column of a `cpu` line holds, in the kernel's order: user nice system idle iowait irq softirq steal guest guest_nice.
const COLUMNS: &[fn(&Times) -> u64] = &[
    |times| times.user_ticks,
    |_| 0,
    |times| times.system_ticks,
    |times| u64::try_from(times.idle_ticks).unwrap_or(0),
];

/// `/proc/stat`. `times.idle_ticks` is what is to be shown: the caller has made it monotonic.
pub fn stat<S: Sink>(
    cpus: &Cpus,
    times: &Times,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let mut lines = Lines::new(host, scratch);
    let total = lines.next()??.whole()?.strip_prefix(b"cpu  ")?;
    let columns = scan::parts(scan::without_newline(total), b' ').count();
    cpu_lines(cpus, times, columns, out)?;
    let mut of_cpu = false;
    while let Some(line) = lines.next()? {
        if line.begins {
            of_cpu = line.bytes.starts_with(b"cpu");
        }
        if !of_cpu {
            out.bytes(line.bytes)?;
        }
    }
    Some(())
}

/// The `cpu` lines: the sum, and the view's CPUs.
fn cpu_lines<S: Sink>(cpus: &Cpus, times: &Times, columns: usize, out: &mut Text<'_, S>) -> Option<()> {
    let count = NonZero::new(cpus.online.count())?;
    out.bytes(b"cpu ")?;
    row(times, columns, |ticks| ticks, out)?;
    for (index, cpu) in (0..).zip(cpus.online.iter()) {
        out.bytes(b"cpu")?;
        out.number(cpu)?;
        row(times, columns, |ticks| share(ticks, index, count), out)?;
    }
    Some(())
}

/// The columns of a line.
fn row<S: Sink>(times: &Times, columns: usize, of: impl Fn(u64) -> u64, out: &mut Text<'_, S>) -> Option<()> {
    for column in 0..columns {
        out.bytes(b" ")?;
        out.number(COLUMNS.get(column).map_or(0, |column| of(column(times))))?;
    }
    out.bytes(b"\n")
}

/// The part of `ticks` that falls to CPU number `index` of `count`. The parts add up, and none shrinks while `ticks` grows.
fn share(ticks: u64, index: u64, count: NonZero<u64>) -> u64 {
    (ticks / count).saturating_add(u64::from(index < ticks % count))
}
