//! Removes what was installed: the entry before the library, so that no entry names a missing library.

use super::{
    InstallOptions,
    change::{self, Change},
    configuration, file_name,
    lock::Lock,
    report::Report,
    sysroot::{Destination, Sysroot, split},
};
use crate::host::preload_file;
use anyhow::{Result, ensure};
use rustix::io::Errno;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// Removes the entry, the library, and the settings unless they were edited.
pub(crate) fn uninstall(options: &InstallOptions) -> Result<()> {
    ensure!(preload_file::is_ours(&options.to), "{}: its name does not begin with libcgproc", options.to.display());
    let (place, name) = split(&options.to)?;
    let root = Sysroot::open(&options.root)?;
    let etc = root.directory(Path::new("/etc"))?;
    // A rehearsal does not need the right to write.
    let _lock = if options.is_dry { None } else { Some(Lock::take(&etc)?) };
    let mut report = Report::new(options.is_dry);
    let out = Removal { is_dry: options.is_dry, report: &mut report };
    out.all(&root, &etc, &options.to, place, &name)?;
    report.print()
}

/// Rejects a removal if another entry leads to the same file by another path: it would then name a missing library.
fn check_others(root: &Sysroot, etc: &Destination<'_>, library: &Path, place: &Path) -> Result<()> {
    let text = etc.read(file_name(preload_file::PATH))?.unwrap_or_default();
    let Ok(directory) = root.directory(place) else { return Ok(()) };
    for other in preload_file::entries(&preload_file::without(&text, library)) {
        let is_same = other.file_name() == library.file_name()
            && other.parent().and_then(|parent| root.directory(parent).ok()).is_some_and(
                |parent| matches!((parent.identity(), directory.identity()), (Ok(one), Ok(other)) if one == other),
            );
        let (library, other) = (library.display(), other.display());
        ensure!(
            !is_same,
            "{} names {other}, which is the same file as {library}: use --to {other}",
            preload_file::PATH
        );
    }
    Ok(())
}

struct Removal<'r> {
    is_dry: bool,
    report: &'r mut Report,
}

impl Removal<'_> {
    fn all(mut self, root: &Sysroot, etc: &Destination<'_>, library: &Path, place: &Path, name: &OsStr) -> Result<()> {
        check_others(root, etc, library, place)?;
        let left = self.entry(etc, library)?;
        match root.directory(place) {
            Err(error) if error.downcast_ref() == Some(&Errno::NOENT) => {
                self.report.line(format_args!("not there: {}", library.display()));
            }
            directory => self.library(&directory?, name, library)?,
        }
        let settings = file_name(configuration::PATH);
        match etc.has(settings) && etc.read(settings)? != Some(configuration::text()) {
            true => self.report.line(format_args!("kept: {}, which was edited", configuration::PATH)),
            false => self.file(etc, settings, Path::new(configuration::PATH))?,
        }
        for other in left {
            self.report.line(format_args!("kept: {} in {}, see --to", other.display(), preload_file::PATH));
        }
        self.report.line("running programs keep the library; an LD_PRELOAD that names it must be removed too");
        Ok(())
    }

    /// Removes the entry; returns the other entries that are ours.
    fn entry(&mut self, etc: &Destination<'_>, library: &Path) -> Result<Vec<PathBuf>> {
        let name = file_name(preload_file::PATH);
        let there = etc.read_with_stat(name)?;
        let text = there.as_ref().map_or(&b""[..], |(text, _)| text);
        let without = preload_file::without(text, library);
        if without == text {
            self.clear(etc, name);
            self.report.line(format_args!("not there: {} in {}", library.display(), preload_file::PATH));
        } else if without.is_empty() {
            self.file(etc, name, Path::new(preload_file::PATH))?;
        } else {
            if !self.is_dry {
                let mut change = Change::write(etc, name, &without, there.as_ref().map(|(_, stat)| stat))?;
                change.put()?;
                change.keep();
            }
            self.report.line(format_args!("removed: {} from {}", library.display(), preload_file::PATH));
        }
        Ok(preload_file::entries(&without).into_iter().filter(|it| preload_file::is_ours(it)).collect())
    }

    /// Removes the library if it is one: the name alone proves nothing.
    fn library(&mut self, directory: &Destination<'_>, name: &OsStr, path: &Path) -> Result<()> {
        if directory.stat(name)?.is_some() && !directory.is_elf(name)? {
            self.report.line(format_args!("kept: {}, which is not a library", path.display()));
            return Ok(());
        }
        self.file(directory, name, path)
    }

    fn file(&mut self, directory: &Destination<'_>, name: &OsStr, path: &Path) -> Result<()> {
        let is_there = directory.stat(name)?.is_some();
        if !self.is_dry {
            self.clear(directory, name);
            directory.remove(name)?;
        }
        let words = if is_there { "removed" } else { "not there" };
        self.report.line(format_args!("{words}: {}", path.display()));
        Ok(())
    }

    fn clear(&self, directory: &Destination<'_>, name: &OsStr) {
        if !self.is_dry {
            change::clear(directory, name);
        }
    }
}
