//! A program on a machine of [`Tree`], which asks for the text of a file and remembers what it was shown.

use crate::tree::{Bytes, Tree};
use calc::{
    answer::Answer,
    asker::{Asker, Shown},
    board::{Above, BLOCK_BYTES, Block},
    cgroup::places::{Places, Whose},
    doubt::Doubt,
    host::{Host, USER_HZ},
    settings::{CpuCount, Key, Value},
    source::Scratch,
    steps,
    text::Sink,
    view::{
        cpu::{self, Choice, Cpus},
        io::{Device, Traffic},
        memory::{self, Memory},
        ratchet::Onward,
        shown::Times,
    },
};
use std::{
    cell::RefCell,
    ffi::{CStr, CString},
};

/// A sink that keeps the text.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Vec<u8>);

impl Sink for Kept {
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.extend_from_slice(bytes);
        Some(())
    }
}

/// What a process was shown.
#[derive(Default)]
pub(crate) struct Memories {
    times: RefCell<Times>,
    paging: RefCell<[Onward; 2]>,
}

/// A program that has found out where it is, and which CPUs it has.
pub(crate) struct Program<'t, 'm> {
    pub(crate) tree: &'m Tree<'t>,
    memories: &'m Memories,
    pub(crate) places: Places,
    pub(crate) host: Host,
    pub(crate) cpus: Option<Cpus>,
    above: Above,
    slot: Option<Block>,
    path: CString,
}

/// The time of the board's clock.
const NOW_USEC: u64 = 1 << 50;

fn room() -> Scratch {
    [0; size_of::<Scratch>()]
}

impl<'t, 'm> Program<'t, 'm> {
    /// `None` if no cgroup is found.
    pub(crate) fn of(tree: &'m Tree<'t>, memories: &'m Memories) -> Option<Self> {
        let mut places = locate(tree)?;
        if let Some(Value::Memory(limit)) = tree.asked("memory").and_then(|text| Key::Memory.parse(text)) {
            places.declare(limit);
        }
        let slot = slot(tree);
        let above = slot.as_ref().and_then(Block::above).unwrap_or(Above::NONE);
        let cpus = cpu::cpus(&tree, &places, &above, Choice::by(cpu_count(tree)), &mut room());
        let host = host(tree);
        Some(Self { tree, memories, places, host, cpus, above, slot, path: CString::default() })
    }

    /// The text of `answer` at `path`, or why the kernel's own stands.
    pub(crate) fn text(&mut self, answer: Answer, path: &CStr) -> Result<Vec<u8>, Doubt> {
        self.path = path.to_owned();
        let mut kept = Kept::default();
        let result = steps::compose(answer, self, &mut kept);
        self.tree.assert_cheap();
        result.map(|()| kept.0)
    }

    /// The memory that it is shown.
    pub(crate) fn memory(&self) -> Option<Memory> {
        memory::memory(&self.tree, &self.places, &self.above, &self.host, &mut room())
    }
}

fn locate(tree: &Tree<'_>) -> Option<Places> {
    let asked = tree.asked("cgroup").unwrap_or_default();
    let process = CString::new(asked).unwrap_or_default();
    let whose = match asked {
        b"" => Whose::Caller,
        path if path.starts_with(b"/proc/") => Whose::Process(&process),
        path if path.starts_with(b"/sys/") => Whose::Directory(path),
        path => Whose::Path(path),
    };
    let places = Places::locate(&tree, whose, &mut room());
    tree.assert_cheap();
    assert!(
        places.is_none_or(|places| places.still_hold(&tree, whose, &mut room())),
        "the places just found do not hold"
    );
    tree.assert_cheap();
    places
}

fn cpu_count(tree: &Tree<'_>) -> CpuCount {
    match tree.asked("cpus").and_then(|text| Key::Cpus.parse(text)) {
        Some(Value::Cpus(count)) => count,
        _ => CpuCount::ByQuota,
    }
}

/// The slot on the board: the bytes of `/board`, under a seal that holds.
fn slot(tree: &Tree<'_>) -> Option<Block> {
    let text = tree.text("/board")?;
    let mut place = [0; BLOCK_BYTES];
    let len = text.len().min(BLOCK_BYTES);
    place[..len].copy_from_slice(&text[..len]);
    let block = Block::from_bytes(&place);
    block.publish(&mut place);
    let block = Block::from_bytes(&place);
    assert!(block.is_whole(), "a block that was just published");
    Some(block)
}

/// What `sysinfo(2)` and `clock_gettime(2)` would return: from the machine's own files.
fn host(tree: &Tree<'_>) -> Host {
    let meminfo = std::str::from_utf8(tree.text("/proc/meminfo").unwrap_or_default()).unwrap_or_default();
    let bytes = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let kib: Option<u64> = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        kib.and_then(|kib| kib.checked_mul(1024))
    };
    let uptime = std::str::from_utf8(tree.text("/proc/uptime").unwrap_or_default()).unwrap_or_default();
    let ticks: u64 = uptime.split(' ').next().and_then(|it| it.replace('.', "").parse().ok()).unwrap_or(100_000);
    Host {
        memory_bytes: bytes("MemTotal").unwrap_or(8 << 30),
        swap_bytes: bytes("SwapTotal").unwrap_or(0),
        swap_free_bytes: bytes("SwapFree").unwrap_or(0),
        since_boot_usec: ticks.saturating_mul(1_000_000 / USER_HZ),
    }
}

impl<'t, 'm> Asker for Program<'t, 'm> {
    type Files = &'m Tree<'t>;
    type Text = Bytes<'t>;
    type Shown = Memories;

    fn files(&self) -> &&'m Tree<'t> {
        &self.tree
    }

    fn kernels_own(&self, _: bool) -> Option<Bytes<'t>> {
        self.tree.file(&self.path)
    }

    fn with_path<T>(&self, use_it: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
        use_it(&self.path)
    }

    fn open_scopes(&self, path: &CStr) -> Option<Bytes<'t>> {
        self.tree.file(path)
    }

    fn with_places<T>(&self, use_it: impl FnOnce(&Places) -> Option<T>) -> Option<T> {
        use_it(&self.places)
    }

    fn with_above<T>(&self, use_it: impl FnOnce(&Above) -> Option<T>) -> Option<T> {
        use_it(&self.above)
    }

    fn count_cpus(&self) -> Option<()> {
        self.cpus.map(drop)
    }

    fn with_cpus<T>(&self, use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T> {
        use_it(self.cpus.as_ref()?)
    }

    fn cpu_count(&self) -> CpuCount {
        cpu_count(self.tree)
    }

    fn memory(&self) -> Option<Memory> {
        Program::memory(self)
    }

    fn machine(&self) -> Option<Host> {
        Some(self.host)
    }

    fn age(&self) -> Option<Host> {
        Some(self.host)
    }

    fn btime_is_the_containers(&self) -> bool {
        self.tree.asked("btime").is_some()
    }

    fn copy_slot(&self, into: &mut Block) -> Option<u64> {
        *into = self.slot?;
        Some(NOW_USEC)
    }

    fn shown(&self) -> &Memories {
        self.memories
    }
}

impl Shown for Memories {
    fn times<T>(&self, change: impl FnOnce(&mut Times) -> T) -> T {
        change(&mut self.times.borrow_mut())
    }

    fn is_idle_of(&self, key: u64) -> bool {
        self.times.borrow().is_idle_of(key)
    }

    fn paging<T>(&self, change: impl FnOnce(&mut [Onward; 2]) -> T) -> T {
        change(&mut self.paging.borrow_mut())
    }

    fn device(&self, _: Device, traffic: Option<Traffic>) -> Traffic {
        traffic.unwrap_or_default()
    }

    fn may_count(&self, _: u64) -> bool {
        true
    }
}
