//! The exporter's socket in the file system. It is made aside and moved into place once it listens, so whatever is found
//! there and refuses connections has been left behind by a process that is gone. Only that is replaced: two samplers that
//! find it at once exchange it for theirs, and see what they have got.

use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fs::{CWD, FileType, Mode, RenameFlags, chmod, lstat, renameat_with, unlink},
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
    process::geteuid,
};
use std::{
    ffi::OsString,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
};

/// Its owner and its group may connect; the directory may keep out more.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::WGRP);

/// The file of a socket that listens, removed when dropped unless it has been replaced.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode number.
type Identity = (u64, u64);

impl Drop for Socket {
    fn drop(&mut self) {
        if identity(&self.path).ok() == Some(self.identity) {
            let _ = unlink(&self.path);
        }
    }
}

/// Listens at `path`.
pub(super) fn listen(path: &Path) -> Result<(UnixListener, Socket)> {
    let mut aside = OsString::from(".");
    aside.push(path.file_name().context("this is not a file name")?);
    aside.push(format!(".{}", std::process::id()));
    let aside = path.with_file_name(aside);
    let listener = UnixListener::bind(&aside)?;
    let placed = chmod(&aside, MODE).map_err(Into::into).and_then(|()| place(&aside, path));
    if placed.is_err() {
        let _ = unlink(&aside);
    }
    Ok((listener, placed?))
}

/// Moves the socket to its path, where nothing else may be.
fn place(aside: &Path, path: &Path) -> Result<Socket> {
    let socket = Socket { path: path.to_owned(), identity: identity(aside)? };
    match renameat_with(CWD, aside, CWD, path, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => replace(aside, path, stale(path)?)?,
        other => other?,
    }
    Ok(socket)
}

/// Exchanges the two, and removes what was at `path` if it is what has been looked at.
fn replace(aside: &Path, path: &Path, stale: Identity) -> Result<()> {
    let exchange = || renameat_with(CWD, aside, CWD, path, RenameFlags::EXCHANGE);
    exchange()?;
    if identity(aside)? != stale {
        exchange()?;
        bail!("another process has just taken this path");
    }
    Ok(unlink(aside)?)
}

/// The identity of a socket of this user's on which nobody listens any more.
fn stale(path: &Path) -> Result<Identity> {
    let found = lstat(path)?;
    let is_socket = FileType::from_raw_mode(found.st_mode) == FileType::Socket;
    ensure!(is_socket, "something else is there: remove it, or choose another path");
    ensure!(found.st_uid == geteuid().as_raw(), "another user's socket is there");
    // Whoever listens may not accept.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let asking = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&asking, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN) => bail!("another process listens there"),
        Err(Errno::CONNREFUSED) => Ok((found.st_dev, found.st_ino)),
        Err(error) => Err(error.into()),
    }
}

fn identity(path: &Path) -> rustix::io::Result<Identity> {
    lstat(path).map(|it| (it.st_dev, it.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::{
            fs::{PermissionsExt, symlink},
            net::UnixStream,
        },
    };

    #[test]
    fn only_what_is_left_behind_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("socket");
        let (listener, first) = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o660);
        assert!(listen(&path).unwrap_err().to_string().contains("another process listens"));
        drop(listener);
        // The file of a process that was killed.
        let (_listener, second) = listen(&path).unwrap();
        drop(first);
        assert!(UnixStream::connect(&path).is_ok(), "its successor's socket stays");
        drop(second);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_has_been_put_there_meanwhile_stays() {
        let home = tempfile::tempdir().unwrap();
        let [path, ours] = ["socket", "ours"].map(|name| home.path().join(name));
        drop(UnixListener::bind(&path).unwrap());
        let found = stale(&path).unwrap();
        // Kept, so that nothing else gets its number.
        fs::rename(&path, home.path().join("stale")).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        let _ours = UnixListener::bind(&ours).unwrap();
        let before = [&path, &ours].map(|it| identity(it).unwrap());
        assert!(replace(&ours, &path, found).is_err());
        assert_eq!([&path, &ours].map(|it| identity(it).unwrap()), before);
        assert!(UnixStream::connect(&path).is_ok());
    }

    /// Whose queue is full, too: nobody waits for it.
    #[test]
    fn a_listener_that_does_not_accept_is_one() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("socket");
        let listening = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        rustix::net::bind(&listening, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&listening, 0).unwrap();
        // Those who have gone stay in it.
        for _ in 0..3 {
            assert!(stale(&path).unwrap_err().to_string().contains("another process listens"));
        }
    }

    #[test]
    fn what_is_no_socket_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("socket");
        let kinds: [fn(&Path); 3] = [
            |path| fs::write(path, "notes").unwrap(),
            |path| symlink("nowhere", path).unwrap(),
            |path| fs::create_dir(path).unwrap(),
        ];
        for make in kinds {
            make(&path);
            let before = identity(&path).unwrap();
            assert!(listen(&path).unwrap_err().to_string().contains("something else is there"));
            assert_eq!(identity(&path).unwrap(), before);
            assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
        assert!(listen(Path::new("/")).is_err());
        assert!(listen(&home.path().join("missing/socket")).is_err());
    }
}
