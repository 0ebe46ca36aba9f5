//! What a call gave, in the words of `witness_event::Outcome::got`.

use crate::{asked, marked, text::Text};
use libc::{DIR, FILE, c_int, c_void, glob_t, statfs, statvfs, sysinfo};
use std::fmt::Write as _;

/// Room for it.
pub(crate) type Got = Text<272>;

/// No more than it returned.
pub(crate) fn nothing<R>(_: &R, _: &mut Got) {}

/// A descriptor: what it leads to.
pub(crate) fn descriptor(fd: &c_int, to: &mut Got) {
    if *fd >= 0 {
        asked::leads_to(*fd, to);
        marked::mark(*fd);
        marked::begin_directory(*fd);
    }
}

/// The descriptor of a call that returns its numbers as longs.
pub(crate) fn descriptor_of_long(fd: &i64, to: &mut Got) {
    descriptor(&(*fd as c_int), to);
}

/// A stream.
pub(crate) fn stream(file: &*mut FILE, to: &mut Got) {
    if !file.is_null() {
        // SAFETY: libc has just returned it.
        descriptor(&unsafe { libc::fileno(*file) }, to);
    }
}

/// A directory.
pub(crate) fn directory(dir: &*mut DIR, to: &mut Got) {
    if !dir.is_null() {
        // SAFETY: libc has just returned it.
        descriptor(&unsafe { libc::dirfd(*dir) }, to);
    }
}

/// What a descriptor leads to that was there before.
pub(crate) fn again<R>(fd: c_int) -> impl FnOnce(&R, &mut Got) {
    move |_, to| asked::leads_to(fd, to)
}

/// The same of a stream.
///
/// # Safety
/// The stream is open.
pub(crate) unsafe fn stream_again<R>(file: *mut FILE) -> impl FnOnce(&R, &mut Got) {
    // SAFETY: the caller guarantees it.
    again(unsafe { libc::fileno(file) })
}

/// How many paths matched.
///
/// # Safety
/// `found` is what the call was given.
pub(crate) unsafe fn matches(found: *const glob_t) -> impl FnOnce(&c_int, &mut Got) {
    move |returned, to| {
        if *returned == 0 {
            // SAFETY: libc has filled it.
            let _ = write!(to, "entries={}", unsafe { (*found).gl_pathc });
        }
    }
}

/// A mask of CPUs, of as many bytes as `bytes` says of what the call returned; as a list of ranges.
///
/// # Safety
/// `mask` is what the call was given.
pub(crate) unsafe fn cpus<R>(mask: *const c_void, bytes: impl FnOnce(&R) -> usize) -> impl FnOnce(&R, &mut Got) {
    move |returned, to| {
        // SAFETY: the call has filled this many bytes.
        let mask = unsafe { std::slice::from_raw_parts(mask.cast::<u8>(), bytes(returned)) };
        let is_set = |cpu: usize| mask.get(cpu / 8).is_some_and(|byte| byte & (1 << (cpu % 8)) != 0);
        let mut cpu = 0;
        while cpu < mask.len() * 8 {
            if !is_set(cpu) {
                cpu += 1;
                continue;
            }
            let first = cpu;
            while is_set(cpu) {
                cpu += 1;
            }
            let comma = if to.bytes().is_empty() { "" } else { "," };
            let _ = write!(to, "{comma}{first}");
            if cpu - 1 > first {
                let _ = write!(to, "-{}", cpu - 1);
            }
        }
    }
}

/// Load averages.
///
/// # Safety
/// `averages` is what the call was given.
pub(crate) unsafe fn averages(averages: *const f64) -> impl FnOnce(&c_int, &mut Got) {
    move |returned, to| {
        for index in 0..usize::try_from(*returned).unwrap_or(0) {
            // SAFETY: libc has written as many as it returned.
            let average = unsafe { *averages.add(index) };
            let _ = write!(to, "{}{average:.2}", if index == 0 { "" } else { " " });
        }
    }
}

/// sysinfo(2).
///
/// # Safety
/// `about` is what the call was given.
pub(crate) unsafe fn machine<R: PartialEq + From<i8>>(about: *const sysinfo) -> impl FnOnce(&R, &mut Got) {
    move |returned, to| {
        if *returned != R::from(0) {
            return;
        }
        // SAFETY: the call has filled it.
        let about = unsafe { &*about };
        let unit = u64::from(about.mem_unit.max(1));
        for (name, units) in [
            ("totalram", about.totalram),
            ("freeram", about.freeram),
            ("totalswap", about.totalswap),
            ("freeswap", about.freeswap),
        ] {
            let _ = write!(to, "{name}={} ", units.saturating_mul(unit));
        }
        let _ = write!(to, "uptime={} procs={} load1={}", about.uptime, about.procs, about.loads[0]);
    }
}

/// statfs(2).
///
/// # Safety
/// `about` is what the call was given.
pub(crate) unsafe fn file_system(about: *const statfs) -> impl FnOnce(&c_int, &mut Got) {
    move |returned, to| {
        if *returned == 0 {
            // SAFETY: the call has filled it.
            let about = unsafe { &*about };
            room(about.f_bsize.unsigned_abs(), [about.f_blocks, about.f_bfree, about.f_bavail], to);
        }
    }
}

/// statvfs(3).
///
/// # Safety
/// `about` is what the call was given.
pub(crate) unsafe fn volume(about: *const statvfs) -> impl FnOnce(&c_int, &mut Got) {
    move |returned, to| {
        if *returned == 0 {
            // SAFETY: the call has filled it.
            let about = unsafe { &*about };
            room(about.f_frsize, [about.f_blocks, about.f_bfree, about.f_bavail], to);
        }
    }
}

fn room(unit: u64, blocks: [u64; 3], to: &mut Got) {
    let [total, free, available] = blocks.map(|blocks| blocks.saturating_mul(unit));
    let _ = write!(to, "total={total} free={free} available={available}");
}

/// The end of a directory: how many entries were read.
pub(crate) fn entries(count: u32) -> Got {
    let mut to = Got::new();
    let _ = write!(to, "entries={count}");
    to
}
