//! What is done with a call: calls of three kinds may be answered, and in any doubt a call passes.

use super::{
    affinity,
    call::{Call, Response},
    desk::Desk,
    open, refresh, sighting, sysinfo,
    terms::Terms,
};
use rustix::fd::AsFd;

pub(super) fn answer(call: &Call<'_>, desk: &mut Desk<'_>) {
    let answer = answered(call, desk);
    let Terms { gave, observer } = desk.terms();
    if let Some(observer) = observer.as_ref().filter(|observer| observer.is_there()) {
        sighting::tell(observer.as_ref(), call, answer.is_some(), gave.text());
    }
    desk.note_waits(|| call.whose());
    match answer {
        Some(Response::Number(number)) => call.listener.give_back(call.id, number),
        Some(Response::File { file, closes_on_exec }) => {
            if call.listener.give_file(call.id, file.as_fd(), closes_on_exec).is_err() {
                // It may have reached its limit of descriptors: the kernel will say so.
                call.listener.let_pass(call.id);
            }
        }
        None => call.listener.let_pass(call.id),
    }
}

fn answered(call: &Call<'_>, desk: &mut Desk<'_>) -> Option<Response> {
    // A process that is not in our pid namespace, or one of a user whose memory must not be touched.
    if call.target.thread == 0 || desk.shuns(|| call.whose()) {
        return None;
    }
    match call.number {
        libc::SYS_sysinfo => sysinfo::sysinfo(call, &mut desk.known),
        libc::SYS_sched_getaffinity => affinity::get(call, &mut desk.known),
        libc::SYS_sched_setaffinity => affinity::set(call, &mut desk.known),
        libc::SYS_lseek | libc::SYS_pread64 => {
            refresh::refresh(call, desk);
            None
        }
        // Only an observer asks for it.
        libc::SYS_getdents64 => None,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_getdents => None,
        _ => open::open(call, desk),
    }
}
