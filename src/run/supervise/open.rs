//! open(2), openat(2), openat2(2): a memory file in place of a file that has an answer.

use super::{
    call::{Call, Response},
    desk::Desk,
    filter::{FOR_LISTING, FOR_READING},
    memory_file,
};
use crate::see::answers::Asked;
use calc::answer::{self as ours, Answer};
use rustix::fs::{Mode, fstat, fstatfs};
use std::{
    ffi::{CStr, OsStr},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// What the call asks for.
struct Asking {
    directory: i32,
    path: u64,
    flags: i32,
}

pub(super) fn open(call: &Call<'_>, desk: &mut Desk<'_>) -> Option<Response> {
    let asking = asking(call)?;
    let path = call.target.path(asking.path)?;
    let path = path.text().to_bytes();
    if path == QUESTION.to_bytes() {
        return Some(Response::Number(YES));
    }
    // Directories come to us too if somebody observes.
    if !may_be_answered(path) || asking.flags & !FOR_READING != libc::O_RDONLY {
        return None;
    }
    let whole = whole(call, asking.directory, path)?;
    if !stays_with_the_kernel(&whole) {
        return None;
    }
    let asked = judge(call, OsStr::from_bytes(&whole).as_ref(), asking.flags)?;
    let seen = desk.known.seen_by(call.target)?;
    if asked.passes(&seen.view.files, &seen.settings).is_some() {
        return None;
    }
    let owner = call.target.effective_user();
    if !desk.has_room(owner) {
        return None;
    }
    let text = asked.text(&seen.view).ok()?;
    let file = memory_file::new(&asked, &text, owner).ok()?;
    Some(Response::File { file, closes_on_exec: asking.flags & libc::O_CLOEXEC != 0 })
}

/// The absolute path that the call opens, as far as the program names it; `None` if it cannot be read.
pub(super) fn path(call: &Call<'_>) -> Option<Vec<u8>> {
    let asking = asking(call)?;
    whole(call, asking.directory, call.target.path(asking.path)?.text().to_bytes())
}

fn whole(call: &Call<'_>, directory: i32, path: &[u8]) -> Option<Vec<u8>> {
    if path.starts_with(b"/") {
        return Some(path.to_vec());
    }
    Some([&call.target.directory(directory)?[..], b"/", path].concat())
}

/// What the program would open, if that has an answer, is the kernel's own file, and nobody else has to answer it.
fn judge(call: &Call<'_>, path: &Path, flags: i32) -> Option<Asked> {
    let found = call.target.find(path, flags & libc::O_NOFOLLOW == 0)?;
    let asked = Asked::at(&call.target.path_of(&found)?)?;
    let (system, status) = call.target.touching(|| Some((fstatfs(&found).ok()?, fstat(&found).ok()?)))?;
    let is_the_kernels = u64::try_from(system.f_type).ok()? == asked.answer.file_system();
    // If the kernel could refuse the file to some users, we do not answer.
    let is_for_all = Mode::from_raw_mode(status.st_mode).contains(Mode::ROTH);
    (is_for_all && is_the_kernels && !call.target.is_answered_elsewhere(call.instruction)).then_some(asked)
}

/// Whether `path` stays within /proc and /sys. Following a path through another file system could wait for a server
/// that is itself waiting for us.
pub(super) fn stays_with_the_kernel(path: &[u8]) -> bool {
    let mut parts = path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    if !matches!(parts.next(), Some(b"proc" | b"sys")) {
        return false;
    }
    // `..` must not lead above the first directory at any step.
    let depth = parts.try_fold(0_u32, |depth, part| if part == b".." { depth.checked_sub(1) } else { Some(depth + 1) });
    depth.is_some()
}

/// The path that a supervised command opens to ask whether we are there. No such file exists.
const QUESTION: &CStr = c"/proc/cgproc/is-this-supervised";
/// The reply, in place of a descriptor's number: larger than any.
const YES: i64 = 0x6367_7072;

/// Whether a supervisor of ours is around us.
pub(super) fn is_supervised() -> bool {
    // SAFETY: a system call with a string that lives. It bypasses libc, whose wrapper a preloaded library may have
    // hooked.
    let answer = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, QUESTION.as_ptr(), libc::O_RDONLY, 0) };
    answer == YES
}

fn asking(call: &Call<'_>) -> Option<Asking> {
    let [first, second, third, fourth, ..] = call.arguments;
    // The kernel takes the lower half of a register for an int.
    let int = |register: u64| register as i32;
    match call.number {
        libc::SYS_openat => Some(Asking { directory: int(first), path: second, flags: int(third) }),
        libc::SYS_openat2 => {
            let flags = flags_of_how(call, third, fourth)?;
            Some(Asking { directory: int(first), path: second, flags })
        }
        // open(2), on architectures that have it.
        _ => Some(Asking { directory: libc::AT_FDCWD, path: first, flags: int(second) }),
    }
}

/// The flags in a `struct open_how`, if all that it asks for is to read a file by any path.
fn flags_of_how(call: &Call<'_>, how: u64, size: u64) -> Option<i32> {
    let mut words = [0; 3 * 8];
    // A longer one may ask for something newer than this code.
    if size != words.len() as u64 {
        return None;
    }
    call.target.read(how, &mut words)?;
    let word = |at: usize| words[at * 8..].first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    let (flags, mode, resolve) = (i32::try_from(word(0)?).ok()?, word(1)?, word(2)?);
    (flags & !FOR_LISTING == libc::O_RDONLY && mode == 0 && resolve == 0).then_some(flags)
}

/// Judges by the path's last component: the cheapest test, made first.
pub(super) fn may_be_answered(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    Answer::may_be_named(name) && !ours::is_a_process_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_stay_with_the_kernel() {
        for path in
            ["/proc/meminfo", "//proc/./sys/../meminfo", "/sys/devices/system/cpu/online", "/proc/sys/../../proc/stat"]
        {
            let goes_out = path.ends_with("proc/stat");
            assert_eq!(stays_with_the_kernel(path.as_bytes()), !goes_out, "{path}");
        }
        for path in ["/tmp/meminfo", "/procs/stat", "/", "", "/proc/../tmp/stat", "/./tmp/../proc/stat"] {
            assert!(!stays_with_the_kernel(path.as_bytes()), "{path}");
        }
    }
}
