//! `/proc/partitions`

use super::diskstats::device;
use crate::{
    lines::Lines,
    scan,
    source::Source,
    text::{Sink, Text},
    view::io::Io,
};

/// `/proc/partitions`: the heading, and the kernel's lines of the devices that the scope used, and of their partitions.
///
/// Half of `scratch` holds the kernel's lines, half those of the scope's files.
#[inline(never)]
pub fn partitions<S: Sink, F: Source>(
    io: &mut Io<F>,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let (for_host, for_io) = scratch.split_at_mut_checked(scratch.len() / 2)?;
    let mut lines = Lines::new(host, for_host);
    heading(&mut lines, out)?;
    let mut disk = Disk::default();
    while let Some(line) = lines.next()? {
        let line = line.whole()?;
        let (device, rest) = device(line)?;
        let (_, name) = scan::number(scan::after_blanks(rest))?;
        let name = scan::after_blanks(name.strip_suffix(b"\n")?);
        if !disk.has_partition(name) {
            disk = Disk::new(name, io.of_device(device, for_io)?.is_some())?;
        }
        if disk.is_shown {
            out.bytes(line)?;
        }
    }
    Some(())
}

/// The names of the columns and a blank line, which the kernel leaves out where there is no device.
fn heading<S: Sink>(lines: &mut Lines<'_, impl Source>, out: &mut Text<'_, S>) -> Option<()> {
    let Some(names) = lines.next()? else { return Some(()) };
    let names = names.whole().filter(|names| names.starts_with(b"major minor "))?;
    out.bytes(names)?;
    let blank = lines.next()??.whole().filter(|blank| *blank == b"\n")?;
    out.bytes(blank)
}

/// The disk whose partitions may follow.
#[derive(Default)]
struct Disk {
    name: [u8; Self::LONGEST],
    len: usize,
    is_shown: bool,
}

impl Disk {
    /// Bytes of a disk's name (`DISK_NAME_LEN`, with a final 0).
    const LONGEST: usize = 32;

    fn new(name: &[u8], is_shown: bool) -> Option<Self> {
        let mut disk = Self { name: [0; Self::LONGEST], len: name.len(), is_shown };
        (1..=Self::LONGEST).contains(&name.len()).then_some(())?;
        for (to, from) in disk.name.iter_mut().zip(name) {
            *to = *from;
        }
        Some(disk)
    }

    /// Whether `name` is this disk's and a number, with a `p` before it where the disk's ends in a digit (`disk_name`,
    /// block/genhd.c).
    fn has_partition(&self, name: &[u8]) -> bool {
        let Some(own) = self.name.get(..self.len) else { return false };
        let (Some(last), Some(rest)) = (own.last(), name.strip_prefix(own)) else { return false };
        let number = if last.is_ascii_digit() { rest.strip_prefix(b"p") } else { Some(rest) };
        number.and_then(scan::whole_number).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};
    use proptest::prelude::*;
    use std::{
        format,
        string::{String, ToString},
        vec,
        vec::Vec,
    };

    const HEADING: &str = "major minor  #blocks  name\n\n";

    const HOST: &str = concat!(
        "major minor  #blocks  name\n\n",
        "   8        0  976762584 sda\n",
        "   8        1     524288 sda1\n",
        "   8       12  976236544 sda12\n",
        "   8       16  976762584 sdb\n",
        "   8       17  976762552 sdb1\n",
        " 259        0  500107608 nvme0n1\n",
        " 259        1     524288 nvme0n1p1\n",
        " 259        2  499581952 nvme0n1p2\n",
        " 253        1    1048576 dm-1\n",
        " 253       10    1048576 dm-10\n",
        " 104        0  143338560 cciss/c0d0\n",
        " 104        1     512000 cciss/c0d0p1\n",
        "   7        0      65536 loop0\n",
        " 179        0    7634944 mmcblk0\n",
        " 179        8       4096 mmcblk0boot0\n",
    );

    fn text(io: &str, host: &str, step: usize, scratch: usize) -> Option<String> {
        let mut io = Io::of_version_2(io);
        composed(|out| partitions(&mut io, &mut Bytes::in_steps(host, step), out, &mut vec![0; scratch]))
    }

    /// The names that are shown when the scope used `devices`.
    fn names(devices: &[&str]) -> Vec<String> {
        let io: String = devices.iter().map(|device| format!("{device} rbytes=1 rios=1\n")).collect();
        let text = text(&io, HOST, 70, 512).unwrap();
        let lines = text.strip_prefix(HEADING).unwrap().lines();
        lines.map(|line| line.rsplit(' ').next().unwrap().to_string()).collect()
    }

    #[test]
    fn a_disk_comes_with_its_partitions() {
        assert_eq!(names(&["8:0"]), ["sda", "sda1", "sda12"]);
        assert_eq!(names(&["8:16", "259:0"]), ["sdb", "sdb1", "nvme0n1", "nvme0n1p1", "nvme0n1p2"]);
        assert_eq!(names(&["253:1"]), ["dm-1"]);
        assert_eq!(names(&["253:10"]), ["dm-10"]);
        assert_eq!(names(&["104:0"]), ["cciss/c0d0", "cciss/c0d0p1"]);
        assert_eq!(names(&["179:0"]), ["mmcblk0"]);
        assert_eq!(names(&[]), [""; 0]);
        assert_eq!(names(&["8:1"]), [""; 0], "no cgroup counts partitions");
    }

    #[test]
    fn lines_are_the_kernels_own() {
        let host = "major minor  #blocks  name\n\n   7        0      65536 loop0\n  98        0      65536 ubda\n";
        let ours = "major minor  #blocks  name\n\n  98        0      65536 ubda\n";
        assert_eq!(text("98:0 rbytes=512\n", host, 9, 512).unwrap(), ours);
        assert_eq!(text("98:0 rbytes=512\n", "", 9, 512).unwrap(), "");
    }

    #[test]
    fn text_of_another_form_is_doubt() {
        let long = format!("{HEADING}   8        0  976762584 {}\n", "a".repeat(33));
        for host in ["x\n\n", "major minor  #blocks  name\n", "major minor  #blocks  name\nx\n", &long] {
            assert_eq!(text("", host, 50, 512), None, "{host}");
        }
        for line in ["x", "8 0 sda", "8 0 12", " ", "   8        0  976762584 \n"] {
            assert_eq!(text("", &format!("{HEADING}{line}\n"), 50, 512), None, "{line}");
        }
        assert_eq!(text("8:0 rbytes=x\n", HOST, 50, 512), None);
    }

    proptest! {
        #[test]
        fn a_text_that_is_cut_off_gives_no_wrong_line(cut in 0..HOST.len(), step in 1_usize..300) {
            let io = "8:0 rbytes=1\n259:0 rbytes=1\n7:0 rbytes=1\n";
            let whole = text(io, HOST, step, 512).unwrap();
            if let Some(text) = text(io, &HOST[..cut], step, 512) {
                prop_assert!(whole.starts_with(&text));
            }
        }

        #[test]
        fn any_text_is_judged(host in prop::collection::vec(any::<u8>(), 0..200), io in "[0-9a-z:= \n]{0,100}", scratch in 0_usize..200) {
            let host = [HEADING.as_bytes(), &host].concat();
            let mut io = Io::of_version_2(&io);
            let _ = composed(|out| partitions(&mut io, &mut Bytes::new(&host), out, &mut vec![0; scratch]));
        }
    }
}
