//! The view of a cgroup from this side: the calculations that the preloaded object makes, over the kernel's own files.

use crate::{
    cgroup, clocks,
    published::Published,
    settings::{ROOM, Settings},
};
use anyhow::{Result, ensure};
use calc::{
    board::{self, Above, Block, Kind, Load},
    cgroup::places::{Places, Whose},
    compose,
    cpus::{CpuSet, MAX_CPUS},
    host::Host,
    source::{Directory, Files, Source},
    text::{Sink, Text},
    view::{
        cpu::{self, Cpus},
        memory::{self, Memory},
        time::{self, Times},
    },
};
use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags, SeekFrom, fstatfs, open, seek, stat, statfs},
    io,
};
use std::{
    ffi::{CStr, CString, OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Room for a path or a piece of a file: as much as the object has, so that neither answers what the other cannot.
pub(crate) type Scratch = [u8; 1280];

/// The running kernel's files, read past libc: an object preloaded into this very process does not see it.
pub(crate) struct Kernel;

/// An open file of the kernel.
pub(crate) struct Reading {
    file: OwnedFd,
    iterated: bool,
}

impl Reading {
    /// The magic number of the file system that it is on.
    pub(crate) fn file_system(&self) -> Option<u64> {
        u64::try_from(fstatfs(&self.file).ok()?.f_type).ok()
    }

    /// Says that a short read is not the end.
    pub(crate) fn iterated(self) -> Self {
        Self { iterated: true, ..self }
    }
}

impl Files for Kernel {
    type File = Reading;

    fn open(&self, path: &CStr) -> Option<Reading> {
        let file = open(path, OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some(Reading { file, iterated: false })
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        let stat = stat(path).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
            .then_some(Directory { inode: stat.st_ino, links: stat.st_nlink as u64 })
    }

    fn file_system(&self, path: &CStr) -> Option<u64> {
        u64::try_from(statfs(path).ok()?.f_type).ok()
    }
}

impl Source for Reading {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        io::retry_on_intr(|| io::read(&self.file, &mut *into)).ok()
    }

    fn rewind(&mut self) {
        // A file of the kernel's that can be read can be read again.
        let _ = seek(&self.file, SeekFrom::Start(0));
    }

    fn short_read_is_end(&self) -> bool {
        !self.iterated
    }
}

/// What a program in a cgroup sees.
pub(crate) struct View {
    pub(crate) places: Places,
    pub(crate) machine: Host,
    /// The limits out of sight.
    pub(crate) above: Above,
    /// The scope's slot on the board.
    slot: Option<Block>,
    cpus_milli: Option<u64>,
}

impl View {
    /// The view of `cgroup`, which has one of the forms of `CGPROC_CGROUP`, or of our own. `None` when it is not found.
    pub(crate) fn of(cgroup: Option<&OsStr>, settings: &Settings) -> Option<Self> {
        let mut places = located(cgroup)?;
        places.declared_memory_bytes = settings.memory_bytes.unwrap_or(0);
        let mut view =
            Self { places, machine: machine(), above: Above::NONE, slot: None, cpus_milli: settings.cpus_milli };
        if let Some(board) = Published::open(&settings.board) {
            view.take(&board);
        }
        Some(view)
    }

    /// Takes from the board what it says of the scope and of what is above the top of the mounts.
    fn take(&mut self, board: &Published) {
        let (now, scratch) = (clocks::now_usec(libc::CLOCK_REALTIME), &mut [0; size_of::<Scratch>()]);
        board::find_above(&Kernel, &self.places, board, now, scratch, &mut self.above);
        let mut slot = Block::EMPTY;
        self.slot = board::find_scope(&Kernel, &self.places, board, now, scratch, &mut slot).map(|()| slot);
    }

    /// The load; `None` where nobody publishes it.
    pub(crate) fn load(&self) -> Option<Load> {
        self.slot.as_ref().and_then(Block::load)
    }

    /// The scope's directories, with what the object looks them up by; none of the machine's root.
    pub(crate) fn scope_directories(&self) -> Vec<(Kind, PathBuf)> {
        let mut found = Vec::new();
        board::each_scope(&Kernel, &self.places, &mut [0; size_of::<Scratch>()], |key, directory| {
            found.push((key.kind, OsStr::from_bytes(directory.to_bytes()).into()));
        });
        found
    }

    fn capacity_usec(&self, cpus: &Cpus) -> Option<u64> {
        let elapsed = time::elapsed_usec(&self.places, &self.machine);
        let slot =
            self.slot.as_ref().filter(|_| self.cpus_milli.is_none() && time::are_of_scope(&self.places, cpus))?;
        slot.capacity_usec(clocks::now_usec(libc::CLOCK_REALTIME), elapsed)
    }

    /// Memory and swap; `None` when there is no limit.
    pub(crate) fn memory(&self) -> Option<Memory> {
        memory::memory(&Kernel, &self.places, &self.above, &self.machine, &mut [0; size_of::<Scratch>()])
    }

    /// The CPUs.
    pub(crate) fn cpus(&self) -> Option<Cpus> {
        cpu::cpus(&Kernel, &self.places, &self.above, self.cpus_milli, &mut [0; size_of::<Scratch>()])
    }

    /// CPU times.
    pub(crate) fn times(&self, cpus: &Cpus) -> Option<Times> {
        let scratch = &mut [0; size_of::<Scratch>()];
        time::times(&Kernel, &self.places, cpus, &self.machine, self.capacity_usec(cpus), scratch)
    }

    /// The container's age.
    pub(crate) fn age_ticks(&self) -> Option<u64> {
        time::age_ticks(&self.places, &self.machine)
    }
}

/// The cgroup of a process, in a form that `CGPROC_CGROUP` takes.
pub(crate) fn name_of_process(pid: u32) -> Result<OsString> {
    let name = format!("/proc/{pid}/cgroup");
    ensure!(Path::new(&name).exists(), "no process {pid}");
    Ok(name.into())
}

/// A cgroup given on the command line, by its path or by its directory, in a form that `CGPROC_CGROUP` takes.
pub(crate) fn name_of(cgroup: &OsStr) -> Result<OsString> {
    let given = Path::new("/").join(cgroup);
    let name = match fs::canonicalize(cgroup) {
        Ok(directory) => {
            let is_cgroup = directory.join("cgroup.procs").exists();
            ensure!(is_cgroup, "{} is a directory, but not of a cgroup", cgroup.display());
            cgroup::below_mount(&directory).unwrap_or(directory)
        }
        Err(_) => given,
    };
    ensure!(name.as_os_str().len() <= ROOM, "{} is longer than {ROOM} bytes", name.display());
    Ok(name.into_os_string())
}

fn located(cgroup: Option<&OsStr>) -> Option<Places> {
    let Some(cgroup) = cgroup else { return locate(Whose::Caller) };
    let path = CString::new(cgroup.as_bytes()).ok()?;
    if path.to_bytes().starts_with(b"/proc/") {
        locate(Whose::Process(&path))
    } else if Kernel.directory(&path).is_some() {
        locate(Whose::Directory(path.to_bytes()))
    } else {
        locate(Whose::Path(path.to_bytes()))
    }
}

fn locate(whose: Whose<'_>) -> Option<Places> {
    Places::locate(&Kernel, whose, &mut [0; size_of::<Scratch>()])
}

/// The machine as its own kernel has it.
pub(crate) fn machine() -> Host {
    let info = rustix::system::sysinfo();
    let unit = u64::from(info.mem_unit);
    Host {
        memory_bytes: info.totalram.saturating_mul(unit),
        swap_bytes: info.totalswap.saturating_mul(unit),
        swap_free_bytes: info.freeswap.saturating_mul(unit),
        since_boot_usec: clocks::now_usec(libc::CLOCK_BOOTTIME),
    }
}

/// The CPUs that we may run on, as the kernel has them.
pub(crate) fn affinity() -> Option<CpuSet> {
    let mask = rustix::thread::sched_getaffinity(None).ok()?;
    let mut words = [0; MAX_CPUS / 64];
    for cpu in (0..rustix::thread::CpuSet::MAX_CPU.min(MAX_CPUS)).filter(|cpu| mask.is_set(*cpu)) {
        words[cpu / 64] |= 1 << (cpu % 64);
    }
    CpuSet::from_words(&words)
}

/// The list of the CPUs in `set`.
pub(crate) fn list(set: &CpuSet) -> Option<String> {
    let mut bytes = Bytes(Vec::new());
    let mut text = Text::new(&mut bytes);
    compose::cpu_list(set, &mut text)?;
    text.finish()?;
    Some(String::from_utf8(bytes.0).ok()?.trim().to_owned())
}

/// Composed text.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Sink for Bytes {
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.extend_from_slice(bytes);
        Some(())
    }
}
