//! `/sys/devices/system/memory/block_size_bytes`

use crate::text::{Sink, Text};

/// `/sys/devices/system/memory/block_size_bytes`: all the container's memory as one block, in hexadecimal digits
/// without a prefix (`block_size_bytes_show`, `drivers/base/memory.c`).
pub fn block_size<S: Sink>(total_bytes: u64, out: &mut Text<'_, S>) -> Option<()> {
    if total_bytes == 0 {
        return None;
    }
    out.hexadecimal(total_bytes)?;
    out.bytes(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::composed;

    #[test]
    fn a_block_as_large_as_the_container() {
        assert_eq!(composed(|out| block_size(512 << 20, out)).unwrap(), "20000000\n");
        assert_eq!(composed(|out| block_size(0x1_2340_f000, out)).unwrap(), "12340f000\n");
        assert_eq!(composed(|out| block_size(0, out)), None);
    }
}
