//! The scanners of calc, beside a second reading of the same bytes by the standard library.

use crate::{judge, tree::Bytes};
use calc::{
    cpus::CpuSet,
    lines::Lines,
    scan,
    settings::{CpuCount, Key, LEAST_BYTES, MemoryLimit, Value, cpus_milli, size_bytes},
};

/// Numbers, lines `key value`, sizes, numbers of CPUs.
pub(crate) fn numbers(bytes: &[u8]) {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at(digits);
    let expected = std::str::from_utf8(number).ok().and_then(|digits| digits.parse::<u64>().ok());
    assert_eq!(scan::number(bytes), expected.map(|number| (number, rest)));
    let is_whole = matches!(rest, b"" | b"\n");
    assert_eq!(scan::whole_number(bytes), expected.filter(|_| is_whole));
    if let Some((key, value)) = scan::key_value(bytes) {
        let (text, value_text) = bytes.split_at(bytes.iter().position(|byte| *byte == b' ').expect("a blank"));
        let value_text = value_text[1..].strip_suffix(b"\n").unwrap_or(&value_text[1..]);
        assert_eq!(key, text);
        let negative = value_text.starts_with(b"-");
        assert_eq!((negative, value == 0 || !negative), (negative, true));
        assert!(negative || std::str::from_utf8(value_text).ok().and_then(|text| text.parse().ok()) == Some(value));
    }
    sizes(bytes);
    milli(bytes);
}

/// Digits and a unit, read from the back.
fn sizes(bytes: &[u8]) {
    let lower = String::from_utf8_lossy(bytes).to_lowercase();
    let digits = lower.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = &lower[digits.len()..];
    let factor: Option<u64> = match unit {
        "" | "b" => Some(1),
        "k" | "kb" | "ki" | "kib" => Some(1 << 10),
        "m" | "mb" | "mi" | "mib" => Some(1 << 20),
        "g" | "gb" | "gi" | "gib" => Some(1 << 30),
        "t" | "tb" | "ti" | "tib" => Some(1 << 40),
        _ => None,
    };
    let number: Option<u64> = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None };
    // Lower case of other alphabets can be ASCII (the sign of kelvins).
    if bytes.is_ascii() {
        let expected = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        assert_eq!(size_bytes(bytes), expected);
    }
}

/// Thousandths, with decimals or in Kubernetes' form.
fn milli(bytes: &[u8]) {
    let Some(milli) = cpus_milli(bytes) else { return };
    let text = std::str::from_utf8(bytes).expect("digits");
    let expected: f64 = match text.strip_suffix('m') {
        Some(milli) => milli.parse().expect("a number"),
        None => text.parse::<f64>().expect("a number") * 1000.0,
    };
    // A double has 53 bits.
    let difference = (milli as f64 - expected).abs();
    assert!(milli > 0 && difference <= 0.5_f64.max(expected / 1e15), "{text}: {milli}");
}

/// Lists of CPUs.
pub(crate) fn lists(bytes: &[u8]) {
    let parsed = CpuSet::parse(bytes);
    // A list that the kernel would write is read alike, whatever else is taken beside those.
    let own = bytes.strip_suffix(b"\0").filter(|list| list.ends_with(b"\n")).unwrap_or(bytes);
    if let Some(expected) = judge::list(own) {
        let parsed = parsed.as_ref().unwrap_or_else(|| panic!("{} is a list", bytes.escape_ascii()));
        assert!(parsed.iter().eq(expected.iter().copied()), "{}", bytes.escape_ascii());
    }
    let Some(set) = parsed else { return };
    assert_eq!(set.count(), set.iter().count() as u64);
    assert_eq!(CpuSet::from_words(set.words()), Some(set));
    let shown: Vec<_> = set.iter().map(|cpu| cpu.to_string()).collect();
    if !shown.is_empty() {
        assert_eq!(CpuSet::parse(shown.join(",").as_bytes()), Some(set), "written again");
    }
    for count in [0, 1, set.count() / 2, set.count()] {
        let first = set.first(count);
        assert!(
            first.count() == count.min(set.count())
                && first.and(&set) == first
                && first.iter().eq(set.iter().take(count as usize))
        );
    }
}

/// Lines of a text that is longer than the room to read it in; the first two bytes say how long that is, and in what
/// pieces the text comes.
pub(crate) fn lines(bytes: &[u8]) {
    let Some(([room, step], text)) = bytes.split_first_chunk() else { return };
    let room = &mut vec![0; usize::from(*room) + 1][..];
    let mut source = Bytes::in_steps(text, usize::from(*step));
    let mut lines = Lines::new(&mut source, room);
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    let mut has_ended = true;
    while let Some(line) = lines.next().expect("a file that can be read") {
        assert_eq!(line.begins, has_ended, "a line begins where another has ended");
        has_ended = line.ends;
        pieces.extend_from_slice(line.bytes);
        if let Some(line) = line.whole() {
            whole.push(line.to_vec());
        }
    }
    assert_eq!(pieces, text, "bytes are lost");
    let size = usize::from(bytes[0]) + 1;
    let fitting = text
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.len() < size || line.ends_with(b"\n") && line.len() <= size);
    // Whether the last line is whole is not known if it fills the room.
    let expected: Vec<_> = fitting.map(<[u8]>::to_vec).collect();
    assert!(whole == expected || whole.len() == expected.len() + 1 && whole.starts_with(&expected), "{whole:?}");
}

/// A value of each setting.
pub(crate) fn values(bytes: &[u8]) {
    for key in Key::all() {
        match key.parse(bytes) {
            Some(Value::Cpus(count)) => {
                assert_eq!(CpuCount::from_word(count.to_word()), count);
                assert_ne!(count, CpuCount::Milli(0));
            }
            Some(Value::Memory(limit)) => {
                assert_eq!(MemoryLimit::from_word(limit.to_word()), limit);
                assert!(!matches!(limit, MemoryLimit::Bytes(..LEAST_BYTES)), "{limit:?}");
            }
            Some(Value::Disk(bytes)) => assert!(bytes >= LEAST_BYTES),
            Some(Value::Cgroup(path) | Value::Board(path)) => {
                assert!(path == bytes && path.starts_with(b"/") && path.len() <= 255 && !path.contains(&0));
            }
            Some(Value::Debug(path)) => assert!(path == bytes && path.len() <= 255 && !path.contains(&0)),
            Some(Value::Files(answered)) => {
                assert!(
                    calc::answer::Answer::ALL.into_iter().filter(|answer| answered.has(*answer)).count() as u32
                        == answered.0.count_ones()
                );
            }
            Some(Value::Off(_) | Value::HostUptime(_) | Value::ContainerBtime(_) | Value::KernelAffinity(_)) | None => {
            }
        }
    }
}
