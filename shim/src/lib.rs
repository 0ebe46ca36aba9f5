//! `libcgproc.so`: the programs in a container ask libc, and see the container.
//!
//! This file is the hook table, a line per symbol of libc. A hook runs inside a stranger's malloc, signal handler or
//! vfork child, before any constructor and after any sandbox, so every line below keeps these rules:
//!
//! 1. Next first. The definition after ours makes the call; if it succeeds, we put our answer over its result. Two
//!    kinds of call come to us first, and go to next only if we have no answer: those that merely return a figure
//!    (`sysconf`, `get_nprocs`, `get_phys_pages`, `getloadavg` and the like), and those that must not be done as asked
//!    (`mmap` of an answer, a mask of ours handed back to `sched_setaffinity`).
//! 2. If anything is in doubt, the kernel's own answer stands. Every step can refuse.
//! 3. We make only raw system calls, and ask libc only for the clock, so no hook recurses; errno stays as next left it,
//!    unless we refuse.
//! 4. No allocation, no lock that waits, no thread-local, no panic path (the link proves it), 3 KiB of stack at most.
//! 5. No descriptor outlives the hook except the one that the program asked for.
#![no_std]

mod answers;
mod arch;
mod auxv;
mod board;
mod clock;
mod declared;
mod environment;
mod fds;
mod figures;
mod hook;
mod hooks;
mod kernel;
mod link;
mod memory_file;
mod next;
mod notes;
mod options;
mod owner;
mod path;
mod pressure;
mod remembered;
mod scope;
mod serve;
mod sys;
mod trusted;

use declared::alike;
use hook::hooks;
use hooks::{cpus, directory, disk, loadavg, open, seek, stat, stdio, syscall, sysinfo};
use libc::{
    DIR, FILE, c_char, c_int, c_long, c_uint, c_ulong, c_void, glob_t, iovec, mode_t, off_t, pid_t, size_t, ssize_t,
};

hooks! {
    // open(2)
    open(path: *const c_char, flags: c_int, ... mode: mode_t) -> c_int = open::open | open::raw_open;
    open64(path: *const c_char, flags: c_int, ... mode: mode_t) -> c_int = open::open | open::raw_open;
    openat(dir: c_int, path: *const c_char, flags: c_int, ... mode: mode_t) -> c_int = open::openat | open::raw_openat;
    openat64(dir: c_int, path: *const c_char, flags: c_int, ... mode: mode_t) -> c_int = open::openat | open::raw_openat;
    __open_2(path: *const c_char, flags: c_int) -> c_int = open::open_2 | open::raw_open_2, undeclared;
    __open64_2(path: *const c_char, flags: c_int) -> c_int = open::open_2 | open::raw_open_2, undeclared;
    __openat_2(dir: c_int, path: *const c_char, flags: c_int) -> c_int = open::openat_2 | open::raw_openat_2, undeclared;
    __openat64_2(dir: c_int, path: *const c_char, flags: c_int) -> c_int = open::openat_2 | open::raw_openat_2, undeclared;
    openat2(dir: c_int, path: *const c_char, how: *const u64, len: size_t) -> c_int = open::openat2 | open::raw_openat2, undeclared;

    // fopen(3)
    fopen(path: *const c_char, mode: *const c_char) -> *mut FILE = stdio::fopen;
    fopen64(path: *const c_char, mode: *const c_char) -> *mut FILE = stdio::fopen;
    freopen(path: *const c_char, mode: *const c_char, file: *mut FILE) -> *mut FILE = stdio::freopen;
    freopen64(path: *const c_char, mode: *const c_char, file: *mut FILE) -> *mut FILE = stdio::freopen;

    // fseek(3)
    rewind(file: *mut FILE) = stdio::rewind;
    fseek(file: *mut FILE, offset: c_long, whence: c_int) -> c_int = stdio::fseek;
    fseeko(file: *mut FILE, offset: off_t, whence: c_int) -> c_int = stdio::fseek;
    fseeko64(file: *mut FILE, offset: off_t, whence: c_int) -> c_int = stdio::fseek;
    fsetpos(file: *mut FILE, position: *const c_void as *const libc::fpos_t) -> c_int = stdio::fsetpos;
    fsetpos64(file: *mut FILE, position: *const c_void as *const libc::fpos64_t) -> c_int = stdio::fsetpos;

    // lseek(2), pread(2)
    lseek(fd: c_int, offset: off_t, whence: c_int) -> off_t = seek::lseek | seek::raw_lseek;
    lseek64(fd: c_int, offset: off_t, whence: c_int) -> off_t = seek::lseek | seek::raw_lseek;
    pread(fd: c_int, into: *mut c_void, len: size_t, offset: off_t) -> ssize_t = seek::pread | seek::raw_pread;
    pread64(fd: c_int, into: *mut c_void, len: size_t, offset: off_t) -> ssize_t = seek::pread | seek::raw_pread;
    __pread_chk(fd: c_int, into: *mut c_void, len: size_t, offset: off_t, room: size_t) -> ssize_t = seek::pread_chk | seek::raw_pread_chk, undeclared;
    __pread64_chk(fd: c_int, into: *mut c_void, len: size_t, offset: off_t, room: size_t) -> ssize_t = seek::pread_chk | seek::raw_pread_chk, undeclared;
    preadv(fd: c_int, into: *const iovec, count: c_int, offset: off_t) -> ssize_t = seek::preadv | seek::raw_preadv;
    preadv64(fd: c_int, into: *const iovec, count: c_int, offset: off_t) -> ssize_t = seek::preadv | seek::raw_preadv;
    preadv2(fd: c_int, into: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t = seek::preadv2 | seek::raw_preadv2;
    preadv64v2(fd: c_int, into: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t = seek::preadv2 | seek::raw_preadv2;

    // mmap(2)
    mmap(at: *mut c_void, len: size_t, prot: c_int, flags: c_int, fd: c_int, offset: off_t) -> *mut c_void = seek::mmap | seek::raw_mmap;
    mmap64(at: *mut c_void, len: size_t, prot: c_int, flags: c_int, fd: c_int, offset: off_t) -> *mut c_void = seek::mmap | seek::raw_mmap;

    // stat(2)
    stat(path: *const c_char, to: *mut libc::stat) -> c_int = stat::stat | stat::raw_stat;
    stat64(path: *const c_char, to: *mut libc::stat as *mut libc::stat64) -> c_int = stat::stat | stat::raw_stat;
    lstat(path: *const c_char, to: *mut libc::stat) -> c_int = stat::stat | stat::raw_lstat;
    lstat64(path: *const c_char, to: *mut libc::stat as *mut libc::stat64) -> c_int = stat::stat | stat::raw_lstat;
    fstat(fd: c_int, to: *mut libc::stat) -> c_int = stat::fstat | stat::raw_fstat;
    fstat64(fd: c_int, to: *mut libc::stat as *mut libc::stat64) -> c_int = stat::fstat | stat::raw_fstat;
    fstatat(dir: c_int, path: *const c_char, to: *mut libc::stat, flags: c_int) -> c_int = stat::fstatat | stat::raw_fstatat;
    fstatat64(dir: c_int, path: *const c_char, to: *mut libc::stat as *mut libc::stat64, flags: c_int) -> c_int = stat::fstatat | stat::raw_fstatat;
    statx(dir: c_int, path: *const c_char, flags: c_int, mask: c_uint, to: *mut libc::statx) -> c_int = stat::statx | stat::raw_statx;
    // What glibc before 2.33 compiled stat(2) to.
    __xstat(version: c_int, path: *const c_char, to: *mut libc::stat) -> c_int = stat::xstat | stat::raw_xstat, undeclared;
    __xstat64(version: c_int, path: *const c_char, to: *mut libc::stat) -> c_int = stat::xstat | stat::raw_xstat, undeclared;
    __lxstat(version: c_int, path: *const c_char, to: *mut libc::stat) -> c_int = stat::xstat | stat::raw_lxstat, undeclared;
    __lxstat64(version: c_int, path: *const c_char, to: *mut libc::stat) -> c_int = stat::xstat | stat::raw_lxstat, undeclared;
    __fxstat(version: c_int, fd: c_int, to: *mut libc::stat) -> c_int = stat::fxstat | stat::raw_fxstat, undeclared;
    __fxstat64(version: c_int, fd: c_int, to: *mut libc::stat) -> c_int = stat::fxstat | stat::raw_fxstat, undeclared;
    __fxstatat(version: c_int, dir: c_int, path: *const c_char, to: *mut libc::stat, flags: c_int) -> c_int = stat::fxstatat | stat::raw_fxstatat, undeclared;
    __fxstatat64(version: c_int, dir: c_int, path: *const c_char, to: *mut libc::stat, flags: c_int) -> c_int = stat::fxstatat | stat::raw_fxstatat, undeclared;

    // access(2)
    access(path: *const c_char, mode: c_int) -> c_int = stat::access | stat::raw_access;
    faccessat(dir: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int = stat::faccessat | stat::raw_faccessat;
    eaccess(path: *const c_char, mode: c_int) -> c_int = stat::eaccess | stat::raw_eaccess;
    euidaccess(path: *const c_char, mode: c_int) -> c_int = stat::eaccess | stat::raw_eaccess;

    // readdir(3), scandir(3), glob(3)
    opendir(path: *const c_char) -> *mut DIR = directory::opendir;
    readdir(dir: *mut DIR) -> *mut libc::dirent = directory::readdir;
    readdir64(dir: *mut DIR) -> *mut libc::dirent as *mut libc::dirent64 = directory::readdir;
    readdir_r(dir: *mut DIR, entry: *mut libc::dirent, result: *mut *mut libc::dirent) -> c_int = directory::readdir_r;
    readdir64_r(dir: *mut DIR, entry: *mut libc::dirent as *mut libc::dirent64, result: *mut *mut libc::dirent as *mut *mut libc::dirent64) -> c_int = directory::readdir_r;
    scandir(path: *const c_char, list: *mut *mut *mut libc::dirent, filter: *const c_void, order: *const c_void) -> c_int = directory::scandir, undeclared;
    scandir64(path: *const c_char, list: *mut *mut *mut libc::dirent, filter: *const c_void, order: *const c_void) -> c_int = directory::scandir, undeclared;
    scandirat(dir: c_int, path: *const c_char, list: *mut *mut *mut libc::dirent, filter: *const c_void, order: *const c_void) -> c_int = directory::scandirat, undeclared;
    scandirat64(dir: c_int, path: *const c_char, list: *mut *mut *mut libc::dirent, filter: *const c_void, order: *const c_void) -> c_int = directory::scandirat, undeclared;
    glob(pattern: *const c_char, flags: c_int, error: *const c_void as Option<extern "C" fn(*const c_char, c_int) -> c_int>, found: *mut glob_t) -> c_int = directory::glob;
    glob64(pattern: *const c_char, flags: c_int, error: *const c_void as Option<extern "C" fn(*const c_char, c_int) -> c_int>, found: *mut glob_t as *mut libc::glob64_t) -> c_int = directory::glob;

    // getdents(2)
    getdents(fd: c_int, to: *mut c_void, len: size_t) -> ssize_t = directory::getdents, undeclared;
    getdents64(fd: c_int, to: *mut c_void, len: size_t) -> ssize_t = directory::getdents64, undeclared;
    posix_getdents(fd: c_int, to: *mut c_void, len: size_t, flags: c_int) -> ssize_t = directory::posix_getdents, undeclared;

    // statfs(2), statvfs(3)
    statfs(path: *const c_char, to: *mut libc::statfs) -> c_int = disk::statfs | disk::raw_statfs;
    statfs64(path: *const c_char, to: *mut libc::statfs as *mut libc::statfs64) -> c_int = disk::statfs | disk::raw_statfs;
    fstatfs(fd: c_int, to: *mut libc::statfs) -> c_int = disk::fstatfs | disk::raw_fstatfs;
    fstatfs64(fd: c_int, to: *mut libc::statfs as *mut libc::statfs64) -> c_int = disk::fstatfs | disk::raw_fstatfs;
    statvfs(path: *const c_char, to: *mut libc::statvfs) -> c_int = disk::statvfs;
    statvfs64(path: *const c_char, to: *mut libc::statvfs as *mut libc::statvfs64) -> c_int = disk::statvfs;
    fstatvfs(fd: c_int, to: *mut libc::statvfs) -> c_int = disk::fstatvfs;
    fstatvfs64(fd: c_int, to: *mut libc::statvfs as *mut libc::statvfs64) -> c_int = disk::fstatvfs;

    // sysconf(3), get_nprocs(3), get_phys_pages(3)
    sysconf(name: c_int) -> c_long = cpus::sysconf;
    __sysconf(name: c_int) -> c_long = cpus::sysconf, undeclared;
    get_nprocs() -> c_int = cpus::get_nprocs, undeclared;
    get_phys_pages() -> c_long = cpus::get_phys_pages, undeclared;
    get_avphys_pages() -> c_long = cpus::get_avphys_pages, undeclared;

    // sched_setaffinity(2)
    sched_getaffinity(pid: pid_t, len: size_t, mask: *mut c_ulong as *mut libc::cpu_set_t) -> c_int = cpus::sched_getaffinity;
    sched_setaffinity(pid: pid_t, len: size_t, mask: *const c_ulong as *const libc::cpu_set_t) -> c_int = cpus::sched_setaffinity;
    pthread_getaffinity_np(thread: libc::pthread_t, len: size_t, mask: *mut c_ulong as *mut libc::cpu_set_t) -> c_int = cpus::pthread_getaffinity_np;
    pthread_setaffinity_np(thread: libc::pthread_t, len: size_t, mask: *const c_ulong as *const libc::cpu_set_t) -> c_int = cpus::pthread_setaffinity_np;

    // getloadavg(3)
    getloadavg(averages: *mut f64, count: c_int) -> c_int = loadavg::getloadavg;

    // sysinfo(2)
    sysinfo(to: *mut libc::sysinfo) -> c_int = sysinfo::sysinfo;

    // prctl(2): only to learn that the program installs a seccomp filter
    prctl(option: c_int, ... a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int = syscall::prctl;
}

// On the machines that we build for, the `*64` structures are the same as the plain ones.
alike! {
    libc::stat, libc::stat64: st_dev, st_ino, st_mode;
    libc::dirent, libc::dirent64: d_reclen, d_name;
    libc::statfs, libc::statfs64: f_type, f_bsize, f_frsize, f_blocks, f_bfree, f_bavail;
    libc::statvfs, libc::statvfs64: f_bsize, f_frsize, f_blocks, f_bfree, f_bavail;
    libc::glob_t, libc::glob64_t: gl_pathc, gl_pathv, gl_offs;
}

#[cfg(not(debug_assertions))]
unsafe extern "C" {
    /// Defined nowhere: a panic path that the optimiser could not remove fails the link with this name.
    fn a_panic_path_is_left() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(not(debug_assertions))]
    // SAFETY: never reached, because an object that calls it does not link.
    unsafe {
        a_panic_path_is_left()
    }
    #[cfg(debug_assertions)]
    arch::trap()
}
