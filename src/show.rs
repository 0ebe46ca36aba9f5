//! Printing a file as a program in a container reads it.

use crate::{
    failure::say,
    settings::Settings,
    view::{Bytes, Kernel, Reading, Scratch, View},
};
use anyhow::{Context, Result, bail};
use calc::{
    answer::Answer,
    compose,
    compose::MemoryFigures,
    source::{Files, Source},
    text::Text,
    view::{pids, topology::Packages},
};
use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
};

const PROC_SUPER_MAGIC: u64 = 0x9fa0;
const SYSFS_MAGIC: u64 = 0x6265_6572;

/// Prints `file`, as seen in `cgroup` or in our own.
pub(crate) fn show(file: &str, cgroup: Option<OsString>, verbose: bool) -> Result<()> {
    let answer = named(file)?;
    let settings = Settings::of_environment()?;
    if let Some(cgroup) = &cgroup {
        View::of(Some(cgroup), &settings).with_context(|| format!("no cgroup {} in sight", cgroup.display()))?;
    }
    let cgroup = cgroup.as_deref().or(settings.cgroup.as_deref());
    let mut text = Bytes(Vec::new());
    if let Err(reason) = answered(answer, cgroup, &settings, &mut text) {
        if verbose {
            say(format_args!("{}: the kernel's own text: {reason}", path(answer)));
        }
        text.0 = kernels_own(answer)?;
    }
    let mut out = io::stdout();
    out.write_all(&text.0).and_then(|()| out.flush()).context("standard output")
}

/// The answer whose file has this path, or whose path ends in this name.
fn named(file: &str) -> Result<Answer> {
    let is_meant = |answer: &Answer| path(*answer) == file || path(*answer).rsplit('/').next() == Some(file);
    let Some(answer) = Answer::ALL.into_iter().find(is_meant) else {
        bail!("no answer for {file}; there is one for {}", Answer::ALL.map(path).join(", "));
    };
    Ok(answer)
}

fn path(answer: Answer) -> &'static str {
    answer.path().and_then(|path| path.to_str().ok()).unwrap_or_default()
}

/// Composes the text, as the object does; the reason where it would let the kernel's own pass.
fn answered(answer: Answer, cgroup: Option<&OsStr>, settings: &Settings, out: &mut Bytes) -> Result<(), &'static str> {
    if settings.off {
        return Err("CGPROC=off");
    }
    if !settings.answered.has(answer) {
        return Err("CGPROC_FILES does not name it");
    }
    let host = answer.path().and_then(|path| Kernel.open(path)).ok_or("it cannot be opened")?;
    let expected = if path(answer).starts_with("/proc/") { PROC_SUPER_MAGIC } else { SYSFS_MAGIC };
    if host.file_system() != Some(expected) {
        return Err("something else than the kernel is mounted there");
    }
    let view = View::of(cgroup, settings).ok_or("no cgroup found")?;
    let mut text = Text::new(out);
    match answer {
        Answer::Meminfo => meminfo(&view, host, &mut text),
        Answer::Swaps => swaps(&view, host, &mut text),
        Answer::Stat => stat(&view, host, &mut text),
        Answer::Cpuinfo => cpuinfo(&view, host, &mut text),
        Answer::Uptime if settings.uptime_is_the_hosts => Err("CGPROC_UPTIME=host"),
        Answer::Uptime => uptime(&view, &mut text),
        Answer::CpuOnline | Answer::CpuPresent => cpu_list(&view, &mut text),
        Answer::Loadavg => loadavg(&view, host, &mut text),
        _ => Err(NOT_COMPOSED),
    }?;
    text.finish().ok_or(NOT_COMPOSED)
}

const NO_MEMORY: &str = "no memory limit is set, or its files cannot be read";
const NO_SWAP: &str = "swap is not accounted";
const NO_CPUS: &str = "the CPUs of the cgroup cannot be told";
const NO_TIMES: &str = "the CPU time of the cgroup cannot be told";
const NO_AGE: &str = "nobody knows when the container began";
const NO_LOAD: &str = "nobody publishes the load of the cgroup: is a sampler running?";
const NOT_COMPOSED: &str = "the kernel's text has an unknown form";

fn meminfo(view: &View, mut host: Reading, text: &mut Text<'_, Bytes>) -> Result<(), &'static str> {
    let scratch: &mut Scratch = &mut [0; _];
    let mut figures = MemoryFigures::default();
    figures.read(&Kernel, &view.places, &view.above, &view.machine, scratch).ok_or(NO_MEMORY)?;
    compose::meminfo(&figures, &mut host, text, scratch).ok_or(NOT_COMPOSED)
}

fn swaps(view: &View, mut host: Reading, text: &mut Text<'_, Bytes>) -> Result<(), &'static str> {
    let swap = view.memory().ok_or(NO_MEMORY)?.swap.ok_or(NO_SWAP)?;
    let scratch: &mut Scratch = &mut [0; _];
    compose::swaps(&swap, &mut host, text, scratch).ok_or(NOT_COMPOSED)
}

fn stat(view: &View, mut host: Reading, text: &mut Text<'_, Bytes>) -> Result<(), &'static str> {
    let cpus = view.cpus().ok_or(NO_CPUS)?;
    let scratch: &mut Scratch = &mut [0; _];
    let Some(mut times) = view.times(&cpus) else {
        let mut again = Kernel.open(c"/proc/stat").ok_or(NO_TIMES)?;
        return compose::stat_of_kernel(&cpus.online, &mut host, &mut again, text, scratch).ok_or(NOT_COMPOSED);
    };
    times.idle_ticks = times.idle_ticks.max(0);
    compose::stat(&cpus, &times, view.load().as_ref(), &mut host, text, scratch).ok_or(NOT_COMPOSED)
}

fn cpuinfo(view: &View, host: Reading, text: &mut Text<'_, Bytes>) -> Result<(), &'static str> {
    let cpus = view.cpus().ok_or(NO_CPUS)?;
    let scratch: &mut Scratch = &mut [0; _];
    compose::cpuinfo(&cpus.online, &Packages::default(), &mut host.iterated(), text, scratch).ok_or(NOT_COMPOSED)
}

fn uptime(view: &View, text: &mut Text<'_, Bytes>) -> Result<(), &'static str> {
    let times = view.times(&view.cpus().ok_or(NO_CPUS)?).ok_or(NO_TIMES)?;
    let idle_ticks = u64::try_from(times.idle_ticks).unwrap_or(0);
    compose::uptime(view.age_ticks().ok_or(NO_AGE)?, idle_ticks, text).ok_or(NOT_COMPOSED)
}

fn loadavg(view: &View, mut host: Reading, text: &mut Text<'_, Bytes>) -> Result<(), &'static str> {
    let load = view.load().ok_or(NO_LOAD)?;
    let scratch: &mut Scratch = &mut [0; _];
    let threads = pids::threads(&Kernel, &view.places, scratch).unwrap_or(0);
    compose::loadavg(&load, threads, view.places.began_ticks != 0, &mut host, text, scratch).ok_or(NOT_COMPOSED)
}

fn cpu_list(view: &View, text: &mut Text<'_, Bytes>) -> Result<(), &'static str> {
    compose::cpu_list(&view.cpus().ok_or(NO_CPUS)?.online, text).ok_or(NOT_COMPOSED)
}

/// The file as the kernel has it.
fn kernels_own(answer: Answer) -> Result<Vec<u8>> {
    let mut file = answer
        .path()
        .and_then(|path| Kernel.open(path))
        .with_context(|| format!("{} cannot be opened", path(answer)))?;
    let (mut bytes, mut chunk) = (Vec::new(), [0; 16384]);
    loop {
        match file.read(&mut chunk).with_context(|| format!("{} cannot be read", path(answer)))? {
            0 => return Ok(bytes),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_by_name_and_by_path() {
        assert_eq!(named("meminfo").unwrap(), Answer::Meminfo);
        assert_eq!(named("/proc/meminfo").unwrap(), Answer::Meminfo);
        assert_eq!(named("online").unwrap(), Answer::CpuOnline);
        let error = named("memory").unwrap_err().to_string();
        assert!(Answer::ALL.iter().all(|answer| error.contains(path(*answer))), "{error}");
    }
}
