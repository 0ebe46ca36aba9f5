//! `/proc/meminfo` and `/proc/swaps`, and the files of nodes and memory blocks.

use super::{lines, number, shown, words};
use calc::view::memory::Memory;
use std::collections::BTreeMap;

/// The figures of a text of lines `KEY: NUMBER [kB]`, each behind the same bytes; `None` if a kernel would not write
/// such a text.
struct Figures<'t> {
    /// The bytes of each line up to its number's last digit, and what follows that.
    heads: Vec<(&'t [u8], &'t [u8])>,
    of: BTreeMap<&'t [u8], u64>,
}

impl<'t> Figures<'t> {
    fn parse(text: &'t [u8], before_key: &[u8]) -> Option<Self> {
        let mut figures = Self { heads: Vec::new(), of: BTreeMap::new() };
        for line in lines(text)? {
            let line = line.strip_prefix(before_key)?;
            let at = line.iter().position(|byte| *byte == b':')?;
            let (key, rest) = (&line[..at], &line[at + 1..]);
            let (figure, unit) = match rest.strip_suffix(b" kB") {
                Some(figure) => (figure, &b" kB"[..]),
                None => (rest, &b""[..]),
            };
            if key.is_empty() || key.contains(&b' ') {
                return None;
            }
            let mut all = words(figure);
            let (value, None) = (number(all.next()?)?, all.next()) else { return None };
            // Figures of a kernel fit into its words once they are bytes.
            if value > u64::MAX >> 10 || figures.of.insert(key, value).is_some() {
                return None;
            }
            figures.heads.push((key, unit));
        }
        Some(figures)
    }

    fn get(&self, key: &str) -> Option<u64> {
        self.of.get(key.as_bytes()).copied()
    }

    /// Whether `lower` is at most `upper`; true if one of them is missing.
    fn is_ordered(&self, lower: &str, upper: &str) -> bool {
        self.get(lower).zip(self.get(upper)).is_none_or(|(lower, upper)| lower <= upper)
    }

    /// What is counted once, of which tools subtract it all from the total.
    fn adds_up(&self) -> bool {
        let parts = ["MemFree", "Buffers", "Cached", "SReclaimable"];
        let sum = parts.into_iter().filter_map(|key| self.get(key)).fold(0_u64, u64::saturating_add);
        self.get("MemTotal").is_none_or(|total| sum <= total)
    }
}

/// Lines whose figure is not a part of the container's memory.
const APART: [&str; 12] = [
    "SwapTotal",
    "SwapFree",
    "Zswapped",
    "CommitLimit",
    "Committed_AS",
    "VmallocTotal",
    "VmallocUsed",
    "VmallocChunk",
    "HardwareCorrupted",
    "Hugepagesize",
    "Hugetlb",
    "Slab",
];

fn is_apart(key: &[u8]) -> bool {
    APART.iter().any(|apart| apart.as_bytes() == key) || key.starts_with(b"DirectMap") || key.starts_with(b"HugePages_")
}

/// The kernel's lines, in which free memory is no more than what is available, and that no more than the total.
pub(crate) fn meminfo(kernels: &[u8], answer: &[u8], memory: Option<&Memory>) {
    let Some(own) = Figures::parse(kernels, b"") else { return };
    let figures = Figures::parse(answer, b"").unwrap_or_else(|| panic!("no text of the kernel's: {}", shown(answer)));
    assert_eq!(figures.heads, own.heads, "other lines than the kernel's");
    for (lower, upper) in
        [("MemFree", "MemAvailable"), ("MemAvailable", "MemTotal"), ("MemFree", "MemTotal"), ("SwapFree", "SwapTotal")]
    {
        assert!(
            !own.is_ordered(lower, upper) || figures.is_ordered(lower, upper),
            "{lower} exceeds {upper}: {}",
            shown(answer)
        );
    }
    assert!(figures.adds_up(), "more than the total is free or cached: {}", shown(answer));
    let Some(total) = figures.get("MemTotal") else { return };
    assert!(
        total >= 1024 && own.get("MemTotal").is_none_or(|own| total <= own),
        "a total of {total}: {}",
        shown(answer)
    );
    assert!(memory.is_none_or(|memory| memory.total_bytes >> 10 == total), "sysinfo has another total than {total}");
    for (key, value) in figures.of.iter().filter(|(key, _)| !is_apart(key)) {
        assert!(*value <= total, "{} exceeds the total: {}", shown(key), shown(answer));
    }
}

/// The kernel's lines of a node, whose free memory is no more than its total.
pub(crate) fn node_meminfo(kernels: &[u8], answer: &[u8], node: &str) {
    let before_key = format!("Node {node} ");
    let Some(own) = Figures::parse(kernels, before_key.as_bytes()) else { return };
    let figures =
        Figures::parse(answer, before_key.as_bytes()).unwrap_or_else(|| panic!("not a node's text: {}", shown(answer)));
    assert_eq!(figures.heads, own.heads, "other lines than the kernel's");
    for part in ["MemFree", "MemUsed", "FilePages", "SReclaimable", "Active", "AnonPages"] {
        assert!(figures.is_ordered(part, "MemTotal"), "{part} exceeds MemTotal: {}", shown(answer));
    }
    let total = figures.get("MemTotal").zip(figures.get("MemFree")).zip(figures.get("MemUsed"));
    assert!(total.is_none_or(|((total, free), used)| free + used == total), "{}", shown(answer));
}

/// The kernel's heading, and a line at most, in five columns.
pub(crate) fn swaps(kernels: &[u8], answer: &[u8]) {
    let lines = lines(answer).unwrap_or_else(|| panic!("no end: {}", shown(answer)));
    let heading = kernels.split(|byte| *byte == b'\n').next();
    assert!(Some(lines[0]) == heading && lines.len() <= 2, "{}", shown(answer));
    for line in &lines[1..] {
        let words: Vec<_> = line.split(|byte| b" \t".contains(byte)).filter(|word| !word.is_empty()).collect();
        let [name, kind, size, used, priority] = words[..] else { panic!("{}", shown(line)) };
        assert!(name == b"none" && kind == b"virtual" && priority == b"-1", "{}", shown(line));
        let (size, used) = (number(size).expect("a size"), number(used).expect("a size"));
        assert!(0 < size && used <= size, "{}", shown(line));
    }
}

/// The container's memory, in one block.
pub(crate) fn block_size(answer: &[u8], memory: Option<&Memory>) {
    let digits = answer.strip_suffix(b"\n").and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default();
    let bytes = u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{}", shown(answer)));
    assert_eq!(Some(bytes), memory.map(|memory| memory.total_bytes));
}
