//! `/proc/cpuinfo`

use crate::{
    cpus::CpuSet,
    lines::Lines,
    scan,
    source::Source,
    text::{Sink, Text},
};

/// Where in the text a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// A block of a CPU in the view.
    Shown,
    /// A block of another CPU.
    Hidden,
    /// Neither: what some architectures say of the whole machine.
    Machine,
}

/// `/proc/cpuinfo`: the blocks of the view's CPUs.
pub fn cpuinfo<S: Sink>(
    online: &CpuSet,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let count = online.count();
    let mut lines = Lines::new(host, scratch);
    let mut within = Within::Machine;
    let mut shown = 0_u64;
    while let Some(line) = lines.next()? {
        let field = if line.begins { Field::parse(line.bytes) } else { None };
        if let Some(Field { key: b"processor", value, .. }) = field {
            let is_shown = online.contains(value);
            within = if is_shown { Within::Shown } else { Within::Hidden };
            shown = shown.saturating_add(u64::from(is_shown));
        }
        match (within, field) {
            (Within::Hidden, _) => {}
            (Within::Shown, Some(field)) if matches!(field.key, b"siblings" | b"cpu cores") => {
                field.with_at_most(count, out)?;
            }
            _ => out.bytes(line.bytes)?,
        }
        if line.begins && line.bytes == b"\n" {
            within = Within::Machine;
        }
    }
    // Text of another form, or not of the CPUs that the view was made for.
    (shown == count).then_some(())
}

/// A line with a number: `siblings\t: 2`.
#[derive(Clone, Copy)]
struct Field<'l> {
    key: &'l [u8],
    /// All that stands before the number.
    before: &'l [u8],
    value: u64,
}

impl<'l> Field<'l> {
    fn parse(line: &'l [u8]) -> Option<Self> {
        let (key, number) = scan::split_at_byte(scan::without_newline(line), b':')?;
        let number = scan::after_blanks(number);
        let value = scan::whole_number(number)?;
        let before = line.get(..scan::without_newline(line).len().checked_sub(number.len())?)?;
        Some(Self { key: scan::before_blanks(key), before, value })
    }

    /// The line with its number bounded.
    fn with_at_most<S: Sink>(&self, most: u64, out: &mut Text<'_, S>) -> Option<()> {
        out.bytes(self.before)?;
        out.number(self.value.min(most))?;
        out.bytes(b"\n")
    }
}
