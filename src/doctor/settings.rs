//! What was asked for, and whether it is understood.

use super::Finding;
use crate::{
    settings::{Settings, State},
    view::View,
};
use anyhow::Result;
use calc::{
    policy,
    settings::{Answered, Key},
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

const CHECK: &str = "settings";

/// What there is to say about the environment and about the administrator's file.
pub(super) fn check(settings: &Result<Settings>) -> Vec<Finding> {
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            let found = format!("{error:#}: everything is the kernel's");
            return vec![
                Finding::problem(CHECK, "setting-not-understood", found).cure("correct the variable, or unset it"),
            ];
        }
    };
    let mut findings = of_file(settings);
    findings.extend(of_values(settings));
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "settings", "nothing is asked for beside what is built in"));
    }
    findings
}

fn of_file(settings: &Settings) -> Vec<Finding> {
    let path = OsStr::from_bytes(policy::PATH.to_bytes()).display().to_string();
    let mut findings = Vec::new();
    match &settings.file.state {
        State::Absent => {}
        State::Taken => findings.push(Finding::ok(CHECK, "file-taken", "the file is read").on(&path)),
        State::Refused(reason) => findings.push(
            Finding::problem(CHECK, "file-refused", format!("the file does not count: {reason}"))
                .on(&path)
                .cure("chown root, chmod 644, and no symbolic link"),
        ),
    }
    findings.extend(settings.file.bad_lines.iter().map(|line| {
        Finding::problem(CHECK, "file-bad-line", format!("a line is ignored: {line}"))
            .on(&path)
            .cure("correct the line")
    }));
    findings
}

fn of_values(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let by = |key| settings.origin(key).to_string();
    if settings.off {
        let found = format!("CGPROC=off: everything is the kernel's ({})", by(Key::Switch));
        findings.push(Finding::problem(CHECK, "off", found).cure("unset CGPROC"));
    }
    if settings.answered != Answered::ALL {
        let found = format!("CGPROC_FILES leaves files to the kernel ({})", by(Key::Files));
        findings.push(Finding::note(CHECK, "files", found).cure("unset CGPROC_FILES"));
    }
    if let Some(cgroup) = &settings.cgroup {
        let found = format!("the view is that of another cgroup ({})", by(Key::Cgroup));
        findings.push(match View::of(Some(cgroup), settings) {
            Some(_) => Finding::note(CHECK, "cgroup", found).on(cgroup.display()),
            None => Finding::problem(CHECK, "cgroup-missing", format!("{found}, which is not in sight"))
                .on(cgroup.display())
                .cure("correct CGPROC_CGROUP, or unset it"),
        });
    }
    findings
}
