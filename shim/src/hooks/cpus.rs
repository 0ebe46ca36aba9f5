//! sysconf(3), get_nprocs(3), get_phys_pages(3), sched_setaffinity(2)
//!
//! `_SC_NPROCESSORS_CONF` and `get_nprocs_conf` stay the kernel's: programs size arrays by them, and index these by
//! the number of the CPU they run on.

use super::by_kernel;
use crate::{Hooked, environment, figures, next, options, scope, signature, sys};
use calc::cpus::{MAX_CPUS, keep_first};
use core::{
    ffi::{c_int, c_long, c_ulong},
    mem::MaybeUninit,
};
use libc::{pid_t, pthread_t, size_t};

/// A kernel CPU mask, in words.
type Mask = [u64; MAX_CPUS / 64];

pub(crate) unsafe fn sysconf(next: Option<signature::sysconf>, name: c_int) -> c_long {
    let ours = match name {
        libc::_SC_NPROCESSORS_ONLN => count(),
        libc::_SC_PHYS_PAGES => total_pages(),
        libc::_SC_AVPHYS_PAGES => free_pages(),
        _ => None,
    };
    match (ours, next) {
        (Some(ours), _) => ours,
        // SAFETY: any number is valid.
        (None, Some(next)) => unsafe { next(name) },
        (None, None) => c_long::from(next::refuse(libc::EINVAL)),
    }
}

pub(crate) unsafe fn get_nprocs(next: Option<signature::get_nprocs>) -> c_int {
    match (count(), next) {
        (Some(count), _) => count as c_int,
        // SAFETY: no arguments.
        (None, Some(next)) => unsafe { next() },
        (None, None) => 1,
    }
}

pub(crate) unsafe fn get_phys_pages(next: Option<signature::get_phys_pages>) -> c_long {
    match (total_pages(), next) {
        (Some(pages), _) => pages,
        // SAFETY: no arguments.
        (None, Some(next)) => unsafe { next() },
        (None, None) => -1,
    }
}

pub(crate) unsafe fn get_avphys_pages(next: Option<signature::get_avphys_pages>) -> c_long {
    match (free_pages(), next) {
        (Some(pages), _) => pages,
        // SAFETY: no arguments.
        (None, Some(next)) => unsafe { next() },
        (None, None) => -1,
    }
}

fn count() -> Option<c_long> {
    scope::with_first_cpus(0, |count, _| c_long::try_from(count).ok())
}

fn total_pages() -> Option<c_long> {
    pages(|[total, ..]| *total)
}

fn free_pages() -> Option<c_long> {
    pages(|[_, free, ..]| *free)
}

#[inline(never)]
fn pages(of: fn(&figures::Memory) -> u64) -> Option<c_long> {
    let bytes = of(figures::memory(None, &mut MaybeUninit::uninit())?);
    c_long::try_from(bytes.checked_div(environment::page_size())?).ok()
}

pub(crate) unsafe fn sched_getaffinity(
    next: Option<signature::sched_getaffinity>,
    pid: pid_t,
    len: size_t,
    mask: *mut c_ulong,
) -> c_int {
    // SAFETY: the caller's arguments; on success, `len` bytes of the mask are written.
    unsafe {
        let result = match next {
            Some(next) => next(pid, len, mask),
            None => raw_getaffinity(pid, len, mask),
        };
        if result >= 0 && is_ours(pid) {
            narrow(len, mask);
        }
        result
    }
}

/// Like libc: CPUs beyond the kernel's mask are cleared, and the result is 0.
unsafe fn raw_getaffinity(pid: pid_t, len: size_t, mask: *mut c_ulong) -> c_int {
    // SAFETY: the caller's arguments, which the kernel checks; there is room for `len` bytes.
    unsafe {
        let written = by_kernel(libc::SYS_sched_getaffinity, [pid as usize, len, mask as usize, 0, 0, 0]);
        let Ok(written) = usize::try_from(written) else { return -1 };
        mask.cast::<u8>().wrapping_add(written).write_bytes(0, len.saturating_sub(written));
        0
    }
}

pub(crate) unsafe fn pthread_getaffinity_np(
    next: Option<signature::pthread_getaffinity_np>,
    thread: pthread_t,
    len: size_t,
    mask: *mut c_ulong,
) -> c_int {
    let Some(next) = next.or_else(later_getter) else { return libc::ENOSYS };
    // SAFETY: as in `sched_getaffinity`.
    unsafe {
        let result = next(thread, len, mask);
        if result == 0 && !options::off() && !options::affinity_is_the_kernels() {
            narrow(len, mask);
        }
        result
    }
}

/// Whether we answer for the mask of `pid`: only for the caller's own. Another process's is the kernel's.
pub(crate) fn is_ours(pid: pid_t) -> bool {
    !options::off() && !options::affinity_is_the_kernels() && (pid == 0 || pid == sys::gettid() || pid == sys::getpid())
}

/// Narrows a mask to as many CPUs as the container has, preferring those that it is shown. For threads that run
/// elsewhere than the process does, at least the number is right.
///
/// # Safety
/// A mask written by the kernel is at `mask`, `len` bytes long.
pub(crate) unsafe fn narrow(len: size_t, mask: *mut c_ulong) {
    // SAFETY: the caller guarantees it; the kernel takes whole words only.
    let mask = unsafe { core::slice::from_raw_parts_mut(mask, len / size_of::<c_ulong>()) };
    let used = mask.iter().rposition(|word| *word != 0).map_or(0, |last| last.wrapping_add(1));
    let Some(mask) = mask.get_mut(..used) else { return };
    scope::with_first_cpus(used, |count, online| Some(keep_first(mask, count, online)));
}

pub(crate) unsafe fn sched_setaffinity(
    next: Option<signature::sched_setaffinity>,
    pid: pid_t,
    len: size_t,
    mask: *const c_ulong,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if is_ours(pid) && is_what_we_showed(len, mask, process_mask, pid as usize) {
            return 0;
        }
        let result = match next {
            Some(next) => next(pid, len, mask),
            None => by_kernel(libc::SYS_sched_setaffinity, [pid as usize, len, mask as usize, 0, 0, 0]) as c_int,
        };
        if result == 0 {
            scope::choose_again();
        }
        result
    }
}

pub(crate) unsafe fn pthread_setaffinity_np(
    next: Option<signature::pthread_setaffinity_np>,
    thread: pthread_t,
    len: size_t,
    mask: *const c_ulong,
) -> c_int {
    let Some(next) = next.or_else(later_setter) else { return libc::ENOSYS };
    // SAFETY: the caller's arguments.
    unsafe {
        if is_what_we_showed(len, mask, thread_mask, thread as usize) {
            return 0;
        }
        let result = next(thread, len, mask);
        if result == 0 {
            scope::choose_again();
        }
        result
    }
}

/// The getter of a thread library that was loaded later.
#[cold]
fn later_getter() -> Option<signature::pthread_getaffinity_np> {
    // SAFETY: the slot holds this function.
    next::again(Hooked::pthread_getaffinity_np)
        .map(|next| unsafe { core::mem::transmute::<next::Definition, signature::pthread_getaffinity_np>(next) })
}

/// The setter of such a library.
#[cold]
fn later_setter() -> Option<signature::pthread_setaffinity_np> {
    // SAFETY: the slot holds this function.
    next::again(Hooked::pthread_setaffinity_np)
        .map(|next| unsafe { core::mem::transmute::<next::Definition, signature::pthread_setaffinity_np>(next) })
}

/// The kernel's own mask of the process `pid`.
fn process_mask(pid: usize, real: &mut Mask) -> Option<usize> {
    sys::affinity(pid as pid_t, real)
}

/// The kernel's own mask of `thread`, which only libc can find.
fn thread_mask(thread: usize, real: &mut Mask) -> Option<usize> {
    let len = sys::affinity(0, real)?;
    let next = next::of(Hooked::pthread_getaffinity_np as usize)?;
    // SAFETY: the slot holds this function; the buffer has this length.
    unsafe {
        let next = core::mem::transmute::<next::Definition, signature::pthread_getaffinity_np>(next);
        (next(thread as pthread_t, size_of::<Mask>(), real.as_mut_ptr()) == 0).then_some(len)
    }
}

/// Whether `mask` is exactly what we show for the mask that `read` gets of `whom`, and is less than that. A program that
/// hands back what it got wants no change, so none is made, and a wider limit later still applies to it.
#[inline(never)]
unsafe fn is_what_we_showed(
    len: size_t,
    mask: *const c_ulong,
    read: fn(usize, &mut Mask) -> Option<usize>,
    whom: usize,
) -> bool {
    if options::off() || options::affinity_is_the_kernels() {
        return false;
    }
    let mut real = [0; MAX_CPUS / 64];
    let Some(kernel_len) = read(whom, &mut real) else { return false };
    // The kernel reads no further.
    let len = len.min(kernel_len);
    if !is_readable(len, mask) {
        return false;
    }
    // SAFETY: the kernel has just read it.
    let asked = unsafe { core::slice::from_raw_parts(mask, len / size_of::<c_ulong>()) };
    scope::with_first_cpus(real.len(), |count, online| Some(is_shown_of(&mut real, count, online, asked))) == Some(true)
}

/// Whether the kernel can read `mask`: it reads the mask before it looks for the process, and there is no process with
/// this number.
fn is_readable(len: size_t, mask: *const c_ulong) -> bool {
    const NOBODY: usize = usize::MAX;
    // SAFETY: the kernel checks the pointer.
    let refused = unsafe { crate::arch::syscall(libc::SYS_sched_setaffinity, [NOBODY, len, mask as usize, 0, 0, 0]) };
    refused == -(libc::ESRCH as isize)
}

/// Whether `asked` is what is shown for `real`, and is less than that. Leaves what is shown in `real`.
fn is_shown_of(real: &mut Mask, count: u64, online: &[u64], asked: &[c_ulong]) -> bool {
    keep_first(real, count, online)
        && real.iter().enumerate().all(|(index, word)| asked.get(index).copied().unwrap_or(0) == *word)
}
