//! `/sys/block/sda/stat`

use super::diskstats::{LEAST_COLUMNS, column};
use crate::{
    lines::Lines,
    scan,
    source::Source,
    text::{Sink, Text},
    view::io::{Device, Devices, Traffic},
};

/// The width of a column (`part_stat_show`, block/genhd.c).
const WIDTH: usize = 8;

/// A device's `stat` below `/sys/block`: what the scope did, in the columns of the device's line in `/proc/diskstats`.
/// All 0 for a partition, because no cgroup counts its operations. `None` if the kernel's own says that nobody used
/// the device.
///
/// Half of `scratch` holds the kernel's line, half those of the scope's files.
#[inline(never)]
pub fn block_stat<S: Sink, F: Source>(
    devices: &mut Devices<'_, F>,
    device: Device,
    shown: impl FnOnce(Device, Option<Traffic>) -> Traffic,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let (for_host, for_io) = scratch.split_at_mut_checked(scratch.len() / 2)?;
    let columns = columns(host, for_host)?;
    let traffic = shown(device, devices.of_device(device, for_io).ok()?);
    for index in 0..columns {
        out.bytes(if index == 0 { b"" } else { b" " })?;
        out.padded(column(&traffic, index), WIDTH)?;
    }
    out.bytes(b"\n")
}

/// The number of columns in the kernel's line, if any of them is more than 0.
fn columns(host: &mut impl Source, scratch: &mut [u8]) -> Option<usize> {
    let mut lines = Lines::new(host, scratch);
    let line = lines.next().ok()??.whole()?.strip_suffix(b"\n")?;
    let mut columns = 0_usize;
    let mut is_used = false;
    for number in scan::parts(line, b' ').filter(|word| !word.is_empty()) {
        is_used |= scan::whole_number(number)? > 0;
        columns = columns.checked_add(1)?;
    }
    (is_used && columns >= LEAST_COLUMNS).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::{Bytes, composed},
        view::io::{FREE, Io},
    };
    use proptest::prelude::*;
    use std::{string::String, vec};

    const LOOP0: Device = Device { major: 7, minor: 0 };

    /// Of a 6.18 kernel.
    const HOST: &str = "     372        0    47144       19      112        0   114688       41        0       48       60        1        0     2048        0        0        0\n";

    const IO: &str = "7:0 rbytes=8388608 wbytes=16777216 rios=16 wios=32 dbytes=1048576 dios=1\n";

    fn text(io: &str, host: &str) -> Option<String> {
        composed(|out| {
            block_stat(
                &mut Io::of_version_2(io).devices(&mut [FREE]),
                LOOP0,
                |_, traffic| traffic.unwrap_or_default(),
                &mut Bytes::in_steps(host, 50),
                out,
                &mut [0; 512],
            )
        })
    }

    #[test]
    fn the_scopes_figures_in_the_kernels_columns() {
        let ours = "      16        0    16384        0       32        0    32768        0        0        0        0        1        0     2048        0        0        0\n";
        assert_eq!(text(IO, HOST).unwrap(), ours);
        // 2.6.32, and a number wider than its column.
        let host =
            "   27343    12297  1132322   259113    14412    26542   327648   381245        0    98765   640351\n";
        let ours =
            "1234567890        0     2048        0        0        0        0        0        0        0        0\n";
        assert_eq!(text("7:0 rbytes=1048576 wbytes=0 rios=1234567890 wios=0\n", host).unwrap(), ours);
    }

    #[test]
    fn a_device_that_the_scope_did_not_use() {
        let zeros = "       0        0        0        0        0        0        0        0        0        0        0        0        0        0        0        0        0\n";
        assert_eq!(text("8:0 rbytes=1\n", HOST).unwrap(), zeros);
        assert_eq!(text("garbage", zeros), None, "nobody used it: the kernel's own stands");
    }

    #[test]
    fn text_of_another_form_is_doubt() {
        for host in
            ["", "\n", "1 2 3\n", "1 2 3 4 5 6 7 8 9 10 x\n", "1 2 3 4 5 6 7 8 9 10 11", "cpu  1 2 3 4 5 6 7 8 9 10\n"]
        {
            assert_eq!(text(IO, host), None, "{host}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(host in "[0-9 \n]{0,200}", scratch in 0_usize..300) {
            let mut io = Io::of_version_2(IO);
            let _ = composed(|out| block_stat(&mut io.devices(&mut [FREE]), LOOP0, |_, traffic| traffic.unwrap_or_default(), &mut Bytes::new(&host), out, &mut vec![0; scratch]));
        }
    }
}
