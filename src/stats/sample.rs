//! What one look at the cgroups finds. A figure that cannot be read, or that no controller counts, is `None`.

use calc::board::Load;
use std::{path::PathBuf, time::Duration};

/// One look at the cgroups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// When it began, by CLOCK_MONOTONIC, in microseconds.
    pub(crate) monotonic_usec: u64,
    /// The cgroups that were found, those above before those below.
    pub(crate) cgroups: Vec<CgroupSample>,
    /// Cgroups that are not in `cgroups`, because there are too many.
    pub(crate) left_out: usize,
    pub(crate) machine: Machine,
    /// Whether these are the cgroups of a container, or at and below a cgroup that was chosen, and not the machine's.
    pub(crate) is_part: bool,
    /// Whether the board has the load and the capacity of these cgroups.
    pub(crate) has_board: bool,
}

/// The machine's own size: what a cgroup without a limit can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) cpus: u64,
    pub(crate) memory_bytes: u64,
}

/// One cgroup.
#[derive(Clone, Debug, Default)]
pub(crate) struct CgroupSample {
    /// The inode number of its directory, in the hierarchy that counts CPU time; for a cgroup that is not in that one, a
    /// number that no other has. A cgroup that is made anew at the same path has another.
    pub(crate) id: u64,
    /// Its path below the mounts, such as /docker/4f1e.
    pub(crate) path: PathBuf,
    /// The cgroup above it, by its index in [`Sample::cgroups`].
    pub(crate) parent: Option<usize>,
    /// When its counters were read, by CLOCK_MONOTONIC, in microseconds.
    pub(crate) monotonic_usec: u64,
    /// What runs in it, if its path is one that an engine or a service manager gives.
    pub(crate) container: Option<Container>,
    pub(crate) cpu: CpuUse,
    pub(crate) memory: MemoryUse,
    pub(crate) io: IoUse,
    pub(crate) pressure: Pressures,
    /// The limits of this cgroup and of all above it.
    pub(crate) limits: Limits,
    /// Averages, running and blocked threads; from the board.
    pub(crate) load: Option<Load>,
    /// CPU time that it could have used since boot, in microseconds; from the board.
    pub(crate) capacity_usec: Option<u64>,
    /// Its processes and those of the cgroups below it.
    pub(crate) processes: Option<u64>,
    /// The same of threads, as `pids.current` counts them.
    pub(crate) threads: Option<u64>,
    /// How long its oldest process has run: of each cgroup, the first 32 that are listed are looked at.
    pub(crate) age: Option<Duration>,
}

/// Who made a cgroup, and what is known about what runs in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) engine: Engine,
    /// The engine's id: 64 hexadecimal digits, or the name of a machine, a service or a run.
    pub(crate) id: String,
    /// The engine's name for it, if it could be found.
    pub(crate) name: Option<String>,
    /// The pod's namespace, its name, and the name of the container in it.
    pub(crate) pod: Option<PodName>,
}

/// The names that Kubernetes has for a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodName {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: String,
}

/// Who makes cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Engine {
    Docker,
    Containerd,
    CriO,
    Podman,
    Nerdctl,
    Lxc,
    Nspawn,
    /// A service of systemd's.
    Service,
    /// `cgproc run`.
    Run,
}

/// CPU time since the cgroup was made, in microseconds, and periods of its quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuUse {
    pub(crate) usage_usec: Option<u64>,
    pub(crate) user_usec: Option<u64>,
    pub(crate) system_usec: Option<u64>,
    pub(crate) periods: Option<u64>,
    pub(crate) throttled_periods: Option<u64>,
    pub(crate) throttled_usec: Option<u64>,
}

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryUse {
    pub(crate) usage_bytes: Option<u64>,
    /// Usage without the inactive part of the page cache, as Kubernetes counts it.
    pub(crate) working_set_bytes: Option<u64>,
    /// Page cache.
    pub(crate) cache_bytes: Option<u64>,
    pub(crate) swap_bytes: Option<u64>,
    /// What the container's /proc/meminfo has as MemAvailable.
    pub(crate) available_bytes: Option<u64>,
    /// How often a limit was reached and nothing could be reclaimed, in it or below; version 1 does not count that.
    pub(crate) oom_events: Option<u64>,
    /// Processes killed for want of memory; version 1 leaves out those of cgroups below it.
    pub(crate) oom_kills: Option<u64>,
}

/// Input and output since the cgroup was made, summed over all disks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IoUse {
    pub(crate) read_bytes: Option<u64>,
    pub(crate) written_bytes: Option<u64>,
    pub(crate) reads: Option<u64>,
    pub(crate) writes: Option<u64>,
}

/// Pressure stall information.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pressures {
    pub(crate) cpu: Pressure,
    pub(crate) memory: Pressure,
    pub(crate) io: Pressure,
}

/// Pressure on one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pressure {
    pub(crate) some: Option<Stall>,
    pub(crate) full: Option<Stall>,
}

/// A line of a pressure file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Stall {
    /// The share of the last 10 seconds, in percent.
    pub(crate) avg10: f64,
    /// Since the cgroup was made, in microseconds.
    pub(crate) total_usec: u64,
}

/// The lowest limits of a cgroup and of those above it; `None` for what none of them limits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    /// CPU time in CPUs: the lowest of the quotas and of the number of CPUs that it may run on. Without either, all of
    /// the machine's.
    pub(crate) cpus: Option<f64>,
    /// The lowest quota alone, in CPUs.
    pub(crate) quota_cpus: Option<f64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) swap_bytes: Option<u64>,
    pub(crate) threads: Option<u64>,
}
