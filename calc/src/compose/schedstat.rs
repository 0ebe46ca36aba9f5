//! `/proc/schedstat`

use crate::{
    cpus::CpuSet,
    lines::{Line, Lines},
    scan,
    source::Source,
    text::{Sink, Text},
};

/// `/proc/schedstat`: the kernel's lines of the CPUs in the view, each followed by those of its domains
/// (`show_schedstat`, kernel/sched/stats.c). The counts stay the machine's, because no cgroup has them, and so do the
/// domains' bitmaps. `None` if no CPU of the view has a line.
pub fn schedstat<S: Sink>(
    online: &CpuSet,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let mut lines = Lines::new(host, scratch);
    let (mut is_in_view, mut has_cpus) = (true, false);
    while let Some(line) = lines.next().ok()? {
        if let Some(cpu) = cpu_of(&line) {
            is_in_view = online.contains(cpu);
            has_cpus |= is_in_view;
        }
        if is_in_view {
            out.bytes(line.bytes)?;
        }
    }
    has_cpus.then_some(())
}

/// The CPU of a line `cpu3 0 0 0 …`, or of the first piece of one.
fn cpu_of(line: &Line<'_>) -> Option<u64> {
    let (number, rest) = scan::number(line.bytes.strip_prefix(b"cpu").filter(|_| line.begins)?)?;
    rest.starts_with(b" ").then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};
    use std::{borrow::ToOwned, format, string::String, vec::Vec};

    /// As Linux 6.18 prints it, on four CPUs of two packages.
    fn machine() -> String {
        let domains = |core, all| {
            format!("domain0 MC {core} {}\ndomain1 PKG {all} {}\n", "12 ".repeat(44) + "0", "7 ".repeat(44) + "0")
        };
        let cpu = |cpu| {
            let core = if cpu < 2 { "00000003" } else { "0000000c" };
            format!("cpu{cpu} 0 0 0 0 0 0 91{cpu}20 4{cpu}11 80{cpu}\n{}", domains(core, "0000000f"))
        };
        format!("version 17\ntimestamp 4294937296\n{}{}{}{}", cpu(0), cpu(1), cpu(2), cpu(3))
    }

    fn of(text: &str, online: &str, room: usize) -> Option<String> {
        let online = CpuSet::parse(online.as_bytes()).unwrap();
        composed(|out| schedstat(&online, &mut Bytes::new(text), out, &mut std::vec![0; room]))
    }

    #[test]
    fn the_lines_of_other_cpus_are_not_there() {
        let machine = machine();
        assert_eq!(of(&machine, "0-3", 768).as_deref(), Some(machine.as_str()));
        let shown = of(&machine, "1,3", 768).unwrap();
        let first = |line: &str| line.split(' ').next().unwrap().to_owned();
        let expected = ["version", "timestamp", "cpu1", "domain0", "domain1", "cpu3", "domain0", "domain1"];
        assert_eq!(shown.lines().map(first).collect::<Vec<_>>(), expected);
        assert!(shown.lines().all(|line| machine.lines().any(|kernels| kernels == line)), "{shown}");
        // A domain's line may be longer than the buffer.
        for room in [64, 100, 512] {
            assert_eq!(of(&machine, "1,3", room).as_deref(), Some(shown.as_str()), "{room}");
        }
    }

    #[test]
    fn older_kernels_have_no_names_of_domains() {
        let text =
            "version 15\ntimestamp 1\ncpu0 0 0 0 0 0 0 1 2 3\ndomain0 3 0 0\ncpu1 0 0 0 0 0 0 4 5 6\ndomain0 3 0 0\n";
        let expected = "version 15\ntimestamp 1\ncpu1 0 0 0 0 0 0 4 5 6\ndomain0 3 0 0\n";
        assert_eq!(of(text, "1", 768).as_deref(), Some(expected));
    }

    #[test]
    fn doubt() {
        assert_eq!(of("", "0", 768), None);
        assert_eq!(of("version 17\n", "0", 768), None);
        assert_eq!(of(&machine(), "7", 768), None);
        assert_eq!(of("cpux 1\ncpu 1\ncpu0\n", "0", 768), None);
    }
}
