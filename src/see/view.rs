//! The view of a cgroup from this side: the preloaded object's calculations, made with the kernel's own files.

use super::board_reader::BoardReader;
use crate::{
    host::{
        clocks, hierarchy,
        kernel::{self, Kernel},
        process,
    },
    settings::{ROOM, Settings},
};
use anyhow::{Result, bail, ensure};
use calc::{
    board::{self, Above, Block, Kind, Load},
    capacity::Capacity,
    cgroup::{
        least::Least,
        places::{Places, Whose},
    },
    compose,
    cpus::{CpuSet, MAX_CPUS},
    host::Host,
    settings::CpuCount,
    source::{Files, Scratch},
    text::{Sink, Text},
    view::{
        cpu::{self, Choice, Cpus},
        memory::{self, Memory},
        pids, time,
    },
};
use std::{
    cell::OnceCell,
    ffi::{CString, OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// What a program in a cgroup sees.
pub(crate) struct View<F = Kernel> {
    /// The files that it is calculated from.
    pub(crate) files: F,
    pub(crate) places: Places,
    pub(crate) machine: Host,
    /// The limits above the visible cgroups.
    pub(crate) above: Above,
    board: PathBuf,
    /// The scope's slot on the board, once it has been looked up.
    slot: OnceCell<Option<Block>>,
    /// How the CPUs are counted.
    pub(crate) by: CpuCount,
    /// The CPUs that a program started by us may run on: our own, if the view is of our own cgroup.
    mask: CpuSet,
    pub(crate) btime_is_the_containers: bool,
}

impl View {
    /// The view of `cgroup`, in one of the forms of `CGPROC_CGROUP`, or of our own; `None` if it is not found.
    pub(crate) fn of(cgroup: Option<&OsStr>, settings: &Settings) -> Option<Self> {
        Self::over(Kernel, cgroup, settings)
    }
}

impl<F: Files> View<F> {
    /// The same with other `files` than the kernel's.
    pub(crate) fn over(files: F, cgroup: Option<&OsStr>, settings: &Settings) -> Option<Self> {
        let places = located(&files, cgroup)?;
        let above = limits_above(&files, &places, settings);
        let mask = if cgroup.is_none() { affinity() } else { None };
        Some(Self { mask: mask.unwrap_or(CpuSet::EMPTY), ..Self::at(files, places, above, settings) })
    }

    /// The view of the cgroup at this path below the mounts, whatever else may have that path; `/` is the top of what is
    /// visible. `None` if it is not found, or its path is too long.
    pub(crate) fn below_mounts(files: F, path: &Path, settings: &Settings) -> Option<Self> {
        let top = if path == Path::new("/") { hierarchy::top() } else { None };
        let whose = Whose::Path(top.as_deref().unwrap_or(path).as_os_str().as_bytes());
        let places = Places::locate(&files, whose, &mut [0; size_of::<Scratch>()])?;
        let above = limits_above(&files, &places, settings);
        Some(Self::at(files, places, above, settings))
    }

    /// The view of the cgroups at `places`, which were found before, with the limits `above` them.
    pub(crate) fn at(files: F, mut places: Places, above: Above, settings: &Settings) -> Self {
        places.declare(settings.memory);
        Self {
            files,
            places,
            machine: machine(),
            above,
            board: settings.board.clone(),
            slot: OnceCell::new(),
            by: settings.cpus,
            mask: CpuSet::EMPTY,
            btime_is_the_containers: settings.btime_is_the_containers,
        }
    }

    /// The scope's slot on the board.
    pub(crate) fn slot(&self) -> Option<&Block> {
        let find = || {
            let board = BoardReader::open(&self.board)?;
            let mut slot = Block::EMPTY;
            let now = clocks::now_usec(libc::CLOCK_REALTIME);
            let scratch = &mut [0; size_of::<Scratch>()];
            board::find_scope(&self.files, &self.places, &board, now, scratch, &mut slot).map(|()| slot)
        };
        self.slot.get_or_init(find).as_ref()
    }

    /// The age of the scope's slot in microseconds; `None` if it has none.
    pub(crate) fn slot_age_usec(&self) -> Option<u64> {
        let published_usec = self.slot()?.published().realtime_usec;
        Some(clocks::now_usec(libc::CLOCK_REALTIME).saturating_sub(published_usec))
    }

    /// What the container's files use on disk; `None` if nobody measures it.
    pub(crate) fn disk_used_bytes(&self) -> Option<u64> {
        self.slot().and_then(Block::disk_used_bytes)
    }

    /// The load; `None` if nobody publishes it.
    pub(crate) fn load(&self) -> Option<Load> {
        self.slot().and_then(Block::load)
    }

    /// The scope's directories, with the kinds under which the object looks them up; none for the machine's root.
    pub(crate) fn scope_directories(&self) -> Vec<(Kind, PathBuf)> {
        let mut found = Vec::new();
        board::each_scope(&self.files, &self.places, &mut [0; size_of::<Scratch>()], |key, directory| {
            found.push((key.kind, OsStr::from_bytes(directory.to_bytes()).into()));
        });
        found
    }

    /// Memory and swap; `None` if there is no limit.
    pub(crate) fn memory(&self) -> Option<Memory> {
        memory::memory(&self.files, &self.places, &self.above, &self.machine, &mut [0; size_of::<Scratch>()])
    }

    /// The CPUs.
    pub(crate) fn cpus(&self) -> Option<Cpus> {
        self.cpus_by(self.by)
    }

    /// The CPUs, counted as `by` says.
    pub(crate) fn cpus_by(&self, by: CpuCount) -> Option<Cpus> {
        let choice = Choice { by, mask: &self.mask };
        cpu::cpus(&self.files, &self.places, &self.above, choice, &mut [0; size_of::<Scratch>()])
    }

    /// The quota counted as `by` says, with the limits `above`; `None` if there is none.
    pub(crate) fn quota(&self, by: CpuCount, above: &Above) -> Option<Least<Capacity>> {
        cpu::quota(&self.files, &self.places, above, by, &mut [0; size_of::<Scratch>()])
    }

    /// The CPUs that the container may run on, whatever the quota.
    pub(crate) fn allowed_cpus(&self) -> Option<CpuSet> {
        let mut set = CpuSet::EMPTY;
        let scratch = &mut [0; size_of::<Scratch>()];
        cpu::allowed(&self.files, &self.places, &self.above, &mut set, scratch).map(|_| set)
    }

    /// The maximum number of threads; `None` if there is no limit.
    pub(crate) fn threads_limit(&self) -> Option<Least<u64>> {
        pids::least(&self.files, &self.places, &mut [0; size_of::<Scratch>()])
    }

    /// The CPUs that a program started by us may run on if the view is of our own cgroup; otherwise empty.
    pub(crate) fn mask(&self) -> &CpuSet {
        &self.mask
    }

    /// The container's age.
    pub(crate) fn age_ticks(&self) -> Option<u64> {
        time::age_ticks(&self.places, &self.machine)
    }
}

/// The cgroup of a process, in a form for `CGPROC_CGROUP`. A `cgproc run` stays outside the cgroup that it makes, so
/// for it the cgroup of its program is meant.
pub(crate) fn name_of_process(pid: u32) -> Result<OsString> {
    let name = format!("/proc/{pid}/cgroup");
    ensure!(Path::new(&name).exists(), "no process {pid}");
    match process::program_of(pid) {
        Some(program) => name_of_process(program),
        None => Ok(name.into()),
    }
}

/// A cgroup given on the command line by its path, its directory or a process's file, in a form for `CGPROC_CGROUP`.
pub(crate) fn name_of(cgroup: &OsStr) -> Result<OsString> {
    const INSTEAD: &str = "name a container's cgroup, such as /docker/4f1e, or one of its processes by --pid";
    if is_of_a_process(cgroup.as_bytes()) {
        let pid = Path::new(cgroup).iter().nth(2).and_then(|pid| pid.to_str()?.parse().ok());
        return pid.map_or_else(|| Ok(cgroup.to_owned()), name_of_process);
    }
    let given = Path::new("/").join(cgroup);
    let name = match fs::canonicalize(cgroup) {
        Ok(directory) if hierarchy::is_machines(&directory) => {
            bail!("{} is the root of all cgroups, and its view is the machine's: {INSTEAD}", cgroup.display())
        }
        Ok(root) if root == Path::new("/") => root,
        Ok(directory) if directory.join("cgroup.procs").exists() => {
            hierarchy::below_mount(&directory).unwrap_or(directory)
        }
        Ok(other) => {
            let what = if other.is_dir() { "directory" } else { "file" };
            bail!("{} is a {what}, but not of a cgroup: {INSTEAD}", cgroup.display())
        }
        Err(_) => given,
    };
    ensure!(name.as_os_str().len() <= ROOM, "{} is longer than {ROOM} bytes", name.display());
    Ok(name.into_os_string())
}

/// The limits above the visible cgroups, as far as the board has them.
pub(crate) fn limits_above(files: &impl Files, places: &Places, settings: &Settings) -> Above {
    let mut above = Above::NONE;
    if let Some(board) = BoardReader::open(&settings.board) {
        let now = clocks::now_usec(libc::CLOCK_REALTIME);
        let scratch = &mut [0; size_of::<Scratch>()];
        board::find_above(files, places, &board, now, scratch, &mut above);
    }
    above
}

/// Finds the cgroups; see [`View::of`].
pub(crate) fn located(files: &impl Files, cgroup: Option<&OsStr>) -> Option<Places> {
    with_whose(files, cgroup, |whose| Places::locate(files, whose, &mut [0; size_of::<Scratch>()]))
}

/// Whether the cgroups are still at `places`, judging by the process's membership.
pub(crate) fn are_still_at(places: &Places, files: &impl Files, cgroup: Option<&OsStr>) -> bool {
    let still_hold = |whose: Whose<'_>| Some(places.still_hold(files, whose, &mut [0; size_of::<Scratch>()]));
    with_whose(files, cgroup, still_hold) == Some(true)
}

fn with_whose<T>(files: &impl Files, cgroup: Option<&OsStr>, use_it: impl FnOnce(Whose<'_>) -> Option<T>) -> Option<T> {
    let Some(cgroup) = cgroup else { return use_it(Whose::Caller) };
    let path = CString::new(cgroup.as_bytes()).ok()?;
    if path.to_bytes().starts_with(b"/proc/") {
        // Any other path below /proc could lead out of it.
        if is_of_a_process(path.to_bytes()) { use_it(Whose::Process(&path)) } else { None }
    } else if files.directory(&path).is_some() {
        use_it(Whose::Directory(path.to_bytes()))
    } else {
        use_it(Whose::Path(path.to_bytes()))
    }
}

/// Whether this is a `/proc/PID/cgroup`.
fn is_of_a_process(path: &[u8]) -> bool {
    let pid = path.strip_prefix(b"/proc/").and_then(|rest| rest.strip_suffix(b"/cgroup"));
    pid.is_some_and(|pid| {
        matches!(pid, b"self" | b"thread-self") || !pid.is_empty() && pid.iter().all(u8::is_ascii_digit)
    })
}

/// The machine, as its own kernel reports it.
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

/// How many CPUs of the machine are online.
pub(crate) fn machine_cpus() -> Option<u64> {
    machine_cpu_set().map(|set| set.count())
}

/// Which CPUs of the machine are online.
pub(crate) fn machine_cpu_set() -> Option<CpuSet> {
    let mut online = Kernel.open(c"/sys/devices/system/cpu/online")?;
    CpuSet::parse(kernel::whole(&mut online)?.trim_ascii()).filter(|set| set.count() > 0)
}

/// The CPUs that we may run on, from the kernel.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cgroup_of_a_process() {
        for path in ["/proc/1/cgroup", "/proc/self/cgroup", "/proc/4711/cgroup"] {
            assert!(is_of_a_process(path.as_bytes()), "{path}");
        }
        for path in ["/proc/1/root/x/cgroup", "/proc//cgroup", "/proc/1/cwd", "/proc/../x/cgroup", "/proc/cgroup"] {
            assert!(!is_of_a_process(path.as_bytes()), "{path}");
        }
    }
}
