//! How much of the container's root is used, and how much is left.

use core::num::NonZero;

/// Space on a file system, in its blocks (`statfs(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Used and free.
    pub blocks: u64,
    /// Not used.
    pub free: u64,
    /// Neither used nor reserved for root.
    pub available: u64,
}

impl Space {
    /// What a container is shown of this space, of which it may use `limit_bytes` and has used `used_bytes`; other
    /// tenants of the machine use it too. `None` if blocks have no size.
    pub fn limited(&self, limit_bytes: u64, used_bytes: u64, block_bytes: u64) -> Option<Self> {
        let block_bytes = NonZero::new(block_bytes)?;
        // Programs divide by it, and df omits file systems of size 0.
        let blocks = (limit_bytes / block_bytes).max(1).min(self.blocks);
        let used = (used_bytes / block_bytes).saturating_add(u64::from(used_bytes % block_bytes != 0));
        let free = blocks.saturating_sub(used);
        // Nobody can use more than the machine has, whatever the limit.
        Some(Self { blocks, free, available: free.min(self.available) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Space = Space { blocks: 1000, free: 500, available: 400 };

    fn limited(limit_blocks: u64, used_bytes: u64) -> [u64; 3] {
        let space = MACHINE.limited(limit_blocks * 4096, used_bytes, 4096).unwrap();
        [space.blocks, space.free, space.available]
    }

    #[test]
    fn the_limit_is_all_there_is() {
        assert_eq!(limited(100, 0), [100, 100, 100]);
        assert_eq!(limited(100, 40 * 4096), [100, 60, 60]);
        assert_eq!(limited(100, 40 * 4096 + 1), [100, 59, 59]);
        assert_eq!(limited(100, 200 * 4096), [100, 0, 0]);
    }

    #[test]
    fn a_full_machine_leaves_nothing() {
        assert_eq!(limited(900, 40 * 4096), [900, 860, 400]);
        assert_eq!(limited(5000, 40 * 4096), [1000, 960, 400]);
    }

    #[test]
    fn there_is_a_block() {
        assert_eq!(MACHINE.limited(1 << 20, 0, 2 << 20), Some(Space { blocks: 1, free: 1, available: 1 }));
        assert_eq!(MACHINE.limited(1 << 20, 1, 2 << 20), Some(Space { blocks: 1, free: 0, available: 0 }));
    }

    #[test]
    fn blocks_have_a_size() {
        assert_eq!(MACHINE.limited(1, 1, 0), None);
    }
}
