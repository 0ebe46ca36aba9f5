//! `/etc/cgproc.conf`. The first line of the input names the program; the rest is the file.

use crate::tree::Bytes;
use calc::{
    policy::{Bad, Entry, each, settings_for},
    settings::{Key, Value},
};

/// Lines, sections, and what holds for a program.
pub(crate) fn policy(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (comm, file) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    let comm = &comm[..comm.len().min(15)];
    let whole = read(file, 0, comm);
    assert_eq!(read(file, 1 + comm.len(), comm), whole, "in pieces");
    assert_eq!(whole.settings, by_words(file, comm), "{}", file.escape_ascii());
    // Nobody can know a program's directory.
    assert!(!whole.settings.iter().any(|it| matches!(it, (Key::Debug, value) if value.starts_with("Debug([") && !value.starts_with("Debug([]") && !value.starts_with("Debug([47"))));
    for line in file.split(|byte| *byte == b'\n').filter(|line| line.len() < 512) {
        let blank = [b" \t", line, b"\t \n"].concat();
        assert_eq!(format!("{:?}", Entry::parse(&blank)), format!("{:?}", Entry::parse(line)), "blanks around a line");
    }
}

#[derive(Debug, PartialEq)]
struct Read {
    lines: Vec<(u32, String)>,
    settings: Vec<(Key, String)>,
}

fn read(file: &[u8], step: usize, comm: &[u8]) -> Read {
    let mut read = Read { lines: Vec::new(), settings: Vec::new() };
    each(&mut Bytes::in_steps(file, step), &mut [0; _], |line, entry| read.lines.push((line, format!("{entry:?}"))))
        .expect("a file that can be read");
    assert!(read.lines.iter().map(|(line, _)| *line).eq(1..=read.lines.len() as u32), "each line has its number");
    let found = |value: Value<'_>| read.settings.push((key_of(&value), format!("{value:?}")));
    settings_for(&mut Bytes::in_steps(file, step), comm, &mut [0; _], found).expect("a file that can be read");
    read
}

fn key_of(value: &Value<'_>) -> Key {
    match value {
        Value::Off(_) => Key::Switch,
        Value::Files(_) => Key::Files,
        Value::Cpus(_) => Key::Cpus,
        Value::Memory(_) => Key::Memory,
        Value::Disk(_) => Key::Disk,
        Value::Cgroup(_) => Key::Cgroup,
        Value::Board(_) => Key::Board,
        Value::HostUptime(_) => Key::Uptime,
        Value::ContainerBtime(_) => Key::Btime,
        Value::KernelAffinity(_) => Key::Affinity,
        Value::Debug(_) => Key::Debug,
    }
}

/// A second reading of the file's grammar, by whole lines.
fn by_words(file: &[u8], comm: &[u8]) -> Vec<(Key, String)> {
    const ROOM: usize = 512;
    let (mut holds, mut found) = (true, Vec::new());
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let is_long = line.len() > ROOM || line.len() == ROOM && !line.ends_with(b"\n");
        let line = trimmed(line.strip_suffix(b"\n").unwrap_or(line));
        if line.first() == Some(&b'[') {
            let names = line.strip_suffix(b"]").filter(|_| !is_long).map(|names| &names[1..]);
            let mut names = names.into_iter().flat_map(|names| names.split(|byte| b" \t".contains(byte)));
            holds = names.any(|name| !name.is_empty() && &name[..name.len().min(15)] == comm);
        } else if line.first() != Some(&b'#') && holds && !is_long {
            found.extend(setting(line));
        }
    }
    found
}

fn setting(line: &[u8]) -> Option<(Key, String)> {
    let at = line.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (trimmed(&line[..at]), trimmed(&line[at + 1..]));
    let key = Key::all().find(|key| key.name() == name)?;
    if matches!(Entry::parse(line), Entry::Bad(Bad::Value(_))) {
        return None;
    }
    key.parse(value).map(|value| (key, format!("{value:?}")))
}

fn trimmed(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}
