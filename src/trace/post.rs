//! The socket that all events come to: from the witness in each program, and from whoever supervises. It is one queue, so
//! a system call is seen between the witness's two events about the function that makes it.

use super::datagram::{self, Datagram, ROOM, Secret};
use crate::{
    host::{named::Named, temporary},
    run::supervise::{Observer, Sighting},
};
use anyhow::{Context, Result};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::{AsRawFd, RawFd},
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, send,
        sockopt::{Timeout, set_socket_passcred, set_socket_timeout},
    },
};
use std::{
    ffi::OsString,
    fs::{self, Permissions},
    io::{self, ErrorKind, IoSliceMut},
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

/// The receiving end.
pub(super) struct Post {
    socket: UnixDatagram,
    secret: Secret,
    /// Is told when all that was sent has been worked up.
    settled: mpsc::Sender<()>,
}

/// The end that supervisors and the command itself send from.
pub(super) struct Sender {
    socket: UnixDatagram,
    secret: Secret,
    /// How many sightings could not be sent.
    lost: AtomicU32,
    /// The receiver is gone.
    is_alone: AtomicBool,
    /// The queue was full for as long as we wait: the next sightings do not wait at all.
    is_stuck: AtomicBool,
    settled: Mutex<mpsc::Receiver<()>>,
}

/// What arrived, and the process that sent it by our numbers: the kernel says who it was.
pub(super) struct Arrival {
    pub(super) datagram: Datagram,
    pub(super) sender: i32,
}

/// How long a supervisor waits for room in the queue while we are stopped: its callers wait with it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the command waits with the program's end until the receiver has worked up what came before. It may wait for
/// whoever reads what it writes, and signals wait with it.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A socket, its two ends, and the path that programs find it by. It is removed with the directory.
pub(super) struct Address {
    pub(super) path: OsString,
    directory: Named,
}

impl Drop for Address {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&*self.directory);
    }
}

/// Opens a socket of a name that only those learn who are told: others cannot send anything to it.
pub(super) fn open() -> Result<(Post, Sender, Address)> {
    let mut random = [0; 32];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).context("random numbers")?;
    let (name, secret) = random.split_at(16);
    let secret = Secret::try_from(secret).unwrap_or_default();
    let directory = temporary::make()?;
    let hexadecimal: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = directory.join(hexadecimal);
    let made = || -> Result<_> {
        if rustix::process::geteuid().is_root() {
            // Programs that continue as other users reach the socket, and nobody can list the directory.
            fs::set_permissions(&*directory, Permissions::from_mode(0o711))?;
        }
        let socket = UnixDatagram::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        set_socket_passcred(&socket, true)?;
        let sending = UnixDatagram::unbound()?;
        sending.connect(&path)?;
        set_socket_timeout(&sending, Timeout::Send, Some(PATIENCE))?;
        Ok((socket, sending))
    };
    let (socket, sending) = made().with_context(|| format!("a socket at {}", path.display()))?;
    let (settled, settles) = mpsc::channel();
    let sender = Sender {
        socket: sending,
        secret,
        lost: AtomicU32::new(0),
        is_alone: AtomicBool::new(false),
        is_stuck: AtomicBool::new(false),
        settled: Mutex::new(settles),
    };
    Ok((Post { socket, secret, settled }, sender, Address { path: path.into_os_string(), directory }))
}

impl Post {
    /// Waits for the next event. What is nobody's that we know is left out.
    pub(super) fn next(&self) -> Arrival {
        let mut room = vec![0; ROOM];
        loop {
            let Some((len, sender)) = self.receive(&mut room) else { continue };
            if let Some(datagram) = datagram::read(&self.secret, &room[..len]) {
                return Arrival { datagram, sender };
            }
        }
    }

    fn receive(&self, room: &mut [u8]) -> Option<(usize, i32)> {
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut watched = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return None,
        }
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = rustix::net::recvmsg(&self.socket, &mut [IoSliceMut::new(room)], &mut ancillary, flags).ok()?;
        let sender = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmCredentials(credentials) => Some(credentials.pid.as_raw_nonzero().get()),
            _ => None,
        });
        Some((received.bytes, sender.unwrap_or(0)))
    }

    /// Tells who waits in [`Sender::settle`].
    pub(super) fn has_settled(&self) {
        let _ = self.settled.send(());
    }
}

impl Sender {
    /// Waits until all that was sent so far has been worked up, or nobody seems to read what is written.
    pub(super) fn settle(&self) {
        if self.send(&datagram::settle(&self.secret)) {
            let _ = self.settled.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LONGEST_WAIT);
        }
    }

    /// Ends the receiver's work, once it has worked up what was sent so far.
    pub(super) fn stop(&self) {
        let stop = datagram::stop(&self.secret);
        while self.socket.send(&stop).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {}
    }

    fn send(&self, datagram: &[u8]) -> bool {
        self.is_sent(self.socket.send(datagram))
    }

    /// Sends it if there is room.
    fn send_at_once(&self, datagram: &[u8]) -> bool {
        self.is_sent(send(&self.socket, datagram, SendFlags::DONTWAIT).map_err(Into::into))
    }

    fn is_sent(&self, sent: io::Result<usize>) -> bool {
        if sent.as_ref().is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
            self.is_alone.store(true, Relaxed);
        }
        sent.is_ok()
    }
}

impl Observer for Sender {
    fn is_there(&self) -> bool {
        !self.is_alone.load(Relaxed)
    }

    fn saw(&self, sighting: &Sighting) {
        let lost = self.lost.load(Relaxed);
        let datagram = datagram::sighted(&self.secret, sighting, lost);
        let is_sent = if self.is_stuck.load(Relaxed) { self.send_at_once(&datagram) } else { self.send(&datagram) };
        self.is_stuck.store(!is_sent, Relaxed);
        if is_sent {
            self.lost.fetch_sub(lost, Relaxed);
        } else {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    fn sees_nothing(&self, why: &str) {
        self.send(&datagram::blind(&self.secret, why));
    }

    fn has_ended(&self) {
        self.settle();
    }

    fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_arrive_in_order_with_their_senders() {
        let (post, sender, address) = open().unwrap();
        let program = UnixDatagram::unbound().unwrap();
        let event = b"enter\t7\t8\t0\t\t\t1f\tfree\tfopen\t/proc/meminfo\t/usr/bin/free\t";
        for datagram in [&b"what nobody knows"[..], event] {
            program.send_to(datagram, &address.path).unwrap();
        }
        sender.sees_nothing("no right");
        let first = post.next();
        assert!(matches!(&first.datagram, Datagram::Witnessed(event) if event.tid == 8), "{:?}", first.datagram);
        assert_eq!(first.sender, i32::try_from(std::process::id()).unwrap(), "the kernel's word, not the event's");
        assert_eq!(post.next().datagram, Datagram::Blind("no right".to_owned()));
    }

    #[test]
    fn nobody_waits_twice_for_who_does_not_read() {
        let (post, sender, _address) = open().unwrap();
        let saw = || sender.saw(&crate::trace::datagram::tests::example());
        while !sender.is_stuck.load(Relaxed) {
            saw();
        }
        // Whoever waited would be told to give up by the kernel.
        set_socket_timeout(&sender.socket, Timeout::Send, None).unwrap();
        saw();
        assert_eq!(sender.lost.load(Relaxed), 2);
        post.next();
        saw();
        assert_eq!((sender.lost.load(Relaxed), sender.is_stuck.load(Relaxed)), (0, false));
    }

    #[test]
    fn who_is_gone_is_told_nothing() {
        let (post, sender, address) = open().unwrap();
        drop(post);
        assert!(sender.is_there(), "nobody knows yet");
        sender.sees_nothing("");
        assert!(!sender.is_there());
        let path = std::path::PathBuf::from(address.path.clone());
        drop(address);
        assert!(!path.exists());
    }
}
