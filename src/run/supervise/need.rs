//! Which programs bypass libc.

use crate::host::{elf, foreign};
use std::{
    env,
    ffi::OsStr,
    fs::File,
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Whether `program`, found as a shell would find it, makes system calls that no preloaded library sees.
pub(super) fn is_needed(program: &OsStr) -> bool {
    find(program).and_then(|path| interpreter_of(&path).or(Some(path))).is_some_and(|path| goes_past_libc(&path))
}

/// Whether `program`, found in the same way, uses musl.
pub(crate) fn uses_musl(program: &OsStr) -> bool {
    let path = find(program).and_then(|path| interpreter_of(&path).or(Some(path)));
    path.and_then(|path| elf::read(&plain(&path)?).ok()).is_some_and(|program| program.uses_musl())
}

fn goes_past_libc(path: &Path) -> bool {
    let program = plain(path).and_then(|file| elf::read(&file).ok());
    program.is_some_and(|program| program.machine == elf::MACHINE && program.goes_past_libc())
}

/// Opens only regular files: opening a device or a pipe may block or have side effects.
fn plain(path: &Path) -> Option<File> {
    foreign::open("/".as_ref(), &std::path::absolute(path).ok()?).ok()
}

/// Finds a program by the rules of execvp(3).
fn find(program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let is_executable =
        |path: &PathBuf| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    env::split_paths(&path).map(|directory| directory.join(program)).find(is_executable)
}

/// The interpreter that the kernel runs a script with.
fn interpreter_of(path: &Path) -> Option<PathBuf> {
    const LONGEST: u64 = 256;
    let mut head = Vec::new();
    plain(path)?.take(LONGEST).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let name = line.split(|byte| b" \t".contains(byte)).next()?;
    Some(OsStr::from_bytes(name).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn programs_of_this_machine() {
        assert!(!is_needed(OsStr::new("sh")));
        assert!(!is_needed(OsStr::new("/bin/sh")));
        assert!(!is_needed(OsStr::new("no-such-program")));
        assert!(!is_needed(OsStr::new("/proc")));
    }

    #[test]
    fn a_script_is_its_interpreter() {
        let script = tempfile::NamedTempFile::new().unwrap();
        for (text, expected) in
            [("#! /bin/busybox sh\n", Some("/bin/busybox")), ("#!/a/b", Some("/a/b")), ("echo", None)]
        {
            fs::write(&script, text).unwrap();
            assert_eq!(interpreter_of(script.path()), expected.map(PathBuf::from), "{text}");
        }
    }
}
