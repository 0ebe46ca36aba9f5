//! `/proc/loadavg`

use crate::{
    board::Load,
    load, scan,
    source::{self, Source},
    text::{Sink, Text},
};

/// `/proc/loadavg`: the three averages, the numbers of running and of all threads, and the last process id in the
/// reader's pid namespace, which comes from the kernel's own text.
///
/// There are at least `threads` in all, which may have been counted later than `load`. `has_all` says that every
/// process the reader can see is in the scope. Otherwise the number of threads is the kernel's: atop rereads its list
/// of processes for as long as that is longer.
pub fn loadavg<S: Sink>(
    load: &Load,
    threads: u64,
    has_all: bool,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let text = scan::without_newline(source::read_whole(host, scratch)?);
    let (rest, last_pid) = scan::split_at_last(text, b' ')?;
    let all = scan::whole_number(scan::split_at_last(rest, b'/')?.1)?;
    for average in load.averages {
        let hundredths = load::hundredths(average);
        out.number(hundredths / 100)?;
        out.bytes(b".")?;
        out.hundredths(hundredths)?;
        out.bytes(b" ")?;
    }
    // The reader itself is running.
    let running = u64::from(load.running).max(1);
    let threads = u64::from(load.threads).max(running).max(threads);
    out.number(running)?;
    out.bytes(b"/")?;
    out.number(if has_all { threads } else { threads.max(all) })?;
    out.bytes(b" ")?;
    out.bytes(last_pid)?;
    out.bytes(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};
    use std::string::String;

    const LOAD: Load = Load { averages: [2048, 1024, 512], running: 3, blocked: 1, threads: 40 };
    const KERNEL: &str = "8.12 7.90 6.33 9/1234 5678\n";

    fn text(load: Load, has_all: bool, host: &str) -> Option<String> {
        with_threads(load, 0, has_all, host)
    }

    fn with_threads(load: Load, threads: u64, has_all: bool, host: &str) -> Option<String> {
        composed(|out| loadavg(&load, threads, has_all, &mut Bytes::new(host), out, &mut [0; 64]))
    }

    #[test]
    fn the_last_process_is_the_kernels_and_all_else_the_containers() {
        assert_eq!(text(LOAD, true, KERNEL).unwrap(), "1.00 0.50 0.25 3/40 5678\n");
        let busy = Load { averages: [131_072, 25, 0], ..LOAD };
        assert_eq!(text(busy, true, KERNEL).unwrap(), "64.00 0.01 0.00 3/40 5678\n");
    }

    #[test]
    fn threads_are_never_fewer_than_a_reader_may_see() {
        assert_eq!(text(LOAD, false, KERNEL).unwrap(), "1.00 0.50 0.25 3/1234 5678\n");
        assert_eq!(text(LOAD, false, "0.00 0.00 0.00 1/7 9\n").unwrap(), "1.00 0.50 0.25 3/40 9\n");
    }

    #[test]
    fn threads_that_were_born_since_count() {
        assert_eq!(with_threads(LOAD, 104, true, KERNEL).unwrap(), "1.00 0.50 0.25 3/104 5678\n");
        assert_eq!(with_threads(LOAD, 2, true, KERNEL).unwrap(), "1.00 0.50 0.25 3/40 5678\n");
    }

    #[test]
    fn the_reader_itself_runs() {
        assert_eq!(text(Load::default(), true, KERNEL).unwrap(), "0.00 0.00 0.00 1/1 5678\n");
    }

    #[test]
    fn garbage_is_doubt() {
        for garbage in ["", "\n", "0.00\n", "0.00 0.00 0.00 1 2\n", "0.00 0.00 0.00 1/x 2\n"] {
            assert_eq!(text(LOAD, true, garbage), None, "{garbage:?}");
        }
        assert_eq!(text(LOAD, true, &KERNEL.repeat(3)), None);
    }
}
