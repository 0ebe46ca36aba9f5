//! stat(2), access(2): is there such a CPU?

use crate::{asked::path, door::doors, got};
use libc::{AT_FDCWD, c_char, c_int, c_uint, stat as status, statx as extended};

doors! {
    stat(path_: *const c_char, to: *mut status) -> c_int, asks path(AT_FDCWD, path_), gives got::nothing;
    stat64(path_: *const c_char, to: *mut status) -> c_int, asks path(AT_FDCWD, path_), gives got::nothing;
    lstat(path_: *const c_char, to: *mut status) -> c_int, asks path(AT_FDCWD, path_), gives got::nothing;
    lstat64(path_: *const c_char, to: *mut status) -> c_int, asks path(AT_FDCWD, path_), gives got::nothing;
    fstatat(dir: c_int, path_: *const c_char, to: *mut status, flags: c_int) -> c_int,
        asks path(dir, path_), gives got::nothing;
    fstatat64(dir: c_int, path_: *const c_char, to: *mut status, flags: c_int) -> c_int,
        asks path(dir, path_), gives got::nothing;
    statx(dir: c_int, path_: *const c_char, flags: c_int, mask: c_uint, to: *mut extended) -> c_int,
        asks path(dir, path_), gives got::nothing;
    // What glibc before 2.33 compiled stat(2) to.
    __xstat(version: c_int, path_: *const c_char, to: *mut status) -> c_int,
        asks path(AT_FDCWD, path_), gives got::nothing;
    __xstat64(version: c_int, path_: *const c_char, to: *mut status) -> c_int,
        asks path(AT_FDCWD, path_), gives got::nothing;
    __lxstat(version: c_int, path_: *const c_char, to: *mut status) -> c_int,
        asks path(AT_FDCWD, path_), gives got::nothing;
    __lxstat64(version: c_int, path_: *const c_char, to: *mut status) -> c_int,
        asks path(AT_FDCWD, path_), gives got::nothing;
    __fxstatat(version: c_int, dir: c_int, path_: *const c_char, to: *mut status, flags: c_int) -> c_int,
        asks path(dir, path_), gives got::nothing;
    __fxstatat64(version: c_int, dir: c_int, path_: *const c_char, to: *mut status, flags: c_int) -> c_int,
        asks path(dir, path_), gives got::nothing;
    access(path_: *const c_char, mode: c_int) -> c_int, asks path(AT_FDCWD, path_), gives got::nothing;
    eaccess(path_: *const c_char, mode: c_int) -> c_int, asks path(AT_FDCWD, path_), gives got::nothing;
    euidaccess(path_: *const c_char, mode: c_int) -> c_int, asks path(AT_FDCWD, path_), gives got::nothing;
    faccessat(dir: c_int, path_: *const c_char, mode: c_int, flags: c_int) -> c_int,
        asks path(dir, path_), gives got::nothing;
}
