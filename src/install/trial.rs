//! Whether a root's programs start with the library, and have it loaded.

use super::{
    programs::{self, Programs},
    spawn::Variables,
    start::{Start, start},
    sysroot::Sysroot,
    untried::Untried,
};
use anyhow::{Result, bail, ensure};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// Programs of a root that start without the library, a few per loader.
pub(super) struct Trial<'r> {
    root: &'r Sysroot,
    by_loader: BTreeMap<String, Vec<PathBuf>>,
}

impl<'r> Trial<'r> {
    /// Finds the programs.
    pub(super) fn of(root: &'r Sysroot, programs: &Programs) -> Result<Self, Untried> {
        let mut by_loader = BTreeMap::new();
        let mut reason = programs::NONE.to_owned();
        for (loader, all) in &programs.by_loader {
            match starting(root, all, programs.named)? {
                Ok(starting) => _ = by_loader.insert(loader.clone(), starting),
                Err(words) => reason = words,
            }
        }
        if by_loader.is_empty() {
            return Err(Untried::NoProgram(reason));
        }
        Ok(Self { root, by_loader })
    }

    /// Whether there is a loader that reads `/etc/ld.so.preload`.
    pub(super) fn has_glibc(&self) -> bool {
        self.by_loader.keys().any(|loader| !programs::is_musl(loader))
    }

    /// Whether there is one that does not.
    pub(super) fn has_musl(&self) -> bool {
        self.by_loader.keys().any(|loader| programs::is_musl(loader))
    }

    /// Starts each program with `library` in `LD_PRELOAD`.
    pub(super) fn by_variable(&self, library: &Path) -> Result<()> {
        let variables = [at_once(), ("LD_PRELOAD", library.as_os_str())];
        self.each(|_, program| self.check(program, &variables, library, true))
    }

    /// Starts each program with an empty environment: glibc's loader must have taken `library` from its file. Then
    /// starts it again with all functions resolved, now that there is no other library of ours to find one in.
    pub(super) fn by_file(&self, library: &Path) -> Result<()> {
        self.each(|loader, program| {
            let must_have = !programs::is_musl(loader);
            self.check(program, &[], library, must_have)?;
            self.check(program, &[at_once()], library, must_have)
        })
    }

    /// The programs that were started, for the report.
    pub(super) fn words(&self) -> Vec<String> {
        let line = |(loader, programs): (&String, &Vec<PathBuf>)| {
            let names: Vec<String> = programs.iter().map(|program| program.display().to_string()).collect();
            format!("{} (loader {loader})", names.join(" "))
        };
        self.by_loader.iter().map(line).collect()
    }

    fn each(&self, mut check: impl FnMut(&str, &Path) -> Result<()>) -> Result<()> {
        let mut all = self.by_loader.iter().flat_map(|(loader, all)| all.iter().map(move |it| (loader, it)));
        all.try_for_each(|(loader, program)| check(loader, program))
    }

    fn check(&self, program: &Path, variables: Variables<'_>, library: &Path, must_have: bool) -> Result<()> {
        let program_name = self.root.name(program);
        let file_name = library.file_name().unwrap_or_default();
        match start(self.root, program, variables, file_name)? {
            Start::Begun { has_library, said } => {
                let refused = "started without the library: its loader did not take it";
                ensure!(has_library || !must_have, "{program_name} {refused}{}", quoted(&said));
            }
            Start::Ended { how, said } => bail!("{program_name} {how}{}", quoted(&said)),
            Start::NotExecuted(error) => bail!("{program_name} can no longer be executed: {error}"),
        }
        Ok(())
    }
}

/// The first of `programs` that start without the library; if there are none, why the first one does not. Those named
/// by the user must all start.
fn starting(root: &Sysroot, programs: &[PathBuf], named: usize) -> Result<Result<Vec<PathBuf>, String>, Untried> {
    const ENOUGH: usize = 6;
    // A directory full of programs that cannot be started is not searched to the end.
    const MOST: usize = 24;
    let mut starting = Vec::new();
    let mut reason = None;
    for (index, program) in programs.iter().take(named + MOST).enumerate() {
        let before = starting.len();
        match start(root, program, &[at_once()], OsStr::new(""))? {
            Start::Begun { .. } => starting.push(program.clone()),
            Start::Ended { how, said } => _ = reason.get_or_insert(format!("{how}{}", quoted(&said))),
            Start::NotExecuted(error) => {
                _ = reason.get_or_insert(format!("is not executed ({error}): a noexec mount?"));
            }
        }
        if index < named && starting.len() == before {
            let reason = reason.unwrap_or_default();
            return Ok(Err(format!("{}, which was to be tried, {reason}", root.name(program))));
        }
        if starting.len() == named + ENOUGH {
            break;
        }
    }
    let first = programs.first().map(|first| root.name(first)).unwrap_or_default();
    let reason = reason.unwrap_or_default();
    Ok(if starting.is_empty() { Err(format!("even without the library, {first} {reason}")) } else { Ok(starting) })
}

/// Makes a loader resolve every function at once instead of when the program first calls it.
fn at_once<'v>() -> (&'v str, &'v OsStr) {
    ("LD_BIND_NOW", OsStr::new("1"))
}

/// What a loader wrote, on one line.
fn quoted(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    if said.is_empty() { String::new() } else { format!(", saying: {}", lines.join("; ")) }
}
