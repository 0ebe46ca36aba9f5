//! `/proc/cpuinfo`

use crate::{
    cpus::CpuSet,
    lines::Lines,
    scan,
    source::Source,
    text::{Sink, Text},
    view::topology::Packages,
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
    packages: &Packages,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let _ = packages;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};
    use std::{format, string::String};

    fn text(list: &str, host: &str) -> Option<String> {
        let online = CpuSet::parse(list.as_bytes()).unwrap();
        composed(|out| cpuinfo(&online, &Packages::default(), &mut Bytes::in_steps(host, 200), out, &mut [0; 512]))
    }

    fn x86(cpu: u64, siblings: u64, cores: u64) -> String {
        let flags = "sse ".repeat(300);
        format!(
            "processor\t: {cpu}\ncpu family\t: 6\nsiblings\t: {siblings}\ncpu cores\t: {cores}\nflags\t\t: {flags}\npower management:\n\n"
        )
    }

    #[test]
    fn the_views_blocks_are_kept_with_bounded_counts() {
        let host: String = (0..8).map(|cpu| x86(cpu, 8, 4)).collect();
        assert_eq!(text("3,6", &host).unwrap(), x86(3, 2, 2) + &x86(6, 2, 2));
        assert_eq!(text("0-5", &host).unwrap(), (0..6).map(|cpu| x86(cpu, 6, 4)).collect::<String>());
        assert_eq!(text("0-7", &host).unwrap(), host);
    }

    #[test]
    fn what_is_said_of_the_whole_machine_stays() {
        let arm = "Processor\t: ARMv7\nprocessor\t: 0\nBogoMIPS\t: 50\n\nprocessor\t: 1\nBogoMIPS\t: 50\n\nHardware\t: x\nRevision\t: 0\n";
        assert_eq!(
            text("0", arm).unwrap(),
            "Processor\t: ARMv7\nprocessor\t: 0\nBogoMIPS\t: 50\n\nHardware\t: x\nRevision\t: 0\n"
        );
    }

    #[test]
    fn blocks_may_follow_each_other_without_an_empty_line() {
        let host = "processor\t: 0\nmode\t\t: skas\nprocessor\t: 1\nmode\t\t: skas\n";
        assert_eq!(text("1", host).unwrap(), "processor\t: 1\nmode\t\t: skas\n");
    }

    #[test]
    fn cpus_that_are_not_in_the_text_are_doubt() {
        assert_eq!(text("0,9", &x86(0, 1, 1)), None);
        assert_eq!(text("0", ""), None);
        assert_eq!(text("0", "vendor_id       : IBM/S390\nprocessor 0: version = FF\n"), None);
    }
}
