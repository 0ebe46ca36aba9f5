//! The board's file. A new one is written aside and renamed into place, so that readers always find a whole one. After
//! that it is written by `pwrite`, which stays harmless if somebody truncates the file; storing to a mapping would then
//! raise SIGBUS. Only a board is ever replaced.

use super::{
    clock::Now,
    image::{Full, Image},
    lock,
};
use crate::host::kernel;
use anyhow::{Context, Result, bail, ensure};
use calc::board::{BLOCK_BYTES, Block, Key, MAGIC, SlotNumbers};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, FileType, Mode, OFlags, fstat, openat, statfs},
    io::Errno,
};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A board to publish on. Only one sampler has it at a time.
pub(crate) struct Board {
    path: PathBuf,
    image: Image,
    /// The file, locked until a larger one is in its place. Otherwise somebody waiting for the lock would get it.
    file: Option<File>,
    /// The slots are no longer at the places that they have in that file.
    is_outgrown: bool,
    /// The previous board, locked until ours takes its place.
    predecessor: Option<File>,
    /// The previous board's blocks; none if it was not a board of our version.
    before: Vec<u8>,
}

/// Another sampler has taken the board over.
#[derive(Debug, thiserror::Error)]
#[error("{}: another sampler publishes here", .0.display())]
pub(crate) struct TakenOver(PathBuf);

impl Board {
    /// The board at `path`. Its directory is created if necessary. Nothing is published yet.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let directory = directory_of(path);
        // Readers accept a board only there.
        ensure!(is_in_memory(directory), refusal(directory));
        let there = there(path)?;
        fs::DirBuilder::new().recursive(true).mode(0o755).create(directory).with_context(|| refusal(directory))?;
        let (predecessor, before) = match there {
            Some(file) => (take(path, &file)?.then(|| file.try_clone()).transpose()?, blocks(&file)),
            None => (None, Vec::new()),
        };
        let board =
            Self { path: path.to_owned(), image: Image::new(), file: None, is_outgrown: false, predecessor, before };
        // Fails now if the file cannot be made.
        let (_, aside) = board.make_aside()?;
        fs::remove_file(&aside).with_context(|| aside.display().to_string())?;
        Ok(board)
    }

    /// What a previous sampler published about a cgroup.
    pub(super) fn before(&self, key: Key) -> Option<Block> {
        let blocks = u64::try_from(self.before.len() / BLOCK_BYTES).ok()?;
        SlotNumbers::of(key, blocks.checked_sub(1)?).find_map(|index| {
            let block = Block::from_bytes(self.before.as_chunks().0.get(usize::try_from(index).ok()?)?);
            (block.is_whole() && block.is_of(key) && block.published().void_after_usec > 0).then_some(block)
        })
    }

    /// Forgets what previous samplers published.
    pub(super) fn forget(&mut self) {
        self.before = Vec::new();
    }

    /// Changes a slot. Readers see this once it is written.
    pub(super) fn set(&mut self, key: Key, block: Block) -> Result<(), Full> {
        self.is_outgrown |= self.image.set(key, block)?;
        Ok(())
    }

    /// Voids the slot of a removed cgroup, at once.
    pub(super) fn void(&mut self, key: Key) {
        let file = self.file.as_ref().filter(|_| !self.is_outgrown);
        if let (Some((offset, bytes)), Some(file)) = (self.image.void(key), file) {
            let _ = file.write_all_at(bytes, offset);
        }
    }

    /// Writes these slots.
    pub(super) fn write_slots(&mut self, keys: &[Key]) -> Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| !self.is_outgrown) else { return self.replace() };
        for (offset, bytes) in keys.iter().filter_map(|key| self.image.slot(*key)) {
            file.write_all_at(bytes, offset).with_context(|| self.path.display().to_string())?;
        }
        Ok(())
    }

    /// Writes the whole board, over anything that a stranger may have written there.
    pub(super) fn write(&mut self, now: &Now, valid_usec: u64, has_ended: bool) -> Result<()> {
        self.image.set_header(&now.published(valid_usec), has_ended);
        let in_place = !self.is_outgrown && self.file.as_ref().is_some_and(|file| is_at(&self.path, file));
        let Some(file) = self.file.as_ref().filter(|_| in_place) else { return self.replace() };
        file.write_all_at(self.image.bytes(), 0).with_context(|| self.path.display().to_string())
    }

    /// Writes a new file and puts it in the board's place, unless the board there is another sampler's.
    fn replace(&mut self) -> Result<()> {
        let there = there(&self.path)?;
        let is_own = |file: &File| self.file.iter().chain(&self.predecessor).any(|own| is_same(own, file));
        if there.as_ref().is_some_and(|file| !is_own(file) && is_anothers(&self.path, file)) {
            bail!(TakenOver(self.path.clone()));
        }
        let (file, aside) = self.make_aside()?;
        let placed = file.write_all_at(self.image.bytes(), 0).and_then(|()| match &there {
            Some(_) => fs::rename(&aside, &self.path),
            // Does not replace what may have appeared there meanwhile.
            None => fs::hard_link(&aside, &self.path).and_then(|()| fs::remove_file(&aside)),
        });
        if let Err(error) = placed {
            let _ = fs::remove_file(&aside);
            return Err(error).with_context(|| self.path.display().to_string());
        }
        (self.file, self.predecessor, self.is_outgrown) = (Some(file), None, false);
        Ok(())
    }

    /// A new file beside the board, locked.
    fn make_aside(&self) -> Result<(File, PathBuf)> {
        let directory = directory_of(&self.path);
        if !directory.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(directory).with_context(|| refusal(directory))?;
        }
        let (file, aside) = self.new_file()?.with_context(|| refusal(directory))?;
        // Locked before others may open it: a reader's lock would keep ours out. Then made readable whatever our umask
        // is, because containers run as any user.
        let opened = lock::take(&file).and_then(|()| file.set_permissions(fs::Permissions::from_mode(0o644)));
        if let Err(error) = opened {
            let _ = fs::remove_file(&aside);
            return Err(error).with_context(|| aside.display().to_string());
        }
        Ok((file, aside))
    }

    /// A new file under an unused name, for us alone. A killed sampler with our process id may have left a file behind.
    fn new_file(&self) -> Result<io::Result<(File, PathBuf)>> {
        const TRIES: u32 = 100;
        let name =
            self.path.file_name().with_context(|| format!("{}: this is not a file name", self.path.display()))?;
        let process = std::process::id();
        for number in 0..TRIES {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(if number == 0 { format!(".{process}") } else { format!(".{process}.{number}") });
            let aside = self.path.with_file_name(hidden);
            match File::options().read(true).write(true).create_new(true).mode(0o600).open(&aside) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return Ok(made.map(|file| (file, aside))),
            }
        }
        Ok(Err(Errno::EXIST.into()))
    }
}

/// Whether a sampler publishes at `path`: the board has not ended, and is fresh.
pub(crate) fn is_running(path: &Path) -> bool {
    let header = open(path).and_then(|file| block_at(&file, 0));
    header.is_some_and(|it| {
        it.is_whole() && it.slots().is_some() && !it.has_ended() && it.is_fresh(Now::read().realtime_usec)
    })
}

/// Opens what is at `path` if it can be a board; a FIFO or a device cannot.
fn open(path: &Path) -> Option<File> {
    there(path).ok().flatten()
}

/// The board at `path`, of any version; `None` if nothing is there. Anything else belongs to somebody, and only its
/// first bytes are read.
fn there(path: &Path) -> Result<Option<File>> {
    // In every version, the sequence number comes before it.
    const MAGIC_AT: u64 = 8;
    let other = || format!("{}: this is not a board: remove it, or choose another --board", path.display());
    let found = match openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error).with_context(|| refusal(directory_of(path))),
    };
    ensure!(FileType::from_raw_mode(fstat(&found)?.st_mode) == FileType::RegularFile, other());
    let file = reopened(&found).with_context(other)?;
    let mut magic = [0; size_of_val(&MAGIC)];
    let is_board = file.read_exact_at(&mut magic, MAGIC_AT).is_ok() && u64::from_ne_bytes(magic) == MAGIC;
    ensure!(is_board, other());
    Ok(Some(file))
}

/// Opens a regular file that was found. Locking it requires write access, which a reader does not have.
fn reopened(found: &OwnedFd) -> io::Result<File> {
    let with = |is_written| {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        File::options().read(true).write(is_written).custom_flags(flags).open(kernel::link(found))
    };
    with(true).or_else(|_| with(false))
}

/// Whether another sampler holds this board and publishes on it; a reader's lock does not count.
fn is_anothers(path: &Path, file: &File) -> bool {
    lock::is_held(file) && is_running(path)
}

/// Locks the previous board. `Ok(false)` if it cannot be locked but nobody publishes on it.
fn take(path: &Path, file: &File) -> Result<bool> {
    let is_taken = lock::take(file).is_ok();
    if !is_taken && is_anothers(path, file) {
        bail!("{}: another sampler publishes here; end it, or choose another --board", path.display());
    }
    Ok(is_taken)
}

/// Whether a directory is on a tmpfs, or will be when it is created.
fn is_in_memory(directory: &Path) -> bool {
    let exists = |it: &&Path| it.symlink_metadata().is_ok() || it.as_os_str().is_empty();
    let nearest = directory.ancestors().find(exists).unwrap_or(directory);
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    statfs(nearest).is_ok_and(|it| it.f_type == libc::TMPFS_MAGIC)
}

/// The blocks of a board of our version, as many as its header says; none if it is anything else.
fn blocks(file: &File) -> Vec<u8> {
    const LARGEST: u64 = 128 << 20;
    let mut bytes = Vec::new();
    let Some(slots) = block_at(file, 0).filter(Block::is_whole).and_then(|header| header.slots()) else { return bytes };
    let length = slots.saturating_add(1).saturating_mul(BLOCK_BYTES as u64);
    let is_read = file.take(LARGEST).read_to_end(&mut bytes).is_ok();
    if is_read && bytes.len() as u64 == length { bytes } else { Vec::new() }
}

fn block_at(file: &File, offset: u64) -> Option<Block> {
    let mut bytes = [0; BLOCK_BYTES];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(Block::from_bytes(&bytes))
}

fn is_at(path: &Path, file: &File) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|there| file.metadata().is_ok_and(|it| (it.dev(), it.ino()) == (there.dev(), there.ino())))
}

fn is_same(one: &File, other: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|it| (it.dev(), it.ino())).ok();
    identity(one) == identity(other)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn refusal(directory: &Path) -> String {
    format!(
        "{}: no board can be made here (mount a tmpfs, run as its owner, or choose another --board)",
        directory.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use calc::board::{Kind, Load};
    use rustix::fs::Mode;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    const KEY: Key = Key { kind: Kind::Unified, id: 77 };
    const VALID: u64 = 15_000_000;

    /// A directory for boards, removed at the end.
    struct Home(TempDir);

    impl Home {
        fn new() -> Self {
            Self(tempfile::tempdir_in("/dev/shm").unwrap())
        }

        fn board(&self) -> PathBuf {
            self.0.path().join("cgproc/board")
        }
    }

    fn publish(board: &mut Board, threads: u32) {
        let now = Now::read();
        let mut block = Block::slot(KEY);
        block.set_load(&Load { threads, ..Load::default() });
        block.set_published(&now.published(VALID));
        board.set(KEY, block).unwrap();
        board.write(&now, VALID, false).unwrap();
    }

    fn threads(path: &Path) -> Option<u32> {
        struct File(fs::File);
        impl calc::board::Board for File {
            fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
                *into = block_at(&self.0, index * 256)?;
                Some(())
            }
        }
        let mut block = Block::EMPTY;
        calc::board::find(&File(open(path)?), KEY, Now::read().realtime_usec, &mut block)?;
        block.load().map(|load| load.threads)
    }

    #[test]
    fn what_is_published_is_found_and_the_end_is_said() {
        let home = Home::new();
        let mut board = Board::create(&home.board()).unwrap();
        assert!(!home.board().exists() && !is_running(&home.board()));
        publish(&mut board, 5);
        assert!(is_running(&home.board()));
        assert_eq!(threads(&home.board()), Some(5));
        assert_eq!(fs::metadata(home.board()).unwrap().permissions().mode() & 0o777, 0o644);
        board.write(&Now::read(), VALID, true).unwrap();
        assert!(!is_running(&home.board()));
        assert_eq!(threads(&home.board()), Some(5));
        board.void(KEY);
        assert_eq!(threads(&home.board()), None);
        assert_eq!(fs::read_dir(home.0.path().join("cgproc")).unwrap().count(), 1);
    }

    #[test]
    fn whatever_becomes_of_the_file_the_next_publication_is_found() {
        let home = Home::new();
        let path = home.board();
        let mut board = Board::create(&path).unwrap();
        publish(&mut board, 1);
        let harms: [fn(&Path); 5] = [
            |path| fs::write(path, "").unwrap(),
            |path| fs::write(path, vec![0xa5; 70_000]).unwrap(),
            |path| File::options().write(true).open(path).unwrap().set_len(300).unwrap(),
            |path| fs::remove_file(path).unwrap(),
            |path| fs::remove_dir_all(path.parent().unwrap()).unwrap(),
        ];
        for (index, harm) in (2..).zip(harms) {
            harm(&path);
            publish(&mut board, index);
            assert_eq!(threads(&path), Some(index));
        }
    }

    #[test]
    fn a_successor_reads_what_was_there_and_one_at_a_time_publishes() {
        let home = Home::new();
        let mut first = Board::create(&home.board()).unwrap();
        publish(&mut first, 8);
        let refused = Board::create(&home.board()).err().unwrap().to_string();
        assert!(refused.contains("another sampler publishes here"), "{refused}");
        drop(first);
        let second = Board::create(&home.board()).unwrap();
        assert_eq!(second.before(KEY).and_then(|it| it.load()).map(|it| it.threads), Some(8));
        assert!(second.before(Key { kind: Kind::Unified, id: 78 }).is_none());
        assert_eq!(threads(&home.board()), Some(8));
    }

    /// If somebody puts something there while a sampler runs, it is left alone, and the sampler continues once it is
    /// gone.
    #[test]
    fn what_is_no_board_is_left_alone() {
        let home = Home::new();
        let mut board = Board::create(&home.board()).unwrap();
        publish(&mut board, 1);
        let kinds: [fn(&Path); 4] = [
            |path| fs::write(path, "somebody's notes").unwrap(),
            |path| symlink("/dev/full", path).unwrap(),
            |path| rustix::fs::mkfifoat(CWD, path, Mode::from(0o600)).unwrap(),
            |path| fs::create_dir(path).unwrap(),
        ];
        for make in kinds {
            fs::remove_file(home.board()).unwrap();
            make(&home.board());
            let before = fs::symlink_metadata(home.board()).unwrap();
            let error = board.write(&Now::read(), VALID, false).unwrap_err();
            assert!(error.to_string().contains("not a board"), "{error:#}");
            assert!(Board::create(&home.board()).is_err());
            let after = fs::symlink_metadata(home.board()).unwrap();
            assert_eq!((before.ino(), before.mode(), before.len()), (after.ino(), after.mode(), after.len()));
            let _ = fs::remove_file(home.board()).or_else(|_| fs::remove_dir(home.board()));
            publish(&mut board, 2);
            assert_eq!(threads(&home.board()), Some(2));
        }
    }

    #[test]
    fn a_name_beside_it_is_somebodys() {
        let home = Home::new();
        fs::create_dir_all(home.board().parent().unwrap()).unwrap();
        let beside = home.board().with_file_name(format!(".board.{}", std::process::id()));
        fs::write(&beside, "notes").unwrap();
        publish(&mut Board::create(&home.board()).unwrap(), 4);
        assert_eq!(threads(&home.board()), Some(4));
        assert_eq!(fs::read(&beside).unwrap(), b"notes");
    }

    /// A reader may hold either kind of lock that read access allows.
    #[test]
    fn a_readers_lock_keeps_nobody_out() {
        let home = Home::new();
        let mut first = Board::create(&home.board()).unwrap();
        publish(&mut first, 1);
        drop(first);
        let held = File::open(home.board()).unwrap();
        rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockShared).unwrap();
        lock::tests::take_as_reader(&held);
        assert!(is_running(&home.board()));
        let mut board = Board::create(&home.board()).unwrap();
        publish(&mut board, 3);
        assert_eq!(threads(&home.board()), Some(3));
    }

    #[test]
    fn who_waits_for_the_lock_does_not_have_it_when_the_board_grows() {
        let home = Home::new();
        let mut board = Board::create(&home.board()).unwrap();
        publish(&mut board, 1);
        let small = File::open(home.board()).unwrap();
        let length = small.metadata().unwrap().len();
        for id in 1000..1300 {
            let key = Key { kind: Kind::Unified, id };
            board.set(key, Block::slot(key)).unwrap();
            lock::tests::try_as_reader(&small);
            board.void(Key { id: id - 200, ..key });
        }
        publish(&mut board, 2);
        assert_eq!(threads(&home.board()), Some(2));
        assert!(fs::metadata(home.board()).unwrap().len() > length);
        board.write_slots(&[KEY]).unwrap();
    }

    #[test]
    fn who_is_replaced_gives_way() {
        let home = Home::new();
        let mut first = Board::create(&home.board()).unwrap();
        publish(&mut first, 1);
        fs::remove_file(home.board()).unwrap();
        let mut second = Board::create(&home.board()).unwrap();
        publish(&mut second, 2);
        let error = first.write(&Now::read(), VALID, false).unwrap_err();
        assert!(error.is::<TakenOver>(), "{error:#}");
        assert_eq!(threads(&home.board()), Some(2));
    }

    #[test]
    fn no_place_for_a_board() {
        let error = Board::create(Path::new("/proc/self/cgproc/board")).err().unwrap();
        assert!(format!("{error:#}").contains("no board can be made here"), "{error:#}");
    }
}
