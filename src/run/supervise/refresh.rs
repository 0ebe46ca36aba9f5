//! lseek(2) and pread(2) to the start of an answer that a program keeps open: the answer is recomposed before the
//! kernel executes the call.

use super::{call::Call, desk::Desk, memory_file::Given};
use crate::host::kernel::Kernel;

pub(super) fn refresh(call: &Call<'_>, desk: &mut Desk<'_>) -> Option<()> {
    let descriptor = call.target.file(&format!("fd/{}", call.arguments[0] as i32));
    let given = Given::behind(&descriptor).filter(|given| !given.is_current)?;
    // Another user may be reading it, and must not get an answer from this user's settings and cgroup.
    if call.target.effective_user()? != given.owner {
        return None;
    }
    // The object recomposes its own answers.
    if call.target.is_answered_elsewhere(call.instruction) {
        return None;
    }
    let seen = desk.known.seen_by(call.target).filter(|seen| seen.settings.passes_all().is_none());
    let text = seen.and_then(|seen| given.asked.text(&seen.view).ok());
    // If there is no longer an answer, the kernel's own text replaces it.
    let text = text.map_or_else(|| given.asked.kernels_own(&Kernel), Ok);
    let text = text.ok()?;
    if given.is_shorter_than(&text) && !desk.has_room(Some(given.owner)) {
        return None;
    }
    // Makes sure that the process that we looked at is the caller.
    call.listener.still_waits(call.id).then_some(())?;
    given.put(&text).ok()
}
