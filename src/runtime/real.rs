//! The real OCI runtime, and becoming it.

use anyhow::{Context, Result, ensure};
use rustix::fs::{Access, access, stat};
use std::{
    env,
    ffi::{CString, OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr,
};

/// Their names, in the order in which they are looked for.
const NAMES: [&str; 2] = ["runc", "crun"];

/// Those for which another may stand in. Whatever has another name may be a sandbox: its containers are not for the
/// host's kernel.
const ALIKE: [&str; 3] = ["runc", "crun", "youki"];

/// Where programs are if nobody says.
const USUAL: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The configured one, by its path or by its name in PATH. If there is none, or if it cannot be run and is one of
/// [`ALIKE`], the first that PATH has.
pub(super) fn find(configured: Option<&Path>) -> Result<PathBuf> {
    find_in(&env::var_os("PATH").unwrap_or_else(|| USUAL.into()), configured)
}

fn find_in(path: &OsStr, configured: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = configured {
        if let Some(found) = first_in(path, &[named]) {
            return Ok(found);
        }
        let is_alike = named.file_name().is_some_and(|name| ALIKE.iter().any(|it| name == *it));
        ensure!(
            is_alike,
            "{}, which /etc/cgproc/runtime.toml names, cannot be run, and no other OCI runtime takes its place",
            named.display()
        );
    }
    first_in(path, &NAMES.map(Path::new))
        .context("no OCI runtime: neither runc nor crun is in PATH; name one in /etc/cgproc/runtime.toml")
}

fn first_in(path: &OsStr, names: &[&Path]) -> Option<PathBuf> {
    let places = names.iter().flat_map(|name| {
        let is_name = !name.as_os_str().as_bytes().contains(&b'/');
        let in_path = env::split_paths(path).filter(move |_| is_name).map(move |directory| directory.join(name));
        in_path.chain((!is_name).then(|| name.to_path_buf()))
    });
    let mut programs = places.filter(|program| program.is_absolute());
    programs.find(|program| program.is_file() && access(program, Access::EXEC_OK).is_ok() && !is_this(program))
}

/// Whether a path leads to this very program, which would become itself for ever.
fn is_this(program: &Path) -> bool {
    match (stat(program), stat("/proc/self/exe")) {
        (Ok(it), Ok(own)) => (it.st_dev, it.st_ino) == (own.st_dev, own.st_ino),
        _ => false,
    }
}

/// Becomes the program, with these arguments after its name, and with everything else that this process has. Returns
/// only if that fails.
pub(super) fn become_it(program: &Path, arguments: &[OsString]) -> io::Error {
    let text = |word: &OsStr| CString::new(word.as_bytes());
    let words: Result<Vec<CString>, _> =
        [program.as_os_str()].into_iter().chain(arguments.iter().map(OsString::as_os_str)).map(text).collect();
    let words = match words {
        Ok(words) => words,
        Err(error) => return error.into(),
    };
    let Some(first) = words.first() else { return io::ErrorKind::InvalidInput.into() };
    let pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
    // SAFETY: the texts and the list, which ends with null, outlive the call, and nobody changes the environment.
    unsafe { libc::execv(first.as_ptr(), pointers.as_ptr()) };
    io::Error::last_os_error()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, symlink},
    };

    #[test]
    fn the_first_that_can_be_run_and_is_not_this_one() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for directory in ["a", "b", "b/runc"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        for (name, mode) in [("a/crun", 0o755), ("a/other", 0o755), ("b/crun", 0o755), ("b/plain", 0o644)] {
            fs::write(at(name), "").unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        }
        symlink(env::current_exe().unwrap(), at("a/runc")).unwrap();
        let path = env::join_paths([at("a"), at("b"), "relative".into()]).unwrap();
        let find = |configured: Option<&Path>| find_in(&path, configured).ok();
        assert_eq!(find(None), Some(at("a/crun")), "runc is ourselves, or a directory");
        assert_eq!(find(Some(Path::new("other"))), Some(at("a/other")));
        assert_eq!(find(Some(&at("b/crun"))), Some(at("b/crun")));
        for unusable in [at("b/runc"), at("none/crun"), at("a/runc"), "youki".into(), "./a/crun".into()] {
            assert_eq!(find(Some(&unusable)), Some(at("a/crun")), "{}", unusable.display());
        }
        for sandbox in
            [at("b/plain"), at("none/runsc"), "runsc".into(), "./a/other".into(), "runc-fc".into(), "".into()]
        {
            assert_eq!(find(Some(&sandbox)), None, "{}", sandbox.display());
        }
        assert!(find_in(OsStr::new(""), None).is_err());
    }
}
