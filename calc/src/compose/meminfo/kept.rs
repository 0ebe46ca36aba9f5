//! The figures in little room, to be kept for a moment.

use super::Figures;
use crate::view::memory::Swap;
use zerocopy::{FromBytes, IntoBytes};

/// Figures of less than 4 TiB, in KiB: those of the memory, then the counters. Plain bytes without padding, so that they
/// can be kept in atomics.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes)]
#[repr(C, align(8))]
pub struct Kept {
    total: u32,
    free: u32,
    available: u32,
    shared: u32,
    /// The container's swap; the host's if the view has none.
    swap: u32,
    /// [`NONE`] if the view has none.
    swap_free: u32,
    counters: [u32; COUNTERS],
}

/// The counters of `memory.stat` that files show: all but the limits.
const COUNTERS: usize = 24;

/// In place of an amount, that there is none.
const NONE: u32 = u32::MAX;

impl Kept {
    /// The figures; `None` if one is too large.
    pub fn of(figures: &Figures) -> Option<Self> {
        let memory = &figures.memory;
        let mut counters = [0; COUNTERS];
        for (kept, bytes) in counters.iter_mut().zip(figures.counters.all()) {
            *kept = kib(*bytes)?;
        }
        Some(Self {
            total: kib(memory.total_bytes)?,
            free: kib(memory.free_bytes)?,
            available: kib(memory.available_bytes)?,
            shared: kib(memory.shared_bytes)?,
            swap: kib(figures.swap_bytes)?,
            swap_free: memory.swap.map_or(Some(NONE), |swap| kib(swap.free_bytes))?,
            counters,
        })
    }

    /// Sets `figures` to these, without what is less than a KiB.
    pub fn put(&self, figures: &mut Figures) {
        let memory = &mut figures.memory;
        memory.total_bytes = bytes(self.total);
        memory.free_bytes = bytes(self.free);
        memory.available_bytes = bytes(self.available);
        memory.shared_bytes = bytes(self.shared);
        figures.swap_bytes = bytes(self.swap);
        let swap = Swap { total_bytes: figures.swap_bytes, free_bytes: bytes(self.swap_free) };
        memory.swap = (self.swap_free != NONE).then_some(swap);
        for (counter, kept) in figures.counters.all_mut().iter_mut().zip(&self.counters) {
            *counter = bytes(*kept);
        }
    }
}

fn kib(bytes: u64) -> Option<u32> {
    u32::try_from(super::kib(bytes)).ok().filter(|kib| *kib != NONE)
}

fn bytes(kib: u32) -> u64 {
    u64::from(kib).wrapping_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cgroup::memory::Counters, view::memory::Memory};
    use proptest::prelude::*;

    fn figures(kib: [u32; 5], swap_free_kib: Option<u32>, counters_kib: [u32; 24]) -> Figures {
        let [total_bytes, free_bytes, available_bytes, shared_bytes, swap_bytes] = kib.map(bytes);
        let swap = swap_free_kib.map(|free| Swap { total_bytes: swap_bytes, free_bytes: bytes(free) });
        let mut counters = [0; 26];
        counters.iter_mut().zip(counters_kib).for_each(|(to, kib)| *to = bytes(kib));
        let memory = Memory { total_bytes, free_bytes, available_bytes, shared_bytes, swap };
        Figures { memory, counters: Counters::of(&counters), swap_bytes }
    }

    proptest! {
        #[test]
        fn whole_kibibytes_return_as_they_were(
            kib: [u32; 5], swap_free in proptest::option::of(0..u32::MAX), counters: [u32; 24],
        ) {
            let figures = figures(kib, swap_free, counters);
            let is_large = kib.contains(&NONE) || counters.contains(&NONE);
            let mut again = Figures::default();
            match Kept::of(&figures) {
                None => prop_assert!(is_large),
                Some(kept) => {
                    kept.put(&mut again);
                    prop_assert!(!is_large);
                    prop_assert_eq!(&again, &figures);
                }
            }
        }
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let small = figures([1; 5], Some(1), [1; 24]);
        assert!(Kept::of(&small).is_some());
        for large in [
            Figures { swap_bytes: 4 << 40, ..small },
            Figures { memory: Memory { total_bytes: 4 << 40, ..small.memory }, ..small },
            Figures { counters: Counters::of(&[(4 << 40) - 1; 26]), ..small },
        ] {
            assert!(Kept::of(&large).is_none());
        }
    }
}
