//! What the descendants of this process use.

use procfs::process::Process;
use std::{collections::HashMap, path::Path};

/// Our descendants, except children that do not belong to the program.
pub(super) struct Descendants {
    own: i32,
    others: Vec<i32>,
    /// The first process of the program's pid namespace. It is ours too, but its children are the program's orphans.
    init: Option<i32>,
    /// CPU time of children that had been waited for at the start.
    base: Ticks,
    /// The last value reported: CPU time only ever grows.
    told: Ticks,
}

/// Memory and CPU time of all of them.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pub(super) anon_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) shmem_bytes: u64,
    pub(super) pagetables_bytes: u64,
    pub(super) swap_bytes: u64,
    pub(super) user_usec: u64,
    pub(super) system_usec: u64,
    pub(super) pids: Vec<i32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ticks {
    user: u64,
    system: u64,
}

impl Descendants {
    pub(super) fn new() -> Self {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        Self { own, others: Children::now().of(own), init: None, base: waited_for(own), told: Ticks::default() }
    }

    /// Excludes our child `pid` and its descendants from now on.
    pub(super) fn leave_out(&mut self, pid: i32) {
        self.others.push(pid);
    }

    /// Excludes our child `init` from now on, but not its descendants.
    pub(super) fn leave_out_alone(&mut self, init: i32) {
        self.init = Some(init);
    }

    /// Whether any process is left.
    pub(super) fn is_alive(&self) -> bool {
        let lives = |pid| Process::new(pid).and_then(|it| it.stat()).is_ok_and(|stat| stat.state != 'Z');
        self.pids().into_iter().any(lives)
    }

    /// The current usage.
    pub(super) fn usage(&mut self) -> Usage {
        let pids = self.pids();
        let mut usage = Usage::default();
        let waited = waited_for(self.own);
        let mut ticks = Ticks {
            user: waited.user.saturating_sub(self.base.user),
            system: waited.system.saturating_sub(self.base.system),
        };
        // Parents come before their children: a process that ends meanwhile is missed rather than counted twice.
        for process in pids.iter().filter_map(|pid| Process::new(*pid).ok()) {
            add_ticks(&mut ticks, &process);
            add_memory(&mut usage, &process, pids.len() > 1);
        }
        self.told = Ticks { user: ticks.user.max(self.told.user), system: ticks.system.max(self.told.system) };
        let usec = |ticks| ticks * (1_000_000 / procfs::ticks_per_second());
        Usage { user_usec: usec(self.told.user), system_usec: usec(self.told.system), pids, ..usage }
    }

    /// All descendants that belong to the program, parents before their children.
    fn pids(&self) -> Vec<i32> {
        let children = Children::now();
        let mut found = Vec::new();
        let mut parents = vec![self.own];
        while let Some(parent) = parents.pop() {
            let below: Vec<i32> = children.of(parent).into_iter().filter(|pid| !self.others.contains(pid)).collect();
            parents.extend(&below);
            found.extend(below.into_iter().filter(|pid| Some(*pid) != self.init));
        }
        found
    }
}

/// CPU time of the children that `pid` has waited for, and of theirs.
fn waited_for(pid: i32) -> Ticks {
    let stat = Process::new(pid).and_then(|it| it.stat());
    stat.map_or(Ticks::default(), |stat| Ticks { user: positive(stat.cutime), system: positive(stat.cstime) })
}

fn positive(ticks: i64) -> u64 {
    u64::try_from(ticks).unwrap_or(0)
}

fn add_ticks(ticks: &mut Ticks, process: &Process) {
    if let Ok(stat) = process.stat() {
        ticks.user += stat.utime + positive(stat.cutime);
        ticks.system += stat.stime + positive(stat.cstime);
    }
}

/// Adds the memory of a process; if there are several, it counts only its share of what several map.
fn add_memory(usage: &mut Usage, process: &Process, shares: bool) {
    const KIB: u64 = 1024;
    let Ok(status) = process.status() else { return };
    let kib = |figure: Option<u64>| figure.unwrap_or(0) * KIB;
    usage.pagetables_bytes += kib(status.vmpte);
    let rollup = if shares { process.smaps_rollup().ok() } else { None };
    match rollup.as_ref().and_then(|it| it.memory_map_rollup.0.first()) {
        Some(rollup) => {
            let bytes = |key: &str| rollup.extension.map.get(key).copied().unwrap_or(0);
            usage.anon_bytes += bytes("Pss_Anon");
            usage.file_bytes += bytes("Pss_File");
            usage.shmem_bytes += bytes("Pss_Shmem");
            usage.swap_bytes += bytes("SwapPss");
        }
        None => {
            usage.anon_bytes += kib(status.rssanon);
            usage.file_bytes += kib(status.rssfile);
            usage.shmem_bytes += kib(status.rssshmem);
            usage.swap_bytes += kib(status.vmswap);
        }
    }
}

/// How a process's children are found.
enum Children {
    /// The kernel lists them (`CONFIG_PROC_CHILDREN`).
    Listed,
    /// Collected from all processes.
    Gathered(HashMap<i32, Vec<i32>>),
}

impl Children {
    fn now() -> Self {
        if Path::new("/proc/thread-self/children").exists() {
            return Self::Listed;
        }
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        let processes = procfs::process::all_processes().into_iter().flatten().flatten();
        for stat in processes.filter_map(|process| process.stat().ok()) {
            children.entry(stat.ppid).or_default().push(stat.pid);
        }
        Self::Gathered(children)
    }

    fn of(&self, parent: i32) -> Vec<i32> {
        match self {
            Self::Gathered(children) => children.get(&parent).cloned().unwrap_or_default(),
            Self::Listed => {
                let tasks = Process::new(parent).and_then(|process| process.tasks());
                let lists = tasks.into_iter().flatten().flatten().filter_map(|task| task.children().ok());
                lists.flatten().filter_map(|pid| i32::try_from(pid).ok()).collect()
            }
        }
    }
}
