//! opendir(3), readdir(3), getdents(2), scandir(3), glob(3): omits CPUs and memory blocks that the container does not
//! have.

use super::by_kernel;
use crate::{
    Hooked, link,
    next::{self, Libc, needed},
    options,
    path::{self, Member},
    signature,
};
use core::{
    ffi::{CStr, c_void},
    mem::{offset_of, transmute},
    ptr::null_mut,
};
use libc::{AT_FDCWD, DIR, c_char, c_int, dirent, glob_t, size_t, ssize_t};

/// The error of a libc without glob.
const GLOB_NOSYS: c_int = 4;

pub(crate) unsafe fn opendir(next: Option<signature::opendir>, path: *const c_char) -> *mut DIR {
    let Some(next) = next else {
        next::refuse(libc::ENOSYS);
        return null_mut();
    };
    // SAFETY: the caller's path, which is a string if next could open it.
    unsafe {
        let dir = next(path);
        if dir.is_null() || !path::hidden(AT_FDCWD, path) {
            return dir;
        }
        if let Some(closedir) = needed::closedir() {
            closedir(dir);
        }
        next::refuse(libc::ENOENT);
        null_mut()
    }
}

pub(crate) unsafe fn readdir(next: Option<signature::readdir>, dir: *mut DIR) -> *mut dirent {
    let Some(next) = next else { return null_mut() };
    loop {
        // SAFETY: the caller's stream; an entry is valid until the next call.
        unsafe {
            let entry = next(dir);
            if entry.is_null() || !is_hidden(entry) || !lists_members(dir) {
                return entry;
            }
        }
    }
}

/// Whether the entry is named after a hidden CPU or memory block.
///
/// # Safety
/// `entry` is one of libc's directory entries.
unsafe fn is_hidden(entry: *mut dirent) -> bool {
    // SAFETY: an entry's name ends in NUL.
    let name = unsafe { CStr::from_ptr((&raw const (*entry).d_name).cast()) }.to_bytes();
    Member::named(name).is_some_and(|member| member.is_hidden())
}

unsafe fn lists_members(dir: *mut DIR) -> bool {
    // SAFETY: the caller's stream.
    unsafe { needed::dirfd().is_some_and(|dirfd| path::lists_members(dirfd(dir))) }
}

pub(crate) unsafe fn readdir_r(
    next: Option<signature::readdir_r>,
    dir: *mut DIR,
    entry: *mut dirent,
    result: *mut *mut dirent,
) -> c_int {
    // Later musls have `readdir64_r` only for programs that were linked before.
    let base = || next::of(Hooked::readdir_r as usize);
    // SAFETY: the slot holds this function; the caller's arguments; on success `result` is written.
    unsafe {
        let Some(next) = next.or_else(|| base().map(|base| transmute::<next::Definition, signature::readdir_r>(base)))
        else {
            return libc::ENOSYS;
        };
        loop {
            let error = next(dir, entry, result);
            if error != 0 || (*result).is_null() || !is_hidden(*result) || !lists_members(dir) {
                return error;
            }
        }
    }
}

/// Only musl has this function, and only if it is next. Elsewhere, a caller means a definition of its own, which makes
/// the kernel's older call of this name, with its older structure.
pub(crate) unsafe fn getdents(next: Option<signature::getdents>, fd: c_int, to: *mut c_void, len: size_t) -> ssize_t {
    // SAFETY: the caller's arguments.
    unsafe {
        match (next, crate::arch::OLDER_GETDENTS) {
            (None, Some(number)) => by_kernel(number, [fd as usize, to as usize, len, 0, 0, 0]),
            _ => getdents64(next, fd, to, len),
        }
    }
}

pub(crate) unsafe fn getdents64(
    next: Option<signature::getdents64>,
    fd: c_int,
    to: *mut c_void,
    len: size_t,
) -> ssize_t {
    // SAFETY: the caller's arguments, which the kernel checks.
    let read = || unsafe {
        match next {
            // musl returns an int, and one call never reads that many bytes.
            Some(next) => next(fd, to, len) as c_int as ssize_t,
            None => by_kernel(libc::SYS_getdents64, [fd as usize, to as usize, len, 0, 0, 0]),
        }
    };
    // SAFETY: this many bytes of entries have been written.
    unsafe { shown_of(fd, to, read) }
}

pub(crate) unsafe fn posix_getdents(
    next: Option<signature::posix_getdents>,
    fd: c_int,
    to: *mut c_void,
    len: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: see `getdents`; musl's structure is the kernel's, and it has no flags either.
    unsafe {
        shown_of(fd, to, || match next {
            Some(next) => next(fd, to, len, flags),
            None if flags != 0 => next::refuse(libc::EOPNOTSUPP) as ssize_t,
            None => by_kernel(libc::SYS_getdents64, [fd as usize, to as usize, len, 0, 0, 0]),
        })
    }
}

/// Keeps the entries that are not hidden. If none is left, it reads on, because an empty result would mean the end.
///
/// # Safety
/// `read` returns how many bytes of entries it has written to `to`.
unsafe fn shown_of(fd: c_int, to: *mut c_void, read: impl Fn() -> ssize_t) -> ssize_t {
    loop {
        let count = read();
        let Ok(len) = usize::try_from(count) else { return count };
        if len == 0 || options::off() {
            return count;
        }
        // SAFETY: the caller guarantees it.
        let entries = unsafe { core::slice::from_raw_parts_mut(to.cast::<u8>(), len) };
        let kept = without_hidden_entries(entries, fd).unwrap_or(len);
        if kept > 0 {
            return kept as ssize_t;
        }
    }
}

/// Moves the entries that are not hidden to the front, and returns their size in bytes. `None` if all are shown, or if
/// these are not entries that we know.
#[inline(never)]
fn without_hidden_entries(entries: &mut [u8], fd: c_int) -> Option<usize> {
    if !spans(entries).any(|(from, to)| entries.get(from..to).is_some_and(is_hidden_entry)) || !path::lists_members(fd)
    {
        return None;
    }
    let (mut at, mut kept) = (0, 0_usize);
    while let Some(to) = end_of_entry(entries, at) {
        if !is_hidden_entry(entries.get(at..to)?) {
            for from in at..to {
                *entries.get_mut(kept)? = *entries.get(from)?;
                kept = kept.wrapping_add(1);
            }
        }
        at = to;
    }
    Some(kept)
}

/// The beginning and end of each entry.
fn spans(entries: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let from = at;
        at = end_of_entry(entries, from)?;
        Some((from, at))
    })
}

/// The end of the entry at `at`, by its own length field; `None` at the end.
fn end_of_entry(entries: &[u8], at: usize) -> Option<usize> {
    let len = entries.get(at..)?.get(offset_of!(dirent, d_reclen)..)?.first_chunk::<2>()?;
    let len = usize::from(u16::from_ne_bytes(*len));
    at.checked_add(len).filter(|end| len > offset_of!(dirent, d_name) && *end <= entries.len())
}

fn is_hidden_entry(entry: &[u8]) -> bool {
    let name = entry.get(offset_of!(dirent, d_name)..).and_then(|name| CStr::from_bytes_until_nul(name).ok());
    name.and_then(|name| Member::named(name.to_bytes())).is_some_and(|member| member.is_hidden())
}

pub(crate) unsafe fn scandirat(
    next: Option<signature::scandirat>,
    dir: c_int,
    path: *const c_char,
    list: *mut *mut *mut dirent,
    filter: *const c_void,
    order: *const c_void,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        let count = match next {
            Some(next) => next(dir, path, list, filter, order),
            None => scandirat_by_scandir(dir, path, list, filter, order),
        };
        shown(count, dir, path, list)
    }
}

/// For a libc without scandirat. A function of its own, because its path takes stack that [`shown`] needs later.
///
/// # Safety
/// That of scandirat.
#[cold]
#[inline(never)]
unsafe fn scandirat_by_scandir(
    dir: c_int,
    path: *const c_char,
    list: *mut *mut *mut dirent,
    filter: *const c_void,
    order: *const c_void,
) -> c_int {
    if path.is_null() {
        return next::refuse(libc::EFAULT);
    }
    // SAFETY: the caller's arguments, with a string for a path; the slot holds this function.
    unsafe {
        if path.read() == 0 {
            return next::refuse(libc::ENOENT);
        }
        let Some(scandir) = next::of(Hooked::scandir as usize) else { return next::refuse(libc::ENOSYS) };
        let scandir = transmute::<next::Definition, signature::scandir>(scandir);
        let whole = &mut [0; path::ROOM];
        let Some(whole) = below(dir, path, whole) else {
            return next::refuse(if dir < 0 { libc::EBADF } else { libc::ENAMETOOLONG });
        };
        scandir(whole, list, filter, order)
    }
}

/// A path that leads to what `path` is below `dir`.
///
/// # Safety
/// `path` is a NUL-terminated string.
unsafe fn below(dir: c_int, path: *const c_char, whole: &mut [u8; path::ROOM]) -> Option<*const c_char> {
    // SAFETY: the caller guarantees it.
    let text = unsafe { CStr::from_ptr(path) }.to_bytes();
    if dir == AT_FDCWD || text.first() == Some(&b'/') {
        return Some(path);
    }
    let mut buffer = [0; 32];
    let link = link::of(dir, &mut buffer)?.to_bytes();
    calc::path::join(whole, &[link, b"/", text]).map(CStr::as_ptr)
}

pub(crate) unsafe fn scandir(
    next: Option<signature::scandir>,
    path: *const c_char,
    list: *mut *mut *mut dirent,
    filter: *const c_void,
    order: *const c_void,
) -> c_int {
    let Some(next) = next else { return next::refuse(libc::ENOSYS) };
    // SAFETY: the caller's arguments.
    unsafe { shown(next(path, list, filter, order), AT_FDCWD, path, list) }
}

/// Hides entries among the `count` entries of the directory at `path` below `dir`.
///
/// # Safety
/// The arguments are the result and the arguments of a scandir: on success `list` holds that many entries, each from
/// malloc, which the program is to free.
unsafe fn shown(count: c_int, dir: c_int, path: *const c_char, list: *mut *mut *mut dirent) -> c_int {
    // SAFETY: the caller guarantees it.
    unsafe {
        let Ok(length) = usize::try_from(count) else { return count };
        let entries = if length == 0 { &mut [] } else { core::slice::from_raw_parts_mut(*list, length) };
        let hidden_itself = path::hidden(dir, path);
        let hidden = |entry: &*mut dirent| hidden_itself || is_hidden(*entry);
        if !hidden_itself && (!entries.iter().any(hidden) || !path::is_directory_of_members(dir, path)) {
            return count;
        }
        let Some(free) = needed::free() else { return count };
        let kept = keep(entries, hidden, |entry| free(entry.cast()));
        if hidden_itself {
            free((*list).cast());
            return next::refuse(libc::ENOENT);
        }
        kept as c_int
    }
}

/// Moves what is not `hidden` to the front and returns how many there are; the others go to `drop`.
fn keep<T: Copy>(all: &mut [T], hidden: impl Fn(&T) -> bool, drop: impl Fn(T)) -> usize {
    let mut kept = 0_usize;
    for index in 0..all.len() {
        let Some(one) = all.get(index).copied() else { break };
        if hidden(&one) {
            drop(one);
        } else if let Some(place) = all.get_mut(kept) {
            *place = one;
            kept = kept.wrapping_add(1);
        }
    }
    kept
}

pub(crate) unsafe fn glob(
    next: Option<signature::glob>,
    pattern: *const c_char,
    flags: c_int,
    error: *const c_void,
    found: *mut glob_t,
) -> c_int {
    let Some(next) = next else { return GLOB_NOSYS };
    // SAFETY: the caller's arguments; on success next has filled `found`.
    unsafe {
        let result = next(pattern, flags, error, found);
        if result == 0 { without_hidden(&mut *found, flags) } else { result }
    }
}

/// # Safety
/// `found` is the result of a successful glob with `flags`.
unsafe fn without_hidden(found: &mut glob_t, flags: c_int) -> c_int {
    // SAFETY: the vector holds gl_offs empty places if GLOB_DOOFFS was given, then gl_pathc strings and a null.
    unsafe {
        let reserved = if flags & libc::GLOB_DOOFFS == 0 { 0 } else { found.gl_offs };
        let paths = core::slice::from_raw_parts_mut(found.gl_pathv.wrapping_add(reserved), found.gl_pathc);
        let hidden = |path: &*mut c_char| path::hidden(AT_FDCWD, *path);
        if !paths.iter().any(hidden) {
            return 0;
        }
        if paths.iter().all(hidden) {
            // If nothing matches, GLOB_NOCHECK returns the pattern, which is most often just this path.
            if flags & libc::GLOB_NOCHECK != 0 {
                return 0;
            }
            if let Some(globfree) = needed::globfree() {
                globfree(found);
            }
            return libc::GLOB_NOMATCH;
        }
        found.gl_pathc = keep(paths, hidden, |path| drop_path(path));
        found.gl_pathv.wrapping_add(reserved).wrapping_add(found.gl_pathc).write(null_mut());
        0
    }
}

/// Frees a path that glob found: glibc allocates the string, musl puts a pointer before it. What another glob does is
/// unknown, so its strings are left alone.
///
/// # Safety
/// `path` is a path that next's glob found, and that nobody uses any more.
unsafe fn drop_path(path: *mut c_char) {
    let before = match next::maker_of_globs() {
        Some(Libc::Glibc) => 0,
        Some(Libc::Musl) => size_of::<*mut c_void>(),
        None => return,
    };
    if let Some(free) = needed::free() {
        // SAFETY: the start of what that libc allocated, with the `malloc` that this `free` belongs to.
        unsafe { free(path.wrapping_sub(before).cast()) };
    }
}
