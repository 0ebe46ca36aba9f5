//! Which paths are answered, and which are hidden. The first line of the input is the program's directory, and what a
//! link leads to; the second is the path.

use crate::object::{
    path::{self, Member},
    scope, sys,
};
use calc::answer::Answer;
use std::ffi::{CStr, CString};

/// A path that most programs could have opened.
pub(crate) fn paths(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (Some(directory), Some(path)) = (lines.next(), lines.next()) else { return };
    assert_eq!(Answer::from_path(path), by_table(path), "{}", path.escape_ascii());
    let (true, Ok(path)) = (is_plain(directory), CString::new(path)) else { return };
    sys::TARGET.set(directory.to_vec());
    let walked = walked(directory, path.to_bytes());
    hidden(directory, &path, &walked);
    concerns(&path, &walked);
}

/// Whether it is a path as the kernel says one.
fn is_plain(directory: &[u8]) -> bool {
    let mut components = directory.split(|byte| *byte == b'/');
    let is_absolute = components.next() == Some(b"");
    directory == b"/" || is_absolute && components.all(|component| !matches!(component, b"" | b"." | b".."))
}

/// Where a path leads without symbolic links.
fn walked(directory: &[u8], path: &[u8]) -> Vec<u8> {
    let mut all: Vec<&[u8]> = Vec::new();
    let from = if path.starts_with(b"/") { &b""[..] } else { directory };
    for component in [from, path].into_iter().flat_map(|path| path.split(|byte| *byte == b'/')) {
        match component {
            b"" | b"." => {}
            b".." => drop(all.pop()),
            _ => all.push(component),
        }
    }
    all.iter().flat_map(|component| [b"/", *component]).flatten().copied().collect()
}

/// What exists for the container is never hidden, and what does not is, unless a detour leads there.
fn hidden(directory: &[u8], path: &CStr, walked: &[u8]) {
    // SAFETY: a string with its NUL.
    let is_hidden = unsafe { path::hidden(libc::AT_FDCWD, path.as_ptr()) };
    let should = is_missing(walked);
    assert!(!is_hidden || should, "{} in {} is there", path.to_bytes().escape_ascii(), directory.escape_ascii());
    let text = path.to_bytes();
    let is_direct =
        !text.starts_with(b"/") || text.starts_with(b"/sys/") || text.starts_with(b"//") || text.starts_with(b"/.");
    let is_short = directory.len() + text.len() + 2 < path::ROOM;
    let names_it =
        text.windows(4).any(|four| matches!(four, [b'c', b'p', b'u', b'0'..=b'9'] | [b'o', b'r', b'y', b'0'..=b'9']));
    assert!(
        is_hidden || !should || !is_direct || !is_short || !names_it,
        "{} in {} is not there",
        text.escape_ascii(),
        directory.escape_ascii()
    );
}

/// Whether a path is in the directory of a CPU or a memory block that the container does not have.
fn is_missing(walked: &[u8]) -> bool {
    let walked = String::from_utf8_lossy(walked);
    let components: Vec<&str> = walked.split('/').skip(1).collect();
    let member = match components[..] {
        ["sys", "devices", "system", "cpu" | "memory", member, ..]
        | ["sys", "bus", "cpu" | "memory", "devices", member, ..] => member,
        ["sys", "devices", "system", "node", node, member, ..] if numbered(node, "node").is_some() => member,
        _ => return false,
    };
    numbered(member, "cpu").is_some_and(|cpu| !scope::online().contains(cpu))
        || numbered(member, "memory").is_some_and(|block| block != scope::BLOCK)
}

fn numbered(name: &str, kind: &str) -> Option<u64> {
    name.strip_prefix(kind)?.parse().ok().filter(|_| !name.contains('+'))
}

/// A path that leads to an answered file is never taken for one that does not concern us.
fn concerns(path: &CStr, walked: &[u8]) {
    // SAFETY: a string with its NUL.
    let concerns_us = unsafe { path::may_concern_us(path.as_ptr()) };
    let name = path.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let is_file = !matches!(name, b"" | b"." | b"..");
    if is_file && Answer::from_path(walked).is_some() {
        assert!(concerns_us, "{} leads to {}", path.to_bytes().escape_ascii(), walked.escape_ascii());
    }
    assert_eq!(
        Member::named(name).is_some(),
        std::str::from_utf8(name).is_ok_and(|name| numbered(name, "cpu").or(numbered(name, "memory")).is_some())
    );
}

/// The names of the families of files, written down again.
const LISTS: [&str; 10] = [
    "cpulist",
    "shared_cpu_list",
    "thread_siblings_list",
    "core_siblings_list",
    "core_cpus_list",
    "die_cpus_list",
    "package_cpus_list",
    "cluster_cpus_list",
    "book_siblings_list",
    "drawer_siblings_list",
];
const MAPS: [&str; 10] = [
    "cpumap",
    "shared_cpu_map",
    "thread_siblings",
    "core_siblings",
    "core_cpus",
    "die_cpus",
    "package_cpus",
    "cluster_cpus",
    "book_siblings",
    "drawer_siblings",
];

/// A second reading of the table of answered files.
fn by_table(path: &[u8]) -> Option<Answer> {
    let path = &*String::from_utf8_lossy(path);
    let components: Vec<&str> = path.split('/').collect();
    if components[1..].iter().any(|component| matches!(*component, "" | "." | "..")) {
        return None;
    }
    let list = |name: &str| match () {
        () if LISTS.contains(&name) => Some(Answer::CpuList),
        () if MAPS.contains(&name) => Some(Answer::CpuMap),
        () => None,
    };
    match components[..] {
        ["", "sys", "devices", "system", "cpu", cpu, ref below @ ..]
            if !below.is_empty() && numbered(cpu, "cpu").is_some() =>
        {
            match *below {
                [name] | ["topology", name] => list(name),
                ["cache", index, .., name] if index.starts_with("index") => list(name),
                _ => None,
            }
        }
        ["", "sys", "devices", "system", "node", node, "meminfo"] if numbered(node, "node").is_some() => {
            Some(Answer::NodeMeminfo)
        }
        ["", "sys", "devices", "system", "node", node, ref below @ ..]
            if !below.is_empty() && numbered(node, "node").is_some() =>
        {
            match *below {
                [name] | ["topology", name] => list(name),
                ["cache", index, .., name] if index.starts_with("index") => list(name),
                _ => None,
            }
        }
        ["", "sys", "devices", _, .., "stat"] | ["", "sys", "devices", "stat"] => Some(Answer::BlockStat),
        _ => Answer::ALL.into_iter().find(|answer| answer.path().is_some_and(|own| own.to_bytes() == path.as_bytes())),
    }
}
