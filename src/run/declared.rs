//! A declared view: the limits that we may not set, and the usage of the program's processes, written to files in the
//! form of a version 2 cgroup for the object to read.

mod usage;

use super::{cpus::PERIOD_USEC, limits::RunLimits};
use crate::{
    host::{named::Named, temporary},
    see::view::{self, View},
    settings::Settings,
};
use anyhow::{Context, Result, ensure};
use calc::{
    cpus::CpuSet,
    host::USER_HZ,
    view::{cpu::Cpus, memory::Memory},
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use usage::{Descendants, Usage};

/// A directory of files that is kept up to date.
pub(crate) struct Declared {
    directory: Named,
    processes: Descendants,
    pause: Duration,
    measured: Instant,
}

impl Declared {
    /// Writes the files for a program that is about to start.
    pub(crate) fn new(limits: &RunLimits, settings: &Settings) -> Result<Self> {
        let files = limit_files(limits, settings)?;
        // Descendants that lose their parents become our children, and are still counted.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).context("becoming a subreaper")?;
        let mut declared = Self {
            directory: temporary::make()?,
            processes: Descendants::new(),
            pause: Duration::ZERO,
            measured: Instant::now(),
        };
        for (name, text) in files {
            declared.write(name, &text)?;
        }
        for (name, text) in usage_files(&declared.measure()) {
            declared.write(name, &text)?;
        }
        Ok(declared)
    }

    /// The directory of the files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Excludes the process `pid`, which is ours, and its descendants from the usage.
    pub(crate) fn leave_out(&mut self, pid: i32) {
        self.processes.leave_out(pid);
    }

    /// Excludes the process `init`, which is ours, from the usage, but not the program's orphans, which become its
    /// children.
    pub(crate) fn leave_out_alone(&mut self, init: i32) {
        self.processes.leave_out_alone(init);
    }

    /// The time until the next update.
    pub(crate) fn pause(&self) -> Duration {
        self.pause.saturating_sub(self.measured.elapsed())
    }

    /// Writes the current usage. If the file system is full, the files stay as they are.
    pub(crate) fn update(&mut self) {
        for (name, text) in usage_files(&self.measure()) {
            let _ = self.write(name, &text);
        }
    }

    /// Whether any of the program's processes are left.
    pub(crate) fn has_processes(&self) -> bool {
        self.processes.is_alive()
    }

    /// Measures the usage: often at first, while the program grows, then twice a second, or so rarely that measuring
    /// takes at most a twentieth of the time.
    fn measure(&mut self) -> Usage {
        const FIRST: Duration = Duration::from_millis(10);
        const LASTING: Duration = Duration::from_millis(500);
        let before = Instant::now();
        let usage = self.processes.usage();
        self.pause = (self.pause * 2).clamp(FIRST, LASTING).max(before.elapsed() * 20);
        self.measured = Instant::now();
        usage
    }

    /// Replaces a file, so that a reader sees either the whole old file or the whole new one.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        let (path, new) = (self.directory.join(name), self.directory.join(format!(".{name}")));
        fs::write(&new, text).and_then(|()| fs::rename(&new, &path)).with_context(|| path.display().to_string())
    }
}

impl Drop for Declared {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&*self.directory);
    }
}

/// The files that do not change: the limits asked for, or our own if those are lower.
fn limit_files(limits: &RunLimits, settings: &Settings) -> Result<Vec<(&'static str, String)>> {
    let own = View::of(settings.cgroup.as_deref(), settings);
    let memory = own.as_ref().and_then(View::memory);
    let cpus = own.as_ref().and_then(View::cpus);
    let memory_max = least(limits.memory_bytes, memory.map(|own: Memory| own.total_bytes));
    let swap_max = least(limits.swap_bytes, memory.and_then(|own| own.swap).map(|own| own.total_bytes));
    let quota =
        least(limits.cpus.map(|quota| quota.usec), cpus.as_ref().map(|own: &Cpus| own.capacity.within(PERIOD_USEC)));
    Ok(vec![
        ("memory.max", or_max(memory_max)),
        ("memory.swap.max", or_max(swap_max)),
        ("cpu.max", format!("{} {PERIOD_USEC}\n", or_max(quota).trim())),
        ("cpuset.cpus.effective", format!("{}\n", cpuset(limits)?)),
        ("pids.max", or_max(limits.pids)),
        ("cgproc.began", format!("{}\n", view::machine().since_boot_usec / (1_000_000 / USER_HZ))),
    ])
}

fn least(asked: Option<u64>, own: Option<u64>) -> Option<u64> {
    asked.into_iter().chain(own).min()
}

fn or_max(limit: Option<u64>) -> String {
    limit.map_or("max\n".to_owned(), |limit| format!("{limit}\n"))
}

/// The CPUs asked for, which must be among those that we may run on; if none were asked for, all of the latter.
fn cpuset(limits: &RunLimits) -> Result<String> {
    let allowed = view::affinity().context("the CPUs that this process may run on are unknown")?;
    let allowed_list = view::list(&allowed).context("the CPUs that this process may run on are unknown")?;
    let Some(list) = &limits.cpuset else { return Ok(allowed_list) };
    let asked = CpuSet::parse(list.text.as_bytes()).context("the list of CPUs")?;
    ensure!(asked.and(&allowed) == asked, "not all CPUs of {} are allowed here, only {allowed_list}", list.text);
    Ok(list.text.clone())
}

/// The files that hold the usage.
fn usage_files(usage: &Usage) -> Vec<(&'static str, String)> {
    let file = usage.file_bytes + usage.shmem_bytes;
    let stat = [
        ("anon", usage.anon_bytes),
        ("file", file),
        ("pagetables", usage.pagetables_bytes),
        ("shmem", usage.shmem_bytes),
        ("file_mapped", file),
        ("inactive_anon", usage.shmem_bytes),
        ("active_anon", usage.anon_bytes),
        ("inactive_file", 0),
        ("active_file", usage.file_bytes),
        ("unevictable", 0),
        ("slab_reclaimable", 0),
        ("slab_unreclaimable", 0),
    ];
    let time = [
        ("usage_usec", usage.user_usec + usage.system_usec),
        ("user_usec", usage.user_usec),
        ("system_usec", usage.system_usec),
    ];
    vec![
        ("memory.current", format!("{}\n", usage.anon_bytes + file + usage.pagetables_bytes)),
        ("memory.swap.current", format!("{}\n", usage.swap_bytes)),
        ("memory.stat", lines(&stat)),
        ("cpu.stat", lines(&time)),
        ("cgroup.procs", usage.pids.iter().map(|pid| format!("{pid}\n")).collect()),
    ]
}

fn lines(figures: &[(&str, u64)]) -> String {
    figures.iter().map(|(key, figure)| format!("{key} {figure}\n")).collect()
}
