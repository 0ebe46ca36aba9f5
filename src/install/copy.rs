//! Putting the library's directory somewhere as a host's package has it, for containers that mount it. Nothing is
//! executed. Each file comes by rename: what runs keeps the old library, and new programs find the new one.

use super::{
    change::{self, Change},
    library,
    lock::Lock,
    report::Report,
    sysroot::{Destination, Sysroot},
};
use crate::host::object;
use anyhow::{Context, Result, bail};
use rustix::{
    fs::{AtFlags, Mode, chmodat, mkdirat, readlinkat, renameat, symlinkat, unlinkat},
    io::Errno,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const LIBRARY: &str = "libcgproc.so";

/// What containers mount as their `/etc/ld.so.preload`. Its text never changes, because such a mount shows the file
/// that was there when the container started.
const PRELOAD: (&str, &[u8]) = ("ld.so.preload", b"/usr/lib/cgproc/$PLATFORM/libcgproc.so\n");

/// The directory of the empty object for 32-bit programs.
const NARROW: &str = "i686";

/// What glibc may put for `$PLATFORM` in the programs of a processor: first the directory, then links to it.
const PLATFORMS: &[&str] =
    if cfg!(target_arch = "x86_64") { &["x86_64", "haswell", "xeon_phi"] } else { &[std::env::consts::ARCH] };
const NARROW_PLATFORMS: &[&str] = &[NARROW, "i386", "i486", "i586"];

/// Copies the library, `named` or the one beside the command, into a directory, with all that belongs to it.
pub(crate) fn copy(named: Option<&Path>, to: &Path) -> Result<()> {
    let library = library::read(named)?;
    let narrow = narrow(named)?;
    let top = Sysroot::open(to)?;
    let home = top.directory(Path::new("/"))?;
    let _lock = Lock::take(&home)?;
    let mut copying = Copying { top: &top, report: Report::new(false) };
    copying.file("", LIBRARY, &library, "the library")?;
    copying.link(PLATFORMS[0], LIBRARY, &format!("../{LIBRARY}"))?;
    copying.platforms(PLATFORMS)?;
    if let Some(narrow) = narrow {
        copying.file(NARROW, LIBRARY, &narrow, "the empty one for 32-bit programs")?;
        copying.platforms(NARROW_PLATFORMS)?;
    }
    // It comes last: what it names is there.
    copying.file("", PRELOAD.0, PRELOAD.1, "for containers to mount as /etc/ld.so.preload")?;
    copying.report.print()
}

/// The object for 32-bit programs, if it came with the library.
fn narrow(named: Option<&Path>) -> Result<Option<Vec<u8>>> {
    const LARGEST: u64 = 64 << 10;
    let library = named.map_or_else(object::source, |path| Ok(path.canonicalize()?))?;
    let path = library.with_file_name(NARROW).join(LIBRARY);
    let is_there = fs::symlink_metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= LARGEST);
    if is_there { fs::read(&path).with_context(|| path.display().to_string()).map(Some) } else { Ok(None) }
}

/// A copy in the making.
struct Copying<'r> {
    top: &'r Sysroot,
    report: Report,
}

impl Copying<'_> {
    /// Puts a file in place, unless it is there already.
    fn file(&mut self, directory: &str, name: &str, contents: &[u8], what: &str) -> Result<()> {
        let to = made(self.top, directory)?;
        change::clear(&to, name.as_ref());
        let change = if name == LIBRARY {
            library::change(&to, name.as_ref(), contents)?
        } else if to.read(name.as_ref())?.as_deref() == Some(contents) {
            None
        } else {
            Some(Change::write(&to, name.as_ref(), contents, None)?)
        };
        let is_first = change.as_ref().map(Change::is_first);
        if let Some(mut change) = change {
            change.put()?;
            change.keep();
        }
        self.report.file(&self.top.path().join(directory).join(name), is_first, what);
        Ok(())
    }

    /// Makes the other names of a platform links to the directory of the first.
    fn platforms(&self, names: &[&str]) -> Result<()> {
        names.iter().skip(1).try_for_each(|name| self.link("", name, names[0]))
    }

    /// Puts a link in place, unless it is there already.
    fn link(&self, directory: &str, name: &str, target: &str) -> Result<()> {
        const NEW: &str = ".link.cgproc-new";
        let to = made(self.top, directory)?;
        let shown = || to.name(name.as_ref());
        match readlinkat(to.fd(), name, Vec::new()) {
            Ok(there) if there.as_bytes() == target.as_bytes() => return Ok(()),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(_) => bail!("{}: what is there is no symbolic link: remove it first", shown()),
        }
        let _ = unlinkat(to.fd(), NEW, AtFlags::empty());
        symlinkat(target, to.fd(), NEW).with_context(shown)?;
        renameat(to.fd(), NEW, to.fd(), name).with_context(shown)?;
        to.keep();
        to.sync()
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
