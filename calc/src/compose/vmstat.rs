//! `/proc/vmstat`

use super::{MemoryFigures, meminfo::Rule};
use crate::{
    cgroup::{Controller, Level, Version, memory::Counter, places::Places},
    lines::Lines,
    scan::{self, Table},
    source::{self, Files, Source},
    text::{Sink, Text},
    view::{io::Traffic, nodes::Share},
};

/// The unit in which a line counts memory.
#[derive(Clone, Copy)]
enum Unit {
    Kib,
    Pages,
    /// Pages, but at most the machine's number.
    PagesAtMost,
    /// Areas mapped by a page middle directory entry (`HPAGE_PMD_SIZE`).
    HugePages,
}

use Rule::{Sum, Zero};
use Unit::{HugePages, Kib, Pages, PagesAtMost};

/// The `nr_*` lines in the kernel's order (`vmstat_text`, mm/vmstat.c), each with its rule in `/proc/meminfo`.
const MEMORY_ROWS: [(&str, (Rule, Unit)); 39] = [
    ("free_pages", (Rule::Free, Pages)),
    ("free_pages_blocks", (Rule::Free, PagesAtMost)),
    ("zone_inactive_anon", (Rule::Counter(Counter::InactiveAnon), Pages)),
    ("zone_active_anon", (Rule::Counter(Counter::ActiveAnon), Pages)),
    ("zone_inactive_file", (Rule::Counter(Counter::InactiveFile), Pages)),
    ("zone_active_file", (Rule::Counter(Counter::ActiveFile), Pages)),
    ("zone_unevictable", (Rule::Counter(Counter::Unevictable), Pages)),
    ("zone_write_pending", (Sum(Counter::FileDirty, Counter::FileWriteback), Pages)),
    ("mlock", (Rule::Counter(Counter::Unevictable), PagesAtMost)),
    ("bounce", (Zero, Pages)),
    ("zspages", (Rule::Counter(Counter::Zswap), Pages)),
    ("free_cma", (Rule::Free, PagesAtMost)),
    ("inactive_anon", (Rule::Counter(Counter::InactiveAnon), Pages)),
    ("active_anon", (Rule::Counter(Counter::ActiveAnon), Pages)),
    ("inactive_file", (Rule::Counter(Counter::InactiveFile), Pages)),
    ("active_file", (Rule::Counter(Counter::ActiveFile), Pages)),
    ("unevictable", (Rule::Counter(Counter::Unevictable), Pages)),
    ("slab_reclaimable", (Rule::ReclaimableSlab, Pages)),
    ("slab_unreclaimable", (Rule::Counter(Counter::SlabUnreclaimable), Pages)),
    ("anon_pages", (Rule::Counter(Counter::Anon), Pages)),
    ("mapped", (Rule::Counter(Counter::FileMapped), Pages)),
    ("file_pages", (Rule::Cached, Pages)),
    ("dirty", (Rule::Counter(Counter::FileDirty), Pages)),
    ("writeback", (Rule::Counter(Counter::FileWriteback), Pages)),
    ("writeback_temp", (Zero, Pages)),
    ("shmem", (Rule::Counter(Counter::Shmem), Pages)),
    ("shmem_hugepages", (Rule::Counter(Counter::ShmemThp), HugePages)),
    ("shmem_pmdmapped", (Zero, HugePages)),
    ("file_hugepages", (Rule::Counter(Counter::FileThp), HugePages)),
    ("file_pmdmapped", (Zero, HugePages)),
    ("anon_transparent_hugepages", (Rule::Counter(Counter::AnonThp), HugePages)),
    ("vmalloc", (Rule::Counter(Counter::Vmalloc), Pages)),
    ("kernel_stack", (Rule::Counter(Counter::KernelStack), Kib)),
    ("page_table_pages", (Rule::Counter(Counter::Pagetables), Pages)),
    ("sec_page_table_pages", (Rule::Counter(Counter::SecPagetables), Pages)),
    ("swapcached", (Rule::Counter(Counter::Swapcached), Pages)),
    ("dirty_threshold", (Rule::Total, PagesAtMost)),
    ("dirty_background_threshold", (Rule::Total, PagesAtMost)),
    ("unstable", (Zero, Pages)),
];

static MEMORY: Table<(Rule, Unit), { MEMORY_ROWS.len() }, { scan::name_bytes(&MEMORY_ROWS) }> =
    Table::new(&MEMORY_ROWS);

/// The cgroup versions that count an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    ByBoth,
    ByVersion2,
}

use Told::{ByBoth, ByVersion2};

/// The events that a cgroup counts under the machine's names, in the machine's order. Version 1's `pgpgin` and
/// `pgpgout` are something else: they count pages charged.
const EVENT_ROWS: [(&str, Told); 44] = [
    ("workingset_refault_anon", ByVersion2),
    ("workingset_refault_file", ByVersion2),
    ("workingset_activate_anon", ByVersion2),
    ("workingset_activate_file", ByVersion2),
    ("workingset_restore_anon", ByVersion2),
    ("workingset_restore_file", ByVersion2),
    ("workingset_nodereclaim", ByVersion2),
    ("pgpromote_success", ByVersion2),
    ("pgdemote_kswapd", ByVersion2),
    ("pgdemote_direct", ByVersion2),
    ("pgdemote_khugepaged", ByVersion2),
    ("pgdemote_proactive", ByVersion2),
    ("pswpin", ByVersion2),
    ("pswpout", ByVersion2),
    ("pgactivate", ByVersion2),
    ("pgdeactivate", ByVersion2),
    ("pglazyfree", ByVersion2),
    ("pgfault", ByBoth),
    ("pgmajfault", ByBoth),
    ("pglazyfreed", ByVersion2),
    ("pgrefill", ByVersion2),
    ("pgsteal_kswapd", ByVersion2),
    ("pgsteal_direct", ByVersion2),
    ("pgsteal_khugepaged", ByVersion2),
    ("pgsteal_proactive", ByVersion2),
    ("pgscan_kswapd", ByVersion2),
    ("pgscan_direct", ByVersion2),
    ("pgscan_khugepaged", ByVersion2),
    ("pgscan_proactive", ByVersion2),
    // Sums, which the machine's lines split by kind of page.
    ("pgscan", ByVersion2),
    ("pgsteal", ByVersion2),
    ("oom_kill", ByBoth),
    ("numa_pte_updates", ByVersion2),
    ("numa_hint_faults", ByVersion2),
    ("numa_pages_migrated", ByVersion2),
    ("thp_fault_alloc", ByVersion2),
    ("thp_collapse_alloc", ByVersion2),
    ("thp_swpout", ByVersion2),
    ("thp_swpout_fallback", ByVersion2),
    ("swpin_zero", ByVersion2),
    ("swpout_zero", ByVersion2),
    ("zswpin", ByVersion2),
    ("zswpout", ByVersion2),
    ("zswpwb", ByVersion2),
];

static EVENTS: Table<Told, { EVENT_ROWS.len() }, { scan::name_bytes(&EVENT_ROWS) }> = Table::new(&EVENT_ROWS);

/// The scope's event counts.
struct Events {
    /// Bit N: row N of [`EVENTS`] has a count.
    told: u64,
    counts: [u64; EVENT_ROWS.len()],
}

impl Events {
    const NONE: Self = Self { told: 0, counts: [0; _] };

    /// Reads the counts from the scope's files; none if it is the machine's root. `None` if neither can be understood.
    #[inline(never)]
    fn read(&mut self, files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<()> {
        let Some(place) = places.hierarchy(Controller::Memory) else { return Some(()) };
        let Some(scope) = place.chain_of_scope().next() else { return Some(()) };
        let (before, kills) = match place.version {
            Version::V1 => (b"total_".as_slice(), b"memory.oom_control".as_slice()),
            Version::V2 => (b"".as_slice(), b"memory.events".as_slice()),
        };
        // A count missing from one of them leaves only its own line the kernel's.
        let stat = self.read_file(files, &scope, b"memory.stat", before, place.version, scratch);
        self.read_file(files, &scope, kills, b"", place.version, scratch).or(stat)
    }

    /// Reads a file, if it exists: lines `key value`, where events' keys begin with `before`. Others are skipped.
    #[inline(never)]
    fn read_file(
        &mut self,
        files: &impl Files,
        scope: &Level<'_>,
        name: &[u8],
        before: &[u8],
        version: Version,
        scratch: &mut [u8],
    ) -> Option<()> {
        let Some(mut file) = scope.open(files, name, scratch) else { return Some(()) };
        let mut lines = Lines::new(&mut file, scratch);
        while let Some(line) = lines.next().ok()? {
            let Some((key, value)) = line.whole().and_then(parse) else { continue };
            let row = key.strip_prefix(before).and_then(|key| EVENTS.find(key));
            let Some(((index, told), count)) = row.zip(scan::clamped_number(value)) else { continue };
            if version == Version::V2 || *told == ByBoth {
                *self.counts.get_mut(index)? = count;
                self.told |= bit(index);
            }
        }
        Some(())
    }

    /// The count for the machine's line `key`, if there is one. A cgroup has one sum for pages scanned and one for
    /// pages reclaimed. They are shown as of files, so that the kinds add up to them as they do on the machine.
    fn show(&self, key: &[u8]) -> Option<u64> {
        let (event, part) = match key {
            b"pgscan_file" => (b"pgscan".as_slice(), 1),
            b"pgscan_anon" => (b"pgscan".as_slice(), 0),
            b"pgsteal_file" => (b"pgsteal".as_slice(), 1),
            b"pgsteal_anon" => (b"pgsteal".as_slice(), 0),
            _ => (key, 1),
        };
        let (index, _) = EVENTS.find(event)?;
        let count = self.counts.get(index).filter(|_| self.told & bit(index) != 0)?;
        Some(count.saturating_mul(part))
    }
}

/// The bit of a row.
fn bit(index: usize) -> u64 {
    1_u64.wrapping_shl(index as u32)
}

/// The figures from which `/proc/vmstat` is composed.
pub struct Figures<'m> {
    /// `None` if memory is not limited: then its lines stay the kernel's.
    memory: Option<&'m MemoryFigures>,
    page_kib: u64,
    /// 0 if unknown.
    huge_page_kib: u64,
    events: Events,
}

impl<'m> Figures<'m> {
    /// Starts with these figures for memory, if it is limited.
    pub fn of(memory: Option<&'m MemoryFigures>) -> Self {
        Self { memory, page_kib: 0, huge_page_kib: 0, events: Events::NONE }
    }

    /// Reads the others in place, because they are large. `None` if in doubt.
    pub fn read(&mut self, files: &impl Files, places: &Places, scratch: &mut [u8]) -> Option<()> {
        if let Some(memory) = self.memory {
            self.page_kib = page_bytes(files, scratch)? / 1024;
            if has_huge_pages(memory) {
                self.huge_page_kib = huge_page_bytes(files, scratch).unwrap_or(0) / 1024;
            }
        }
        self.events.read(files, places, scratch)
    }

    /// The number for a line of memory; `None` to keep the kernel's.
    fn memory(&self, rule: &Rule, unit: &Unit, host: u64) -> Option<u64> {
        let kib = kib(self.memory?, rule);
        match unit {
            Kib => Some(kib),
            Pages => kib.checked_div(self.page_kib),
            PagesAtMost => Some(kib.checked_div(self.page_kib)?.min(host)),
            HugePages if kib == 0 => Some(0),
            HugePages => kib.checked_div(self.huge_page_kib),
        }
    }

    /// The number for the line `key`, for which the kernel has `host`; `None` to keep the kernel's.
    fn show(&self, key: &[u8], host: &[u8], io: Option<&Traffic>) -> Option<u64> {
        let host = || scan::clamped_number(host);
        if let Some(name) = key.strip_prefix(b"nr_") {
            let (_, (rule, unit)) = MEMORY.find(name)?;
            return self.memory(rule, unit, host()?);
        }
        let own = match key {
            b"pgpgin" => io?.read_bytes / 1024,
            b"pgpgout" => io?.written_bytes / 1024,
            _ => self.events.show(key)?,
        };
        host().map(|_| own)
    }
}

/// A line `key value`, with the newline that shows that it is whole.
fn parse(line: &[u8]) -> Option<(&[u8], &[u8])> {
    scan::split_at_byte(line.strip_suffix(b"\n")?, b' ')
}

fn kib(memory: &MemoryFigures, rule: &Rule) -> u64 {
    memory.show(Some(rule), 0, &Share::ALL)
}

fn has_huge_pages(memory: &MemoryFigures) -> bool {
    [Counter::AnonThp, Counter::ShmemThp, Counter::FileThp].map(Rule::Counter).iter().any(|rule| kib(memory, rule) > 0)
}

/// The size of a huge page.
#[inline(never)]
fn huge_page_bytes(files: &impl Files, scratch: &mut [u8]) -> Option<u64> {
    let mut file = files.open(c"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")?;
    scan::whole_number(source::read_whole(&mut file, scratch)?)
}

/// The size of a page.
fn page_bytes(files: &impl Files, scratch: &mut [u8]) -> Option<u64> {
    if cfg!(target_arch = "x86_64") {
        return Some(4096);
    }
    page_bytes_of(source::read_whole(&mut files.open(c"/proc/self/auxv")?, scratch)?)
}

/// `AT_PAGESZ` of an auxiliary vector (`getauxval(3)`): pairs of words, a key and a value.
fn page_bytes_of(auxv: &[u8]) -> Option<u64> {
    const AT_PAGESZ: u64 = 6;
    let mut words =
        auxv.chunks_exact(size_of::<u64>()).filter_map(|word| Some(u64::from_ne_bytes(word.try_into().ok()?)));
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        if key == AT_PAGESZ {
            return Some(value);
        }
    }
    None
}

/// `/proc/vmstat`: the kernel's lines, with the scope's figures where known. `None` if none are.
pub fn vmstat<S: Sink>(
    figures: &Figures,
    io: Option<&Traffic>,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let mut lines = Lines::new(host, scratch);
    let mut is_ours = false;
    while let Some(line) = lines.next().ok()? {
        let shown = line.whole().and_then(parse).and_then(|(key, host)| Some((key, figures.show(key, host, io)?)));
        let Some((key, number)) = shown else {
            out.bytes(line.bytes)?;
            continue;
        };
        is_ours = true;
        out.bytes(key)?;
        out.bytes(b" ")?;
        out.number(number)?;
        out.bytes(b"\n")?;
    }
    is_ours.then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        board::Above,
        cgroup::places::Whose,
        compose::meminfo,
        fixture::{Bytes, Tree, composed},
        host::Host,
    };
    use proptest::prelude::*;
    use std::{
        collections::{BTreeMap, BTreeSet},
        format,
        string::{String, ToString},
        vec,
        vec::Vec,
    };

    const MIB: u64 = 1 << 20;
    const MACHINE: Host =
        Host { memory_bytes: 4096 * MIB, swap_bytes: 1024 * MIB, swap_free_bytes: 900 * MIB, since_boot_usec: 0 };

    /// Lines of a 6.18 kernel, including all that tools read.
    const HOST: &str = concat!(
        "nr_free_pages 1989027\nnr_free_pages_blocks 1790976\nnr_zone_inactive_anon 40722\nnr_zone_active_anon 422\n",
        "nr_zone_inactive_file 102490\nnr_zone_active_file 54640\nnr_zone_unevictable 4794\nnr_zone_write_pending 2612\n",
        "nr_mlock 4532\nnr_zspages 7\nnr_free_cma 0\nnuma_hit 443294486\nnr_inactive_anon 40722\nnr_active_anon 422\n",
        "nr_inactive_file 102490\nnr_active_file 54640\nnr_unevictable 4794\nnr_slab_reclaimable 90774\n",
        "nr_slab_unreclaimable 15404\nworkingset_nodes 101167\nworkingset_refault_anon 9\nworkingset_refault_file 15854781\n",
        "nr_anon_pages 43732\nnr_mapped 36663\nnr_file_pages 159353\nnr_dirty 2619\nnr_writeback 3\nnr_shmem 2214\n",
        "nr_shmem_hugepages 1\nnr_shmem_pmdmapped 2\nnr_file_hugepages 3\nnr_anon_transparent_hugepages 4\n",
        "nr_dirtied 22302304\nnr_kernel_stack 1936\nnr_page_table_pages 1267\nnr_sec_page_table_pages 5\nnr_swapcached 6\n",
        "nr_dirty_threshold 1192740\npgpgin 65040589\npgpgout 40245272\npswpin 11\npswpout 12\npgalloc_normal 458761968\n",
        "pgfree 460759549\npgactivate 10153784\npgfault 537558832\npgmajfault 109357\npgreuse 13740291\npgsteal_kswapd 31\n",
        "pgsteal_direct 32\npgscan_kswapd 33\npgscan_direct 34\npgscan_direct_throttle 35\npgscan_anon 36\npgscan_file 37\n",
        "pgsteal_anon 38\npgsteal_file 39\noom_kill 1\nthp_fault_alloc 41\nswap_ra 42\nzswpin 43\nnr_unstable 44\n",
    );

    /// From a cgroup on a 7.2 kernel, with some numbers changed to differ.
    const STAT: &str = concat!(
        "anon 8388608\nfile 16777216\nkernel 53248\nkernel_stack 49152\npagetables 40960\nsec_pagetables 0\npercpu 0\n",
        "sock 0\nvmalloc 0\nshmem 4194304\nzswap 12288\nzswapped 20480\nfile_mapped 81920\nfile_dirty 8192\n",
        "file_writeback 4096\nswapcached 0\nanon_thp 6291456\nfile_thp 0\nshmem_thp 0\ninactive_anon 8269824\n",
        "active_anon 4096\ninactive_file 16384\nactive_file 20480\nunevictable 0\nslab_reclaimable 33152\n",
        "slab_unreclaimable 7608\nslab 40760\nworkingset_refault_anon 71\nworkingset_refault_file 72\n",
        "pgsteal_kswapd 0\npgsteal_direct 81\npgscan_kswapd 0\npgscan_direct 82\npgrefill 83\npgscan 82\npgsteal 81\n",
        "pswpin 91\npswpout 92\npgfault 618\npgmajfault 5\npgactivate 2556\nthp_fault_alloc 3\n",
    );

    /// `AT_PAGESZ`, then the end: it gives the page size on machines that have a choice.
    const AUXV: [u64; 4] = [6, 4096, 0, 0];

    fn with_page_size(tree: Tree) -> Tree {
        tree.with("/proc/self/auxv", AUXV.map(u64::to_ne_bytes).concat())
    }

    const EVENTS_FILE: &str = "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n";

    fn v2(limit: &str) -> Tree {
        with_page_size(Tree::default())
            .with("/proc/self/cgroup", "0::/a\n")
            .with_directory("/sys/fs/cgroup", 1, 3)
            .with_directory("/sys/fs/cgroup/a", 9, 2)
            .with("/sys/fs/cgroup/a/memory.max", format!("{limit}\n"))
            .with("/sys/fs/cgroup/a/memory.current", "31457280\n")
            .with("/sys/fs/cgroup/a/memory.stat", STAT)
            .with("/sys/fs/cgroup/a/memory.events", EVENTS_FILE)
            .with("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n")
    }

    fn memory(tree: &Tree, scratch: &mut [u8]) -> Option<MemoryFigures> {
        let places = Places::locate(tree, Whose::Caller, &mut [0; 512]).unwrap();
        let mut memory = MemoryFigures::default();
        memory.read(tree, &places, &Above::NONE, &MACHINE, scratch).map(|()| memory)
    }

    fn figures<'m>(tree: &Tree, memory: Option<&'m MemoryFigures>) -> Option<Figures<'m>> {
        let places = Places::locate(tree, Whose::Caller, &mut [0; 512]).unwrap();
        let mut figures = Figures::of(memory);
        figures.read(tree, &places, &mut [0; 512]).map(|()| figures)
    }

    fn text(figures: &Figures<'_>, io: Option<&Traffic>, host: &str) -> Option<String> {
        composed(|out| vmstat(figures, io, &mut Bytes::in_steps(host, 100), out, &mut [0; 256]))
    }

    /// The lines that differ from the kernel's.
    fn changes(tree: &Tree, io: Option<&Traffic>) -> Vec<String> {
        let memory = memory(tree, &mut [0; 512]);
        let text = text(&figures(tree, memory.as_ref()).unwrap(), io, HOST).unwrap();
        assert_eq!(text.lines().count(), HOST.lines().count());
        let pairs = text.lines().zip(HOST.lines());
        assert!(pairs.clone().all(|(ours, host)| ours.split(' ').next() == host.split(' ').next()));
        pairs.filter(|(ours, host)| ours != host).map(|(ours, _)| ours.to_string()).collect()
    }

    const MEMORY_LINES: [&str; 33] = [
        "nr_free_pages 17920",
        "nr_free_pages_blocks 17920",
        "nr_zone_inactive_anon 2019",
        "nr_zone_active_anon 1",
        "nr_zone_inactive_file 4",
        "nr_zone_active_file 5",
        "nr_zone_unevictable 0",
        "nr_zone_write_pending 3",
        "nr_mlock 0",
        "nr_zspages 3",
        "nr_inactive_anon 2019",
        "nr_active_anon 1",
        "nr_inactive_file 4",
        "nr_active_file 5",
        "nr_unevictable 0",
        "nr_slab_reclaimable 8",
        "nr_slab_unreclaimable 1",
        "nr_anon_pages 2048",
        "nr_mapped 20",
        "nr_file_pages 4096",
        "nr_dirty 2",
        "nr_writeback 1",
        "nr_shmem 1024",
        "nr_shmem_hugepages 0",
        "nr_shmem_pmdmapped 0",
        "nr_file_hugepages 0",
        "nr_anon_transparent_hugepages 3",
        "nr_kernel_stack 48",
        "nr_page_table_pages 10",
        "nr_sec_page_table_pages 0",
        "nr_swapcached 0",
        "nr_dirty_threshold 25600",
        "nr_unstable 0",
    ];

    const EVENT_LINES: [&str; 16] = [
        "workingset_refault_anon 71",
        "workingset_refault_file 72",
        "pswpin 91",
        "pswpout 92",
        "pgactivate 2556",
        "pgfault 618",
        "pgmajfault 5",
        "pgsteal_kswapd 0",
        "pgsteal_direct 81",
        "pgscan_kswapd 0",
        "pgscan_direct 82",
        "pgscan_anon 0",
        "pgscan_file 82",
        "pgsteal_anon 0",
        "pgsteal_file 81",
        "oom_kill 2",
    ];

    fn set<'s>(lines: impl IntoIterator<Item = &'s str>) -> BTreeSet<String> {
        lines.into_iter().map(ToString::to_string).collect()
    }

    #[test]
    fn version_2_under_a_limit() {
        let io = Traffic { read_bytes: 8_388_608, written_bytes: 4097, ..Traffic::default() };
        let changes = changes(&v2("104857600"), Some(&io));
        let expected =
            MEMORY_LINES.into_iter().chain(EVENT_LINES).chain(["thp_fault_alloc 3", "pgpgin 8192", "pgpgout 4"]);
        assert_eq!(changes.into_iter().collect::<BTreeSet<_>>(), set(expected));
    }

    #[test]
    fn version_2_without_a_limit() {
        let changes = changes(&v2("max"), None);
        assert_eq!(
            changes.into_iter().collect::<BTreeSet<_>>(),
            set(EVENT_LINES.into_iter().chain(["thp_fault_alloc 3"]))
        );
    }

    #[test]
    fn version_1() {
        let tree = |limit: &str| {
            with_page_size(Tree::default())
                .with("/proc/self/cgroup", "2:memory:/a\n")
                .with_directory("/sys/fs/cgroup/memory", 1, 3)
                .with_directory("/sys/fs/cgroup/memory/a", 9, 2)
                .with("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", format!("{limit}\n"))
                .with("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "31457280\n")
                .with("/sys/fs/cgroup/memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n")
                .with(
                    "/sys/fs/cgroup/memory/a/memory.stat",
                    concat!(
                        "cache 1\nrss 2\npgpgin 6741\npgpgout 2077\npgfault 1\npgmajfault 2\n",
                        "total_cache 18771968\ntotal_rss 159744\ntotal_shmem 8192\n",
                        "total_workingset_refault_anon 5\ntotal_pgpgin 6741\ntotal_pgpgout 2077\ntotal_pgfault 4090\n",
                        "total_pgmajfault 27\ntotal_active_file 4096\n",
                    ),
                )
        };
        let events = ["pgfault 4090", "pgmajfault 27", "oom_kill 4"];
        assert_eq!(changes(&tree("9223372036854771712"), None), events);
        let limited = changes(&tree("104857600"), None);
        for line in
            events.into_iter().chain(["nr_free_pages 17920", "nr_file_pages 4583", "nr_anon_pages 39", "nr_shmem 2"])
        {
            assert!(limited.iter().any(|ours| ours == line), "{line} is not in {limited:?}");
        }
    }

    #[test]
    fn the_machines_root_has_the_kernels() {
        let tree = v2("max").with("/proc/self/cgroup", "0::/\n");
        let figures = figures(&tree, None).unwrap();
        assert_eq!(text(&figures, None, HOST), None);
        let io = Traffic { read_bytes: 1024, ..Traffic::default() };
        assert_eq!(text(&figures, Some(&io), "a 5\npgpgin 7\n").unwrap(), "a 5\npgpgin 1\n");
    }

    #[test]
    fn huge_pages_of_unknown_size_are_the_kernels() {
        let tree = v2("104857600").with("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "?\n");
        let changes = changes(&tree, None);
        assert!(!changes.iter().any(|line| line.starts_with("nr_anon_transparent_hugepages ")));
        assert!(changes.iter().any(|line| line == "nr_shmem_hugepages 0"));
    }

    #[test]
    fn what_is_odd_costs_its_line() {
        let host = "pgfault 9\npgmajfault 9\noom_kill 9\n";
        let with = |name: &str, odd: &str| {
            let tree = v2("max").with(&format!("/sys/fs/cgroup/a/{name}"), odd);
            text(&figures(&tree, None).unwrap(), None, host).unwrap()
        };
        let long = format!("pgfault {}", "1".repeat(600));
        for odd in ["", "pgfault many", "pgfault", "pgfault\t1", "pgfault 1 2", &long] {
            let shown = with("memory.stat", &format!("{odd}\npgmajfault 5\n{odd}\nfile 1\npgfault 12"));
            assert_eq!(shown, "pgfault 9\npgmajfault 5\noom_kill 2\n", "{odd}");
        }
        assert_eq!(with("memory.stat", "pgfault -3\n"), "pgfault 0\npgmajfault 9\noom_kill 2\n");
        assert_eq!(with("memory.events", "oom_kill\n"), "pgfault 618\npgmajfault 5\noom_kill 9\n");
        let figures = figures(&v2("max"), None).unwrap();
        for odd in ["pgfault", "pgfault 1 2", "", "x", &long] {
            assert_eq!(text(&figures, None, &format!("{odd}\n")), None, "{odd}");
            let shown = text(&figures, None, &format!("{odd}\npgmajfault 9\n{odd}\npgfault 12")).unwrap();
            assert_eq!(shown, format!("{odd}\npgmajfault 5\n{odd}\npgfault 12"), "{odd}");
        }
        assert_eq!(text(&figures, None, ""), None);
        assert_eq!(text(&figures, None, "nr_free_pages 3\n"), None);
    }

    #[test]
    fn the_page_size_of_an_auxiliary_vector() {
        let auxv = |pairs: &[(u64, u64)]| -> Vec<u8> {
            pairs.iter().flat_map(|(key, value)| [key.to_ne_bytes(), value.to_ne_bytes()].concat()).collect()
        };
        assert_eq!(page_bytes_of(&auxv(&[(16, 6), (6, 65536), (0, 0)])), Some(65536));
        assert_eq!(page_bytes_of(&auxv(&[(16, 6), (0, 0)])), None);
        assert_eq!(page_bytes_of(&auxv(&[(6, 4096)])[..12]), None);
    }

    #[test]
    fn figures_lie_on_a_hooks_stack() {
        assert!(size_of::<Figures<'_>>() <= 400, "{}", size_of::<Figures<'_>>());
    }

    #[test]
    fn the_rows_are_for_lines_that_differ() {
        let memory: BTreeSet<_> = MEMORY_ROWS.iter().map(|(name, _)| name).collect();
        let events: BTreeSet<_> = EVENT_ROWS.iter().map(|(name, _)| name).collect();
        assert_eq!((memory.len(), events.len()), (MEMORY_ROWS.len(), EVENT_ROWS.len()));
        assert!(EVENT_ROWS.len() <= u64::BITS as usize);
    }

    /// Lines of the two files that show the same figure.
    const SAME: [(&str, &str, u64); 22] = [
        ("nr_free_pages", "MemFree", 4),
        ("nr_inactive_anon", "Inactive(anon)", 4),
        ("nr_active_anon", "Active(anon)", 4),
        ("nr_inactive_file", "Inactive(file)", 4),
        ("nr_active_file", "Active(file)", 4),
        ("nr_unevictable", "Unevictable", 4),
        ("nr_mlock", "Mlocked", 4),
        ("nr_slab_reclaimable", "SReclaimable", 4),
        ("nr_slab_unreclaimable", "SUnreclaim", 4),
        ("nr_anon_pages", "AnonPages", 4),
        ("nr_mapped", "Mapped", 4),
        ("nr_file_pages", "Cached", 4),
        ("nr_dirty", "Dirty", 4),
        ("nr_writeback", "Writeback", 4),
        ("nr_shmem", "Shmem", 4),
        ("nr_bounce", "Bounce", 4),
        ("nr_kernel_stack", "KernelStack", 1),
        ("nr_page_table_pages", "PageTables", 4),
        ("nr_swapcached", "SwapCached", 4),
        ("nr_zspages", "Zswap", 4),
        ("nr_anon_transparent_hugepages", "AnonHugePages", 2048),
        ("nr_file_hugepages", "FileHugePages", 2048),
    ];

    /// The numbers in a text, by the first word of each line.
    fn parse(text: &str) -> BTreeMap<&str, u64> {
        let lines = text.lines().map(|line| line.split_once([' ', ':']).unwrap());
        lines.map(|(key, value)| (key, value.trim().trim_end_matches(" kB").parse().unwrap())).collect()
    }

    proptest! {
        #[test]
        fn memory_is_what_meminfo_shows(total in 1_u64..1 << 50, share in 0.0..1.0, counters in any::<[u64; 26]>(), host in 0_u64..1 << 40) {
            let free = (total as f64 * share) as u64;
            let memory = MemoryFigures::of(total, free, &counters);
            let lines: String = SAME.iter().map(|(_, key, size)| format!("{key}: {} kB\n", host * size)).collect();
            let meminfo = composed(|out| meminfo(&memory, &mut Bytes::new(lines), out, &mut [0; 512])).unwrap();
            let figures = Figures { page_kib: 4, huge_page_kib: 2048, ..Figures::of(Some(&memory)) };
            let lines: String = SAME.iter().map(|(key, ..)| format!("{key} {host}\n")).collect();
            let vmstat = text(&figures, None, &lines).unwrap();
            let (meminfo, vmstat) = (parse(&meminfo), parse(&vmstat));
            for (ours, other, kib) in SAME {
                prop_assert_eq!(vmstat[ours], meminfo[other] / kib, "{} and {}", ours, other);
            }
        }

        #[test]
        fn a_text_that_is_cut_off_gives_no_wrong_line(cut in 0..HOST.len(), stat_cut in 0..STAT.len()) {
            let memory = memory(&v2("104857600"), &mut [0; 512]);
            let whole = figures(&v2("104857600"), memory.as_ref()).unwrap();
            let all = text(&whole, None, HOST).unwrap();
            let lines = HOST[..cut].rfind('\n').map_or("", |end| &HOST[..=end]);
            if let Some(text) = text(&whole, None, &HOST[..cut]) {
                let ours = text.strip_suffix(&HOST[lines.len()..cut]).unwrap();
                prop_assert!(all.starts_with(ours), "before the kernel's own piece of a line");
            }
            let cut = v2("max").with("/sys/fs/cgroup/a/memory.stat", &STAT[..stat_cut]);
            if let Some(figures) = figures(&cut, None) {
                let text = text(&figures, None, HOST).unwrap();
                let either: Vec<_> = all.lines().chain(HOST.lines()).collect();
                prop_assert!(text.lines().all(|line| either.contains(&line)));
            }
        }

        #[test]
        fn any_text_is_judged(host in prop::collection::vec(any::<u8>(), 0..300), stat in "[a-z_0-9 \n]{0,200}", scratch in 0_usize..300) {
            let tree = v2("104857600").with("/sys/fs/cgroup/a/memory.stat", stat);
            let places = Places::locate(&tree, Whose::Caller, &mut [0; 512]).unwrap();
            let memory = memory(&tree, &mut vec![0; scratch]);
            let mut figures = Figures::of(memory.as_ref());
            let _ = figures.read(&tree, &places, &mut vec![0; scratch]);
            let _ = composed(|out| vmstat(&figures, None, &mut Bytes::new(&host), out, &mut vec![0; scratch]));
            let _ = page_bytes_of(&host);
        }
    }
}
