//! The text of each answer, in steps that run one after the other. Each leaves little for the next, so the caller's
//! stack holds one step at a time.

mod cpus;
mod disks;
mod load;
mod memory;
mod pids;
mod pressure;
mod times;

use crate::{
    answer::{Answer, answered_files},
    asker::Asker,
    doubt::Doubt,
    source::Window,
    text::{Sink, Text},
};

macro_rules! dispatch {
    ($($(#[$doc:meta])* $answer:ident: $kind:ident $($text:literal)+, in $switch:literal, by $($step:ident)::+($($argument:path)?);)+) => {
        /// Writes the text of `answer` to `out`, or says why the kernel's own stands.
        pub fn compose(answer: Answer, asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
            match answer {
                $(Answer::$answer => $($step)::+($($argument,)? asker, out),)+
            }
        }
    };
}
answered_files!(dispatch);

/// Composes a text, with room to read the kernel's own.
#[inline(always)]
fn text<S: Sink>(out: &mut S, write: impl FnOnce(&mut Text<'_, S>, &mut Window) -> Option<()>) -> Result<(), Doubt> {
    text_in(out, write)
}

/// The same with less room, or more. In a function of its own, or text and room would be in every caller's frame.
#[inline(never)]
fn text_in<S: Sink, const ROOM: usize>(
    out: &mut S,
    write: impl FnOnce(&mut Text<'_, S>, &mut [u8; ROOM]) -> Option<()>,
) -> Result<(), Doubt> {
    let mut text = Text::new(out);
    write(&mut text, &mut [0; _]).and_then(|()| text.finish()).ok_or(Doubt::UnknownForm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        asker::{Nothing, Shown},
        board::{Above, Block, Load},
        cgroup::places::{Places, Whose},
        fixture::{Bytes, Tree},
        host::Host,
        settings::CpuCount,
        source::{Files as _, Scratch},
        view::{
            cpu::{self, Choice, Cpus},
            io::{Device, Traffic},
            memory::{self, Memory},
            ratchet::Onward,
            shown::Times,
        },
    };
    use core::{cell::Cell, ffi::CStr};
    use std::{borrow::ToOwned, ffi::CString, format, string::String, vec::Vec};

    /// A v2 program at `/a` that asks for a file.
    struct Program {
        tree: Tree,
        places: Places,
        cpus: Option<Cpus>,
        path: CString,
        has_moved: bool,
        paged: Cell<[Onward; 2]>,
    }

    impl Program {
        fn of(tree: Tree, path: &str) -> Self {
            let scratch: &mut Scratch = &mut [0; _];
            let places = Places::locate(&tree, Whose::Caller, scratch).unwrap();
            let cpus = cpu::cpus(&tree, &places, &Above::NONE, Choice::by(CpuCount::ByQuota), scratch);
            let path = CString::new(path).unwrap();
            Self { places, cpus, path, has_moved: false, paged: Cell::default(), tree }
        }

        /// The text of its file, or why the kernel's own stands.
        fn text(&self) -> Result<String, Doubt> {
            let mut kept = Vec::new();
            compose(Answer::from_path(self.path.to_bytes()).unwrap(), self, &mut kept)?;
            Ok(String::from_utf8(kept).unwrap())
        }
    }

    impl Asker for Program {
        type Files = Tree;
        type Text = Bytes;
        type Shown = Self;

        fn files(&self) -> &Tree {
            &self.tree
        }

        fn kernels_own(&self, _: bool) -> Option<Bytes> {
            self.tree.open(&self.path)
        }

        fn with_path<T>(&self, use_it: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
            use_it(&self.path)
        }

        fn open_scopes(&self, path: &CStr) -> Option<Bytes> {
            self.tree.open(path)
        }

        fn with_places<T>(&self, use_it: impl FnOnce(&Places) -> Option<T>) -> Option<T> {
            use_it(&self.places)
        }

        fn with_above<T>(&self, use_it: impl FnOnce(&Above) -> Option<T>) -> Option<T> {
            use_it(&Above::NONE)
        }

        fn count_cpus(&self) -> Option<()> {
            self.cpus.map(drop)
        }

        fn with_cpus<T>(&self, use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T> {
            use_it(self.cpus.as_ref()?)
        }

        fn cpu_count(&self) -> CpuCount {
            CpuCount::ByQuota
        }

        fn memory(&self) -> Option<Memory> {
            memory::memory(&self.tree, &self.places, &Above::NONE, &self.machine()?, &mut [0; 512])
        }

        fn machine(&self) -> Option<Host> {
            Some(Host { memory_bytes: 8 << 30, swap_bytes: 1 << 30, swap_free_bytes: 1 << 30, ..Host::default() })
        }

        fn age(&self) -> Option<Host> {
            Some(Host { since_boot_usec: 100_000_000, ..Host::default() })
        }

        fn btime_is_the_containers(&self) -> bool {
            false
        }

        /// The board is a file of the tree.
        fn copy_slot(&self, into: &mut Block) -> Option<u64> {
            self.tree.open(c"/board")?;
            into.set_load(&Load { averages: [2048; 3], running: 1, blocked: 0, threads: 3 });
            Some(0)
        }

        fn shown(&self) -> &Self {
            self
        }
    }

    impl Shown for Program {
        fn times<T>(&self, change: impl FnOnce(&mut Times) -> T) -> T {
            Nothing.times(change)
        }

        fn is_idle_of(&self, key: u64) -> bool {
            Nothing.is_idle_of(key)
        }

        fn paging<T>(&self, change: impl FnOnce(&mut [Onward; 2]) -> T) -> T {
            let mut paged = self.paged.get();
            let result = change(&mut paged);
            self.paged.set(paged);
            result
        }

        fn device(&self, device: Device, traffic: Option<Traffic>) -> Traffic {
            Nothing.device(device, traffic)
        }

        fn may_count(&self, _: u64) -> bool {
            !self.has_moved
        }
    }

    const NODE: &str = "/sys/devices/system/node/node0/meminfo";
    const BLOCK_SIZE: &str = "/sys/devices/system/memory/block_size_bytes";

    /// A machine that gets every answer.
    fn whole() -> Tree {
        let tree = Tree::default()
            .with("/proc/self/cgroup", "0::/a\n")
            .with("/proc/1/cgroup", "0::/a\n")
            .with("/proc/self/stat", format!("7 (x) S {}", "1 ".repeat(49)))
            .with("/proc/1/stat", format!("1 (x) S {}5000 {}", "1 ".repeat(18), "1 ".repeat(30)))
            .with_directory("/sys/fs/cgroup", 1, 3)
            .with_directory("/sys/fs/cgroup/a", 9, 2)
            .with_directory("/sys/devices/system/memory/memory0", 3, 2)
            // The size of a page (AT_PAGESZ), which machines other than x86-64 are asked for.
            .with("/proc/self/auxv", [6_u64, 4096].map(u64::to_ne_bytes).concat());
        let files = [
            ("/board", ""),
            ("/sys/devices/system/cpu/online", "0-3\n"),
            (BLOCK_SIZE, "8000000\n"),
            (NODE, "Node 0 MemTotal: 8388608 kB\nNode 0 MemFree: 4194304 kB\n"),
            ("/sys/devices/system/node/online", "0\n"),
            ("/proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 4194304 kB\n"),
            ("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/swap file 1048576 0 -2\n"),
            ("/proc/stat", "cpu  1 2 3 4\ncpu0 1 2 3 4\nbtime 7\n"),
            ("/proc/uptime", "100.00 50.00\n"),
            ("/proc/loadavg", "9.00 9.00 9.00 2/300 77\n"),
            ("/proc/diskstats", " 8 0 sda 1 1 1 1 1 1 1 1 0 1 1\n"),
            ("/proc/vmstat", "nr_free_pages 7\npgfault 9\n"),
            ("/proc/sys/kernel/threads-max", "30000\n"),
            ("/proc/pressure/cpu", "some avg10=9.00 avg60=9.00 avg300=9.00 total=9\n"),
        ];
        let of_scope = [
            ("memory.max", "1073741824\n"),
            ("memory.current", "536870912\n"),
            ("memory.swap.max", "536870912\n"),
            ("memory.swap.current", "0\n"),
            ("memory.stat", "anon 4096\nfile 8192\npgfault 3\n"),
            ("cpu.max", "200000 100000\n"),
            ("cpu.stat", "usage_usec 2\nuser_usec 1\nsystem_usec 1\n"),
            ("cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"),
            ("io.stat", "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"),
            ("pids.max", "100\n"),
            ("pids.current", "3\n"),
        ];
        let tree = files.iter().fold(tree, |tree, (path, text)| tree.with(path, text));
        of_scope.iter().fold(tree, |tree, (name, text)| tree.with(&format!("/sys/fs/cgroup/a/{name}"), text))
    }

    fn scopes(name: &str) -> String {
        format!("/sys/fs/cgroup/a/{name}")
    }

    #[test]
    fn each_refusal_has_a_name() {
        let without = |name: &str| whole().without(&scopes(name));
        let unreadable = |name: &str| without(name).with_unreadable(&scopes(name));
        let cases = [
            (Doubt::NoMemoryLimit, "/proc/meminfo", without("memory.max")),
            (Doubt::NoMemoryLimit, NODE, whole().with(&scopes("memory.max"), "max\n")),
            (Doubt::NoSwap, "/proc/swaps", without("memory.swap.max").without(&scopes("memory.swap.current"))),
            (Doubt::NoCpus, "/sys/devices/system/cpu/online", whole().without("/sys/devices/system/cpu/online")),
            (Doubt::NoTimes, "/proc/stat", without("cpu.stat")),
            (Doubt::NoAge, "/proc/uptime", whole().without("/proc/1/stat")),
            (Doubt::NoLoad, "/proc/loadavg", whole().without("/board")),
            (Doubt::NoIo, "/proc/diskstats", without("io.stat")),
            (Doubt::NoCounters, "/proc/vmstat", unreadable("memory.stat").with_unreadable(&scopes("memory.events"))),
            (Doubt::UnknownForm, "/proc/vmstat", without("memory.stat").without(&scopes("memory.max"))),
            (Doubt::NoPidsLimit, "/proc/sys/kernel/threads-max", whole().with(&scopes("pids.max"), "max\n")),
            (Doubt::NoPressure, "/proc/pressure/cpu", without("cpu.pressure")),
            (Doubt::NoNode, NODE, whole().with("/sys/devices/system/node/online", "1\n")),
            (
                Doubt::NoBlock,
                BLOCK_SIZE,
                whole().with("/proc/zoneinfo", "").without_directory("/sys/devices/system/memory/memory0"),
            ),
            (Doubt::UnknownForm, "/proc/stat", whole().with("/proc/stat", "cpus 1 2 3\n")),
            (Doubt::UnknownForm, "/proc/sys/kernel/threads-max", whole().with("/proc/sys/kernel/threads-max", "50\n")),
        ];
        for (doubt, path, tree) in cases {
            let answer = Program::of(whole(), path).text();
            assert!(answer.is_ok(), "{path} is answered on a whole machine: {answer:?}");
            assert_eq!(Program::of(tree, path).text(), Err(doubt), "{path}");
        }
        let moved = Program { has_moved: true, ..Program::of(whole(), "/proc/vmstat") };
        assert_eq!(moved.text(), Err(Doubt::OtherScope));
    }

    #[test]
    fn the_machines_paging_once_shown_stays() {
        let with = |tree: Tree| tree.with("/proc/vmstat", "pgpgin 900\npgpgout 800\npgfault 9\n");
        let mut program = Program::of(with(whole()), "/proc/vmstat");
        assert_eq!(program.text().unwrap(), "pgpgin 4\npgpgout 0\npgfault 3\n");
        program.tree = with(whole().without(&scopes("io.stat")));
        assert_eq!(program.text().unwrap(), "pgpgin 900\npgpgout 800\npgfault 3\n");
        program.tree = with(whole());
        assert_eq!(program.text().unwrap(), "pgpgin 900\npgpgout 800\npgfault 3\n", "the scope's are lower");
    }

    /// Programs size themselves by the total: it stays the container's, and no part is more than there is.
    #[test]
    fn parts_of_memory_that_cannot_be_read_are_none() {
        let host = "MemTotal: 8388608 kB\nMemFree: 4194304 kB\nMemAvailable: 8000000 kB\nCached: 3000000 kB\nAnonPages: 9 kB\n";
        let text = |tree: Tree| Program::of(tree.with("/proc/meminfo", host), "/proc/meminfo").text().unwrap();
        let figures = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
        };
        assert_eq!(figures(&text(whole())), ["1048576", "524288", "524288", "8", "4"]);
        let uncounted = whole().without(&scopes("memory.stat")).with_unreadable(&scopes("memory.stat"));
        assert_eq!(figures(&text(uncounted)), ["1048576", "524288", "524288", "0", "0"]);
    }
}
