//! Is this path one of ours? Two compares for most paths, the kernel's own word for the rest.

use crate::{memory_file, options, scope, sys};
use calc::answer::Answer;
use core::ffi::{CStr, c_char, c_int};

/// Where the CPUs' directories are.
pub(crate) const CPU_DIRECTORY: &[u8] = b"/sys/devices/system/cpu";

/// Longer than any path that we answer; a path that does not fit is none of ours.
const ROOM: usize = 160;

/// What a path leads to.
pub(crate) enum Target {
    /// A file that we answer.
    Ours(Answer),
    /// Something in the directory of a CPU that the container does not have.
    HiddenCpu,
}

/// Whether `path` may concern us. All that it costs for most paths is their length and a glance at their last byte.
///
/// # Safety
/// `path` is null or a NUL-terminated string: the kernel has just taken it.
#[inline(never)]
unsafe fn may_concern_us(path: *const c_char) -> bool {
    if path.is_null() {
        return false;
    }
    // SAFETY: by the caller's promise.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    ends_in_a_name(path) || may_be_below_cpus(path)
}

/// By the last byte first, which settles it for most paths.
#[inline(always)]
fn ends_in_a_name(path: &[u8]) -> bool {
    matches!(path.last(), Some(b'o' | b's' | b't' | b'e' | b'g')) && is_a_name(path)
}

#[cold]
#[inline(never)]
fn is_a_name(path: &[u8]) -> bool {
    let tail = path.get(path.len().saturating_sub(Answer::LONGEST_NAME.wrapping_add(1))..).unwrap_or_default();
    let name = match tail.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => tail.get(slash.wrapping_add(1)..).unwrap_or_default(),
        None => path,
    };
    Answer::may_be_named(name)
}

/// CPUs' directories are found below /sys, or from somewhere by a relative path; a path that goes roundabout may lead
/// anywhere.
#[inline(always)]
fn may_be_below_cpus(path: &[u8]) -> bool {
    match path {
        [b'/', b's', b'y', b's', b'/', ..] | [b'/', b'/' | b'.', ..] => names_a_cpu(path),
        [b'/', ..] => false,
        _ => names_a_cpu(path),
    }
}

#[cold]
#[inline(never)]
fn names_a_cpu(path: &[u8]) -> bool {
    path.windows(4).any(|four| matches!(four, [b'c', b'p', b'u', b'0'..=b'9']))
}

/// What the descriptor that was just opened by `path` leads to.
///
/// # Safety
/// `path` is null or a NUL-terminated string.
#[inline(always)]
pub(crate) unsafe fn opened(fd: c_int, path: *const c_char) -> Option<Target> {
    // SAFETY: by the caller's promise; a path that concerns us is not null.
    unsafe { if may_concern_us(path) { judge(fd, CStr::from_ptr(path).to_bytes()) } else { None } }
}

#[cold]
#[inline(never)]
fn judge(fd: c_int, path: &[u8]) -> Option<Target> {
    if options::off() || is_a_process_file(path) {
        return None;
    }
    if let Some(answer) = Answer::from_path(path) {
        return Some(Target::Ours(answer));
    }
    let (mut buffer, mut real) = ([0; 32], [0; ROOM]);
    let real = sys::readlink(memory_file::link(fd, &mut buffer)?, &mut real)?;
    match Answer::from_path(real) {
        Some(answer) => Some(Target::Ours(answer)),
        None => is_hidden(real).then_some(Target::HiddenCpu),
    }
}

/// `/proc/PID/stat`: by far the most frequent path that ends in a name of ours.
fn is_a_process_file(path: &[u8]) -> bool {
    path.strip_prefix(b"/proc/")
        .and_then(|rest| rest.strip_suffix(b"/stat"))
        .is_some_and(|pid| !pid.is_empty() && pid.iter().all(u8::is_ascii_digit))
}

/// Whether `path`, relative to the directory descriptor `dir`, lies in the directory of a CPU that the container does
/// not have. By its text, as far as symbolic links are not in it.
///
/// # Safety
/// `path` is null or a NUL-terminated string.
#[inline(always)]
pub(crate) unsafe fn hidden(dir: c_int, path: *const c_char) -> bool {
    // SAFETY: by the caller's promise; a path that concerns us is not null.
    unsafe { may_concern_us(path) && hidden_below(dir, CStr::from_ptr(path).to_bytes()) == Some(true) }
}

#[cold]
#[inline(never)]
fn hidden_below(dir: c_int, path: &[u8]) -> Option<bool> {
    if options::off() || !names_a_cpu(path) {
        return None;
    }
    let mut whole = [0; ROOM];
    let mut len = 0;
    if path.first() != Some(&b'/') {
        let mut buffer = [0; 32];
        let link = if dir == libc::AT_FDCWD { c"/proc/self/cwd" } else { memory_file::link(dir, &mut buffer)? };
        len = sys::readlink(link, &mut whole)?.len();
        if whole.first_chunk() == Some(b"/") && len == 1 {
            len = 0;
        }
    }
    for component in path.split(|byte| *byte == b'/') {
        len = step(&mut whole, len, component)?;
    }
    Some(is_hidden(whole.get(..len)?))
}

/// One component further along `whole`, as the kernel walks.
fn step(whole: &mut [u8], len: usize, component: &[u8]) -> Option<usize> {
    match component {
        b"" | b"." => return Some(len),
        b".." => return Some(whole.get(..len)?.iter().rposition(|byte| *byte == b'/').unwrap_or(0)),
        _ => {}
    }
    let start = len.wrapping_add(1);
    let end = start.checked_add(component.len())?;
    *whole.get_mut(len)? = b'/';
    for (to, from) in whole.get_mut(start..end)?.iter_mut().zip(component) {
        *to = *from;
    }
    Some(end)
}

/// Whether the real path `path` is that of a hidden CPU, or below it.
pub(crate) fn is_hidden(path: &[u8]) -> bool {
    path.strip_prefix(CPU_DIRECTORY)
        .and_then(|rest| rest.strip_prefix(b"/"))
        .and_then(|rest| rest.split(|byte| *byte == b'/').next())
        .is_some_and(is_hidden_name)
}

/// Whether `name` is `cpuN` of a CPU that the container does not have.
pub(crate) fn is_hidden_name(name: &[u8]) -> bool {
    cpu_number(name).is_some_and(|cpu| scope::with_cpus(|cpus| Some(!cpus.online.contains(cpu))) == Some(true))
}

/// N of `cpuN`.
fn cpu_number(name: &[u8]) -> Option<u64> {
    match calc::scan::number(name.strip_prefix(b"cpu")?)? {
        (cpu, b"") => Some(cpu),
        _ => None,
    }
}

/// Whether the descriptor `fd` is of the directory of all CPUs.
pub(crate) fn is_cpu_directory(fd: c_int) -> bool {
    let (mut buffer, mut real) = ([0; 32], [0; ROOM]);
    memory_file::link(fd, &mut buffer).and_then(|link| sys::readlink(link, &mut real)) == Some(CPU_DIRECTORY)
}

/// Whether `path` is that of the directory of all CPUs, symbolic links and all.
///
/// # Safety
/// `path` is a NUL-terminated string.
pub(crate) unsafe fn is_directory_of_cpus(path: *const c_char) -> bool {
    // SAFETY: by the caller's promise.
    let path = unsafe { CStr::from_ptr(path) };
    sys::open(path, libc::O_PATH | libc::O_DIRECTORY).is_some_and(|dir| is_cpu_directory(dir.number()))
}
