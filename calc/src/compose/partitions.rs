//! `/proc/partitions`

use crate::{
    source::Source,
    text::{Sink, Text},
    view::io::Io,
};

/// `/proc/partitions`: the kernel's lines of the devices that the scope used, and of their partitions.
pub fn partitions<S: Sink, F: Source>(
    io: &mut Io<F>,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let _ = (io, host, out, scratch);
    None
}
