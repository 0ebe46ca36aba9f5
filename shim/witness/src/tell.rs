//! Sending events.

use crate::{
    address,
    asked::{Question, link},
    caller::Caller,
    text::Text,
};
use rustix::{
    fd::{AsFd, BorrowedFd, IntoRawFd},
    io::Errno,
    net::{
        AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use witness_event::{Event, LONGEST, Moment};

/// How long an event waits for room in the reader's queue.
const PATIENCE: Duration = Duration::from_millis(200);

/// Events that were not sent since the last one that was: of the process in the upper half, their number in the lower.
/// A forked child has its parent's until its first event, and the parent tells of them itself.
static LOST: AtomicU64 = AtomicU64::new(0);
/// The reader's queue was full for as long as we wait: the next events do not wait at all.
static IS_STUCK: AtomicBool = AtomicBool::new(false);

/// What became of a call.
pub(crate) struct Outcome<'a> {
    pub(crate) returned: i64,
    pub(crate) errno: i32,
    pub(crate) got: &'a [u8],
}

/// The library is there.
pub(crate) fn start() {
    let mut program = Question::new();
    link(c"/proc/self/exe", &mut program);
    send(Moment::Start, "", program.bytes(), None, None);
}

/// A function is about to be called.
pub(crate) fn enter(function: &str, question: &Question, caller: Option<&Caller>) {
    send(Moment::Enter, function, question.bytes(), caller, None);
}

/// It has returned; without an outcome if there is more to come.
pub(crate) fn leave(function: &str, question: &Question, caller: Option<&Caller>, outcome: Option<&Outcome>) {
    send(Moment::Leave, function, question.bytes(), caller, outcome);
}

/// The witness cannot do its work.
pub(crate) fn unfit(function: &str, why: &[u8]) {
    send(Moment::Unfit, function, why, None, None);
}

#[inline(never)]
fn send(moment: Moment, function: &str, argument: &[u8], caller: Option<&Caller>, outcome: Option<&Outcome>) {
    let Some(reader) = address::get() else { return };
    let lost = lost_before();
    let mut datagram = [0; LONGEST];
    let len = write(&mut datagram, moment, lost, function, argument, caller, outcome);
    if deliver(datagram.get(..len).unwrap_or_default(), &reader).is_err() {
        lose(lost.saturating_add(1));
    }
}

/// How many events of this process were lost; they are taken off the account.
fn lost_before() -> u32 {
    let account = LOST.swap(0, Ordering::Relaxed);
    if account >> 32 == own_number() { account as u32 } else { 0 }
}

fn lose(more: u32) {
    let own = own_number() << 32;
    let add = |account: u64| {
        let known = if account >> 32 << 32 == own { account as u32 } else { 0 };
        Some(own | u64::from(known.saturating_add(more)))
    };
    let _ = LOST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
}

fn own_number() -> u64 {
    u64::from(rustix::process::getpid().as_raw_nonzero().get().unsigned_abs())
}

#[inline(never)]
fn write(
    datagram: &mut [u8; LONGEST],
    moment: Moment,
    lost: u32,
    function: &str,
    argument: &[u8],
    caller: Option<&Caller>,
    outcome: Option<&Outcome>,
) -> usize {
    let mut object = Text::<256>::new();
    if let Some(caller) = caller {
        caller.put_object(&mut object);
    }
    let comm = comm();
    Event {
        moment,
        pid: rustix::process::getpid().as_raw_nonzero().get(),
        tid: rustix::thread::gettid().as_raw_nonzero().get(),
        lost,
        comm: comm.split(|byte| *byte == 0).next().unwrap_or_default().into(),
        function: function.as_bytes().into(),
        argument: argument.into(),
        caller: caller.map(|caller| witness_event::Caller { object: object.bytes().into(), offset: caller.offset() }),
        outcome: outcome.map(|outcome| witness_event::Outcome {
            returned: outcome.returned,
            errno: outcome.errno,
            got: outcome.got.into(),
        }),
    }
    .write(datagram)
}

/// The thread's name.
fn comm() -> [u8; 16] {
    let mut name = [0; 16];
    // SAFETY: the kernel writes 16 bytes at most. Our own hook of prctl lets this through.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}

fn deliver(datagram: &[u8], reader: &SocketAddrUnix) -> Result<(), Errno> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let sent = deliver_by(socket.as_fd(), datagram, reader);
    // SAFETY: nobody else knows it. Its own destructor would call libc, where somebody may stand before us.
    unsafe { rustix::io::close(socket.into_raw_fd()) };
    sent
}

fn deliver_by(socket: BorrowedFd, datagram: &[u8], reader: &SocketAddrUnix) -> Result<(), Errno> {
    let mut sent = attempt(socket, datagram, SendFlags::DONTWAIT, reader);
    if sent == Err(Errno::AGAIN) && !IS_STUCK.load(Ordering::Relaxed) {
        set_socket_timeout(socket, Timeout::Send, Some(PATIENCE))?;
        sent = attempt(socket, datagram, SendFlags::empty(), reader);
    }
    IS_STUCK.store(sent == Err(Errno::AGAIN), Ordering::Relaxed);
    sent
}

/// A signal may come in between, and again.
fn attempt(socket: BorrowedFd, datagram: &[u8], flags: SendFlags, reader: &SocketAddrUnix) -> Result<(), Errno> {
    for _ in 0..3 {
        match sendto(socket, datagram, flags | SendFlags::NOSIGNAL, reader) {
            Err(Errno::INTR) => {}
            sent => return sent.map(drop),
        }
    }
    Err(Errno::INTR)
}
