//! One conversation with an engine, from the connection to its end.

use super::{
    adjustment::Giver,
    messages::{RegisterPluginRequest, Request, Response},
    plugin::Plugin,
    trunk::{self, TO_ENGINE, TO_PLUGIN, TooLong, Trunk},
    ttrpc::{self, Malformed, Message, Stream},
};
use prost::Message as _;
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send, socket_with,
    },
    time::Timespec,
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How an engine knows us.
pub(super) struct Name {
    pub(super) name: String,
    /// Two digits.
    pub(super) index: String,
}

/// Why a conversation ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error(transparent)]
    Socket(#[from] Errno),
    #[error("the engine has closed the connection")]
    Closed,
    #[error("the engine does not answer")]
    Silent,
    #[error("the engine refuses the plugin: {0}")]
    Refused(String),
    #[error("the engine sent {0}")]
    TooLong(#[from] TooLong),
    #[error("the engine sent {0}")]
    Malformed(#[from] Malformed),
}

/// Registration is a matter of milliseconds, and so is taking an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The call to register is our only one.
const ONLY_CALL: u32 = 1;

pub(super) struct Session<'g> {
    socket: OwnedFd,
    trunk: Trunk,
    /// What comes on each connection.
    calls: Stream,
    answers: Stream,
    plugin: Plugin<'g>,
    begun: Instant,
    is_registered: bool,
}

impl<'g> Session<'g> {
    /// Connects, and calls to register.
    pub(super) fn begin(path: &Path, name: &Name, giver: &'g Giver) -> Result<Self, Lost> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        let session = Self {
            socket,
            trunk: Trunk::default(),
            calls: Stream::default(),
            answers: Stream::default(),
            plugin: Plugin::new(giver),
            begun: Instant::now(),
            is_registered: false,
        };
        let payload = RegisterPluginRequest { name: name.name.clone(), index: name.index.clone() }.encode_to_vec();
        let service = "nri.pkg.api.v1alpha1.Runtime".to_owned();
        let request = Request { service, method: "RegisterPlugin".to_owned(), payload: payload.into() };
        session.send(TO_ENGINE, &ttrpc::request(ONLY_CALL, &request))?;
        Ok(session)
    }

    /// The engine's name and version, once it asks us for each new container.
    pub(super) fn engine(&self) -> Option<&str> {
        self.plugin.engine().filter(|_| self.is_registered)
    }

    /// Answers what comes next. Returns whether to go on: not if `ending` becomes readable.
    pub(super) fn step(&mut self, ending: &OwnedFd) -> Result<bool, Lost> {
        let mut waiting = [PollFd::new(ending, PollFlags::IN), PollFd::new(&self.socket, PollFlags::IN)];
        let left = (!self.is_registered).then(|| PATIENCE.saturating_sub(self.begun.elapsed()));
        match poll(&mut waiting, left.map(timeout).as_ref()) {
            Ok(0) => return Err(Lost::Silent),
            Err(Errno::INTR) => return Ok(true),
            result => result?,
        };
        if !waiting[0].revents().is_empty() {
            return Ok(false);
        }
        let mut buffer = [0; 16 << 10];
        match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
            Ok((_, 0)) => Err(Lost::Closed),
            Ok((_, length)) => self.hear(&buffer[..length]).map(|()| true),
            Err(Errno::INTR | Errno::AGAIN) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let (calls, answers) = (&mut self.calls, &mut self.answers);
        self.trunk.take(bytes, |connection, piece| match connection {
            TO_PLUGIN => calls.push(piece),
            TO_ENGINE => answers.push(piece),
            _ => {}
        })?;
        while let Some(message) = self.answers.next()? {
            if let Message::Response(ONLY_CALL, response) = message {
                self.register(response)?;
            }
        }
        while let Some(message) = self.calls.next()? {
            if let Message::Request(stream, request) = message {
                let answer = self.plugin.answer(&request);
                self.send(TO_PLUGIN, &ttrpc::response(stream, answer))?;
            }
        }
        Ok(())
    }

    fn register(&mut self, response: Response) -> Result<(), Lost> {
        match response.status {
            Some(status) if status.code != 0 => Err(Lost::Refused(status.message)),
            _ => {
                self.is_registered = true;
                Ok(())
            }
        }
    }

    /// Sends all of it, if the engine takes it.
    fn send(&self, connection: u32, message: &[u8]) -> Result<(), Lost> {
        let frames = trunk::frames(connection, message);
        let mut left = &frames[..];
        while !left.is_empty() {
            match send(&self.socket, left, SendFlags::NOSIGNAL) {
                Ok(length) => left = &left[length..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_for_room()?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn wait_for_room(&self) -> Result<(), Lost> {
        let mut waiting = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::OUT)];
        match poll(&mut waiting, Some(&timeout(PATIENCE))) {
            Ok(0) => Err(Lost::Silent),
            Err(Errno::INTR) | Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn timeout(duration: Duration) -> Timespec {
    Timespec::try_from(duration).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 })
}
