//! The preloaded library: in this process, and where processes are told to look for it.

use super::{
    Finding,
    recognised::{Recognised, is_library, places},
};
use crate::host::{
    elf, foreign, object,
    preload_file::{self, entries},
};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

const CHECK: &str = "library";

/// Our own.
const ROOT: &str = "/";

const REBUILD: &str = "put a complete library built for this machine there (cargo build --locked --release)";

/// Whether it is loaded here, and the findings about that.
pub(super) fn check() -> (bool, Vec<Finding>) {
    let variable = std::env::var_os("LD_PRELOAD").unwrap_or_default();
    let loaded = Recognised::default().mapped("self");
    let first = match &loaded {
        Some(path) => Finding::ok(CHECK, "library-loaded", "it is loaded in this process").on(path),
        None => absent(&variable),
    };
    let in_variable = faults(entries(variable.as_bytes()), "LD_PRELOAD names");
    let in_file =
        faults(entries(&foreign::text(ROOT.as_ref(), preload_file::PATH.as_ref())), "/etc/ld.so.preload names");
    let findings = [vec![first], in_variable, in_file].into_iter().flatten();
    (loaded.is_some(), findings.collect())
}

/// Why this process does not have it, as far as its environment tells.
fn absent(variable: &OsStr) -> Finding {
    let finding = |code, found| Finding::problem(CHECK, code, found);
    if entries(variable.as_bytes()).iter().any(|path| is_library(ROOT.as_ref(), path)) {
        return finding("library-refused", "LD_PRELOAD names it, but the loader did not accept it")
            .on(variable.display())
            .cure("give its full path, and see below what is wrong with the file");
    }
    if in_file(ROOT.as_ref()) {
        return finding("library-refused", "/etc/ld.so.preload names it, but the loader did not accept it")
            .cure("musl's loader does not read that file: set LD_PRELOAD");
    }
    let found = "it is not loaded in this process: neither LD_PRELOAD nor /etc/ld.so.preload names it";
    finding("library-not-named", found).cure(
        "set LD_PRELOAD=/usr/lib/libcgproc.so in the image's environment, or let cgproc install add it to \
             /etc/ld.so.preload, or start programs with cgproc run",
    )
}

/// What is wrong with the files that the loader is told to load.
fn faults(named: Vec<PathBuf>, by: &str) -> Vec<Finding> {
    let absolute = named.into_iter().filter(|path| path.is_absolute());
    absolute.filter_map(|path| Some(faulty(fault(ROOT.as_ref(), &path)?, by).on(path.display()))).collect()
}

fn faulty((code, what): (&'static str, String), by: &str) -> Finding {
    let finding = Finding::problem(CHECK, code, format!("{by} a file that {what}"));
    match code {
        "library-missing" => finding.cure("put the library there (cgproc install does), or correct the path"),
        "library-unreadable" => finding.cure("let everybody read it and enter its directories: chmod 755"),
        _ => finding.cure(REBUILD),
    }
}

/// What is wrong with a library below `root`: a code, and the same in words. If the path leads to several files, any of
/// them will do.
pub(super) fn fault(root: &Path, path: &Path) -> Option<(&'static str, String)> {
    let faults = places(path)
        .into_iter()
        .map(|path| object::fault(&foreign::open(root, &path).and_then(|file| elf::read(&file))));
    // One that is there says more than one that is not.
    faults.min_by_key(|fault| fault.as_ref().map_or(0, |(code, _)| if *code == "library-missing" { 2 } else { 1 }))?
}

/// Whether the preload file of the file system at `root` names it.
pub(super) fn in_file(root: &Path) -> bool {
    entries(&foreign::text(root, preload_file::PATH.as_ref())).iter().any(|path| is_library(root, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_no_fault() {
        let fault = |path: &Path| super::fault(ROOT.as_ref(), path).map(|(code, _)| code);
        assert_eq!(fault(&std::env::current_exe().unwrap()), None);
        assert_eq!(fault(Path::new("/no/such/file")), Some("library-missing"));
        assert_eq!(fault(Path::new("/etc/passwd")), Some("library-foreign"));
        assert_eq!(fault(Path::new("/tmp")), Some("library-foreign"));
    }
}
