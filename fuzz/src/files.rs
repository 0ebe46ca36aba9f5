//! Files that others write and the command reads: programs, `/etc/ld.so.preload`, datagrams of the witness.

use crate::command::host::{elf, preload_file};
use std::{
    io::{Seek as _, Write as _},
    os::fd::{FromRawFd as _, OwnedFd},
    path::Path,
};
use witness_event::{Event, LONGEST};

/// The head of a program or a library.
pub(crate) fn programs(bytes: &[u8]) {
    let file = in_memory(bytes);
    let name = elf::soname(&file);
    assert!(name.is_none_or(|name| name.chars().count() <= 64));
    match elf::read(&file) {
        Ok(elf) => {
            assert!(bytes.starts_with(b"\x7fELF") && bytes.len() >= 64);
            assert!(elf.interpreter.as_ref().is_none_or(|path| path.chars().count() <= 4096 && !path.ends_with('\0')));
            assert!(elf.has_known_loader() || !elf.uses_musl());
        }
        Err(fault) => assert_eq!(bytes.starts_with(b"\x7fELF"), fault == elf::Fault::Truncated, "{fault:?}"),
    }
}

/// The same file for all inputs of a thread: to make one takes longer than to read it.
fn in_memory(bytes: &[u8]) -> std::fs::File {
    // SAFETY: the name ends in NUL.
    let number = unsafe { libc::memfd_create(c"program".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(number >= 0, "memfd_create");
    // SAFETY: the number is of a descriptor that was just opened, and nobody else's.
    let mut file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(number) });
    file.write_all(bytes).and_then(|()| file.rewind()).expect("a file in memory");
    file
}

/// `/etc/ld.so.preload`, into which an entry is put and taken out of again.
pub(crate) fn preloads(bytes: &[u8]) {
    let own = Path::new("/usr/lib/cgproc/libcgproc.so");
    let before = preload_file::entries(bytes);
    let with = preload_file::with(bytes, own);
    assert!(with.starts_with(bytes), "what is there stays");
    assert_eq!(preload_file::with(&with, own), with, "once is enough");
    let entries = preload_file::entries(&with);
    assert!(entries.iter().filter(|entry| *entry == own).count() >= 1 && entries.starts_with(&before), "{entries:?}");
    let without = preload_file::without(&with, own);
    let others: Vec<_> = before.into_iter().filter(|entry| entry != own).collect();
    assert_eq!(preload_file::entries(&without), others, "of {}", bytes.escape_ascii());
    assert_eq!(preload_file::without(&without, own), without, "taken out once");
}

/// A datagram of a program that may be hostile.
pub(crate) fn datagrams(bytes: &[u8]) {
    let Some(event) = Event::read(bytes) else { return };
    let room = &mut [0; LONGEST];
    let len = event.write(room);
    let again = Event::read(&room[..len]).expect("what was written");
    let same = (again.moment, again.pid, again.tid, again.lost) == (event.moment, event.pid, event.tid, event.lost);
    assert!(same && event.comm.starts_with(&again.comm) && event.argument.starts_with(&again.argument), "{event:?}");
    assert!(event.function.starts_with(&again.function) && event.caller.is_some() == again.caller.is_some());
    assert_eq!(
        event.outcome.as_ref().map(|it| (it.returned, it.errno)),
        again.outcome.as_ref().map(|it| (it.returned, it.errno))
    );
}
