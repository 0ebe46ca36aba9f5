//! The real OCI runtime, and becoming it.

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

/// Where programs are if nobody says.
const USUAL: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The configured one, if it can be run, or the first in PATH.
pub(super) fn find(configured: Option<&Path>) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_else(|| USUAL.into());
    let places = |name| env::split_paths(&path).map(move |directory| directory.join(name));
    let mut candidates = configured.map(Path::to_owned).into_iter().chain(NAMES.into_iter().flat_map(places));
    candidates.find(|program| program.is_absolute() && access(program, Access::EXEC_OK).is_ok() && !is_this(program))
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
