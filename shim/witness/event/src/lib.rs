//! What the witness tells `cgproc trace`: one datagram per event, written in the observed program, read by the command.
//!
//! [`SOCKET`] in the program's environment has the path of the reader's socket (`AF_UNIX`, `SOCK_DGRAM`). Each event is
//! sent by itself from a socket without a name, which is closed again; so the socket's file must be writable for every
//! user that the program may become, and the reader learns who has sent it from the socket's credentials only.
//!
//! A datagram is a text of [`FIELDS`] fields, each but the last with a tab behind it. In a field, `\t`, `\n` and `\\`
//! stand for tab, line feed and backslash; all other bytes are as they are, and need not be UTF-8. What is not known is
//! empty. In this order:
//!
//! | field | is |
//! |---|---|
//! | moment | `start`, `enter`, `leave` or `unfit`: see [`Moment`] |
//! | pid, tid | of the thread that calls, in its own pid namespace |
//! | lost | how many events of this process could not be sent since the last one that was |
//! | returned | what the call returned; of a pointer, 0 if it is null and 1 if not |
//! | errno | the error's number if the call failed, or 0 |
//! | offset | of the calling instruction from the start of the object that it is in, in hexadecimal without `0x` |
//! | comm | the thread's name |
//! | function | the libc symbol; `syscall(NAME)` if the program called by number |
//! | argument | the path; or the name of the figure, such as `_SC_NPROCESSORS_ONLN`; or the pid whose mask is asked for |
//! | object | the file of the program or library whose code calls |
//! | got | what the call gave beyond what it returned: see [`Outcome::got`] |
//!
//! A thread's `enter` is sent before its call, and the `leave` that belongs to it afterwards. Between the two, the same
//! thread may enter other functions (libc calls some through their symbols); they are nested like the calls. A thread
//! that is ended within a call, or leaves it by longjmp, never sends the `leave`.

use std::{borrow::Cow, io::Write as _};

/// The environment variable with the path of the reader's socket.
pub const SOCKET: &str = "CGPROC_WITNESS";
/// The number of fields of a datagram.
pub const FIELDS: usize = 12;
/// Room for the longest datagram. The witness has it on the stack of a thread that may be in a signal handler.
pub const LONGEST: usize = 1024;

/// Bounds of the texts, in bytes as they are written; what is longer is cut. No answered path has more than 250 bytes.
const COMM: usize = 32;
const FUNCTION: usize = 32;
const ARGUMENT: usize = 272;
const OBJECT: usize = 256;
const GOT: usize = 272;
/// Bound of everything else: the longest moment, six numbers, and the tabs.
const NUMBERS: usize = 5 + 6 * 20 + FIELDS;
const _: () = assert!(COMM + FUNCTION + ARGUMENT + OBJECT + GOT + NUMBERS <= LONGEST);

/// Why an event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The witness was loaded into a program; `argument` is the path of its file. It precedes what the program itself
    /// asks, but not what its libraries ask while they are initialised.
    Start,
    /// A function is about to be called.
    Enter,
    /// It has returned.
    Leave,
    /// The witness cannot do its work, or stops doing it. `function` is the symbol that this concerns; if it is empty,
    /// all are. `argument` says why, in words.
    Unfit,
}

/// The places of code that calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The file of the program or library, as the loader names it.
    pub object: Cow<'a, [u8]>,
    /// The address of the instruction after the call, from the start of the object.
    pub offset: u64,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// What the call returned. Of a pointer, 0 if it is null and 1 if not.
    pub returned: i64,
    /// The error's number if the call failed, or 0.
    pub errno: i32,
    /// What the call gave beyond the number that it returned:
    ///
    /// - a descriptor or a stream: what it leads to, as `/proc/self/fd/N` says. `/memfd:` and the file's path is an
    ///   answer of the container, any other text the kernel's own file;
    /// - `sched_getaffinity`, `pthread_getaffinity_np`: the CPUs, as a list of the kernel's: `0-3,8`;
    /// - `getloadavg`: the averages, with blanks between them;
    /// - `sysinfo`: `totalram=N freeram=N totalswap=N freeswap=N uptime=N procs=N load1=N`, in bytes, seconds, and
    ///   65,536ths;
    /// - `statfs` and kin: `total=N free=N available=N`, in bytes;
    /// - the end of a directory, `glob`: `entries=N`.
    pub got: Cow<'a, [u8]>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Why it is sent.
    pub moment: Moment,
    /// The process, in its own pid namespace.
    pub pid: i32,
    /// The thread, in its own pid namespace.
    pub tid: i32,
    /// How many events of the process could not be sent since the last one that was.
    pub lost: u32,
    /// The thread's name.
    pub comm: Cow<'a, [u8]>,
    /// The libc symbol, or `syscall(NAME)`.
    pub function: Cow<'a, [u8]>,
    /// What it was asked for.
    pub argument: Cow<'a, [u8]>,
    /// Whose code called; `None` if the code belongs to no file (a compiler made it at run time).
    pub caller: Option<Caller<'a>>,
    /// Of a [`Moment::Leave`]; `None` if the call was only a part of a question: an entry of a directory that has more, or
    /// the way back to its start.
    pub outcome: Option<Outcome<'a>>,
}

impl Moment {
    const ALL: [Self; 4] = [Self::Start, Self::Enter, Self::Leave, Self::Unfit];

    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Enter => "enter",
            Self::Leave => "leave",
            Self::Unfit => "unfit",
        }
    }
}

impl Event<'_> {
    /// Writes the datagram and returns its length. It allocates nothing: the thread may be within `malloc`.
    pub fn write(&self, into: &mut [u8; LONGEST]) -> usize {
        let room = into.len();
        let mut to = &mut into[..];
        // The bounds of the fields add up to less than the room, so no write fails.
        let _ = write!(to, "{}\t{}\t{}\t{}\t", self.moment.word(), self.pid, self.tid, self.lost);
        match &self.outcome {
            Some(outcome) => _ = write!(to, "{}\t{}\t", outcome.returned, outcome.errno),
            None => _ = to.write_all(b"\t\t"),
        }
        match &self.caller {
            Some(caller) => _ = write!(to, "{:x}\t", caller.offset),
            None => _ = to.write_all(b"\t"),
        }
        put(&mut to, &self.comm, COMM);
        let _ = to.write_all(b"\t");
        put(&mut to, &self.function, FUNCTION);
        let _ = to.write_all(b"\t");
        put(&mut to, &self.argument, ARGUMENT);
        let _ = to.write_all(b"\t");
        put(&mut to, self.caller.as_ref().map_or(b"", |caller| &caller.object), OBJECT);
        let _ = to.write_all(b"\t");
        put(&mut to, self.outcome.as_ref().map_or(b"", |outcome| &outcome.got), GOT);
        room - to.len()
    }
}

impl Event<'static> {
    /// Reads a datagram; `None` if it is not one of a witness of this version.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let mut fields = datagram.split(|byte| *byte == b'\t');
        let mut next = || fields.next();
        let word = next()?;
        let moment = Moment::ALL.into_iter().find(|moment| moment.word().as_bytes() == word)?;
        let [pid, tid] = [number(next()?)?, number(next()?)?];
        let lost = number(next()?)?;
        let [returned, errno, offset] = [next()?, next()?, next()?];
        let comm = plain(next()?)?;
        let function = plain(next()?)?;
        let argument = plain(next()?)?;
        let [object, got] = [plain(next()?)?, plain(next()?)?];
        if next().is_some() {
            return None;
        }
        let caller = match offset {
            b"" => None,
            digits => Some(Caller { object, offset: u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()? }),
        };
        let outcome = match returned {
            b"" => None,
            digits => Some(Outcome { returned: number(digits)?, errno: number(errno)?, got }),
        };
        Some(Self { moment, pid, tid, lost, comm, function, argument, caller, outcome })
    }
}

/// Writes what of `text`, escaped, has room in `bound` bytes.
fn put(to: &mut &mut [u8], text: &[u8], mut bound: usize) {
    for byte in text {
        let own = [*byte];
        let written: &[u8] = match byte {
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            b'\\' => b"\\\\",
            _ => &own,
        };
        if written.len() > bound {
            return;
        }
        bound -= written.len();
        let _ = to.write_all(written);
    }
}

/// The text of a field without its escapes.
fn plain(field: &[u8]) -> Option<Cow<'static, [u8]>> {
    let mut text = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'\\' => match bytes.next()? {
                b't' => b'\t',
                b'n' => b'\n',
                b'\\' => b'\\',
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(text.into())
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round(event: &Event) -> Option<Event<'static>> {
        let mut room = [0; LONGEST];
        let len = event.write(&mut room);
        Event::read(&room[..len])
    }

    fn leave<'a>(text: &'a [u8]) -> Event<'a> {
        Event {
            moment: Moment::Leave,
            pid: i32::MIN,
            tid: i32::MAX,
            lost: u32::MAX,
            comm: text.into(),
            function: text.into(),
            argument: text.into(),
            caller: Some(Caller { object: text.into(), offset: u64::MAX }),
            outcome: Some(Outcome { returned: i64::MIN, errno: i32::MIN, got: text.into() }),
        }
    }

    #[test]
    fn the_text_is_as_described() {
        let event = Event {
            moment: Moment::Enter,
            pid: 7,
            tid: 8,
            lost: 0,
            comm: b"free"[..].into(),
            function: b"fopen"[..].into(),
            argument: b"/proc/mem\tinfo"[..].into(),
            caller: Some(Caller { object: b"/usr/bin/free"[..].into(), offset: 0x1f }),
            outcome: None,
        };
        let mut room = [0; LONGEST];
        let len = event.write(&mut room);
        let text = String::from_utf8_lossy(&room[..len]);
        assert_eq!(text, "enter\t7\t8\t0\t\t\t1f\tfree\tfopen\t/proc/mem\\tinfo\t/usr/bin/free\t");
        assert_eq!(text.split('\t').count(), FIELDS);
        assert_eq!(Event::read(text.as_bytes()), Some(event));
    }

    #[test]
    fn the_longest_event_fits_and_is_cut_field_by_field() {
        for (byte, room) in [(b'a', 1), (b'\n', 2)] {
            let text = [byte; 10_000];
            let read = round(&leave(&text)).expect("an event");
            assert_eq!(read.argument.len(), ARGUMENT / room);
            assert_eq!(read.outcome.expect("an outcome").got.len(), GOT / room);
            assert_eq!((read.pid, read.tid, read.lost), (i32::MIN, i32::MAX, u32::MAX));
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for text in ["", "enter", "enter\t1\t2\t0\t\t\t\ta\tb\tc\td", "other\t1\t2\t0\t\t\t\ta\tb\tc\td\te"] {
            assert_eq!(Event::read(text.as_bytes()), None, "{text:?}");
        }
        for text in ["enter\t1\t2\t0\t\t\t\ta\tb\tc\\x\td\te", "enter\t1\t2\t0\t\t\t\ta\tb\tc\td\te\tf"] {
            assert_eq!(Event::read(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive(text in proptest::collection::vec(any::<u8>(), 0..COMM / 2)) {
            let event = leave(&text);
            prop_assert_eq!(round(&event), Some(event));
        }

        #[test]
        fn any_datagram_is_read_or_refused(datagram in proptest::collection::vec(any::<u8>(), 0..LONGEST)) {
            let _ = Event::read(&datagram);
        }
    }
}
