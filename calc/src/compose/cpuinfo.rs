//! `/proc/cpuinfo`

use crate::{
    cpus::CpuSet,
    lines::Lines,
    scan,
    source::Source,
    text::{Sink, Text},
    view::topology::{Package, Packages},
};

/// `/proc/cpuinfo`, for the view's CPUs.
///
/// Most architectures have a block of lines for each CPU, which begins with `processor`. s390x has the number of CPUs,
/// a line for each, and then blocks that begin with `cpu number` (`arch/s390/kernel/processor.c`). arm64 before 3.19
/// has all `processor` lines first, and then one block for all CPUs (`arch/arm64/kernel/setup.c`).
pub fn cpuinfo<S: Sink>(
    online: &CpuSet,
    packages: &Packages,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let count = online.count();
    let mut lines = Lines::new(host, scratch);
    let mut block = Block::MACHINE;
    let mut shown = 0_u64;
    while let Some(line) = lines.next().ok()? {
        let field = if line.begins { Field::parse(line.bytes) } else { None };
        let listed = if line.begins { listed(line.bytes) } else { None };
        if line.begins {
            block.read(field, online, packages);
        }
        let named = listed.or(field.filter(|field| field.key == b"processor").map(|field| field.value));
        shown = shown.saturating_add(named.is_some_and(|cpu| online.contains(cpu)).into());
        if listed.map_or(block.is_shown, |cpu| online.contains(cpu)) {
            match field.and_then(|field| Some((field, field.figure(block.package, count)?))) {
                Some((field, figure)) => field.with(figure, out)?,
                None => out.bytes(line.bytes)?,
            }
        }
        if line.begins && line.bytes == b"\n" {
            block = Block::MACHINE;
        }
    }
    // If they differ, the text has another form, or is not about the CPUs that the view was made for.
    (shown == count).then_some(())
}

/// The lines up to the next empty one.
struct Block {
    is_shown: bool,
    package: Option<Package>,
    /// How many CPUs it begins with; 0 once another line has come.
    heads: u64,
}

impl Block {
    /// Lines about the whole machine, which some architectures have.
    const MACHINE: Self = Self { is_shown: true, package: None, heads: 0 };

    /// Takes the beginning of a line into account; it may be a field with a number.
    fn read(&mut self, field: Option<Field<'_>>, online: &CpuSet, packages: &Packages) {
        let head = field.filter(|field| matches!(field.key, b"processor" | b"cpu number"));
        if let Some(cpu) = head {
            let heads = self.heads.saturating_add(1);
            *self = Self { is_shown: online.contains(cpu.value), package: None, heads };
            return;
        }
        self.is_shown |= self.heads > 1;
        self.heads = 0;
        if let Some(package) = field.filter(|field| field.key == b"physical id") {
            self.package = packages.of(package.value);
        }
    }
}

/// The CPU of a line like `processor 3: version = FF,  identification = 0133E8,  machine = 3906`.
fn listed(line: &[u8]) -> Option<u64> {
    let (cpu, rest) = scan::number(line.strip_prefix(b"processor ")?)?;
    rest.starts_with(b": ").then_some(cpu)
}

/// A line with a number: `siblings\t: 2`.
#[derive(Clone, Copy)]
struct Field<'l> {
    key: &'l [u8],
    /// The part before the number.
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

    /// The number to show instead, in a view of `count` CPUs; `None` for the kernel's own.
    fn figure(&self, package: Option<Package>, count: u64) -> Option<u64> {
        let bounded = self.value.min(count);
        match self.key {
            b"siblings" => Some(package.map_or(bounded, |package| package.siblings.into())),
            b"cpu cores" => Some(package.map_or(bounded, |package| package.cores.into())),
            b"# processors" => Some(count),
            _ => None,
        }
    }

    /// Writes the line with another number.
    fn with<S: Sink>(&self, number: u64, out: &mut Text<'_, S>) -> Option<()> {
        out.bytes(self.before)?;
        out.number(number)?;
        out.bytes(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};
    use std::{format, string::String};

    fn text(list: &str, host: &str) -> Option<String> {
        text_of(&Packages::default(), list, host)
    }

    fn text_of(packages: &Packages, list: &str, host: &str) -> Option<String> {
        let online = CpuSet::parse(list.as_bytes()).unwrap();
        composed(|out| cpuinfo(&online, packages, &mut Bytes::in_steps(host, 200), out, &mut [0; 512]))
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
    fn a_package_has_the_views_siblings_and_cores() {
        let of = |id, siblings, cores| Package { id, siblings, cores };
        let packages = Packages::of_known(&[of(0, 3, 2), of(7, 1, 1)]);
        let block = |cpu: u64, id: u64, siblings: u64, cores: u64| {
            format!(
                "processor\t: {cpu}\nphysical id\t: {id}\nsiblings\t: {siblings}\ncore id\t\t: 9\ncpu cores\t: {cores}\n\n"
            )
        };
        let host =
            [block(0, 0, 8, 4), block(1, 7, 8, 4), block(2, 0, 8, 4), block(3, 0, 8, 4), block(4, 9, 8, 4)].concat();
        let ours =
            [block(0, 0, 3, 2), block(1, 7, 1, 1), block(2, 0, 3, 2), block(3, 0, 3, 2), block(4, 9, 5, 4)].concat();
        assert_eq!(text_of(&packages, "0-4", &host).unwrap(), ours);
    }

    #[test]
    fn s390x_counts_and_lists_its_cpus_before_the_blocks() {
        let list = |cpu| format!("processor {cpu}: version = FF,  identification = 0A18E8,  machine = 8561\n");
        let block = |cpu, siblings| {
            format!(
                "\ncpu number      : {cpu}\nphysical id     : {cpu}\nsiblings        : {siblings}\nversion         : FF\n"
            )
        };
        let head =
            |count| format!("vendor_id       : IBM/S390\n# processors    : {count}\nbogomips per cpu: 3033.00\n");
        let host = [head(3), list(0), list(1), list(2), block(0, 3), block(1, 3), block(2, 3)].concat();
        let ours = [head(2), list(0), list(2), block(0, 2), block(2, 2)].concat();
        assert_eq!(text("0,2", &host).unwrap(), ours);
        assert_eq!(text("1", &host).unwrap(), [head(1), list(1), block(1, 1), "\n".into()].concat());
        assert_eq!(text("1", &[head(2), list(0), list(1)].concat()).unwrap(), [head(1), list(1)].concat());
        assert_eq!(text("3", &host), None);
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
    fn a_block_of_all_cpus_stays() {
        // arm64 before 3.19.
        let shared = "Features\t: fp asimd\nCPU implementer\t: 0x50\nCPU part\t: 0x000\n\nHardware\t: APM X-Gene\n";
        let list = |cpus: &[u64]| cpus.iter().map(|cpu| format!("processor\t: {cpu}\n")).collect::<String>();
        let host = format!("Processor\t: AArch64 rev 1\n{}{shared}", list(&[0, 1, 2, 3]));
        for (view, cpus) in [("0-3", &[0, 1, 2, 3][..]), ("0-1", &[0, 1]), ("0", &[0]), ("3", &[3]), ("1,2", &[1, 2])] {
            let ours = format!("Processor\t: AArch64 rev 1\n{}{shared}", list(cpus));
            assert_eq!(text(view, &host).unwrap(), ours, "{view}");
        }
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
    }
}
