//! Finding the object that is preloaded.

use super::elf::{self, Elf, Fault};
use anyhow::{Context, Result, bail};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The variable that names the object.
pub(crate) const VARIABLE: &str = "CGPROC_OBJECT";

/// The witness's name.
pub(crate) const WITNESS: &str = "libcgproc_witness.so";

/// Where it is, relative to the command's directory.
const PLACES: [&str; 3] = ["libcgproc.so", "../lib/cgproc/libcgproc.so", "../lib/libcgproc.so"];

/// The object's absolute path.
pub(crate) fn find() -> Result<PathBuf> {
    let path = source()?;
    // The loader treats blanks and colons as separators, and has no way to quote them.
    if path.as_os_str().as_bytes().iter().any(|b| b" :\t\n".contains(b)) {
        bail!("{} cannot be preloaded from a path with a blank or a colon", path.display());
    }
    Ok(path)
}

/// The library that is preloaded in front of the object to see what a program asks, beside the object; `None` if there
/// is none.
pub(crate) fn witness(object: &Path) -> Option<PathBuf> {
    readable(&object.with_file_name(WITNESS)).ok()
}

/// Whether a file is that library, judging by its name.
pub(crate) fn is_witness(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == WITNESS)
}

/// Whether there is none, and none was asked for: an image without a C library may have only this command.
pub(crate) fn is_absent() -> bool {
    env::var_os(VARIABLE).is_none() && source().is_err()
}

/// Where to copy it from.
pub(crate) fn source() -> Result<PathBuf> {
    match env::var_os(VARIABLE) {
        Some(named) => readable(Path::new(&named))
            .with_context(|| format!("{VARIABLE} names {}, which cannot be used", named.display())),
        None => beside(&env::current_exe().context("/proc/self/exe")?),
    }
}

/// What disqualifies a file as the object: a code, and the same in words.
pub(crate) fn fault(file: &std::result::Result<Elf, Fault>) -> Option<(&'static str, String)> {
    Some(match file {
        Err(Fault::Missing) => ("library-missing", "is not there".to_owned()),
        Err(Fault::Unreadable) => ("library-unreadable", "cannot be read".to_owned()),
        Err(Fault::Foreign) => ("library-foreign", "is no library".to_owned()),
        Err(Fault::Truncated) => ("library-truncated", "is cut short".to_owned()),
        Ok(Elf { bits, .. }) if *bits != 64 => ("library-architecture", format!("is for {bits} bits")),
        Ok(Elf { machine, .. }) if *machine != elf::MACHINE => {
            ("library-architecture", format!("is for another processor (ELF machine {machine})"))
        }
        Ok(_) => return None,
    })
}

fn beside(command: &Path) -> Result<PathBuf> {
    let home = command.parent().unwrap_or(Path::new("/"));
    let tried: Vec<PathBuf> = PLACES.iter().map(|place| home.join(place)).collect();
    tried.iter().find_map(|path| readable(path).ok()).with_context(|| {
        let names: Vec<String> = tried.iter().map(|path| path.display().to_string()).collect();
        format!("libcgproc.so not found; tried {} ({VARIABLE} can name it)", names.join(", "))
    })
}

fn readable(path: &Path) -> Result<PathBuf> {
    if !File::open(path)?.metadata()?.is_file() {
        bail!("not a regular file");
    }
    Ok(path.canonicalize()?)
}

/// `LD_PRELOAD` with the object ahead of its previous contents.
pub(crate) fn preload(object: &Path, inherited: Option<&OsStr>) -> OsString {
    let mut value = object.as_os_str().to_owned();
    match inherited {
        Some(others) if others == value || others.as_bytes().starts_with(&[value.as_bytes(), b":"].concat()) => {
            value = others.to_owned();
        }
        Some(others) if !others.is_empty() => {
            value.push(":");
            value.push(others);
        }
        _ => {}
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepended_once() {
        let cases = [
            (None, "/l/o.so"),
            (Some(""), "/l/o.so"),
            (Some("/x.so"), "/l/o.so:/x.so"),
            (Some("/l/o.so"), "/l/o.so"),
            (Some("/l/o.so:/x.so"), "/l/o.so:/x.so"),
            (Some("/l/o.sock"), "/l/o.so:/l/o.sock"),
        ];
        for (inherited, expected) in cases {
            assert_eq!(preload(Path::new("/l/o.so"), inherited.map(OsStr::new)), OsString::from(expected));
        }
    }
}
