//! `/proc/swaps`

use crate::{
    lines::Lines,
    source::Source,
    text::{Sink, Text},
    view::memory::Swap,
};

/// Below this many KiB the kernel puts a second tab after a number (`swap_show`, `mm/swapfile.c`).
const TWO_TABS_BELOW_KIB: u64 = 10_000_000;

/// `/proc/swaps`: the kernel's heading, and one area for all swap.
pub fn swaps<S: Sink>(swap: &Swap, host: &mut impl Source, out: &mut Text<'_, S>, scratch: &mut [u8]) -> Option<()> {
    let mut lines = Lines::new(host, scratch);
    let heading = lines.next().ok()??.whole()?;
    if !heading.starts_with(b"Filename\t") {
        return None;
    }
    out.bytes(heading)?;
    let total_kib = swap.total_bytes / 1024;
    if total_kib == 0 {
        return Some(());
    }
    // Kernels before 5.8 use single tabs everywhere.
    let wide = heading.ends_with(b"Size\t\tUsed\t\tPriority\n");
    let used_kib = swap.total_bytes.saturating_sub(swap.free_bytes) / 1024;
    out.bytes(b"none                                    virtual\t\t")?;
    for kib in [total_kib, used_kib] {
        out.number(kib)?;
        out.bytes(if wide && kib < TWO_TABS_BELOW_KIB { b"\t\t" } else { b"\t" })?;
    }
    out.bytes(b"-1\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};
    use std::string::String;

    const HEADING: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    const OLD_HEADING: &str = "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n";

    fn text(total_kib: u64, free_kib: u64, host: &str) -> Option<String> {
        let swap = Swap { total_bytes: total_kib * 1024, free_bytes: free_kib * 1024 };
        composed(|out| swaps(&swap, &mut Bytes::new(host), out, &mut [0; 512]))
    }

    #[test]
    fn one_area_in_the_kernels_columns() {
        let area = "none                                    virtual\t\t65536\t\t536\t\t-1\n";
        let host = [HEADING, "/dev/vda2  partition\t1\t\t0\t\t-2\n"].concat();
        assert_eq!(text(65536, 65000, &host).unwrap(), [HEADING, area].concat());
    }

    /// The kernel ends a read before an area that does not fit into its page: nothing behind the heading is read.
    #[test]
    fn areas_with_long_paths_are_not_read() {
        let host = [HEADING, "/", &"p".repeat(4000), " file\t\t1\t\t0\t\t-2\n"].concat();
        let mut file = Bytes::in_steps(&host, HEADING.len());
        let swap = Swap { total_bytes: 1024, free_bytes: 1024 };
        let ours = composed(|out| swaps(&swap, &mut file, out, &mut [0; 512])).unwrap();
        assert!(ours.starts_with(HEADING) && ours.lines().count() == 2, "{ours}");
    }

    #[test]
    fn large_numbers_and_old_kernels_have_single_tabs() {
        let area = text(10_000_000, 9_999_999, HEADING).unwrap();
        assert!(area.ends_with("virtual\t\t10000000\t1\t\t-1\n"), "{area}");
        let area = text(65536, 0, OLD_HEADING).unwrap();
        assert!(area.ends_with("virtual\t\t65536\t65536\t-1\n"), "{area}");
    }

    #[test]
    fn without_swap_only_the_heading() {
        assert_eq!(text(0, 0, HEADING).unwrap(), HEADING);
    }

    #[test]
    fn another_form_is_doubt() {
        assert_eq!(text(1, 1, ""), None);
        assert_eq!(text(1, 1, "Something else\n"), None);
    }
}
