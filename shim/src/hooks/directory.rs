//! opendir(3), readdir(3), scandir(3), glob(3): CPUs and memory blocks that the container does not have are not listed.

use crate::next::{self, Libc, Needed};
use crate::path::{self, Member};
use core::ffi::{CStr, c_void};
use core::ptr::null_mut;
use libc::{AT_FDCWD, DIR, c_char, c_int, dirent, glob_t};

type Opendir = unsafe extern "C" fn(*const c_char) -> *mut DIR;
type Readdir = unsafe extern "C" fn(*mut DIR) -> *mut dirent;
type Scandir = unsafe extern "C" fn(*const c_char, *mut *mut *mut dirent, *const c_void, *const c_void) -> c_int;
type Glob = unsafe extern "C" fn(*const c_char, c_int, *const c_void, *mut glob_t) -> c_int;
type OfDirectory = unsafe extern "C" fn(*mut DIR) -> c_int;
type Globfree = unsafe extern "C" fn(*mut glob_t);

/// What a libc without glob says.
const GLOB_NOSYS: c_int = 4;

pub(crate) unsafe fn opendir(next: Option<Opendir>, path: *const c_char) -> *mut DIR {
    let Some(next) = next else {
        next::refuse(libc::ENOSYS);
        return null_mut();
    };
    // SAFETY: the caller's path; a string where next could open it.
    unsafe {
        let dir = next(path);
        if dir.is_null() || !path::hidden(AT_FDCWD, path) {
            return dir;
        }
        if let Some(closedir) = next::needed::<OfDirectory>(Needed::Closedir) {
            closedir(dir);
        }
        next::refuse(libc::ENOENT);
        null_mut()
    }
}

pub(crate) unsafe fn readdir(next: Option<Readdir>, dir: *mut DIR) -> *mut dirent {
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

/// Whether the entry has the name of a hidden CPU or memory block.
///
/// # Safety
/// `entry` is a directory entry of libc's.
unsafe fn is_hidden(entry: *mut dirent) -> bool {
    // SAFETY: an entry's name ends in NUL.
    let name = unsafe { CStr::from_ptr((&raw const (*entry).d_name).cast()) }.to_bytes();
    Member::named(name).is_some_and(|member| member.is_hidden())
}

unsafe fn lists_members(dir: *mut DIR) -> bool {
    // SAFETY: the caller's stream; both libcs have dirfd of this type.
    unsafe { next::needed::<OfDirectory>(Needed::Dirfd).is_some_and(|dirfd| path::lists_members(dirfd(dir))) }
}

pub(crate) unsafe fn scandir(
    next: Option<Scandir>,
    path: *const c_char,
    list: *mut *mut *mut dirent,
    filter: *const c_void,
    order: *const c_void,
) -> c_int {
    let Some(next) = next else { return next::refuse(libc::ENOSYS) };
    // SAFETY: the caller's arguments; on success `list` holds that many entries, each from malloc: the program is to free them.
    unsafe {
        let count = next(path, list, filter, order);
        let Ok(length) = usize::try_from(count) else { return count };
        let entries = if length == 0 { &mut [] } else { core::slice::from_raw_parts_mut(*list, length) };
        let hidden_itself = path::hidden(AT_FDCWD, path);
        let hidden = |entry: &*mut dirent| hidden_itself || is_hidden(*entry);
        if !hidden_itself && (!entries.iter().any(hidden) || !path::is_directory_of_members(path)) {
            return count;
        }
        let Some(free) = next::free() else { return count };
        let kept = keep(entries, hidden, |entry| free(entry.cast()));
        if hidden_itself {
            free((*list).cast());
            return next::refuse(libc::ENOENT);
        }
        kept as c_int
    }
}

/// Moves what is not `hidden` to the front and gives how many stay; the others go to `drop`.
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
    next: Option<Glob>,
    pattern: *const c_char,
    flags: c_int,
    error: *const c_void,
    found: *mut glob_t,
) -> c_int {
    let Some(next) = next else { return GLOB_NOSYS };
    // SAFETY: the caller's arguments; on success `found` is next's.
    unsafe {
        let result = next(pattern, flags, error, found);
        if result == 0 { without_hidden(&mut *found, flags) } else { result }
    }
}

/// # Safety
/// `found` is the result of a successful glob with `flags`.
unsafe fn without_hidden(found: &mut glob_t, flags: c_int) -> c_int {
    // SAFETY: the vector holds gl_offs empty places where GLOB_DOOFFS was given, gl_pathc strings, and a null.
    unsafe {
        let reserved = if flags & libc::GLOB_DOOFFS == 0 { 0 } else { found.gl_offs };
        let paths = core::slice::from_raw_parts_mut(found.gl_pathv.wrapping_add(reserved), found.gl_pathc);
        let hidden = |path: &*mut c_char| path::hidden(AT_FDCWD, *path);
        if !paths.iter().any(hidden) {
            return 0;
        }
        if paths.iter().all(hidden) {
            // What was asked to be given back when nothing matches is most often just this path.
            if flags & libc::GLOB_NOCHECK != 0 {
                return 0;
            }
            if let Some(globfree) = next::needed::<Globfree>(Needed::Globfree) {
                globfree(found);
            }
            return libc::GLOB_NOMATCH;
        }
        found.gl_pathc = keep(paths, hidden, |path| drop_path(path));
        found.gl_pathv.wrapping_add(reserved).wrapping_add(found.gl_pathc).write(null_mut());
        0
    }
}

/// Gives back a path that glob found: glibc allocates the string, musl puts a pointer before it. What another's glob does we do
/// not know, and leave the string alone.
///
/// # Safety
/// `path` is a path that next's glob found, and nobody has it any more.
unsafe fn drop_path(path: *mut c_char) {
    let before = match next::maker_of_globs() {
        Some(Libc::Glibc) => 0,
        Some(Libc::Musl) => size_of::<*mut c_void>(),
        None => return,
    };
    if let Some(free) = next::free() {
        // SAFETY: the start of what that libc allocated, by the `malloc` that this belongs to.
        unsafe { free(path.wrapping_sub(before).cast()) };
    }
}
