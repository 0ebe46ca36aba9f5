//! Where a limit was set: for people who ask, not for any figure.

use crate::{
    cgroup::{
        CgroupFiles as _, Controller, Hierarchy, Level,
        cpuset::{self, Kind},
        least::By,
        memory::{Counter, Counters, Names},
        places::Places,
    },
    cpus::CpuSet,
    source::Files,
};
use core::ffi::CStr;

/// Follows a limit up to where it was set, by files that the figure itself does not need.
pub fn traced(by: By, files: &impl Files, places: &Places, scratch: &mut [u8]) -> By {
    let higher = match by {
        By::Effective => own_memory(files, places, scratch),
        By::Level { controller: Controller::Cpuset, .. } => highest_alike(by.depth(), files, places, scratch),
        _ => None,
    };
    higher.unwrap_or(by)
}

/// The process's own cgroup, if its limit is the lowest of its own and all above.
fn own_memory(files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<By> {
    let place = places.hierarchy(Controller::Memory)?;
    let mut counters = Counters::default();
    counters.read(files, &place, place.own.len(), scratch);
    let own = level_at(&place, place.own.len())?.among(files).setting(Names::of(place.version).limit.text(), scratch);
    let is_own = counters.effective(Counter::EffectiveLimit) == Some(own);
    is_own.then(|| By::level(Controller::Memory, place.own.len()))
}

/// The highest cgroup with the same CPUs as the one at `depth`: no cgroup has more CPUs than the one above it. The
/// machine's root has all, but for those of partitions, which belong to no cgroup in the chain.
fn highest_alike(depth: usize, files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<By> {
    let place = places.hierarchy(Controller::Cpuset)?;
    let mut cpus = |level: &Level<'_>| {
        let mut set = CpuSet::EMPTY;
        cpuset::of_one(Kind::Cpus, &level.among(files), place.version, &mut set, scratch).map(|()| set)
    };
    let allowed = cpus(&level_at(&place, depth)?)?;
    let with_root = Hierarchy { top_is_root: false, ..place };
    let above = with_root.chain().skip_while(|level| level.depth() > depth);
    let highest = above.take_while(|level| cpus(level) == Some(allowed)).last()?.depth();
    Some(if highest == 0 && place.top_is_root { By::Machine } else { By::level(Controller::Cpuset, highest) })
}

fn level_at<'p>(place: &Hierarchy<'p>, depth: usize) -> Option<Level<'p>> {
    place.chain().find(|level| level.depth() == depth)
}

/// Builds the path of the cgroup that set the limit in `buffer`; `None` if no cgroup in sight did.
pub fn directory<'b>(by: By, places: &Places, buffer: &'b mut [u8]) -> Option<&'b CStr> {
    let By::Level { controller, .. } = by else { return None };
    level_at(&places.hierarchy(controller)?, by.depth())?.directory(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        board::Above,
        cgroup::places::Whose,
        fixture::Tree,
        host::Host,
        settings::{CpuCount, MemoryLimit},
        view::{
            cpu::{self, Choice},
            memory, pids,
        },
    };
    use std::string::{String, ToString};

    const HOST: Host =
        Host { memory_bytes: 1 << 40, swap_bytes: 1 << 40, swap_free_bytes: 1 << 40, since_boot_usec: 0 };

    /// A process at `/a/b` below the machine's root; the cgroups have these files.
    fn v2(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::default().with("/proc/self/cgroup", "0::/a/b\n").with_directory("/sys/fs/cgroup", 1, 3);
        let tree = tree.with("/sys/devices/system/cpu/online", "0-3\n").with_directory("/sys/fs/cgroup/a/b", 9, 2);
        with(tree, "", files)
    }

    /// The same on version 1, in the hierarchy of `controller`.
    fn v1(controller: &str, files: &[(&str, &str)]) -> Tree {
        let top = std::format!("/sys/fs/cgroup/{controller}");
        let tree = Tree::default().with("/proc/self/cgroup", std::format!("2:{controller}:/a/b\n"));
        let tree = tree.with_directory(&top, 1, 3).with_directory(&std::format!("{top}/a/b"), 9, 2);
        with(tree.with("/sys/devices/system/cpu/online", "0-3\n"), &std::format!("/{controller}"), files)
    }

    /// The same in a namespace that shows only the process's own cgroup.
    fn alone(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::default().with("/proc/self/cgroup", "2:memory:/\n").with("/proc/self/ns/cgroup", "");
        let tree = tree.with_directory("/sys/fs/cgroup/memory", 9, 2).with("/sys/fs/cgroup/memory/cgroup.procs", "");
        with(tree, "/memory", files)
    }

    fn with(tree: Tree, hierarchy: &str, files: &[(&str, &str)]) -> Tree {
        files.iter().fold(tree, |tree, (path, text)| tree.with(&std::format!("/sys/fs/cgroup{hierarchy}{path}"), text))
    }

    fn places(tree: &Tree) -> Places {
        Places::locate(tree, Whose::Caller, &mut [0; 512]).unwrap()
    }

    /// The directory of the cgroup that set a limit, without the part above the hierarchies; otherwise what else set
    /// it.
    fn named(tree: &Tree, by: By) -> String {
        let places = places(tree);
        let mut buffer = [0; 512];
        let by = traced(by, tree, &places, &mut buffer);
        match directory(by, &places, &mut buffer) {
            Some(directory) => directory.to_str().unwrap().trim_start_matches("/sys/fs/cgroup").to_string(),
            None => std::format!("{by:?}"),
        }
    }

    /// What set the memory limit, what is left of it, and the swap limit.
    fn memory_by(tree: &Tree, above: &Above, limit: MemoryLimit) -> [String; 3] {
        let mut places = places(tree);
        places.declare(limit);
        let set_by = memory::set_by(tree, &places, above, &HOST, &mut [0; 512]).unwrap();
        [set_by.total, set_by.left, set_by.swap].map(|by| named(tree, by))
    }

    fn memory_in_sight(tree: &Tree) -> [String; 3] {
        memory_by(tree, &Above::NONE, MemoryLimit::Max)
    }

    /// What set the number of CPUs, their capacity and the quota.
    fn cpus_by(tree: &Tree, above: &Above, by: CpuCount) -> [String; 3] {
        let places = places(tree);
        let mut set_by = cpu::SetBy::default();
        let scratch = &mut [0; 512];
        cpu::count(tree, &places, above, Choice::by(by), &mut set_by, scratch).unwrap();
        let quota = cpu::quota(tree, &places, above, by, scratch).map_or(By::Machine, |quota| quota.by);
        [set_by.online, set_by.capacity, quota].map(|by| named(tree, by))
    }

    fn cpus_in_sight(files: &[(&str, &str)]) -> [String; 3] {
        cpus_by(&v2(files), &Above::NONE, CpuCount::ByQuota)
    }

    #[test]
    fn the_least_of_the_chain() {
        let total = |tree: &Tree| memory_in_sight(tree)[0].clone();
        let files = [("/a/b/memory.max", "max\n"), ("/a/memory.max", "200000000\n")];
        assert_eq!(total(&v2(&files)), "/a");
        let equal = [("/a/b/memory.max", "200000000\n"), ("/a/memory.max", "200000000\n")];
        assert_eq!(total(&v2(&equal)), "/a/b");
        assert_eq!(total(&v2(&[("/a/memory.max", "max\n")])), "Machine");
        assert_eq!(total(&v2(&[("/a/b/memory.max", "4096\n"), ("/a/memory.max", "200000000\n")])), "/a");
        assert_eq!(total(&v1("memory", &[("/a/memory.limit_in_bytes", "9223372036854771712\n")])), "Machine");
        let high =
            v2(&[("/a/b/memory.max", "300000000\n"), ("/a/memory.max", "max\n"), ("/a/memory.high", "200000000\n")]);
        assert_eq!(total(&high), "/a/b");
        assert_eq!(memory_by(&high, &Above::NONE, MemoryLimit::High)[0], "/a");
        let pids = |files: &[(&str, &str)]| {
            let tree = v2(files);
            named(&tree, pids::least(&tree, &places(&tree), &mut [0; 512]).unwrap().by)
        };
        assert_eq!(pids(&[("/a/b/pids.max", "20\n"), ("/a/pids.max", "9\n")]), "/a");
        assert_eq!(pids(&[("/a/b/pids.max", "20\n"), ("/a/pids.max", "max\n")]), "/a/b");
    }

    #[test]
    fn a_level_above_the_end_of_the_chain_binds_nobody() {
        let files = [
            ("/a/b/memory.limit_in_bytes", "200000000\n"),
            ("/a/memory.limit_in_bytes", "100000000\n"),
            ("/a/memory.use_hierarchy", "0\n"),
        ];
        assert_eq!(memory_in_sight(&v1("memory", &files))[0], "/memory/a/b");
        assert_eq!(memory_in_sight(&v1("memory", &files[..2]))[0], "/memory/a");
    }

    #[test]
    fn what_is_left_may_be_left_elsewhere() {
        let files = [
            ("/a/b/memory.max", "100000000\n"),
            ("/a/b/memory.current", "30000000\n"),
            ("/a/memory.max", "200000000\n"),
            ("/a/memory.current", "190000000\n"),
        ];
        assert_eq!(memory_in_sight(&v2(&files))[..2], ["/a/b", "/a"]);
    }

    #[test]
    fn swap_alone_counts() {
        let both = [
            ("/a/b/memory.limit_in_bytes", "100000000\n"),
            ("/a/b/memory.usage_in_bytes", "0\n"),
            ("/a/b/memory.memsw.limit_in_bytes", "300000000\n"),
            ("/a/b/memory.memsw.usage_in_bytes", "0\n"),
            ("/a/memory.limit_in_bytes", "500000000\n"),
            ("/a/memory.usage_in_bytes", "0\n"),
            ("/a/memory.memsw.limit_in_bytes", "600000000\n"),
            ("/a/memory.memsw.usage_in_bytes", "0\n"),
        ];
        assert_eq!(memory_in_sight(&v1("memory", &both))[2], "/memory/a");
        let swap = |own, above| {
            let files = [("/a/b/memory.max", "max\n"), ("/a/memory.max", "max\n"), ("/a/b/memory.swap.max", own)];
            let used =
                [("/a/memory.swap.max", above), ("/a/b/memory.swap.current", "0\n"), ("/a/memory.swap.current", "0\n")];
            v2(&[files, used].concat())
        };
        assert_eq!(memory_in_sight(&swap("5\n", "6\n"))[2], "/a/b");
        assert_eq!(memory_in_sight(&swap("max\n", "max\n"))[2], "Machine");
        // A declared size does not limit swap.
        assert_eq!(memory_by(&swap("5\n", "6\n"), &Above::NONE, MemoryLimit::Bytes(1 << 30))[2], "/a/b");
    }

    #[test]
    fn quotas_are_compared_by_their_share() {
        let files = [("/a/b/cpu.max", "300000 200000\n"), ("/a/cpu.max", "10000 10000\n")];
        assert_eq!(cpus_in_sight(&files)[2], "/a");
        let v1 = v1(
            "cpu",
            &[("/a/cpu.cfs_quota_us", "5\n"), ("/a/cpu.cfs_period_us", "9\n"), ("/a/b/cpu.cfs_quota_us", "-1\n")],
        );
        assert_eq!(cpus_by(&v1, &Above::NONE, CpuCount::ByQuota)[2], "/cpu/a");
    }

    #[test]
    fn out_of_sight_and_declared() {
        let tree =
            v2(&[("/a/memory.max", "200000000\n"), ("/a/memory.current", "0\n"), ("/a/cpu.max", "200000 100000\n")]);
        let memory = |memory_limit_bytes, memory_free_bytes| {
            let above = Above { memory_limit_bytes, memory_free_bytes, ..Above::NONE };
            memory_by(&tree, &above, MemoryLimit::Max)[..2].join(" ")
        };
        assert_eq!(memory(201_000_000, 150_000_000), "/a Above");
        assert_eq!(memory(200_000_000, 200_000_000), "Above Above");
        let declared = Above { memory_limit_bytes: 9 << 20, memory_free_bytes: 9 << 20, ..Above::NONE };
        let declared = memory_by(&tree, &declared, MemoryLimit::Bytes(1 << 30));
        assert_eq!(declared[..2], ["Declared", "Declared"]);
        let quota = |quota_usec, by| cpus_by(&tree, &Above { quota_usec, period_usec: 100_000, ..Above::NONE }, by);
        assert_eq!(quota(300_000, CpuCount::ByQuota), ["/a"; 3]);
        assert_eq!(quota(200_000, CpuCount::ByQuota), ["Above"; 3]);
        assert_eq!(quota(100_000, CpuCount::Milli(1500)), ["Declared"; 3]);
        assert_eq!(quota(100_000, CpuCount::Milli(99_000)), ["Machine", "Declared", "Declared"]);
    }

    #[test]
    fn the_one_cgroup_in_sight_tells_of_those_above() {
        let limited = |own| {
            let stat = ("/memory.stat", "hierarchical_memory_limit 200000000\n");
            alone(&[stat, ("/memory.limit_in_bytes", own), ("/memory.usage_in_bytes", "5\n")])
        };
        let above = Above { memory_limit_bytes: 200_000_000, memory_free_bytes: 1 << 20, ..Above::NONE };
        for above in [&Above::NONE, &above] {
            let by = |own| memory_by(&limited(own), above, MemoryLimit::Max)[..2].join(" ");
            assert_eq!(by("300000000\n"), "Effective Effective");
            assert_eq!(by("200000000\n"), "/memory /memory");
        }
        let chain = [("/a/memory.limit_in_bytes", "200000000\n"), ("/a/b/memory.limit_in_bytes", "-1\n")];
        let stat = ("/a/b/memory.stat", "hierarchical_memory_limit 200000000\n");
        assert_eq!(memory_in_sight(&v1("memory", &[chain[0], chain[1], stat]))[0], "/memory/a");
    }

    #[test]
    fn a_number_of_cpus_is_the_quotas_or_the_weights() {
        let set = ("/a/b/cpuset.cpus.effective", "0-3\n");
        assert_eq!(cpus_in_sight(&[("/a/cpu.max", "50000 100000\n"), set]), ["/a"; 3]);
        assert_eq!(cpus_in_sight(&[("/a/cpu.max", "200000 100000\n"), set]), ["/a"; 3]);
        assert_eq!(cpus_in_sight(&[("/a/cpu.max", "800000 100000\n"), set])[2], "/a");
        let tree = v2(&[("/a/cpu.max", "250000 100000\n"), ("/a/b/cpu.weight", "174\n"), set]);
        assert_eq!(cpus_by(&tree, &Above::NONE, CpuCount::ByWeight), ["/a/b", "/a", "/a"]);
        assert_eq!(cpus_by(&tree, &Above::NONE, CpuCount::ByQuota), ["/a"; 3]);
        assert_eq!(cpus_in_sight(&[]), ["Machine"; 3]);
    }

    #[test]
    fn a_set_of_cpus_is_the_highest_cgroups_that_has_it() {
        let sets = |root, a, b| {
            let [root, a, b] = [("", root), ("/a", a), ("/a/b", b)]
                .map(|(path, list)| (std::format!("{path}/cpuset.cpus.effective"), list));
            cpus_in_sight(&[(&root.0, root.1), (&a.0, a.1), (&b.0, b.1)])[..2].join(" ")
        };
        assert_eq!(sets("0-3\n", "0-1\n", "0\n"), "/a/b /a/b");
        assert_eq!(sets("0-3\n", "0-1\n", "0-1\n"), "/a /a");
        assert_eq!(sets("0-3\n", "0-3\n", "0-3\n"), "Machine Machine");
        assert_eq!(sets("0-3\n", "0-1\n", "\n"), "/a /a");
        let above = Above { cpus: [1, 0, 0, 0, 0, 0, 0, 0], ..Above::NONE };
        let tree = v2(&[("/a/b/cpuset.cpus.effective", "0-3\n")]);
        assert_eq!(cpus_by(&tree, &above, CpuCount::ByQuota), ["Above", "Above", "Machine"]);
        let above = Above { cpus: [15, 0, 0, 0, 0, 0, 0, 0], ..Above::NONE };
        assert_eq!(cpus_by(&tree, &above, CpuCount::ByQuota)[0], "/a/b");
    }
}
