//! What must hold of an answer, beside the kernel's own text of the same file.
//!
//! A relation between two figures is asked for where the kernel's own text has it: what the fuzzer made of that text
//! need not be one that a kernel could show.

mod cpus;
mod disks;
mod memory;

pub(crate) use cpus::{continues, cpu_list, cpu_map, cpuinfo, schedstat, set as list, stat, uptime};
pub(crate) use disks::{block_stat, diskstats, loadavg, threads_max, vmstat};
pub(crate) use memory::{block_size, meminfo, node_meminfo, swaps};

/// The decimal number that these bytes are, as the standard library reads it.
fn number(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// The lines of a text, without their newlines; `None` if the last one has none.
fn lines(text: &[u8]) -> Option<Vec<&[u8]>> {
    let text = text.strip_suffix(b"\n")?;
    Some(text.split(|byte| *byte == b'\n').collect())
}

/// The words of a line, between any number of blanks.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

/// Bytes as a message shows them.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
