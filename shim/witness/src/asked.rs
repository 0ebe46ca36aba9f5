//! Is a call about the machine? Most paths are settled by their first bytes.

use crate::text::Text;
use rustix::{
    fd::BorrowedFd,
    fs::{CWD, FsWord, fstatfs, statfs},
};
use std::{
    ffi::{CStr, c_char, c_int},
    fmt::Write as _,
    mem::MaybeUninit,
};

/// What is asked for: an absolute path without detours, or the name of a figure. A path that does not fit is none of
/// ours: the longest that is answered has 250 bytes, and its memory file's link a few more.
pub(crate) type Question = Text<272>;

/// The file systems of /proc and /sys.
const PROC: FsWord = libc::PROC_SUPER_MAGIC as FsWord;
const SYS: FsWord = 0x6265_6572;

/// A figure by its name.
pub(crate) fn figure(name: &str) -> Option<Question> {
    let mut question = Question::new();
    question.put(name.as_bytes());
    Some(question)
}

/// A number, such as that of a process.
pub(crate) fn number(number: c_int) -> Option<Question> {
    let mut question = Question::new();
    let _ = write!(question, "{number}");
    Some(question)
}

/// The path that `path` is from the directory `dir`, if it is in /proc or /sys.
///
/// # Safety
/// `path` is null or a string.
#[inline]
pub(crate) unsafe fn path(dir: c_int, path: *const c_char) -> Option<Question> {
    // SAFETY: the caller guarantees it.
    let path = unsafe { string(path)? };
    match path {
        [b'/', b'p' | b's' | b'/' | b'.', ..] => place(&[path]),
        [b'/', ..] if !has_detour(path) => None,
        [b'/', ..] => place(&[path]),
        [] => None,
        _ => relative(dir, path),
    }
}

/// The string at `path`. Addresses in the first page are the kernel's to refuse.
///
/// # Safety
/// `path` is null or a string.
pub(crate) unsafe fn string<'a>(path: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: the caller guarantees it.
    (path as usize >= 4096).then(|| unsafe { CStr::from_ptr(path) }.to_bytes())
}

/// The path that a descriptor leads to, if that is in /proc or /sys or is an answer. Of an answer, the path it stands
/// for.
#[cold]
pub(crate) fn descriptor(fd: c_int) -> Option<Question> {
    let mut link = Question::new();
    leads_to(fd, &mut link);
    let path = link.bytes();
    place(&[path.strip_prefix(b"/memfd:").map_or(path, |answer| answer.strip_suffix(b" (deleted)").unwrap_or(answer))])
}

/// Adds what /proc says that a descriptor leads to; `AT_FDCWD` stands for the working directory. Nothing, if it is not
/// known or does not fit.
pub(crate) fn leads_to<const N: usize>(fd: c_int, to: &mut Text<N>) {
    let mut name = Text::<32>::new();
    let _ = match fd {
        libc::AT_FDCWD => name.write_str("/proc/self/cwd\0"),
        fd => write!(name, "/proc/self/fd/{fd}\0"),
    };
    if let Ok(name) = CStr::from_bytes_with_nul(name.bytes()) {
        link(name, to);
    }
}

/// Adds the target of a symbolic link, unless it does not fit.
pub(crate) fn link<const N: usize>(name: &CStr, to: &mut Text<N>) {
    let mut room = [MaybeUninit::<u8>::uninit(); N];
    let Ok((target, rest)) = rustix::fs::readlinkat_raw(CWD, name, &mut room) else { return };
    // A target that fills the room was cut.
    if !rest.is_empty() {
        to.put(target);
    }
}

#[cold]
fn has_detour(path: &[u8]) -> bool {
    path.windows(2).any(|pair| pair == b"/." || pair == b"//")
}

/// A relative path: the directory's file system says whether it may concern us, unless the path may lead elsewhere.
#[inline(never)]
fn relative(dir: c_int, path: &[u8]) -> Option<Question> {
    let leaves = path.starts_with(b"proc") || path.starts_with(b"sys") || path.starts_with(b".");
    if !leaves && !matches!(file_system(dir)?, PROC | SYS) {
        return None;
    }
    let mut directory = Question::new();
    leads_to(dir, &mut directory);
    // What is out of sight has a name without a slash in front of it.
    if directory.bytes().first() != Some(&b'/') { None } else { place(&[directory.bytes(), path]) }
}

fn file_system(dir: c_int) -> Option<FsWord> {
    match dir {
        libc::AT_FDCWD => statfs(c".").ok(),
        dir if dir < 0 => None,
        // SAFETY: the kernel says if nothing is open there.
        dir => fstatfs(unsafe { BorrowedFd::borrow_raw(dir) }).ok(),
    }
    .map(|about| about.f_type)
}

/// The path of these parts without `.`, `..` and empty components, if it is in /proc or /sys. Links are not followed:
/// there, they do not lead out.
#[cold]
#[inline(never)]
fn place(parts: &[&[u8]]) -> Option<Question> {
    let mut path = Question::new();
    for component in parts.iter().flat_map(|part| part.split(|byte| *byte == b'/')) {
        match component {
            b"" | b"." => {}
            b".." => path.cut(path.bytes().iter().rposition(|byte| *byte == b'/').unwrap_or(0)),
            name => {
                path.put(b"/");
                path.put(name);
            }
        }
    }
    (!path.is_full() && is_about_the_machine(path.bytes())).then_some(path)
}

/// What the directory of a process has describes that process, and monitors read it by the thousand.
fn is_about_the_machine(path: &[u8]) -> bool {
    if path.starts_with(b"/sys/") {
        return true;
    }
    let Some(below) = path.strip_prefix(b"/proc/") else { return false };
    let mut components = below.split(|byte| *byte == b'/');
    let is_process = components.next().is_some_and(|first| first.iter().all(u8::is_ascii_digit));
    !is_process || matches!(components.next(), Some(b"root" | b"cwd" | b"fd")) && components.next().is_some()
}
