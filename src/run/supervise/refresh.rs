//! lseek(2), pread(2) to the start of an answer that a program keeps open: it is composed again before the kernel does the call.

use super::{call::Call, desk::Desk, memory_file::Given};
use crate::host::kernel::Kernel;

pub(super) fn refresh(call: &Call<'_>, desk: &mut Desk<'_>) -> Option<()> {
    let descriptor = call.target.file(&format!("fd/{}", call.arguments[0] as i32));
    let given = Given::behind(&descriptor).filter(|given| !given.is_current)?;
    // What another user goes on reading is not composed by this one's settings and cgroup.
    if call.target.effective_user()? != given.owner {
        return None;
    }
    // The object composes its own again.
    if call.target.is_answered_elsewhere(call.instruction) {
        return None;
    }
    let seen = desk.known.seen_by(call.target);
    let text = seen.and_then(|seen| given.asked.text(&seen.view).ok());
    // Where there is no answer any more, the kernel's own text takes its place.
    let text = text.map_or_else(|| given.asked.kernels_own(&Kernel), Ok);
    let text = text.ok()?;
    if given.is_shorter_than(&text) && !desk.has_room(Some(given.owner)) {
        return None;
    }
    // The process that we looked at is the one that asks.
    call.listener.still_waits(call.id).then_some(())?;
    given.put(&text).ok()
}
