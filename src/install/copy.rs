//! Putting the library's directory somewhere as a host's package has it, for containers that mount it. Nothing is
//! executed. Each file comes by rename: what runs keeps the old library, and new programs find the new one.

use super::{
    change::{self, Change},
    library,
    lock::Lock,
    report::Report,
    sysroot::{Destination, Sysroot},
};
use crate::host::{object, preload_file};
use anyhow::{Context, Result, bail};
use rustix::{
    fs::{AtFlags, FileType, Mode, chmodat, mkdirat, readlinkat, renameat, statat, symlinkat, unlinkat},
    io::Errno,
};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

const LIBRARY: &str = "libcgproc.so";

/// Where the library is, for the directory of a platform.
const ABOVE: &str = "../libcgproc.so";

/// What containers mount as their `/etc/ld.so.preload`. Its text never changes, because such a mount shows the file
/// that was there when the container started.
const PRELOAD: (&str, &[u8]) = ("ld.so.preload", b"/usr/lib/cgproc/$PLATFORM/libcgproc.so\n");

/// The directory of the empty object for 32-bit programs.
const NARROW: &str = "i686";

/// What glibc may put for `$PLATFORM` in the programs of a processor: first the directory, then links to it.
const PLATFORMS: &[&str] =
    if cfg!(target_arch = "x86_64") { &["x86_64", "haswell", "xeon_phi"] } else { &[std::env::consts::ARCH] };
const NARROW_PLATFORMS: &[&str] = &[NARROW, "i386", "i486", "i586"];

/// Copies the library, `named` or the one beside the command, into a directory, with all that belongs to it. Whatever
/// is not ours there is an error, before anything is written.
pub(crate) fn copy(named: Option<&Path>, to: &Path) -> Result<()> {
    let library = library::read(named)?;
    let narrow = narrow(named)?;
    let top = Sysroot::open(to)?;
    let home = top.directory(Path::new("/"))?;
    let _lock = Lock::take(&home)?;
    let pieces = pieces(&library, narrow.as_deref());
    pieces.iter().try_for_each(|piece| piece.check(&top))?;
    let mut report = Report::new(false);
    pieces.iter().try_for_each(|piece| piece.put(&top, &mut report))?;
    report.print()
}

/// What the copy consists of, in the order in which it is put.
fn pieces<'a>(library: &'a [u8], narrow: Option<&'a [u8]>) -> Vec<Piece<'a>> {
    let file = |directory, name, contents, what| Piece { directory, name, kind: Kind::File { contents, what } };
    let link = |directory, name, target| Piece { directory, name, kind: Kind::Link { target } };
    let others = |names: &'static [&str]| names.iter().skip(1).map(move |name| link("", name, names[0]));
    let mut pieces = vec![file("", LIBRARY, library, "the library"), link(PLATFORMS[0], LIBRARY, ABOVE)];
    pieces.extend(others(PLATFORMS));
    if let Some(narrow) = narrow {
        pieces.push(file(NARROW, LIBRARY, narrow, "the empty one for 32-bit programs"));
        pieces.extend(others(NARROW_PLATFORMS));
    }
    // It comes last: what it names is there.
    pieces.push(file("", PRELOAD.0, PRELOAD.1, "for containers to mount as /etc/ld.so.preload"));
    pieces
}

/// The object for 32-bit programs, if it came with the library.
fn narrow(named: Option<&Path>) -> Result<Option<Vec<u8>>> {
    const LARGEST: u64 = 64 << 10;
    let library = named.map_or_else(object::source, |path| Ok(path.canonicalize()?))?;
    let path = library.with_file_name(NARROW).join(LIBRARY);
    let is_there = fs::symlink_metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= LARGEST);
    if is_there { fs::read(&path).with_context(|| path.display().to_string()).map(Some) } else { Ok(None) }
}

/// One of its files or links, in the directory itself (the empty name) or in one below.
struct Piece<'a> {
    directory: &'a str,
    name: &'a str,
    kind: Kind<'a>,
}

enum Kind<'a> {
    File { contents: &'a [u8], what: &'a str },
    Link { target: &'a str },
}

impl Piece<'_> {
    /// Fails if its place is taken by something that is not ours.
    fn check(&self, top: &Sysroot) -> Result<()> {
        let Some(to) = existing(top, self.directory)? else { return Ok(()) };
        let name = OsStr::new(self.name);
        match self.kind {
            Kind::File { .. } if self.name == LIBRARY => library::check(&to, name).map(drop),
            Kind::File { .. } => {
                let text = to.read(name)?.unwrap_or_default();
                match preload_file::entries(&text).iter().find(|entry| !preload_file::is_ours(entry)) {
                    Some(other) => bail!("{}: it names {}: remove it first", to.name(name), other.display()),
                    None => Ok(()),
                }
            }
            Kind::Link { .. } => match readlinkat(to.fd(), name, Vec::new()) {
                Ok(target) if is_one_of_ours(target.as_bytes()) => Ok(()),
                Ok(target) => bail!("{}: it leads to {}: remove it first", to.name(name), target.to_string_lossy()),
                Err(Errno::NOENT) => Ok(()),
                Err(_) => bail!("{}: what is there is no symbolic link: remove it first", to.name(name)),
            },
        }
    }

    fn put(&self, top: &Sysroot, report: &mut Report) -> Result<()> {
        let to = made(top, self.directory)?;
        match self.kind {
            Kind::File { contents, what } => {
                let is_first = put_file(&to, self.name.as_ref(), contents)?;
                report.file(&top.path().join(self.directory).join(self.name), is_first, what);
                Ok(())
            }
            Kind::Link { target } => put_link(&to, self.name, target),
        }
    }
}

/// Whether a link leads where some link of a copy does.
fn is_one_of_ours(target: &[u8]) -> bool {
    let targets = PLATFORMS.iter().chain(NARROW_PLATFORMS).chain([&ABOVE]);
    targets.into_iter().any(|ours| ours.as_bytes() == target)
}

/// Puts a file in place, unless it is there already. Returns whether it is the first of its name.
fn put_file(to: &Destination<'_>, name: &OsStr, contents: &[u8]) -> Result<Option<bool>> {
    change::clear(to, name);
    let change = if name == LIBRARY {
        library::change(to, name, contents)?
    } else if to.read(name)?.as_deref() == Some(contents) {
        None
    } else {
        Some(Change::write(to, name, contents, None)?)
    };
    let is_first = change.as_ref().map(Change::is_first);
    if let Some(mut change) = change {
        change.put()?;
        change.keep();
    }
    Ok(is_first)
}

/// Puts a link in place, unless it is there already.
fn put_link(to: &Destination<'_>, name: &str, target: &str) -> Result<()> {
    const NEW: &str = ".link.cgproc-new";
    if readlinkat(to.fd(), name, Vec::new()).is_ok_and(|there| there.as_bytes() == target.as_bytes()) {
        return Ok(());
    }
    let shown = || to.name(name.as_ref());
    let _ = unlinkat(to.fd(), NEW, AtFlags::empty());
    symlinkat(target, to.fd(), NEW).with_context(shown)?;
    renameat(to.fd(), NEW, to.fd(), name).with_context(shown)?;
    to.keep();
    to.sync()
}

/// A directory of the copy, if it is there.
fn existing<'r>(top: &'r Sysroot, name: &str) -> Result<Option<Destination<'r>>> {
    let home = top.directory(Path::new("/"))?;
    if name.is_empty() {
        return Ok(Some(home));
    }
    match statat(home.fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
            top.directory(&Path::new("/").join(name)).map(Some)
        }
        Ok(_) => bail!("{}: what is there is no directory: remove it first", home.name(name.as_ref())),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error).with_context(|| home.name(name.as_ref())),
    }
}

/// A directory of the copy, which is created if necessary, for everybody to enter; the copy's own if the name is empty.
fn made<'r>(top: &'r Sysroot, name: &str) -> Result<Destination<'r>> {
    let home = top.directory(Path::new("/"))?;
    if name.is_empty() {
        return Ok(home);
    }
    let open = Mode::from_raw_mode(0o755);
    match mkdirat(home.fd(), name, open) {
        // Whatever the umask is.
        Ok(()) => chmodat(home.fd(), name, open, AtFlags::empty()).with_context(|| home.name(name.as_ref()))?,
        Err(Errno::EXIST) => {}
        Err(error) => return Err(error).with_context(|| home.name(name.as_ref())),
    }
    home.keep();
    top.directory(&PathBuf::from("/").join(name))
}
