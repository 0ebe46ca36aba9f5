//! Is this path one of ours? Two comparisons settle it for most paths; for the rest, the kernel says.

use crate::{arch, link, options, scope, sys};
use calc::{
    answer::{self, Answer, BLOCKS, CPUS, NODES},
    scan,
};
use core::ffi::{CStr, c_char, c_int};

/// Room for the longest path that is answered, with a final NUL: a memory file's name has at most 249 bytes
/// (`MFD_NAME_MAX_LEN`). A path that does not fit is not ours.
pub(crate) const ROOM: usize = 250;

/// What a path leads to.
pub(crate) enum Target {
    /// A file that we answer.
    Ours(Answer),
    /// Something in the directory of a CPU or memory block that the container does not have.
    Hidden,
}

/// Whether `path` may concern us. For most paths this costs only their length, and a look at both ends.
///
/// # Safety
/// `path` is null or a NUL-terminated string: the kernel has just accepted it.
#[inline(never)]
pub(crate) unsafe fn may_concern_us(path: *const c_char) -> bool {
    if path.is_null() {
        return false;
    }
    // SAFETY: the caller guarantees it. Three bytes and the NUL are there if the length says so, a second byte if the
    // first is not the NUL.
    unsafe {
        let path = path.cast::<u8>();
        let len = arch::end_of(path).offset_from_unsigned(path);
        let ends_like_one = match len.checked_sub(3) {
            Some(before) => Answer::may_end_in(path.wrapping_add(before).cast::<[u8; 4]>().read()),
            None => true,
        };
        let begins_plainly = path.read() == b'/' && !matches!(path.wrapping_add(1).read(), b's' | b'/' | b'.');
        (ends_like_one || !begins_plainly) && concerns_us(core::slice::from_raw_parts(path, len), ends_like_one)
    }
}

#[cold]
#[inline(never)]
fn concerns_us(path: &[u8], ends_like_one: bool) -> bool {
    ends_like_one && is_a_name(path) || may_be_hidden(path) && names_a_member(path)
}

fn is_a_name(path: &[u8]) -> bool {
    path.rsplit(|byte| *byte == b'/').next().is_some_and(Answer::may_be_named)
}

/// Something hidden is below /sys, or is reached by a relative path. One that begins with a detour may lead anywhere.
fn may_be_hidden(path: &[u8]) -> bool {
    match path {
        [b'/', b'/' | b'.', ..] => true,
        [b'/', ..] => path.starts_with(b"/sys/"),
        _ => true,
    }
}

/// Whether the path contains `cpuN` or `memoryN`.
#[cold]
#[inline(never)]
fn names_a_member(path: &[u8]) -> bool {
    path.windows(4).any(|four| matches!(four, [b'c', b'p', b'u', b'0'..=b'9'] | [b'o', b'r', b'y', b'0'..=b'9']))
}

/// What the descriptor just opened from `path`, which may concern us, leads to.
#[inline(never)]
pub(crate) fn behind_name(fd: c_int, path: &CStr) -> Option<Target> {
    let path = path.to_bytes();
    if options::off() || answer::is_a_process_file(path) {
        return None;
    }
    // If it is one of a family, whether its CPU exists for the container is asked first.
    if let Some(answer) = Answer::from_path(path).filter(|answer| answer.path().is_some()) {
        return Some(Target::Ours(answer));
    }
    match behind(fd)? {
        (Some(member), _) if member.is_hidden() => Some(Target::Hidden),
        (_, answer) => answer.map(Target::Ours),
    }
}

/// What the kernel says is behind `fd`: the member that it is below, and the answer.
#[inline(never)]
fn behind(fd: c_int) -> Option<(Option<Member>, Option<Answer>)> {
    let (mut buffer, mut real) = ([0; 32], [0; ROOM]);
    let real = sys::readlink(link::of(fd, &mut buffer)?, &mut real)?;
    Some((Member::within(real), Answer::from_path(real)))
}

/// Whether `path`, relative to the directory descriptor `dir`, is in the directory of a CPU or memory block that the
/// container does not have. This goes by the text, without following symbolic links.
///
/// # Safety
/// `path` is null or a NUL-terminated string.
#[inline(always)]
pub(crate) unsafe fn hidden(dir: c_int, path: *const c_char) -> bool {
    // SAFETY: the caller guarantees it; a path that concerns us is not null.
    unsafe { may_concern_us(path) && is_hidden_below(dir, path) }
}

/// # Safety
/// `path` is a NUL-terminated string.
#[cold]
#[inline(never)]
unsafe fn is_hidden_below(dir: c_int, path: *const c_char) -> bool {
    // SAFETY: the caller guarantees it.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    !options::off() && names_a_member(path) && below(dir, path).is_some_and(|member| member.is_hidden())
}

#[inline(never)]
fn below(dir: c_int, path: &[u8]) -> Option<Member> {
    let mut whole = [0; ROOM];
    let mut len = 0;
    if path.first() != Some(&b'/') {
        let mut buffer = [0; 32];
        let link = if dir == libc::AT_FDCWD { c"/proc/self/cwd" } else { link::of(dir, &mut buffer)? };
        len = sys::readlink(link, &mut whole)?.len();
        if whole.first_chunk() == Some(b"/") && len == 1 {
            len = 0;
        }
    }
    for component in path.split(|byte| *byte == b'/') {
        len = step(&mut whole, len, component)?;
    }
    Member::within(whole.get(..len)?)
}

/// Goes one component further along `whole`, as the kernel walks.
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

/// A member of a directory that a container may not have.
pub(crate) enum Member {
    Cpu(u64),
    MemoryBlock(u64),
}

impl Member {
    /// The member whose directory is the real path `path` or contains it.
    fn within(path: &[u8]) -> Option<Self> {
        Self::named(members(path)?.split(|byte| *byte == b'/').next()?)
    }

    /// The member with this name: `cpuN`, `memoryN`.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        number_after(name, b"cpu").map(Self::Cpu).or_else(|| number_after(name, b"memory").map(Self::MemoryBlock))
    }

    /// Whether the container lacks it.
    pub(crate) fn is_hidden(&self) -> bool {
        match *self {
            Self::Cpu(cpu) => is_hidden_cpu(cpu),
            Self::MemoryBlock(block) => scope::first_block().is_some_and(|first| block != first),
        }
    }
}

#[inline(never)]
fn is_hidden_cpu(cpu: u64) -> bool {
    scope::with_cpus(|cpus| Some(!cpus.online.contains(cpu))) == Some(true)
}

/// The part of a path below a directory whose members may be hidden.
fn members(path: &[u8]) -> Option<&[u8]> {
    let within = |directory: &[u8]| path.strip_prefix(directory)?.strip_prefix(b"/");
    let of_a_node = || {
        let (_, below) = scan::number(within(NODES)?.strip_prefix(b"node")?)?;
        below.strip_prefix(b"/")
    };
    within(CPUS)
        .or_else(|| within(BLOCKS))
        .or_else(|| within(b"/sys/bus/cpu/devices"))
        .or_else(|| within(b"/sys/bus/memory/devices"))
        .or_else(of_a_node)
}

/// The N in `cpuN`.
fn number_after(name: &[u8], kind: &[u8]) -> Option<u64> {
    match scan::number(name.strip_prefix(kind)?)? {
        (number, b"") => Some(number),
        _ => None,
    }
}

/// Whether the descriptor `fd` is a directory whose members may be hidden.
pub(crate) fn lists_members(fd: c_int) -> bool {
    let (mut buffer, mut real) = ([0; 32], [0; ROOM]);
    let Some(link) = link::of(fd, &mut buffer) else { return false };
    let len = sys::readlink(link, &mut real).map_or(0, <[u8]>::len);
    // Add a slash: the path of such a directory then ends just before its members.
    match real.get_mut(..=len).and_then(<[u8]>::split_last_mut) {
        Some((after, _)) => *after = b'/',
        None => return false,
    }
    real.get(..=len).and_then(members) == Some(b"")
}

/// Like [`lists_members`], but for a path below `dir`, following symbolic links.
///
/// # Safety
/// `path` is a NUL-terminated string.
pub(crate) unsafe fn is_directory_of_members(dir: c_int, path: *const c_char) -> bool {
    // SAFETY: the caller guarantees it.
    let path = unsafe { CStr::from_ptr(path) };
    sys::open_at(dir, path, libc::O_PATH | libc::O_DIRECTORY).is_some_and(|dir| lists_members(dir.number()))
}
