//! The settings, and whether they are understood.

use super::Finding;
use crate::{
    host::{object, switch},
    meant::meant,
    see::view::View,
    settings::{Origin, Settings, State},
};
use anyhow::Result;
use calc::{
    doubt::Doubt,
    policy,
    settings::{Answered, Key, MemoryLimit},
};
use rustix::fs::{Access, access};
use std::{
    env,
    ffi::OsStr,
    fs::{File, Metadata},
    io::Read,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
};

const CHECK: &str = "settings";

/// The findings about the environment and the administrator's file.
pub(super) fn check(settings: &Result<Settings>, view: Option<&View>) -> Vec<Finding> {
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            let found = format!("{error:#}: all figures are the kernel's");
            return vec![
                Finding::problem(CHECK, "setting-not-understood", found).cure("correct the variable, or unset it"),
            ];
        }
    };
    let mut findings = Vec::from_iter(of_switch());
    findings.extend(of_file(settings));
    findings.extend(unknown());
    let values = Key::all().filter_map(|key| Some((key, settings.said(key)?)));
    findings.extend(values.map(|(key, (origin, value))| of_value(settings, view, key, value, origin)));
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "settings", "all settings have their built-in values"));
    }
    findings
}

/// Variables whose names begin as ours do but are not ours.
fn unknown() -> Vec<Finding> {
    let names: Vec<String> = Key::all().map(|key| OsStr::from_bytes(key.name()).display().to_string()).collect();
    let known = || names.iter().map(String::as_str).chain([object::VARIABLE]);
    let variables = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = variables.filter(|name| name.starts_with("CGPROC_") && known().all(|known| known != name));
    let told = |name: String| {
        let question = meant(&name, known().map(|name| (name, name)))
            .map(|meant| format!(": did you mean {meant}?"))
            .unwrap_or_default();
        Finding::note(CHECK, "setting-unknown", format!("cgproc has no such variable{question}")).on(name)
    };
    unknown.map(told).collect()
}

/// The finding about the switch for all programs, if something is in its place.
fn of_switch() -> Option<Finding> {
    let finding = match switch::is_off() {
        Ok(false) => return None,
        Ok(true) => {
            Finding::problem(CHECK, "switched-off", "all programs are switched off: all figures are the kernel's")
                .cure("cgproc on, as root where the file was made: on the host, if the directory is the host's")
        }
        Err(reason) => Finding::note(CHECK, "switch-ignored", format!("this switches nothing off: {reason:#}"))
            .cure("remove it; cgproc off --all makes the file that counts"),
    };
    Some(finding.on(switch::path().display()))
}

fn of_file(settings: &Settings) -> Vec<Finding> {
    let path = &OsStr::from_bytes(policy::PATH.to_bytes()).display();
    let mut findings = Vec::new();
    match &settings.file.state {
        State::Absent => {}
        State::Taken => findings.push(Finding::ok(CHECK, "file-taken", "the file is read").on(path)),
        State::Refused(reason) => findings.push(
            Finding::problem(CHECK, "file-refused", format!("the file is ignored: {reason}"))
                .on(path)
                .cure("make it root's (chown root), with mode 644, and no symbolic link"),
        ),
    }
    findings.extend(settings.file.bad_lines.iter().map(|(line, reason)| {
        Finding::problem(CHECK, "file-bad-line", format!("a line is ignored: {reason}"))
            .on(format_args!("{path}:{line}"))
            .cure("correct the line")
    }));
    findings
}

/// The finding about one setting.
fn of_value(settings: &Settings, view: Option<&View>, key: Key, value: &str, origin: Origin) -> Finding {
    let said = format!("{}={value}", OsStr::from_bytes(key.name()).display());
    let with = |words| format!("{said}: {words}");
    match key {
        Key::Switch if settings.passes_all() == Some(Doubt::Off) => {
            Finding::problem(CHECK, "off", with("all figures are the kernel's")).on(origin).cure(undo(origin))
        }
        Key::Files if settings.answered != Answered::ALL => {
            Finding::note(CHECK, "files", with("all other files are the kernel's")).on(origin).cure(undo(origin))
        }
        Key::Cgroup => of_cgroup(settings, value, origin),
        Key::Disk if view.is_some_and(|view| view.disk_used_bytes().is_none()) => {
            let found = with("no sampler measures what is used, so df shows the machine's disk");
            Finding::problem(CHECK, "disk-not-measured", found)
                .on(origin)
                .cure("run cgproc sampler --disk on the host, and mount the board's directory into the container")
        }
        Key::Memory if is_declared(settings) && view.is_some_and(|view| view.memory().is_none()) => {
            let found = with("no memory cgroup is visible, or the machine has less memory: the machine's is shown");
            Finding::problem(CHECK, "memory-not-declared", found).on(origin).cure(undo(origin))
        }
        Key::Debug if !takes_notes(Path::new(value)) => {
            Finding::note(CHECK, "debug", with("notes cannot be written there")).on(origin).cure(undo(origin))
        }
        _ => Finding::ok(CHECK, "setting", said).on(origin),
    }
}

fn of_cgroup(settings: &Settings, cgroup: &str, origin: Origin) -> Finding {
    let found = format!("the view is another cgroup's ({origin})");
    match View::of(settings.cgroup.as_deref(), settings) {
        Some(_) => Finding::note(CHECK, "cgroup", found).on(cgroup),
        None => Finding::problem(CHECK, "cgroup-missing", format!("{found}, which is not visible"))
            .on(cgroup)
            .cure("correct CGPROC_CGROUP, or unset it"),
    }
}

/// How to undo a setting where it was made.
fn undo(origin: Origin) -> &'static str {
    match origin {
        Origin::Line(_) => "correct or remove that line",
        _ => "correct the variable, or unset it",
    }
}

fn is_declared(settings: &Settings) -> bool {
    matches!(settings.memory, MemoryLimit::Bytes(_))
}

/// Whether notes can go there: the file is the user's own, and empty or starting with notes (shim/src/notes.rs).
fn takes_notes(path: &Path) -> bool {
    let is_own = |file: Metadata| file.is_file() && file.uid() == rustix::process::geteuid().as_raw();
    let begins_so = || {
        let mut start = Vec::new();
        File::open(path).and_then(|file| file.take(8).read_to_end(&mut start)).is_ok()
            && (start.is_empty() || start == b"cgproc: ")
    };
    let is_writable = || access(path, Access::WRITE_OK).is_ok();
    path == Path::new("") || path.symlink_metadata().is_ok_and(is_own) && is_writable() && begins_so()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn where_notes_can_be_written() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let with = |text: &str| {
            fs::write(directory.join("notes"), text).unwrap();
            takes_notes(&directory.join("notes"))
        };
        assert!(with("") && with("cgproc: a note\n") && takes_notes(Path::new("")));
        assert!(!with("root:x:0:0") && !with("cgproc"));
        assert!(
            !takes_notes(directory) && !takes_notes(&directory.join("none")) && !takes_notes(Path::new("/dev/null"))
        );
    }
}
