//! Where each controller's cgroup of a process is, condensed from `/proc/PID/cgroup` and the mounts.

use super::{Controller, Hierarchy, Version, unescape};
use crate::{scan, settings::MemoryLimit};
use core::ffi::CStr;
use zerocopy::{FromBytes, IntoBytes};

/// The process or directory whose cgroups to look for.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// The calling process: `/proc/self/cgroup`, with the scope by pid 1's.
    Caller,
    /// The process whose `/proc/PID/cgroup` this is.
    Process(&'a CStr),
    /// The cgroup at this path below every hierarchy's mount (`/docker/4f1e…`).
    Path(&'a [u8]),
    /// This directory, with files in the form of cgroup v2, and nothing above it.
    Directory(&'a [u8]),
}

/// The places of a process's cgroups. Plain bytes without padding, so that they can be kept in atomics.
///
/// Any bytes are valid: what makes no sense reads as "not found".
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Places {
    /// The start of the scope's first process, in ticks ([`crate::host::USER_HZ`]) since boot; 0 if unknown.
    pub began_ticks: u64,
    /// Replaces all memory limits (`CGPROC_MEMORY`); 0 for none.
    pub declared_memory_bytes: u64,
    /// The hash of the text from which the places were found.
    pub(super) hash: u64,
    pub(super) slots: [Slot; Controller::ALL.len()],
    /// Whether `memory.high` counts as a limit too (`CGPROC_MEMORY=high`); 0 for no.
    pub counts_high: u16,
    pool_len: u16,
    pool: [u8; POOL],
}

/// Room for the paths, and for mount points that are not in [`USUAL`], each held once.
const POOL: usize = 400;

/// The usual mount points, joined. They precede the pool, which is thus left for the paths; engines within engines
/// make long ones.
static USUAL: &[u8] =
    b"/sys/fs/cgroup/unified/sys/fs/cgroup/memory/sys/fs/cgroup/cpu,cpuacct/sys/fs/cgroup/cpuacct,cpu\
    /sys/fs/cgroup/cpuset/sys/fs/cgroup/blkio/sys/fs/cgroup/pids";

const _: () = assert!(size_of::<Places>() == 512);

/// The place of one controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub(super) struct Slot {
    /// 1 or 2; 0 if no hierarchy has the controller.
    pub(super) version: u8,
    /// One of [`Slot::WANTED`], [`Slot::FOUND`], [`Slot::FOUND_BELOW_ROOT`].
    pub(super) state: u8,
    pub(super) mount: Span,
    /// The process's own cgroup, from the hierarchy's root.
    pub(super) path: Span,
    /// The length of the part of the path above the mount's top.
    pub(super) above: u16,
    /// The length of the part of the path that is the scope's.
    pub(super) scope: u16,
}

impl Slot {
    /// The path is known, the mount only guessed.
    pub(super) const WANTED: u8 = 0;
    /// Its own cgroup is at path below mount.
    pub(super) const FOUND: u8 = 1;
    /// Like [`Slot::FOUND`]; the mount's top is the machine's root cgroup.
    pub(super) const FOUND_BELOW_ROOT: u8 = 2;

    pub(super) fn version(&self) -> Option<Version> {
        match self.version {
            1 => Some(Version::V1),
            2 => Some(Version::V2),
            _ => None,
        }
    }

    pub(super) fn is_found(&self) -> bool {
        matches!(self.state, Self::FOUND | Self::FOUND_BELOW_ROOT)
    }

    /// Whether a hierarchy has the controller, but its mount is not known.
    pub(super) fn is_wanted(&self) -> bool {
        self.version != 0 && !self.is_found()
    }

    /// The place, once it is confirmed.
    pub(super) fn found(self, is_below_root: bool) -> Self {
        Self { state: if is_below_root { Self::FOUND_BELOW_ROOT } else { Self::FOUND }, ..self }
    }
}

/// A range of bytes in the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub(super) struct Span {
    at: u16,
    pub(super) len: u16,
}

impl Places {
    /// Nothing found yet.
    pub const NONE: Self = Self {
        began_ticks: 0,
        declared_memory_bytes: 0,
        hash: 0,
        slots: [Slot {
            version: 0,
            state: Slot::WANTED,
            mount: Span { at: 0, len: 0 },
            path: Span { at: 0, len: 0 },
            above: 0,
            scope: 0,
        }; Controller::ALL.len()],
        counts_high: 0,
        pool_len: 0,
        pool: [0; POOL],
    };

    /// Sets what the total of memory is taken from.
    pub fn declare(&mut self, limit: MemoryLimit) {
        match limit {
            MemoryLimit::Max => {}
            MemoryLimit::High => self.counts_high = 1,
            MemoryLimit::Bytes(bytes) => self.declared_memory_bytes = bytes,
        }
    }

    /// The place in `controller`'s hierarchy.
    pub(crate) fn hierarchy(&self, controller: Controller) -> Option<Hierarchy<'_>> {
        let slot = self.slots.get(controller as usize).filter(|slot| slot.is_found())?;
        let path = self.at(slot.path)?;
        let above = usize::from(slot.above);
        Some(Hierarchy {
            version: slot.version()?,
            mount: self.at(slot.mount)?,
            own: path.get(above..)?,
            scope: path.get(above..usize::from(slot.scope))?,
            top_is_root: slot.state == Slot::FOUND_BELOW_ROOT,
        })
    }

    /// A number that differs between scopes.
    pub(crate) fn scope_hash(&self) -> u64 {
        let seed = scan::hash(scan::HASH_SEED, &self.began_ticks.to_ne_bytes());
        match self.hierarchy(Controller::Cpuacct) {
            Some(place) => scan::hash(scan::hash(seed, place.mount), place.scope),
            None => seed,
        }
    }

    /// The bytes of a span.
    pub(super) fn at(&self, span: Span) -> Option<&[u8]> {
        let from = usize::from(span.at);
        let to = from.checked_add(usize::from(span.len))?;
        match from.checked_sub(USUAL.len()) {
            None => USUAL.get(from..to),
            Some(from) => self.pool.get(from..to.checked_sub(USUAL.len())?),
        }
    }

    /// Adds the parts, joined, to the pool unless it has them; `None` if they do not fit.
    #[inline(never)]
    pub(super) fn intern(&mut self, parts: &[&[u8]]) -> Option<Span> {
        let len = u16::try_from(parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()))).ok()?;
        if let Some(known) = self.known(len, parts) {
            return Some(known);
        }
        let mut end = usize::from(self.pool_len);
        for byte in parts.iter().copied().flatten() {
            *self.pool.get_mut(end)? = *byte;
            end = end.saturating_add(1);
        }
        self.added(len)
    }

    /// The same for a field of a mount table, whose escapes are undone.
    pub(super) fn intern_escaped(&mut self, field: &[u8]) -> Option<Span> {
        if memchr::memchr(b'\\', field).is_none() {
            return self.intern(&[field]);
        }
        // Before a copy is made behind the pool, where room may be short: a mount is noted for each of its controllers.
        let is_it = |span: &Span| self.at(*span).is_some_and(|known| unescape(field).eq(known.iter().copied()));
        if let Some(known) = self.slots.iter().map(|slot| slot.mount).find(is_it) {
            return Some(known);
        }
        let mut len = 0_u16;
        for byte in unescape(field) {
            *self.pool.get_mut(usize::from(self.pool_len.checked_add(len)?))? = byte;
            len = len.checked_add(1)?;
        }
        let added = self.pool.get(usize::from(self.pool_len)..)?.get(..usize::from(len))?;
        self.known(len, &[added]).or_else(|| self.added(len))
    }

    /// The span of the parts, joined, if the pool has them. They have `len` bytes.
    #[inline(never)]
    fn known(&self, len: u16, parts: &[&[u8]]) -> Option<Span> {
        let pool = self.pool.get(..usize::from(self.pool_len))?;
        let at = position(USUAL, len, parts).or_else(|| position(pool, len, parts)?.checked_add(USUAL.len() as u16))?;
        Some(Span { at, len })
    }

    /// The span of the `len` bytes behind the pool, which from now on belong to it.
    fn added(&mut self, len: u16) -> Option<Span> {
        let span = Span { at: self.pool_len.checked_add(USUAL.len() as u16)?, len };
        self.pool_len = self.pool_len.checked_add(len)?;
        Some(span)
    }
}

/// The position in `text` of the parts, joined, which have `len` bytes.
#[inline(never)]
fn position(text: &[u8], len: u16, parts: &[&[u8]]) -> Option<u16> {
    let last = u16::try_from(text.len()).ok()?.checked_sub(len)?;
    let is_here = |at: &u16| {
        let mut here = text.get(usize::from(*at)..);
        parts.iter().all(|part| {
            here = here.and_then(|here| here.strip_prefix(*part));
            here.is_some()
        })
    };
    (0..=last).find(is_here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Tree;
    use std::{
        format,
        string::{String, ToString},
        vec,
    };

    const V2_MOUNT: &str = "24 22 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

    /// A process in the cgroups that `text` lists, with a pid 1 in those of `init`.
    fn process(text: &str, init: &str, mountinfo: &str) -> Tree {
        Tree::default()
            .with("/proc/self/cgroup", text)
            .with("/proc/1/cgroup", init)
            .with("/proc/1/stat", "1 (a) b) S 0 1 1 0 -1 4 3 1 0 1 0 0 3 2 20 0 1 0 4242 4464640 776\n")
            .with("/proc/self/ns/cgroup", "")
            .with("/proc/self/mountinfo", mountinfo)
            .with("/sys/fs/cgroup/cgroup.procs", "")
    }

    /// A controller's cgroup: `mount:own`, with the scope in brackets and `~` below the machine's root.
    fn place(places: &Places, controller: Controller) -> String {
        let Some(place) = places.hierarchy(controller) else { return "nowhere".to_string() };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let root = if place.top_is_root { "~" } else { "" };
        let below = &place.own[place.scope.len()..];
        format!("{}:{root}[{}]{}", text(place.mount), text(place.scope), text(below))
    }

    fn memory_of(tree: &Tree, whose: Whose<'_>) -> String {
        let places = Places::locate(tree, whose, &mut [0; 512]);
        places.map_or("none".to_string(), |places| place(&places, Controller::Memory))
    }

    fn memory(tree: &Tree) -> String {
        memory_of(tree, Whose::Caller)
    }

    #[test]
    fn v2_on_the_host() {
        let tree = process("0::/user.slice/a\n", "0::/init.scope\n", V2_MOUNT);
        let tree = tree.with_directory("/sys/fs/cgroup", 1, 9).with_directory("/sys/fs/cgroup/user.slice/a", 70, 2);
        assert_eq!(memory(&tree), "/sys/fs/cgroup:~[/user.slice/a]");
        assert_eq!(Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap().began_ticks, 0);
    }

    #[test]
    fn v2_in_a_cgroup_namespace() {
        let tree = process("0::/\n", "0::/\n", "").with_directory("/sys/fs/cgroup", 70, 2);
        assert_eq!(memory(&tree), "/sys/fs/cgroup:[]");
        assert_eq!(Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap().began_ticks, 4242);
    }

    #[test]
    fn a_root_with_subdirectories_must_be_confirmed_by_mountinfo() {
        let tree = |mountinfo| process("0::/\n", "0::/\n", mountinfo).with_directory("/sys/fs/cgroup", 70, 5);
        assert_eq!(memory(&tree(V2_MOUNT)), "/sys/fs/cgroup:[]");
        assert_eq!(memory(&tree("24 22 0:25 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")), "none");
    }

    #[test]
    fn a_directory_without_a_mount_upon_it_is_no_cgroup() {
        let tree = Tree::default().with("/proc/self/cgroup", "0::/\n").with("/proc/self/mountinfo", "");
        assert_eq!(memory(&tree.with_directory("/sys/fs/cgroup", 11, 2)), "none");
    }

    #[test]
    fn the_scope_is_that_of_pid_1() {
        let with = |text: &str, init: &str| {
            let tree = process(text, init, V2_MOUNT).with_directory("/sys/fs/cgroup", 70, 5);
            memory(&tree.with_directory("/sys/fs/cgroup/a/b", 71, 2).with_directory("/sys/fs/cgroup/init.scope", 72, 2))
        };
        assert_eq!(with("0::/a/b\n", "0::/init.scope\n"), "/sys/fs/cgroup:[]/a/b");
        assert_eq!(with("0::/a/b\n", "0::/a\n"), "/sys/fs/cgroup:[/a]/b");
        assert_eq!(with("0::/a/b\n", "0::/a/init.scope\n"), "/sys/fs/cgroup:[/a]/b");
        assert_eq!(with("0::/init.scope\n", "0::/init.scope\n"), "/sys/fs/cgroup:[]/init.scope");
        assert_eq!(with("0::/a/b\n", "0::/a/b/c\n"), "/sys/fs/cgroup:[/a/b]");
        assert_eq!(with("0::/a/b\n", "0::/a/bc\n"), "/sys/fs/cgroup:[/a/b]");
        assert_eq!(with("0::/a/b\n", "0::/../../init.scope\n"), "/sys/fs/cgroup:[/a/b]");
        assert_eq!(with("0::/a/b\n", "garbage"), "/sys/fs/cgroup:[/a/b]");
    }

    #[test]
    fn docker_on_v1_with_the_hosts_namespace() {
        let mounts = "51 47 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let tree = process("4:memory:/docker/1\n0::/docker/1\n", "4:memory:/docker/1\n0::/docker/1\n", mounts);
        assert_eq!(memory(&tree.with_directory("/sys/fs/cgroup/memory", 35, 2)), "/sys/fs/cgroup/memory:[]");
    }

    #[test]
    fn a_container_whose_pid_1_is_above_the_mount_is_its_own_scope() {
        let mounts = "51 47 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let tree = process("4:memory:/docker/1/x\n", "4:memory:/\n", mounts);
        let tree = tree.with_directory("/sys/fs/cgroup/memory", 35, 3).with_directory("/sys/fs/cgroup/memory/x", 36, 2);
        assert_eq!(memory(&tree), "/sys/fs/cgroup/memory:[/x]");
    }

    #[test]
    fn the_last_mount_that_shows_the_path_counts() {
        let stale = "30 29 0:32 /.. /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let fresh = "51 47 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let with = |mounts: &str| {
            memory(&process("4:memory:/\n", "4:memory:/\n", mounts).with_directory("/sys/fs/cgroup/memory", 35, 4))
        };
        assert_eq!(with(&[stale, fresh].concat()), "/sys/fs/cgroup/memory:[]");
        assert_eq!(with(&[fresh, stale].concat()), "none");
        assert_eq!(with(&[fresh, "52 51 0:9 / /sys/fs/cgroup/memory rw - tmpfs none rw\n"].concat()), "none");
    }

    #[test]
    fn mounts_may_be_anywhere() {
        let mounts = "51 47 0:32 / /mnt/my\\040cgroups rw - cgroup none rw,cpu,memory\n";
        let tree = process("4:memory,cpu:/a\n", "4:memory,cpu:/\n", mounts);
        let tree = tree.with_directory("/mnt/my cgroups", 1, 3).with_directory("/mnt/my cgroups/a", 20, 2);
        assert_eq!(memory(&tree), "/mnt/my cgroups:~[/a]");
    }

    #[test]
    fn hierarchies_may_be_mounted_together_under_any_order_of_names() {
        let cgroup = "3:cpuacct,cpu:/a\n2:cpuset:/a\n";
        for mount in ["/sys/fs/cgroup/cpuacct,cpu", "/sys/fs/cgroup/cpu"] {
            let tree = process(cgroup, "3:cpuacct,cpu:/\n", "").with_directory(mount, 1, 3);
            let tree = tree.with_directory(&format!("{mount}/a"), 20, 2);
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            assert_eq!(place(&places, Controller::Cpu), format!("{mount}:~[/a]"));
            assert_eq!(place(&places, Controller::Cpuset), "nowhere");
            assert_eq!(place(&places, Controller::Memory), "nowhere");
        }
    }

    #[test]
    fn on_a_hybrid_machine_each_controller_is_where_its_line_says() {
        let tree = process("1:cpu:/a\n1:name=systemd:/\n0::/b\n", "1:cpu:/\n0::/\n", "");
        let tree = tree.with_directory("/sys/fs/cgroup/cpu", 1, 3).with_directory("/sys/fs/cgroup/cpu/a", 20, 2);
        let tree =
            tree.with_directory("/sys/fs/cgroup/unified", 1, 3).with_directory("/sys/fs/cgroup/unified/b", 20, 2);
        let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
        assert_eq!(place(&places, Controller::Cpu), "/sys/fs/cgroup/cpu:~[/a]");
        assert_eq!(place(&places, Controller::Memory), "/sys/fs/cgroup/unified:~[/b]");
    }

    #[test]
    fn a_given_path_is_below_every_hierarchy() {
        let tree = process("0::/user.slice\n", "0::/\n", V2_MOUNT).with_directory("/sys/fs/cgroup", 1, 9);
        let tree = tree.with_directory("/sys/fs/cgroup/docker/1", 70, 2);
        assert_eq!(memory_of(&tree, Whose::Path(b"/docker/1")), "/sys/fs/cgroup:~[/docker/1]");
        assert_eq!(memory_of(&tree, Whose::Path(b"/docker/1/")), "/sys/fs/cgroup:~[/docker/1]");
        assert_eq!(memory_of(&tree, Whose::Path(b"/docker/2")), "none");
        assert_eq!(memory_of(&tree, Whose::Path(b"docker/1")), "none");
        assert_eq!(memory_of(&tree, Whose::Path(b"/docker/../docker/1")), "none");
    }

    #[test]
    fn a_given_directory_stands_alone() {
        let tree = Tree::default().with_directory("/run/view", 9, 2).with("/run/view/cgproc.began", "77\n");
        assert_eq!(memory_of(&tree, Whose::Directory(b"/run/view")), "/run/view:[]");
        assert_eq!(Places::locate(&tree, Whose::Directory(b"/run/view"), &mut [0; 64]).unwrap().began_ticks, 77);
        assert_eq!(memory_of(&tree, Whose::Directory(b"/run/other")), "none");
        let unreadable = tree.with("/run/view/cgproc.began", "soon\n");
        assert_eq!(memory_of(&unreadable, Whose::Directory(b"/run/view")), "none");
    }

    #[test]
    fn a_process_has_its_own_beginning() {
        let tree = process("0::/\n", "0::/\n", V2_MOUNT).with_directory("/sys/fs/cgroup", 1, 9);
        let tree = tree.with_directory("/sys/fs/cgroup/docker/1", 70, 2).with("/proc/9/cgroup", "0::/docker/1\n");
        let tree = tree.with("/proc/9/stat", "9 (a) S 0 1 1 0 -1 4 3 1 0 1 0 0 3 2 20 0 1 0 99 4464640 776\n");
        let places = Places::locate(&tree, Whose::Process(c"/proc/9/cgroup"), &mut [0; 512]).unwrap();
        assert_eq!(place(&places, Controller::Memory), "/sys/fs/cgroup:~[/docker/1]");
        assert_eq!(places.began_ticks, 99);
    }

    #[test]
    fn places_hold_until_the_process_moves() {
        let tree = |text| process(text, "0::/\n", "").with_directory("/sys/fs/cgroup", 70, 2);
        let scratch = &mut [0; 512];
        let places = Places::locate(&tree("0::/\n"), Whose::Caller, scratch).unwrap();
        assert!(places.still_hold(&tree("0::/\n"), Whose::Caller, scratch));
        assert!(!places.still_hold(&tree("0::/a\n"), Whose::Caller, scratch));
        assert!(!places.still_hold(&Tree::default(), Whose::Caller, scratch));
    }

    #[test]
    fn paths_that_do_not_fit_cost_their_controllers() {
        for (bytes, scratch) in [(401, 2048), (600, 2048), (600, 512)] {
            let path = format!("/{}", "a".repeat(bytes));
            let tree = process(&format!("0::{path}\n"), "0::/\n", V2_MOUNT).with_directory("/sys/fs/cgroup", 1, 9);
            let tree = tree.with_directory(&format!("/sys/fs/cgroup{path}"), 70, 2);
            assert!(Places::locate(&tree, Whose::Caller, &mut vec![0; scratch]).is_none());
            let cgroup = format!("3:pids:{path}\n2:memory:/b\n1:cpuset:{path}\n0::/\n");
            let tree = process(&cgroup, "2:memory:/\n", "");
            let tree =
                tree.with_directory("/sys/fs/cgroup/memory", 1, 3).with_directory("/sys/fs/cgroup/memory/b", 20, 2);
            let places = Places::locate(&tree, Whose::Caller, &mut vec![0; scratch]).unwrap();
            assert_eq!(place(&places, Controller::Memory), "/sys/fs/cgroup/memory:~[/b]");
            assert_eq!(place(&places, Controller::Pids), "nowhere");
            assert_eq!(place(&places, Controller::Cpuset), "nowhere");
        }
    }

    #[test]
    fn engines_within_engines_make_long_paths() {
        let path = format!("/{}", ["0123456789abcdef"; 22].join("/"));
        assert_eq!(path.len(), 374);
        let names = ["memory", "cpu,cpuacct", "cpuset", "blkio", "pids"];
        let cgroup: String =
            names.iter().enumerate().map(|(id, names)| format!("{}:{names}:{path}\n", id + 1)).collect();
        let raw = names.iter().fold(process(&cgroup, "1:memory:/\n", ""), |tree, names| {
            let mount = format!("/sys/fs/cgroup/{names}");
            tree.with_directory(&mount, 1, 3).with_directory(&format!("{mount}{path}"), 20, 2)
        });
        // Each is bound to its place separately, as Docker does on version 1.
        let mounts: String = names
            .iter()
            .map(|names| format!("51 47 0:32 {path} /sys/fs/cgroup/{names} ro - cgroup cgroup rw,{names}\n"))
            .collect();
        let bound = names.iter().fold(process(&cgroup, &cgroup, &mounts), |tree, names| {
            tree.with_directory(&format!("/sys/fs/cgroup/{names}"), 35, 2)
        });
        for (tree, below) in [(raw, format!("~[{path}]")), (bound, "[]".to_string())] {
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            for (controller, names) in [
                (Controller::Memory, "memory"),
                (Controller::Cpu, "cpu,cpuacct"),
                (Controller::Cpuacct, "cpu,cpuacct"),
                (Controller::Cpuset, "cpuset"),
                (Controller::Io, "blkio"),
                (Controller::Pids, "pids"),
            ] {
                assert_eq!(place(&places, controller), format!("/sys/fs/cgroup/{names}:{below}"));
            }
        }
    }

    #[test]
    fn an_odd_line_of_the_list_costs_itself() {
        for odd in ["", "x", "memory:/", "9:pids:relative", &"y".repeat(700)] {
            let cgroup = format!("{odd}\n4:memory:/a\n{odd}\n");
            let tree = process(&cgroup, &format!("{odd}\n4:memory:/\n"), "");
            let tree =
                tree.with_directory("/sys/fs/cgroup/memory", 1, 3).with_directory("/sys/fs/cgroup/memory/a", 20, 2);
            assert_eq!(memory(&tree), "/sys/fs/cgroup/memory:~[/a]", "{odd}");
        }
    }

    #[test]
    fn a_namespace_is_known_where_its_file_cannot_be_opened() {
        // proot: the target of the namespace's link is not a path.
        let mounts = "51 47 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let tree = |release: &str| {
            let tree = Tree::default().with("/proc/self/cgroup", "4:memory:/\n").with("/proc/1/cgroup", "4:memory:/\n");
            let tree = tree.with("/proc/self/mountinfo", mounts).with("/proc/sys/kernel/osrelease", release);
            tree.with_directory("/sys/fs/cgroup/memory", 70, 2).with("/sys/fs/cgroup/memory/cgroup.procs", "")
        };
        for kernel in ["3.15.0\n", "4.19.0-27-amd64\n", "6.18.5\n", "7.0\n", "10.1-rc3\n"] {
            assert_eq!(memory(&tree(kernel)), "/sys/fs/cgroup/memory:[]", "{kernel}");
        }
        for kernel in ["3.10.0-1160.el7.x86_64\n", "2.6.32\n", "", "x\n"] {
            assert_eq!(memory(&tree(kernel)), "/sys/fs/cgroup/memory:~[]", "{kernel}");
        }
    }

    #[test]
    fn a_mount_line_that_cannot_be_judged_costs_itself() {
        let deep = "a".repeat(600);
        for odd in [
            format!("36 35 98:0 /{deep} /x rw - ext4 none rw"),
            format!("36 35 98:0 / /{deep} rw - ext4 none rw"),
            "".into(),
            "x".into(),
        ] {
            for mounts in [format!("{odd}\n{V2_MOUNT}"), format!("{V2_MOUNT}{odd}\n")] {
                let tree = process("0::/\n", "0::/\n", &mounts).with_directory("/sys/fs/cgroup", 70, 5);
                assert_eq!(memory(&tree), "/sys/fs/cgroup:[]", "{odd}");
                // With a named hierarchy of version 1 beside it.
                let tree =
                    process("1:name=systemd:/\n0::/\n", "0::/\n", &mounts).with_directory("/sys/fs/cgroup", 70, 5);
                assert_eq!(memory(&tree), "/sys/fs/cgroup:[]", "{odd}");
            }
        }
        // A mount on top of ours counts whatever else its line says.
        let upon = format!("52 51 0:9 / /sys/fs/cgroup rw - overlay none rw,lowerdir={deep}\n");
        let tree = process("0::/\n", "0::/\n", &format!("{V2_MOUNT}{upon}")).with_directory("/sys/fs/cgroup", 70, 5);
        assert_eq!(memory(&tree), "none");
    }

    #[test]
    fn the_pool_holds_each_text_once() {
        let mut places = Places::NONE;
        let first = places.intern(&[b"/docker/1"]).unwrap();
        assert_eq!(places.intern(&[b"/docker/1"]), Some(first));
        assert_eq!(places.intern(&[b"/do", b"cker"]).map(|span| span.at), Some(first.at));
        assert_eq!(places.at(first), Some(&b"/docker/1"[..]));
        assert_eq!(places.pool_len, 9);
        assert_eq!(places.intern(&[&[b'x'; POOL]]), None);
    }

    #[test]
    fn a_mount_point_with_an_escape_needs_its_room_once() {
        let mut places = Places::NONE;
        let field = [&b"/a\\040"[..], &[b'm'; POOL / 2]].concat();
        let span = places.intern_escaped(&field).unwrap();
        places.slots[0].mount = span;
        assert_eq!(places.intern_escaped(&field), Some(span));
        assert_eq!(places.at(span), Some(&[&b"/a "[..], &[b'm'; POOL / 2]].concat()[..]));
    }

    #[test]
    fn any_words_are_places() {
        let mut places = Places { pool_len: u16::MAX, pool: [0xff; POOL], ..Places::NONE };
        let odd = Span { at: u16::MAX, len: 3 };
        places.slots = [Slot { version: 1, state: 2, mount: odd, path: odd, above: 9, scope: 1 }; _];
        assert_eq!(place(&places, Controller::Memory), "nowhere");
        assert_eq!(places.intern(&[b"/"]), None);
    }
}
