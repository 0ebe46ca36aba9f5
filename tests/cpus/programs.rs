//! The programs, each with its own rule.

use crate::{bed::Version, cells::QUOTAS};

/// The machine's CPUs.
pub(crate) const CPUS: u64 = 4;

/// What a program makes of a quota.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing: it takes the CPUs that it sees.
    None,
    Up,
    /// Rounded up, and at least 2.
    UpTwo,
    Down,
    /// Rounded to the nearest, half up.
    Nearest,
}

impl Rule {
    /// In words.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Up => "rounded up",
            Self::UpTwo => "rounded up, at least 2",
            Self::Down => "rounded down, at least 1",
            Self::Nearest => "rounded half up, at least 1",
        }
    }

    /// What it makes of a quota in thousandths of a CPU.
    fn of(self, milli: u64) -> u64 {
        match self {
            Self::None => u64::MAX,
            Self::Up => milli.div_ceil(1000),
            Self::UpTwo => milli.div_ceil(1000).max(2),
            Self::Down => (milli / 1000).max(1),
            Self::Nearest => ((milli + 500) / 1000).max(1),
        }
    }
}

/// The cgroup version whose files a program knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Knows {
    Both,
    /// The program is older than version 2.
    V1,
    V2,
}

/// How we reach a program.
#[derive(Clone, Copy)]
pub(crate) enum By {
    /// It asks libc, where the object is preloaded.
    Object,
    /// It asks the kernel: `cgproc run --static`.
    Supervision,
}

pub(crate) struct Program {
    /// Its name in tests/cpus/cells; the version, if that is another program's.
    pub(crate) name: &'static str,
    pub(crate) of_version: &'static str,
    /// Its name on the page.
    pub(crate) title: &'static str,
    pub(crate) rule: Rule,
    /// The version whose quota it knows.
    pub(crate) knows: Knows,
    /// Whether it asks which CPUs are online (natively all of the machine), not which ones it may run on.
    pub(crate) asks_online: bool,
    pub(crate) by: By,
    /// The figure of `cgproc explain` that describes it.
    pub(crate) explained: &'static str,
}

const fn program(name: &'static str, title: &'static str, rule: Rule, explained: &'static str) -> Program {
    Program { name, of_version: name, title, rule, knows: Knows::Both, asks_online: false, by: By::Object, explained }
}

const fn plain(name: &'static str, title: &'static str) -> Program {
    program(name, title, Rule::None, "runtimes.others")
}

const fn online(name: &'static str, title: &'static str) -> Program {
    Program { asks_online: true, ..plain(name, title) }
}

const fn go(name: &'static str, of_version: &'static str, title: &'static str, rule: Rule) -> Program {
    let explained = if matches!(rule, Rule::UpTwo) { "runtimes.go" } else { "runtimes.others" };
    Program { of_version, by: By::Supervision, ..program(name, title, rule, explained) }
}

pub(crate) const PROGRAMS: [Program; 26] = [
    online("doors", "C, every door of libc"),
    online("getconf", "getconf _NPROCESSORS_ONLN"),
    plain("nproc-old", "nproc, Debian 12's"),
    Program { knows: Knows::V2, ..program("nproc-sid", "nproc from coreutils 9.8", Rule::Nearest, "runtimes.nproc") },
    program("jdk-8", "JDK 8", Rule::Up, "runtimes.jdk"),
    program("jdk", "JDK, this machine's", Rule::Up, "runtimes.jdk"),
    program("jdk-25", "JDK 25", Rule::Up, "runtimes.jdk"),
    Program { knows: Knows::V1, ..program("dotnet", ".NET Core 3.1", Rule::Up, "runtimes.jdk") },
    plain("node", "Node before 24, this machine's"),
    Program { knows: Knows::V2, ..program("node-sid", "Node from 24", Rule::Down, "runtimes.node") },
    program("rust", "Rust", Rule::Down, "runtimes.rust"),
    program("erlang", "Erlang", Rule::Down, "runtimes.erlang"),
    online("python", "Python, Debian 12's"),
    online("python-sid", "Python, sid's"),
    plain("ruby", "Ruby"),
    online("php", "PHP, by /proc/cpuinfo"),
    plain("openmp", "OpenMP"),
    plain("openblas", "OpenBLAS"),
    online("nginx", "nginx, worker_processes auto"),
    plain("make", "make -j$(nproc)"),
    Program { by: By::Supervision, ..plain("static", "nproc of a static busybox") },
    go("go-old", "go-old", "Go before 1.25", Rule::None),
    go("go-old-libc", "go-old", "Go before 1.25, with libc", Rule::None),
    go("go-sid", "go-sid", "Go from 1.25", Rule::UpTwo),
    go("go-sid-libc", "go-sid", "Go from 1.25, with libc", Rule::UpTwo),
    go("go-sid-old-module", "go-sid", "Go from 1.25, of a module for an older one", Rule::None),
];

impl Program {
    /// Whether it goes by a quota of this version.
    pub(crate) fn has_rule(&self, version: Version) -> bool {
        let knows = match self.knows {
            Knows::Both => true,
            Knows::V1 => version == Version::V1,
            Knows::V2 => version == Version::V2,
        };
        self.rule != Rule::None && knows
    }

    /// Whether `cgproc explain` says what it takes natively, given the cpuset's CPUs and its family's current rule.
    pub(crate) fn is_told_natively(&self, version: Version) -> bool {
        let is_of_old = self.knows == Knows::V1 && version == Version::V2;
        !(self.asks_online || is_of_old)
    }

    /// What it takes natively, given so many CPUs.
    pub(crate) fn native(&self, version: Version, milli: u64, cpus: u64) -> u64 {
        match self.has_rule(version) {
            true => self.rule.of(milli).min(cpus),
            false if self.asks_online => CPUS,
            false => cpus,
        }
    }

    /// What it should take with us: as many as we show, unless its own rule says otherwise.
    pub(crate) fn with_us(&self, version: Version, milli: u64, cpus: u64) -> u64 {
        let own = self.native(version, milli, cpus);
        if self.rule == Rule::UpTwo { own } else { own.min(shown(milli, cpus)) }
    }

    /// The quota of its native run: the first one, if a quota makes no difference to it.
    pub(crate) fn natively_run_in(&self, milli: u64) -> u64 {
        if self.rule == Rule::None { QUOTAS[0] } else { milli }
    }
}

/// Whether this way counts the CPUs that a program may run on, not those online.
pub(crate) fn is_of_mask(way: &str) -> bool {
    ["affinity", "syscall", "mask", "process", "NumCPU", "threads", "available", "own"].contains(&way)
}

/// How many of so many CPUs we show.
pub(crate) fn shown(milli: u64, cpus: u64) -> u64 {
    Rule::Up.of(milli).min(cpus)
}
