//! What a supervisor sends to the trace's socket, beside the events of the witness. Both ends are this command, so the
//! form is nobody else's business; a secret in front shows that the program under trace has not made it up.

use crate::run::supervise::{Caller, Sighting};
use witness_event::{Event, LONGEST};

/// Shown by every datagram of ours.
pub(super) type Secret = [u8; 16];

/// What a datagram says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Datagram {
    /// The witness, in a program.
    Witnessed(Event<'static>),
    /// A supervisor, and how many sightings it could not send before this one.
    Sighted(Box<Sighting>, u32),
    /// There is no supervisor, for this reason.
    Blind(String),
    /// All that was sent before is to be worked up now.
    Settle,
    /// Nothing more will be sent that matters.
    Stop,
}

/// No text of the witness's begins like this.
const OURS: u8 = 0;
const SIGHTED: u8 = b's';
const BLIND: u8 = b'b';
const SETTLE: u8 = b'.';
const STOP: u8 = b'!';

/// Longer texts of a program are cut: a datagram has to fit into the kernel's buffer.
const MOST_BYTES: usize = 8 << 10;

/// Room for the longest datagram.
pub(super) const ROOM: usize = 6 * MOST_BYTES;

fn head(secret: &Secret, kind: u8) -> Vec<u8> {
    [&[OURS][..], secret, &[kind]].concat()
}

pub(super) fn settle(secret: &Secret) -> Vec<u8> {
    head(secret, SETTLE)
}

pub(super) fn stop(secret: &Secret) -> Vec<u8> {
    head(secret, STOP)
}

pub(super) fn blind(secret: &Secret, why: &str) -> Vec<u8> {
    let mut bytes = head(secret, BLIND);
    put(&mut bytes, why.as_bytes());
    bytes
}

pub(super) fn sighted(secret: &Secret, it: &Sighting, lost: u32) -> Vec<u8> {
    let mut bytes = head(secret, SIGHTED);
    let caller = &it.caller;
    let flags = [
        it.is_answered,
        it.path.is_some(),
        caller.is_libc,
        caller.is_library,
        caller.has_library,
        caller.has_witness,
        caller.has_libc,
    ];
    put(&mut bytes, &flags.map(u8::from));
    let numbers = [it.process.cast_unsigned(), it.thread.cast_unsigned(), lost];
    put(&mut bytes, &numbers.map(u32::to_ne_bytes).concat());
    let texts = [&it.comm[..], it.call.as_bytes(), it.path.as_deref().unwrap_or_default(), &caller.object];
    for text in texts.into_iter().chain([&it.membership[..], &it.settings]) {
        put(&mut bytes, text);
    }
    bytes
}

/// Appends `text` with its length, in full or as much as fits.
fn put(bytes: &mut Vec<u8>, text: &[u8]) {
    let text = &text[..text.len().min(MOST_BYTES)];
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_ne_bytes());
    bytes.extend_from_slice(text);
}

/// Reads a datagram; `None` if it is nobody's that we know.
pub(super) fn read(secret: &Secret, datagram: &[u8]) -> Option<Datagram> {
    if datagram.first() != Some(&OURS) {
        // No witness sends more. A program might, to fill our memory.
        return if datagram.len() > LONGEST { None } else { Event::read(datagram).map(Datagram::Witnessed) };
    }
    let (kind, mut rest) = datagram[1..].strip_prefix(&secret[..])?.split_first()?;
    match *kind {
        SETTLE => Some(Datagram::Settle),
        STOP => Some(Datagram::Stop),
        BLIND => Some(Datagram::Blind(String::from_utf8_lossy(take(&mut rest)?).into_owned())),
        SIGHTED => sighting(&mut rest).map(|(it, lost)| Datagram::Sighted(Box::new(it), lost)),
        _ => None,
    }
}

fn sighting(rest: &mut &[u8]) -> Option<(Sighting, u32)> {
    let flags: [u8; 7] = take(rest)?.try_into().ok()?;
    let [is_answered, has_path, is_libc, is_library, has_library, has_witness, has_libc] = flags.map(|it| it == 1);
    let numbers: [u8; 12] = take(rest)?.try_into().ok()?;
    let number = |at: usize| numbers[at * 4..].first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let [comm, call, path, object] = [take(rest)?, take(rest)?, take(rest)?, take(rest)?].map(<[u8]>::to_vec);
    let [membership, settings] = [take(rest)?, take(rest)?].map(<[u8]>::to_vec);
    let caller = Caller { object, is_libc, is_library, has_library, has_witness, has_libc };
    let it = Sighting {
        process: number(0)?.cast_signed(),
        thread: number(1)?.cast_signed(),
        comm,
        call: String::from_utf8_lossy(&call).into_owned().into(),
        path: has_path.then_some(path),
        is_answered,
        caller,
        membership,
        settings,
    };
    Some((it, number(2)?))
}

fn take<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (len, after) = rest.split_first_chunk()?;
    let (text, after) = after.split_at_checked(usize::try_from(u32::from_ne_bytes(*len)).ok()?)?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const SECRET: Secret = *b"0123456789abcdef";

    pub(crate) fn example() -> Sighting {
        Sighting {
            process: 7,
            thread: 8,
            comm: b"free".to_vec(),
            call: "openat".into(),
            path: Some(b"/proc/meminfo".to_vec()),
            is_answered: true,
            caller: Caller { object: b"/usr/lib/libc.so.6".to_vec(), is_libc: true, ..Caller::default() },
            membership: b"0::/a\n".to_vec(),
            settings: b"CGPROC=off\0".to_vec(),
        }
    }

    #[test]
    fn what_is_sent_is_read() {
        let (it, read) = (example(), |bytes: Vec<u8>| read(&SECRET, &bytes));
        assert_eq!(read(sighted(&SECRET, &it, 3)), Some(Datagram::Sighted(Box::new(it), 3)));
        assert_eq!(read(settle(&SECRET)), Some(Datagram::Settle));
        assert_eq!(read(stop(&SECRET)), Some(Datagram::Stop));
        assert_eq!(read(blind(&SECRET, "no right")), Some(Datagram::Blind("no right".to_owned())));
        let witnessed = b"enter\t1\t2\t0\t\t\t\tfree\tfopen\t/proc/meminfo\t\t".to_vec();
        assert!(matches!(read(witnessed), Some(Datagram::Witnessed(_))));
    }

    #[test]
    fn long_texts_are_cut_and_fit() {
        let long = vec![b'x'; 100_000];
        let it = Sighting { membership: long.clone(), settings: long.clone(), path: Some(long), ..example() };
        let bytes = sighted(&SECRET, &it, 0);
        assert!(bytes.len() < ROOM);
        let Some(Datagram::Sighted(read, 0)) = read(&SECRET, &bytes) else { panic!("it is one") };
        assert_eq!(read.membership.len(), MOST_BYTES);
    }

    #[test]
    fn what_others_make_up_is_refused() {
        let long = |len| [b"enter\t1\t2\t0\t\t\t\tfree\tfopen\t", &vec![b'/'; len][..], b"\t\t"].concat();
        assert!(read(&SECRET, &long(100)).is_some());
        assert_eq!(read(&SECRET, &long(LONGEST)), None);
        let bytes = sighted(&SECRET, &example(), 0);
        assert_eq!(read(b"another secret!!", &bytes), None);
        for len in 0..bytes.len() {
            assert_eq!(read(&SECRET, &bytes[..len]), None, "{len} bytes");
        }
    }
}
