//! `/proc/diskstats`

use crate::{
    lines::Lines,
    scan,
    source::Source,
    text::{Sink, Text},
    view::io::{Device, Devices, Traffic},
};

/// The columns after a device's name that every kernel has; 4.18 added those for discards, 5.5 those for flushes.
pub(super) const LEAST_COLUMNS: usize = 11;

/// The sector size here, whatever the device's is.
const SECTOR_BYTES: u64 = 512;

/// `/proc/diskstats`: the kernel's lines, with what the scope did with each device. All devices stay, because programs
/// take a file without them for a kernel that cannot count. A line in another form, or of a device that nobody used,
/// stays the kernel's.
///
/// `shown` turns a device's figures into those to show, or gives those of a device that the scope did not use.
/// Most of `scratch` holds the kernel's lines, the rest those of the scope's files.
#[inline(never)]
pub fn diskstats<S: Sink, F: Source>(
    devices: &mut Devices<'_, F>,
    mut shown: impl FnMut(Device, Option<Traffic>) -> Traffic,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let (for_host, for_io) = scratch.split_at_mut_checked(scratch.len().saturating_mul(5) / 8)?;
    let mut lines = Lines::new(host, for_host);
    while let Some(line) = lines.next().ok()? {
        match line.whole().and_then(|line| Counted::parse(line.strip_suffix(b"\n")?)) {
            Some(counted) => {
                counted.with(&shown(counted.device, devices.of_device(counted.device, for_io).ok()?), out)?;
            }
            None => out.bytes(line.bytes)?,
        }
    }
    Some(())
}

/// The line of a device that somebody used: `   8       0 sda 1 0 8 3 2 0 16 5 0 6 8`.
struct Counted<'l> {
    device: Device,
    /// The part before the columns.
    head: &'l [u8],
    /// How many columns there are.
    columns: usize,
}

impl<'l> Counted<'l> {
    fn parse(line: &'l [u8]) -> Option<Self> {
        let (device, rest) = device(line)?;
        let (name, numbers) = scan::split_at_byte(scan::after_blanks(rest), b' ')?;
        let head = line.len().checked_sub(numbers.len())?.checked_sub(1)?;
        let columns = used_columns(numbers).filter(|columns| !name.is_empty() && *columns >= LEAST_COLUMNS)?;
        Some(Self { device, head: line.get(..head)?, columns })
    }

    /// Writes the line with the scope's figures, in as many columns as the kernel has.
    fn with<S: Sink>(&self, traffic: &Traffic, out: &mut Text<'_, S>) -> Option<()> {
        out.bytes(self.head)?;
        for index in 0..self.columns {
            out.bytes(b" ")?;
            out.number(column(traffic, index))?;
        }
        out.bytes(b"\n")
    }
}

/// The number of columns in `numbers`, which single blanks separate, if any is above 0.
fn used_columns(numbers: &[u8]) -> Option<usize> {
    let (mut rest, mut columns, mut is_used) = (numbers, 0_usize, false);
    loop {
        let (number, after) = scan::number(rest)?;
        is_used |= number > 0;
        columns = columns.saturating_add(1);
        match after.split_first() {
            None => return is_used.then_some(columns),
            Some((b' ', next)) => rest = next,
            Some(_) => return None,
        }
    }
}

/// The device at the start of a line, and what follows its number.
pub(super) fn device(line: &[u8]) -> Option<(Device, &[u8])> {
    let (major, rest) = scan::number(scan::after_blanks(line))?;
    let (minor, rest) = scan::number(scan::after_blanks(rest))?;
    Some((Device::of(major, minor)?, rest)).filter(|_| rest.starts_with(b" "))
}

/// A column, in the order of `diskstats_show` (block/genhd.c). No cgroup counts merges, flushes, operations in flight
/// or times.
pub(super) fn column(traffic: &Traffic, index: usize) -> u64 {
    match index {
        0 => traffic.reads,
        2 => traffic.read_bytes / SECTOR_BYTES,
        4 => traffic.writes,
        6 => traffic.written_bytes / SECTOR_BYTES,
        11 => traffic.discards,
        13 => traffic.discarded_bytes / SECTOR_BYTES,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::{Bytes, composed},
        view::io::{FREE, Io},
    };
    use proptest::prelude::*;
    use std::{
        format,
        string::{String, ToString},
        vec,
        vec::Vec,
    };

    /// From a 7.2 kernel: 20 columns.
    const HOST: &str = concat!(
        "   7       0 loop0 16 0 16384 15 32 0 32768 129 0 40 145 0 0 0 0 0 0\n",
        "   7       1 loop1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        "  98       0 ubda 12 0 1296 6 0 0 0 0 0 0 6 0 0 0 0 0 0\n",
    );

    /// `io.stat` of a cgroup there that read 8 MiB from a loop device, wrote 16 MiB to it, and read a disk.
    const IO: &str = concat!(
        "98:0 rbytes=655360 wbytes=0 rios=10 wios=0 dbytes=0 dios=0\n",
        "7:0 rbytes=8388608 wbytes=16777216 rios=16 wios=32 dbytes=1048576 dios=1\n",
    );

    /// The parts before the columns.
    fn head(line: &str) -> Vec<&str> {
        line.split_whitespace().take(3).collect()
    }

    fn text(io: &str, host: &str, step: usize, scratch: usize) -> Option<String> {
        let mut io = Io::of_version_2(io);
        composed(|out| {
            diskstats(
                &mut io.devices(&mut [FREE]),
                |_, traffic| traffic.unwrap_or_default(),
                &mut Bytes::in_steps(host, step),
                out,
                &mut vec![0; scratch],
            )
        })
    }

    #[test]
    fn the_scopes_figures_in_the_kernels_lines() {
        let ours = concat!(
            "   7       0 loop0 16 0 16384 0 32 0 32768 0 0 0 0 1 0 2048 0 0 0\n",
            "   7       1 loop1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
            "  98       0 ubda 10 0 1280 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        );
        assert_eq!(text(IO, HOST, 50, 512).unwrap(), ours);
        let unused = concat!(
            "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
            "   7       1 loop1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
            "  98       0 ubda 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        );
        assert_eq!(text("", HOST, 50, 512).unwrap(), unused);
        assert_eq!(text(IO, "", 50, 512).unwrap(), "");
    }

    #[test]
    fn a_device_that_nobody_used_is_not_looked_up() {
        let line = "   7       1 loop1 0 0 0 0 0 0 0 0 0 0 0\n";
        let mut io = Io::of_version_2("");
        let looked_up = |_, _| unreachable!("nothing to look up");
        let text = composed(|out| {
            diskstats(&mut io.devices(&mut [FREE]), looked_up, &mut Bytes::new(line), out, &mut [0; 512])
        });
        assert_eq!(text.unwrap(), line);
    }

    #[test]
    fn there_are_as_many_columns_as_the_kernel_has() {
        let io = "8:0 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=512 dios=7\n";
        // 2.6.32, with partitions, whose operations no file counts.
        let host = concat!(
            "   8       0 sda 27343 12297 1132322 259113 14412 26542 327648 381245 0 98765 640351\n",
            "   8       1 sda1 559 230 4978 3012 5 1 12 44 0 2810 3056\n",
            "  11       0 sr0 0 0 0 0 0 0 0 0 0 0 0\n",
        );
        let ours = concat!(
            "   8       0 sda 2 0 8 0 1 0 1 0 0 0 0\n",
            "   8       1 sda1 0 0 0 0 0 0 0 0 0 0 0\n",
            "  11       0 sr0 0 0 0 0 0 0 0 0 0 0 0\n",
        );
        assert_eq!(text(io, host, 70, 512).unwrap(), ours);
        let host = "   8       0 sda 1 1 1 1 1 1 1 1 0 1 1 3 4 5 6\n";
        assert_eq!(text(io, host, 70, 512).unwrap(), "   8       0 sda 2 0 8 0 1 0 1 0 0 0 0 7 0 1 0\n");
        let host = "   8       0 sda 1 1 1 1 1 1 1 1 0 1 1 3 4 5 6 7 8 9 10\n";
        assert_eq!(text(io, host, 70, 512).unwrap(), "   8       0 sda 2 0 8 0 1 0 1 0 0 0 0 7 0 1 0 0 0 0 0\n");
    }

    #[test]
    fn names_and_numbers_of_all_kinds() {
        for (device, head) in [
            ("259:0", " 259       0 nvme0n1"),
            ("253:12", " 253      12 dm-12"),
            ("104:0", " 104       0 cciss/c0d0"),
            ("9:127", "   9     127 md127"),
            ("202:51712", " 202   51712 xvda"),
            ("65:1048575", "  65 1048575 sdaaa"),
            ("1048576:12345678", "1048576 12345678 a-name-as-long-as-the-kernel-has"),
        ] {
            let io = format!("{device} rbytes=512 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n");
            let host = format!("{head} 9 9 9 9 9 9 9 9 9 9 9\n");
            assert_eq!(text(&io, &host, 9, 512).unwrap(), format!("{head} 1 0 1 0 0 0 0 0 0 0 0\n"));
        }
    }

    #[test]
    fn a_line_of_another_form_costs_itself() {
        let long = format!("   8       0 {} 1 2 3 4 5 6 7 8 9 10 11\n", "s".repeat(300));
        for line in
            ["x\n", "8 0 sda\n", "8 sda 1\n", "  8 0 sda 1 x 3 4 5 6 7 8 9 10 11\n", "  8 0 sda 1 1 1 1\n", "\n", &long]
        {
            let host = format!("{line}{HOST}");
            assert_eq!(
                text(IO, &host, 50, 512).unwrap(),
                format!("{line}{}", text(IO, HOST, 50, 512).unwrap()),
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_text_that_is_cut_off_gives_no_wrong_line(cut in 0..HOST.len(), step in 1_usize..300, io_cut in 0..IO.len()) {
            let whole = text(IO, HOST, step, 512).unwrap();
            let lines = HOST[..cut].rfind('\n').map_or("", |end| &HOST[..=end]);
            let ours = text(IO, lines, step, 512).unwrap();
            prop_assert!(whole.starts_with(&ours));
            prop_assert_eq!(text(IO, &HOST[..cut], step, 512).unwrap(), ours + &HOST[lines.len()..cut], "the kernel's own piece of a line");
            if let Some(text) = text(&IO[..io_cut], HOST, step, 512) {
                prop_assert!(text.lines().map(head).eq(whole.lines().map(head)), "{}", text.to_string());
            }
        }

        #[test]
        fn any_text_is_judged(host in prop::collection::vec(any::<u8>(), 0..400), io in "[0-9a-z:= \n]{0,200}", scratch in 0_usize..300) {
            let mut io = Io::of_version_2(&io);
            let _ = composed(|out| diskstats(&mut io.devices(&mut [FREE]), |_, traffic| traffic.unwrap_or_default(), &mut Bytes::new(&host), out, &mut vec![0; scratch]));
        }
    }
}
