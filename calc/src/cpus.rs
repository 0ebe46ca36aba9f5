//! Sets of CPUs, as the kernel's bitmaps and lists (`0-3,7`) have them.

/// The largest CPU number we know, plus one; a machine with more gets the kernel's own answers.
pub const MAX_CPUS: usize = 2048;

/// A set of CPU numbers below [`MAX_CPUS`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct CpuSet {
    words: [u64; MAX_CPUS / 64],
}

impl CpuSet {
    /// No CPU.
    pub const EMPTY: Self = Self { words: [0; MAX_CPUS / 64] };

    /// Parses a kernel list: `0-3,7`, with a final newline or without. `None` when it is not one, or names a CPU we cannot hold.
    pub fn parse(list: &[u8]) -> Option<Self> {
        let _ = list;
        None
    }

    /// Whether `cpu` is in the set.
    pub fn contains(&self, cpu: u64) -> bool {
        let _ = cpu;
        false
    }

    /// How many CPUs are in the set.
    pub fn count(&self) -> u64 {
        0
    }

    /// The `count` CPUs with the lowest numbers.
    pub fn first(&self, count: u64) -> Self {
        let _ = count;
        *self
    }

    /// The CPUs that are in both sets.
    pub fn and(&self, other: &Self) -> Self {
        let _ = other;
        *self
    }

    /// The bitmap, CPU 0 in bit 0 of word 0, as `sched_getaffinity(2)` has it.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The set of a bitmap; `None` when it names a CPU we cannot hold.
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let _ = words;
        None
    }
}
