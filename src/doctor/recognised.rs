//! Whether a file is the library, whatever it is called: by the name of the file, or by the name that the library has
//! for the loader.

use crate::host::{elf, foreign, preload_file};
use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The name that it has for the loader (shim/build.rs).
const SONAME: &str = "libcgproc.so";

/// What the loader puts in place of its variables. `$LIB`: Debian's, Fedora's, Arch's. `$PLATFORM`: the kernel's word;
/// glibc has others for some processors, under which the package has the same library.
const VARIABLES: [(&str, &[&str]); 2] = [
    (
        "LIB",
        &[if cfg!(target_arch = "aarch64") { "lib/aarch64-linux-gnu" } else { "lib/x86_64-linux-gnu" }, "lib64", "lib"],
    ),
    ("PLATFORM", &[std::env::consts::ARCH]),
];

/// Which mapped files are the library, by their device and inode: processes have most of their files in common.
#[derive(Default)]
pub(super) struct Recognised(RefCell<HashMap<Vec<u8>, bool>>);

impl Recognised {
    /// The path that a process has the library mapped from.
    pub(super) fn mapped(&self, process: &str) -> Option<String> {
        let directory = Path::new("/proc").join(process);
        let maps = fs::read(directory.join("maps")).ok()?;
        let mut code = maps.split(|byte| *byte == b'\n').filter_map(code_of);
        let (_, path) = code.find(|(file, path)| {
            let is_it = || is_library(&directory.join("root"), path);
            *self.0.borrow_mut().entry(file.to_vec()).or_insert_with(is_it)
        })?;
        Some(path.display().to_string())
    }
}

/// The device, the inode and the path in the line of a mapping that is executed (proc_pid_maps(5)).
fn code_of(line: &[u8]) -> Option<(&[u8], PathBuf)> {
    let mut fields = line.splitn(4, |byte| *byte == b' ').skip(1);
    let is_code = fields.next()?.get(2) == Some(&b'x');
    let rest = fields.nth(1)?;
    let path = rest.iter().position(|byte| *byte == b'/').filter(|_| is_code)?;
    Some((rest[..path].trim_ascii_end(), OsStr::from_bytes(&rest[path..]).into()))
}

/// Whether the file at `path` below `root` is the library. Of a path that is not absolute, only the name is known.
pub(super) fn is_library(root: &Path, path: &Path) -> bool {
    let is_by_content = |path: &PathBuf| {
        foreign::open(root, path).is_ok_and(|file| elf::soname(&file).is_some_and(|name| name == SONAME))
    };
    preload_file::is_ours(path) || path.is_absolute() && places(path).iter().any(is_by_content)
}

/// The files that an entry of `LD_PRELOAD` or /etc/ld.so.preload may stand for.
pub(super) fn places(path: &Path) -> Vec<PathBuf> {
    let text = path.as_os_str().to_string_lossy();
    for (variable, values) in VARIABLES {
        for written in [format!("${{{variable}}}"), format!("${variable}")] {
            if text.contains(&written) {
                return values.iter().map(|value| text.replace(&written, value).into()).collect();
            }
        }
    }
    vec![path.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_the_file_that_it_is_from() {
        let of = |line: &'static str| code_of(line.as_bytes()).map(|(file, path)| (file, path.display().to_string()));
        let line = "7f-80 r-xp 00001000 fe:00 12  /opt/a b.so (deleted)";
        assert_eq!(of(line), Some((&b"fe:00 12"[..], "/opt/a b.so (deleted)".to_owned())));
        for line in ["7f-80 r--p 00000000 fe:00 12  /a.so", "7f-80 r-xp 00000000 00:00 0  [vdso]", "", "7f-80 r-xp"] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn the_loaders_variables() {
        assert_eq!(places(Path::new("/l/a.so")), [Path::new("/l/a.so")]);
        for (variable, values) in VARIABLES {
            for written in [format!("${variable}"), format!("${{{variable}}}")] {
                let expected: Vec<PathBuf> = values.iter().map(|value| format!("/l/{value}/a.so").into()).collect();
                assert_eq!(places(Path::new(&format!("/l/{written}/a.so"))), expected, "{written}");
            }
        }
    }

    #[test]
    fn others_are_not_it() {
        assert!(is_library(Path::new("/"), Path::new("libcgproc.so")));
        assert!(
            !is_library(Path::new("/"), Path::new("/proc/self/exe")) && !is_library(Path::new("/"), Path::new("x.so"))
        );
    }
}
