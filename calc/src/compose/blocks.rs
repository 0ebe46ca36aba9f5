//! `/sys/devices/system/memory/block_size_bytes`

use crate::text::{Sink, Text};

/// `/sys/devices/system/memory/block_size_bytes`: all the container's memory, in hexadecimal digits, as one block.
pub fn block_size<S: Sink>(total_bytes: u64, out: &mut Text<'_, S>) -> Option<()> {
    let _ = (total_bytes, out);
    None
}
