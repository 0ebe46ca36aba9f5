//! Installing into the file system of an image or a machine. Everything is tried before it is kept, and a failure
//! leaves everything as it was.

mod change;
mod configuration;
mod copy;
mod filter;
mod jail;
mod library;
mod lock;
mod programs;
mod report;
mod spawn;
mod start;
mod sysroot;
mod trial;
mod uninstall;
mod untried;

use crate::host::preload_file;
use anyhow::{Context, Result, bail, ensure};
use change::Change;
use lock::Lock;
use programs::Programs;
use report::Report;
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};
use sysroot::{Destination, Sysroot, split};
use trial::Trial;
use untried::Untried;

pub(crate) use copy::copy;
pub(crate) use uninstall::uninstall;

/// The options of an installation.
pub(crate) struct InstallOptions {
    /// The directory that programs have as `/`.
    pub(crate) root: PathBuf,
    /// Where the library goes, as seen from there.
    pub(crate) to: PathBuf,
    /// The library, if not the one beside the command.
    pub(crate) object: Option<PathBuf>,
    /// Programs to try, in addition to those that are found.
    pub(crate) programs: Vec<PathBuf>,
    /// Whether `/etc/ld.so.preload` is to name the library.
    pub(crate) is_preloaded: bool,
    /// Whether nothing may be changed.
    pub(crate) is_dry: bool,
}

impl InstallOptions {
    /// The option that forbids executing anything of the root, which may belong to anybody.
    fn rehearsal(&self) -> Option<&'static str> {
        match self {
            Self { is_dry: true, .. } => Some("--dry-run"),
            Self { is_preloaded: false, .. } => Some("--no-preload"),
            _ => None,
        }
    }
}

/// Puts the library, the settings and the entry in their places.
pub(crate) fn install(options: &InstallOptions) -> Result<()> {
    try_install(options).with_context(|| format!("{} was left as it is", options.root.display()))
}

fn try_install(options: &InstallOptions) -> Result<()> {
    let (place, name) = check_name(&options.to)?;
    ensure!(Path::new("/proc/self").exists(), "/proc is not mounted here, and programs cannot be examined without it");
    let object = library::read(options.object.as_deref())?;
    let root = Sysroot::open(&options.root)?;
    let etc = root.directory(Path::new("/etc"))?;
    let _lock = Lock::take(&etc)?;
    let programs = Programs::of(&root, &options.programs)?;
    check_processor(&root, &programs)?;
    let trial = match options.rehearsal() {
        Some(option) => Err(Untried::NotAsked(option)),
        None => Trial::of(&root, &programs),
    };
    root.check_way(place)?;
    let directories = Directories { library: root.directory(place)?, etc: root.directory(Path::new("/etc"))? };
    if options.is_preloaded {
        check_tried(&trial, &programs)?;
    }
    let is_named = options.is_preloaded && trial.as_ref().map_or_else(|_| programs.has_glibc(), Trial::has_glibc);
    let entry = is_named.then_some(options.to.as_path());
    let is_named_already = is_named_already(&root, &directories)?;
    let mut changes = Changes::write(&directories, &name, &object, entry)?;
    if !options.is_preloaded && is_named_already && changes.library.is_some() {
        let to = options.to.display();
        bail!("/etc/ld.so.preload already names {to}: a library put there must be tried, so leave out --no-preload");
    }
    if let Ok(trial) = &trial {
        let written = changes.library.as_ref().map_or(options.to.clone(), |library| place.join(library.new_name()));
        trial.by_variable(&written)?;
    }
    let report = report(options, &changes, &trial, &programs);
    if options.is_dry {
        return report.print();
    }
    changes.put()?;
    if let (Ok(trial), true) = (&trial, is_named) {
        trial.by_file(&options.to).context("with the entry in /etc/ld.so.preload, and an empty environment")?;
    }
    // If this cannot be printed, the change is undone: nobody is left with a change that was not reported.
    report.print()?;
    changes.keep();
    Ok(())
}

/// The directory and the name of a path that a loader can take for one, and that `cgproc doctor` recognises as the
/// library.
fn check_name(path: &Path) -> Result<(&Path, OsString)> {
    ensure!(
        preload_file::can_name(path) && preload_file::is_ours(path),
        "{}: the library's name must begin with libcgproc, and its path must not contain blanks, colons, # or $, which \
         loaders interpret",
        path.display()
    );
    let parts = split(path)?;
    check_form(path)?;
    Ok(parts)
}

/// What is preloaded must have been tried; a rehearsal only needs a program that could be.
fn check_tried(trial: &Result<Trial<'_>, Untried>, programs: &Programs) -> Result<()> {
    match trial {
        Ok(_) => Ok(()),
        Err(Untried::NotAsked(_)) => programs.some(),
        Err(why) => bail!(
            "the library cannot be tried there ({why}), and an untried library is not preloaded: see --no-preload"
        ),
    }
}

/// Whether the loader's file already names the library's place: whatever is put there is preloaded.
fn is_named_already(root: &Sysroot, directories: &Directories<'_>) -> Result<bool> {
    let text = directories.etc.read(file_name(preload_file::PATH))?.unwrap_or_default();
    let place = directories.library.identity()?;
    let is_there = |entry: &PathBuf| {
        let directory = entry.parent().and_then(|parent| root.directory(parent).ok());
        directory.is_some_and(|directory| directory.identity().is_ok_and(|it| it == place))
    };
    Ok(preload_file::entries(&text).iter().filter(|it| preload_file::is_ours(it)).any(is_there))
}

/// Rejects other spellings of a path: two spellings would make two entries.
fn check_form(path: &Path) -> Result<()> {
    let plain: PathBuf = path.components().collect();
    let is_plain = plain.as_os_str() == path.as_os_str();
    ensure!(is_plain, "{}: write it as {}", path.display(), plain.display());
    Ok(())
}

/// The directories that files are put in.
struct Directories<'r> {
    library: Destination<'r>,
    etc: Destination<'r>,
}

/// The changes. They are dropped in this order, so that an entry never names a library that is missing.
struct Changes<'d> {
    preload: Option<Change<'d>>,
    configuration: Option<Change<'d>>,
    library: Option<Change<'d>>,
    is_named: bool,
}

impl<'d> Changes<'d> {
    /// Writes the new files beside their destinations.
    fn write(directories: &'d Directories<'d>, name: &OsStr, object: &[u8], entry: Option<&Path>) -> Result<Self> {
        let etc = &directories.etc;
        // Remains of an interrupted run are useless.
        change::clear(&directories.library, name);
        for path in [preload_file::PATH, configuration::PATH] {
            change::clear(etc, file_name(path));
        }
        let preload = entry.map(|entry| preload_change(etc, entry)).transpose()?.flatten();
        let settings = file_name(configuration::PATH);
        let configuration =
            if etc.has(settings) { None } else { Some(Change::write(etc, settings, &configuration::text(), None)?) };
        let library = library::change(&directories.library, name, object)?;
        Ok(Self { preload, configuration, library, is_named: entry.is_some() })
    }

    /// Moves the new files into place.
    fn put(&mut self) -> Result<()> {
        for change in [&mut self.library, &mut self.configuration, &mut self.preload].into_iter().flatten() {
            change.put()?;
        }
        Ok(())
    }

    fn keep(self) {
        for change in [self.library, self.configuration, self.preload].into_iter().flatten() {
            change.keep();
        }
    }
}

/// The loader's file with an entry for `library`, unless it has one.
fn preload_change<'d>(etc: &'d Destination<'d>, library: &Path) -> Result<Option<Change<'d>>> {
    let name = file_name(preload_file::PATH);
    let there = etc.read_with_stat(name)?;
    let text = there.as_ref().map_or(&b""[..], |(text, _)| text);
    let other = preload_file::entries(text).into_iter().find(|it| preload_file::is_ours(it) && it != library);
    if let Some(other) = other {
        let other = other.display();
        bail!(
            "{} already names {other}: use --to {other}, or remove it: cgproc uninstall --to {other}",
            etc.name(name)
        );
    }
    let with = preload_file::with(text, library);
    if with == text {
        return Ok(None);
    }
    if let Some((_, stat)) = &there {
        const WRITABLE_BY_OTHERS: u32 = 0o022;
        let mode = stat.st_mode & 0o7777;
        ensure!(
            mode & WRITABLE_BY_OTHERS == 0,
            "{}: others than its owner may write to it (mode {mode:o})",
            etc.name(name)
        );
    }
    Change::write(etc, name, &with, there.as_ref().map(|(_, stat)| stat)).map(Some)
}

fn file_name(path: &str) -> &OsStr {
    Path::new(path).file_name().unwrap_or_default()
}

/// Rejects a root whose programs are all for another processor.
fn check_processor(root: &Sysroot, programs: &Programs) -> Result<()> {
    match &programs.foreign {
        Some((program, machine)) if programs.by_loader.is_empty() => {
            bail!("{} is for a different processor than the library (ELF machine {machine})", root.name(program))
        }
        _ => Ok(()),
    }
}

/// What was done, and what remains to be done.
fn report(
    options: &InstallOptions,
    changes: &Changes<'_>,
    trial: &Result<Trial<'_>, Untried>,
    programs: &Programs,
) -> Report {
    let mut report = Report::new(options.is_dry);
    let library = options.to.display();
    match trial {
        Ok(trial) => report.tried(&trial.words()),
        Err(why) => report.line(format_args!("not tried: {why}")),
    }
    report.file(&options.to, changes.library.as_ref().map(Change::is_first), "the library");
    let configuration = changes.configuration.as_ref().map(Change::is_first);
    let what = if configuration.is_some() { "settings, all of them commented out" } else { "settings" };
    report.file(Path::new(configuration::PATH), configuration, what);
    if changes.is_named {
        let what = format!("an entry for {library}");
        report.file(Path::new(preload_file::PATH), changes.preload.as_ref().map(Change::is_first), &what);
    }
    let variable = format!("ENV LD_PRELOAD={library} in a Dockerfile, LD_PRELOAD={library} for a single program");
    if !options.is_preloaded {
        report.line(format_args!("/etc/ld.so.preload is left alone; to preload it: {variable}"));
    } else if trial.as_ref().map_or_else(|_| programs.has_musl(), Trial::has_musl) {
        let who = if changes.is_named { "programs that use musl" } else { "all programs here use musl, and" };
        report.line(format_args!(
            "{who} need a variable, since musl's loader does not read /etc/ld.so.preload: {variable}"
        ));
    }
    if let Some(narrow) = &programs.narrow {
        report.line(format_args!(
            "32-bit programs ({}) see the machine, and report on standard error that the library is ignored",
            narrow.display()
        ));
    }
    report
}
