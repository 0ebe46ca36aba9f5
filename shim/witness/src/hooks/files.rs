//! open(2), fopen(3)

use crate::{asked::path, door::doors, got};
use libc::{AT_FDCWD, FILE, c_char, c_int, mode_t, size_t};

doors! {
    open(path_: *const c_char, flags: c_int, ... mode: mode_t) -> c_int,
        asks path(AT_FDCWD, path_), gives got::descriptor;
    open64(path_: *const c_char, flags: c_int, ... mode: mode_t) -> c_int,
        asks path(AT_FDCWD, path_), gives got::descriptor;
    openat(dir: c_int, path_: *const c_char, flags: c_int, ... mode: mode_t) -> c_int,
        asks path(dir, path_), gives got::descriptor;
    openat64(dir: c_int, path_: *const c_char, flags: c_int, ... mode: mode_t) -> c_int,
        asks path(dir, path_), gives got::descriptor;
    // What `open` is in a fortified program.
    __open_2(path_: *const c_char, flags: c_int) -> c_int, asks path(AT_FDCWD, path_), gives got::descriptor;
    __open64_2(path_: *const c_char, flags: c_int) -> c_int, asks path(AT_FDCWD, path_), gives got::descriptor;
    __openat_2(dir: c_int, path_: *const c_char, flags: c_int) -> c_int, asks path(dir, path_), gives got::descriptor;
    __openat64_2(dir: c_int, path_: *const c_char, flags: c_int) -> c_int, asks path(dir, path_), gives got::descriptor;
    openat2(dir: c_int, path_: *const c_char, how: *const u64, len: size_t) -> c_int,
        asks path(dir, path_), gives got::descriptor;
    fopen(path_: *const c_char, mode: *const c_char) -> *mut FILE, asks path(AT_FDCWD, path_), gives got::stream;
    fopen64(path_: *const c_char, mode: *const c_char) -> *mut FILE, asks path(AT_FDCWD, path_), gives got::stream;
    freopen(path_: *const c_char, mode: *const c_char, file: *mut FILE) -> *mut FILE,
        asks path(AT_FDCWD, path_), gives got::stream;
    freopen64(path_: *const c_char, mode: *const c_char, file: *mut FILE) -> *mut FILE,
        asks path(AT_FDCWD, path_), gives got::stream;
}
