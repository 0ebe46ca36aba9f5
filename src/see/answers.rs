//! The text of each answer, as the object composes it.

use super::view::{Bytes, View};
use crate::{
    host::kernel::{self, Iterated, Placed},
    settings::Settings,
};
use anyhow::{Context, Result, bail};
use calc::{
    answer::{Answer, CPUS, NODES},
    compose::{self, MemoryFigures, StatFigures, VmstatFigures},
    source::{Files, Scratch, Window},
    text::Text,
    view::{
        blocks,
        io::{self, Device, Traffic},
        nodes, pids, pressure,
        shares::Shares,
        topology::Packages,
    },
};
use std::ffi::{CStr, CString};

/// A file that has an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) path: CString,
}

/// Why the kernel's own text stands.
pub(crate) type Reason = &'static str;

pub(crate) const MOUNTED_OVER: Reason = "something else than the kernel is mounted there";
pub(crate) const NO_MEMORY: Reason = "no memory limit is set, or its files cannot be read";
const NO_SWAP: Reason = "swap is not accounted";
pub(crate) const NO_CPUS: Reason = "the CPUs of the cgroup cannot be told";
const NO_TIMES: Reason = "the CPU time of the cgroup cannot be told";
const NO_AGE: Reason = "nobody knows when the container began";
pub(crate) const NO_LOAD: Reason = "nobody publishes the load of the cgroup: is a sampler running?";
const NO_IO: Reason = "what the cgroup reads and writes is not counted";
const NO_VMSTAT: Reason = "no memory limit is set, or the cgroup's counters cannot be read";
const NO_PIDS: Reason = "no limit of processes is set";
const NO_PRESSURE: Reason = "the cgroup has no pressure file that can be read (version 1 has none)";
const NO_NODE: Reason = "the memory of the node cannot be shared out";
const NO_BLOCK: Reason = "the machine shows no memory blocks";
const NOT_COMPOSED: Reason = "the kernel's text has an unknown form, or says the same";

impl Asked {
    /// The file of an answer that has one.
    pub(crate) fn of(answer: Answer) -> Option<Self> {
        Some(Self { answer, path: answer.path()?.to_owned() })
    }

    /// The file with this path, which may be one of symbolic links, or below the directories of CPUs and nodes, or
    /// whose path ends so.
    pub(crate) fn named(file: &str) -> Result<Self> {
        let fixed = Answer::ALL.into_iter().filter(|answer| is_meant(*answer, file)).find_map(Self::of);
        let found = if file.starts_with('/') {
            Self::at(file.as_bytes()).or_else(|| Self::at(&kernel::real_path(file)?))
        } else {
            let member = [CPUS, NODES].into_iter().find_map(|directory| Self::at(&path_below(directory, file)));
            let block_device = || Self::at(&kernel::real_path(path_below(DEVICES, file))?);
            member.filter(|found| found.answer != Answer::BlockStat).or_else(block_device)
        };
        let Some(asked) = fixed.or(found) else {
            let known: Vec<&str> = Answer::ALL.iter().filter_map(|it| it.path()?.to_str().ok()).collect();
            bail!(
                "no answer for {file}; there is one for {}, cpu0/topology/*, node0/*, and sda/stat",
                known.join(", ")
            );
        };
        Ok(asked)
    }

    /// The file whose path without symbolic links this is.
    pub(crate) fn at(path: &[u8]) -> Option<Self> {
        Some(Self { answer: Answer::from_path(path)?, path: CString::new(path).ok()? })
    }

    /// The path, for a message.
    pub(crate) fn name(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }

    /// The file as the kernel has it.
    pub(crate) fn kernels_own(&self, files: &impl Files) -> Result<Vec<u8>> {
        let mut file = files.open(&self.path).with_context(|| format!("{} cannot be opened", self.name()))?;
        kernel::whole(&mut file).with_context(|| format!("{} cannot be read", self.name()))
    }

    /// Why the object would let the file pass, whatever the view is.
    pub(crate) fn passes(&self, files: &impl Files, settings: &Settings) -> Option<Reason> {
        if settings.off {
            return Some("CGPROC=off");
        }
        if !settings.answered.has(self.answer) {
            return Some("CGPROC_FILES does not name it");
        }
        match files.file_system(&self.path) {
            None => Some("it cannot be opened"),
            Some(magic) if magic != self.answer.file_system() => Some(MOUNTED_OVER),
            _ if self.answer == Answer::Uptime && settings.uptime_is_the_hosts => Some("CGPROC_UPTIME=host"),
            _ => None,
        }
    }

    /// The text that a program reads; the reason where that is the kernel's own.
    pub(crate) fn text<F: Files<File: Placed>>(&self, view: &View<F>) -> Result<Vec<u8>, Reason> {
        if self.answer.is_pressure() {
            return pressure_of(self.answer, view);
        }
        let host = view.files.open(&self.path).ok_or("it cannot be opened")?;
        let mut bytes = Bytes(Vec::new());
        let mut text = Text::new(&mut bytes);
        let out = &mut text;
        match self.answer {
            Answer::Meminfo => meminfo(view, host, out),
            Answer::Swaps => swaps(view, host, out),
            Answer::Stat => stat(view, host, out),
            Answer::Cpuinfo => cpuinfo(view, host, out),
            Answer::Uptime => uptime(view, out),
            Answer::CpuOnline | Answer::CpuPresent => cpu_list(view, out),
            Answer::Loadavg => loadavg(view, host, out),
            Answer::Diskstats => diskstats(view, host, out),
            Answer::Vmstat => vmstat(view, host, out),
            Answer::ThreadsMax => threads_max(view, host, out),
            Answer::CpuList | Answer::CpuMap => cpus_within(self.answer, view, host, out),
            Answer::NodeMeminfo => node_meminfo(view, host, &self.path, out),
            Answer::BlockSize => block_size(view, out),
            Answer::BlockStat => block_stat(view, host, &self.path, out),
            Answer::PressureCpu | Answer::PressureMemory | Answer::PressureIo => Err(NO_PRESSURE),
        }?;
        text.finish().ok_or(NOT_COMPOSED)?;
        Ok(bytes.0)
    }
}

/// Links to the directories of all block devices.
const DEVICES: &[u8] = b"/sys/class/block";

fn path_below(directory: &[u8], file: &str) -> Vec<u8> {
    [directory, b"/", file.as_bytes()].concat()
}

/// Whether `file` is the answer's path, or the end of it; the names of pressure files alone would mean too much.
fn is_meant(answer: Answer, file: &str) -> bool {
    let path = answer.path().map_or(&[][..], CStr::to_bytes);
    let is_end = path.strip_suffix(file.as_bytes()).is_some_and(|before| before.is_empty() || before.ends_with(b"/"));
    is_end && (file.contains('/') || !answer.is_pressure())
}

type Out<'t, 'b> = &'t mut Text<'b, Bytes>;

fn figures_of<F: Files>(view: &View<F>) -> Result<MemoryFigures, Reason> {
    let scratch: &mut Scratch = &mut [0; _];
    let mut figures = MemoryFigures::default();
    figures.read(&view.files, &view.places, &view.above, &view.machine, scratch).ok_or(NO_MEMORY)?;
    Ok(figures)
}

fn meminfo<F: Files>(view: &View<F>, mut host: F::File, out: Out<'_, '_>) -> Result<(), Reason> {
    let window: &mut Window = &mut [0; _];
    compose::meminfo(&figures_of(view)?, &mut host, out, window).ok_or(NOT_COMPOSED)
}

fn node_meminfo<F: Files>(view: &View<F>, mut host: F::File, path: &CStr, out: Out<'_, '_>) -> Result<(), Reason> {
    let (scratch, window): (&mut Scratch, &mut Window) = (&mut [0; _], &mut [0; _]);
    let figures = figures_of(view)?;
    let share = nodes::share(&view.files, &view.places, &mut host, scratch).ok_or(NO_NODE)?;
    let mut again = view.files.open(path).ok_or(NO_NODE)?;
    compose::node_meminfo(&figures, &share, &mut again, out, window).ok_or(NOT_COMPOSED)
}

fn block_size<F: Files>(view: &View<F>, out: Out<'_, '_>) -> Result<(), Reason> {
    blocks::first(&view.files, &mut [0; size_of::<Scratch>()]).ok_or(NO_BLOCK)?;
    compose::block_size(view.memory().ok_or(NO_MEMORY)?.total_bytes, out).ok_or(NOT_COMPOSED)
}

fn swaps<F: Files>(view: &View<F>, mut host: F::File, out: Out<'_, '_>) -> Result<(), Reason> {
    let swap = view.memory().ok_or(NO_MEMORY)?.swap.ok_or(NO_SWAP)?;
    let window: &mut Window = &mut [0; _];
    compose::swaps(&swap, &mut host, out, window).ok_or(NOT_COMPOSED)
}

fn stat<F: Files>(view: &View<F>, mut host: F::File, out: Out<'_, '_>) -> Result<(), Reason> {
    let cpus = view.cpus().ok_or(NO_CPUS)?;
    let window: &mut Window = &mut [0; _];
    let Some(mut times) = view.times(&cpus) else {
        let mut again = view.files.open(c"/proc/stat").ok_or(NO_TIMES)?;
        return compose::stat_of_kernel(&cpus.online, &mut host, &mut again, out, window).ok_or(NOT_COMPOSED);
    };
    times.idle_ticks = times.idle_ticks.max(cpus.online.count().cast_signed());
    let (shares, load) = (Shares::among(&cpus.online), view.load());
    let figures = StatFigures { times: &times, shares: &shares, load: load.as_ref(), later_sec: view.later_sec() };
    compose::stat(&cpus.online, &figures, &mut host, out, window).ok_or(NOT_COMPOSED)
}

fn cpuinfo<F: Files>(view: &View<F>, host: F::File, out: Out<'_, '_>) -> Result<(), Reason> {
    let cpus = view.cpus().ok_or(NO_CPUS)?;
    let (scratch, window): (&mut Scratch, &mut Window) = (&mut [0; _], &mut [0; _]);
    let mut packages = Packages::default();
    packages.read(&view.files, &cpus.online, scratch);
    compose::cpuinfo(&cpus.online, &packages, &mut Iterated(host), out, window).ok_or(NOT_COMPOSED)
}

fn cpus_within<F: Files>(answer: Answer, view: &View<F>, mut host: F::File, out: Out<'_, '_>) -> Result<(), Reason> {
    let online = view.cpus().ok_or(NO_CPUS)?.online;
    let window: &mut Window = &mut [0; _];
    match answer {
        Answer::CpuList => compose::cpu_list_within(&online, &mut host, out, window),
        _ => compose::cpu_map_within(&online, &mut host, out, window),
    }
    .ok_or(NOT_COMPOSED)
}

fn cpu_list<F: Files>(view: &View<F>, out: Out<'_, '_>) -> Result<(), Reason> {
    compose::cpu_list(&view.cpus().ok_or(NO_CPUS)?.online, out).ok_or(NOT_COMPOSED)
}

fn uptime<F: Files>(view: &View<F>, out: Out<'_, '_>) -> Result<(), Reason> {
    let cpus = view.cpus().ok_or(NO_CPUS)?;
    let times = view.times(&cpus).ok_or(NO_TIMES)?;
    let idle_ticks = u64::try_from(times.idle_ticks).unwrap_or(0).max(cpus.online.count());
    compose::uptime(view.age_ticks().ok_or(NO_AGE)?, idle_ticks, out).ok_or(NOT_COMPOSED)
}

fn loadavg<F: Files>(view: &View<F>, mut host: F::File, out: Out<'_, '_>) -> Result<(), Reason> {
    let load = view.load().ok_or(NO_LOAD)?;
    let (scratch, window): (&mut Scratch, &mut Window) = (&mut [0; _], &mut [0; _]);
    let threads = pids::threads(&view.files, &view.places, scratch).unwrap_or(0);
    compose::loadavg(&load, threads, view.places.began_ticks != 0, &mut host, out, window).ok_or(NOT_COMPOSED)
}

fn diskstats<F: Files>(view: &View<F>, host: F::File, out: Out<'_, '_>) -> Result<(), Reason> {
    let (scratch, window): (&mut Scratch, &mut Window) = (&mut [0; _], &mut [0; _]);
    let mut io = io::open(&view.files, &view.places, scratch).ok_or(NO_IO)?;
    compose::diskstats(&mut io, as_it_is, &mut Iterated(host), out, window).ok_or(NOT_COMPOSED)
}

/// Who looks once was shown nothing before.
fn as_it_is(_: Device, traffic: Option<Traffic>) -> Traffic {
    traffic.unwrap_or_default()
}

fn block_stat<F: Files>(view: &View<F>, mut host: F::File, path: &CStr, out: Out<'_, '_>) -> Result<(), Reason> {
    let (scratch, window): (&mut Scratch, &mut Window) = (&mut [0; _], &mut [0; _]);
    let device = Device::of_stat(path, &view.files, scratch).ok_or(NO_IO)?;
    let mut io = io::open(&view.files, &view.places, scratch).ok_or(NO_IO)?;
    compose::block_stat(&mut io, device, as_it_is, &mut host, out, window).ok_or(NOT_COMPOSED)
}

fn vmstat<F: Files>(view: &View<F>, host: F::File, out: Out<'_, '_>) -> Result<(), Reason> {
    let (scratch, window): (&mut Scratch, &mut Window) = (&mut [0; _], &mut [0; _]);
    let traffic = io::open(&view.files, &view.places, scratch).and_then(|mut io| io.sum(scratch));
    let memory = figures_of(view).ok();
    let mut figures = VmstatFigures::of(memory.as_ref());
    figures.read(&view.files, &view.places, scratch).ok_or(NO_VMSTAT)?;
    compose::vmstat(&figures, traffic.as_ref(), &mut Iterated(host), out, window).ok_or(NOT_COMPOSED)
}

fn threads_max<F: Files>(view: &View<F>, mut host: F::File, out: Out<'_, '_>) -> Result<(), Reason> {
    let (scratch, window): (&mut Scratch, &mut Window) = (&mut [0; _], &mut [0; _]);
    let limit = pids::limit(&view.files, &view.places, scratch).ok_or(NO_PIDS)?;
    compose::threads_max(limit, &mut host, out, window).ok_or(NOT_COMPOSED)
}

/// The scope's own file, which takes the place of the kernel's. Its text is handed out as it is, so it must be the kernel's: a directory
/// that somebody names may have any other under that name.
fn pressure_of<F: Files<File: Placed>>(answer: Answer, view: &View<F>) -> Result<Vec<u8>, Reason> {
    let scratch: &mut Scratch = &mut [0; _];
    let path = pressure::path(answer, &view.places, scratch).ok_or(NO_PRESSURE)?;
    let is_of_a_cgroup = |file: &F::File| file.file_system() == u64::try_from(libc::CGROUP2_SUPER_MAGIC).ok();
    let file = view.files.open(path).filter(is_of_a_cgroup);
    file.and_then(|mut file| kernel::whole(&mut file)).ok_or(NO_PRESSURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(file: &str) -> String {
        Asked::named(file).unwrap().name().to_owned()
    }

    #[test]
    fn files_by_name_and_by_path() {
        for (file, path) in [
            ("meminfo", "/proc/meminfo"),
            ("/proc/meminfo", "/proc/meminfo"),
            ("online", "/sys/devices/system/cpu/online"),
            ("pressure/io", "/proc/pressure/io"),
            ("kernel/threads-max", "/proc/sys/kernel/threads-max"),
            ("node1/meminfo", "/sys/devices/system/node/node1/meminfo"),
            ("cpu3/topology/core_cpus_list", "/sys/devices/system/cpu/cpu3/topology/core_cpus_list"),
            ("/sys/devices/system/node/node0/cpumap", "/sys/devices/system/node/node0/cpumap"),
        ] {
            assert_eq!(path_of(file), path, "{file}");
        }
        for file in ["memory", "io", "info", "partitions", "pid_max", "/meminfo", "cpu0/online", ""] {
            let error = Asked::named(file).unwrap_err().to_string();
            assert!(error.contains("/proc/meminfo, ") && error.contains("/proc/pressure/io, "), "{error}");
        }
    }
}
