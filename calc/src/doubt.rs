//! Why the kernel's own text stands: every refusal has a name.

use core::{fmt, str};

/// Declares the doubts with their words, which are one text: a table of strings would hold a pointer each for the
/// loader to relocate.
macro_rules! doubts {
    ($($(#[$doc:meta])* $name:ident = $words:literal,)+) => {
        /// A reason to let the kernel's own text stand.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Doubt {
            $($(#[$doc])* $name,)+
        }

        /// Their words, one line each.
        static WORDS: &[u8] = concat!($($words, "\n"),+).as_bytes();

        impl Doubt {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

doubts! {
    /// `CGPROC=off`, or an invalid variable.
    Off = "CGPROC=off",
    /// The switch for all programs ([`crate::board::OFF_PATH`]).
    SwitchedOff = "switched off for all programs by /run/cgproc/off",
    /// `CGPROC_FILES` names other files.
    NotNamed = "CGPROC_FILES does not name it",
    /// `CGPROC_UPTIME=host`, or the program subtracts start times from the uptime.
    HostUptime = "CGPROC_UPTIME=host, or a program such as ps that needs the host's",
    /// The kernel has no such file, or does not let the program open it.
    NotOpened = "it cannot be opened",
    /// lxcfs or something else is mounted there and answers already.
    MountedOver = "something other than the kernel's file is mounted there",
    /// The process is in no cgroup that can be seen.
    NoCgroup = "no cgroup found",
    /// No memory limit is below the machine's memory, or none can be read.
    NoMemoryLimit = "no memory limit is set, or its files cannot be read",
    /// The kernel counts no swap for the cgroup, or the machine has none.
    NoSwap = "swap is not accounted",
    /// Neither the cpuset nor the machine says which CPUs exist.
    NoCpus = "the CPUs of the cgroup are unknown",
    /// The root cgroup, or one whose times cannot be read.
    NoTimes = "the CPU time of the cgroup is unknown",
    /// The start of the first process cannot be read.
    NoAge = "the start of the container is unknown",
    /// The board has no fresh slot for the cgroup.
    NoLoad = "no sampler publishes the load of the cgroup",
    /// No controller counts the cgroup's input and output.
    NoIo = "the cgroup's reads and writes are not counted",
    /// The process has moved, so counters would run backwards.
    OtherScope = "the process has already been shown another cgroup's counters",
    /// Nothing in `/proc/vmstat` is known for the cgroup.
    NoCounters = "the cgroup's counters cannot be read",
    /// No level of the chain limits processes.
    NoPidsLimit = "no limit on processes is set",
    /// Version 1, the root cgroup, or a file that cannot be opened.
    NoPressure = "the cgroup has no readable pressure file (version 1 has none)",
    /// The kernel's own text of this node or of another is odd.
    NoNode = "the node's share of the memory is unknown",
    /// The machine has no directories of memory blocks.
    NoBlock = "the machine shows no memory blocks",
    /// `CGPROC_DISK` names no size.
    NoDiskSize = "CGPROC_DISK is not set",
    /// The board does not have the size of the root's files.
    NoDiskUse = "disk usage is not measured: cgproc sampler --disk does that",
    /// The file system has no block size.
    NoBlockSize = "its block size is unknown",
    /// The kernel's own text has no known form, or nothing to replace.
    UnknownForm = "the kernel's text has an unknown form, or needs no change",
}

impl Doubt {
    /// The reason in words.
    pub fn words(self) -> &'static [u8] {
        crate::scan::parts(WORDS, b'\n').nth(self as usize).unwrap_or_default()
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(str::from_utf8(self.words()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_words_of_its_own() {
        for (number, doubt) in Doubt::ALL.iter().enumerate() {
            assert_eq!(*doubt as usize, number);
            let words = std::format!("{doubt}");
            assert_eq!(words.as_bytes(), doubt.words());
            assert!(words.len() > 8 && !words.ends_with('.'), "{doubt:?}: {words}");
            let same = Doubt::ALL.iter().filter(|other| other.words() == doubt.words()).count();
            assert_eq!(same, 1, "{words}");
        }
    }
}
