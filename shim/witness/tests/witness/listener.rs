//! The reader of events, as `cgproc trace` is one.

use crate::preload;
use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::PathBuf,
    process::{Command, Output},
    thread::{self, JoinHandle},
};
use tempfile::TempDir;
use witness_event::{Event, LONGEST, Moment, SOCKET};

/// A socket in a directory of its own, and a thread that empties it.
pub(crate) struct Listener {
    directory: TempDir,
    reader: JoinHandle<Vec<Event<'static>>>,
}

impl Listener {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = UnixDatagram::bind(directory.path().join("socket")).expect("a socket");
        // Programs may become another user.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).expect("its mode");
        fs::set_permissions(directory.path().join("socket"), Permissions::from_mode(0o666)).expect("its mode");
        Self { directory, reader: thread::spawn(move || read(&socket)) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// All events until now.
    pub(crate) fn end(self) -> Vec<Event<'static>> {
        let own = UnixDatagram::unbound().expect("a socket");
        own.send_to(b"", self.path()).expect("the last datagram");
        self.reader.join().expect("the reader")
    }
}

fn read(socket: &UnixDatagram) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    let mut datagram = [0; LONGEST + 1];
    loop {
        match socket.recv(&mut datagram).expect("a datagram") {
            0 => return events,
            len => events.push(
                Event::read(&datagram[..len])
                    .unwrap_or_else(|| panic!("no event: {:?}", String::from_utf8_lossy(&datagram[..len]))),
            ),
        }
    }
}

/// A command whose program has these objects preloaded. One that hangs is killed, and fails.
pub(crate) fn command(program: impl AsRef<OsStr>, objects: &[PathBuf], socket: &OsStr) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "120", "env"]);
    command.arg(format!("LD_PRELOAD={}", preload(objects)));
    let mut variable = std::ffi::OsString::from(format!("{SOCKET}="));
    variable.push(socket);
    command.arg(variable).arg(program);
    command
}

/// Runs a program, and returns what it said and what was told of it.
pub(crate) fn listen(
    program: impl AsRef<OsStr>,
    arguments: &[&str],
    objects: &[PathBuf],
) -> (Output, Vec<Event<'static>>) {
    let listener = Listener::new();
    let output = command(program, objects, listener.path().as_os_str()).args(arguments).output().expect("timeout(1)");
    (output, listener.end())
}

/// What is amiss if every `enter` must have its `leave`, and nothing may be lost.
pub(crate) fn faults(events: &[Event]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut open: Vec<&Event> = Vec::new();
    for event in events {
        if event.lost > 0 {
            faults.push(format!("{} events were lost before {event:?}", event.lost));
        }
        match event.moment {
            Moment::Enter => open.push(event),
            Moment::Leave => match open.iter().rposition(|entered| entered.tid == event.tid) {
                Some(at) if is_of(open[at], event) => drop(open.remove(at)),
                _ => faults.push(format!("was not entered: {event:?}")),
            },
            Moment::Start | Moment::Unfit => {}
        }
    }
    faults.extend(open.iter().map(|event| format!("was not left: {event:?}")));
    faults
}

fn is_of(enter: &Event, leave: &Event) -> bool {
    (&enter.function, &enter.argument, &enter.caller) == (&leave.function, &leave.argument, &leave.caller)
}

/// A field as text.
pub(crate) fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}
