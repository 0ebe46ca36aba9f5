//! `/sys/devices/system/node/nodeN/meminfo`

use super::MemoryFigures;
use crate::{
    source::Source,
    text::{Sink, Text},
    view::nodes::Share,
};

/// `/sys/devices/system/node/nodeN/meminfo`: the kernel's lines, each with the node's share of what the container has.
pub fn node_meminfo<S: Sink>(
    figures: &MemoryFigures,
    share: &Share,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let _ = (figures, share, host, out, scratch);
    None
}
