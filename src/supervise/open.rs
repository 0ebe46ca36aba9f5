//! open(2), openat(2), openat2(2): a memory file in the place of one that has an answer.

use super::{
    answer::{Answer, Call},
    filter::OF_ANOTHER_KIND,
    memory_file,
    seen::Known,
};
use crate::answers::Asked;
use calc::answer::{self as ours, Answer as Answered};

/// What is asked for.
struct Asking {
    directory: i32,
    path: u64,
    flags: i32,
}

pub(super) fn open(call: &Call<'_>, known: &mut Known) -> Option<Answer> {
    let asking = asking(call)?;
    let path = call.target.path(asking.path)?;
    if !may_be_answered(path.text().to_bytes()) || call.target.is_answered_inside(call.instruction) {
        return None;
    }
    let found = call.target.find(asking.directory, path.text())?;
    let asked = Asked::at(&call.target.path_of(&found)?)?;
    let seen = known.seen_by(call.target)?;
    if asked.passes(&seen.view.files, &seen.settings).is_some() {
        return None;
    }
    let text = asked.text(&seen.view).ok()?;
    let file = memory_file::new(&asked, &text).ok()?;
    Some(Answer::File { file, closes_on_exec: asking.flags & libc::O_CLOEXEC != 0 })
}

fn asking(call: &Call<'_>) -> Option<Asking> {
    let [first, second, third, fourth, ..] = call.arguments;
    // The kernel takes the lower half of a register that holds an int.
    let int = |register: u64| register as i32;
    match call.number {
        libc::SYS_openat => Some(Asking { directory: int(first), path: second, flags: int(third) }),
        libc::SYS_openat2 => {
            let flags = flags_of_how(call, third, fourth)?;
            Some(Asking { directory: int(first), path: second, flags })
        }
        // open(2), where there is one.
        _ => Some(Asking { directory: libc::AT_FDCWD, path: first, flags: int(second) }),
    }
}

/// The flags in a `struct open_how`, if they ask for the text of a file, by any way.
fn flags_of_how(call: &Call<'_>, how: u64, size: u64) -> Option<i32> {
    let mut words = [0; 3 * 8];
    if size < words.len() as u64 {
        return None;
    }
    call.target.read(how, &mut words)?;
    let word = |at: usize| words[at * 8..].first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    let (flags, resolve) = (i32::try_from(word(0)?).ok()?, word(2)?);
    (flags & OF_ANOTHER_KIND == libc::O_RDONLY && resolve == 0).then_some(flags)
}

/// By the path's last component: the cheap test before any other.
fn may_be_answered(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    Answered::may_be_named(name) && !ours::is_a_process_file(path)
}
