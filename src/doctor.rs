//! Whether the view is in force here and, if not, why.

mod answers;
mod board;
mod cgroups;
mod container;
mod library;
mod processes;
mod recognised;
mod settings;
mod surroundings;

use crate::{
    output::{plain, put},
    see::view::View,
    settings::Settings,
};
use anyhow::Result;
use procfs::process::MountInfo;
use serde::Serialize;
use std::{fmt, path::Path};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing: some figures are the machine's, and nothing is broken.
    Note,
    /// The view, or a part of it, is not in force, and something can be done.
    Problem,
}

impl fmt::Display for Severity {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        })
    }
}

/// What was found.
#[derive(Debug, Serialize)]
struct Finding {
    severity: Severity,
    /// What was looked at: `library`, `cgroups`, `board` and so on.
    check: &'static str,
    /// Identifies this kind of finding, however it is worded.
    code: &'static str,
    found: String,
    path: Option<String>,
    remedy: Option<&'static str>,
}

impl Finding {
    fn new(severity: Severity, check: &'static str, code: &'static str, found: impl Into<String>) -> Self {
        Self { severity, check, code, found: found.into(), path: None, remedy: None }
    }

    fn ok(check: &'static str, code: &'static str, found: impl Into<String>) -> Self {
        Self::new(Severity::Ok, check, code, found)
    }

    fn note(check: &'static str, code: &'static str, found: impl Into<String>) -> Self {
        Self::new(Severity::Note, check, code, found)
    }

    fn problem(check: &'static str, code: &'static str, found: impl Into<String>) -> Self {
        Self::new(Severity::Problem, check, code, found)
    }

    /// Where it was found.
    fn on(self, path: impl fmt::Display) -> Self {
        Self { path: Some(path.to_string()), ..self }
    }

    /// The remedy.
    fn cure(self, remedy: &'static str) -> Self {
        Self { remedy: Some(remedy), ..self }
    }
}

/// Checks everything, prints the findings, and returns the exit code: 1 if there are problems.
pub(crate) fn doctor(as_json: bool) -> Result<u8> {
    let findings = examined();
    let text = if as_json { serde_json::to_string_pretty(&findings)? + "\n" } else { for_a_person(&findings) };
    put(text.as_bytes())?;
    Ok(u8::from(problems(&findings) > 0))
}

fn examined() -> Vec<Finding> {
    let settings = Settings::of_environment();
    let taken = settings.as_ref().ok();
    let view = taken.and_then(|settings| View::of(settings.cgroup.as_deref(), settings));
    let mounts = mounts();
    let (loaded, library) = library::check();
    let groups = [
        library,
        settings::check(&settings, view.as_ref()),
        cgroups::check(&mounts),
        cgroups::limits(taken, view.as_ref()),
        board::check(taken, view.as_ref()),
        answers::check(taken, view.as_ref()),
        surroundings::check(&mounts, view.as_ref()),
        processes::check(loaded),
    ];
    groups.into_iter().flatten().collect()
}

/// The visible mounts. If several are on the same point, the one on top is last.
fn mounts() -> Vec<MountInfo> {
    let table = container::text(Path::new("/proc/self/mountinfo"));
    table.lines().filter_map(|line| MountInfo::from_line(line).ok()).collect()
}

fn problems(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.severity == Severity::Problem).count()
}

/// One line per finding, with its remedy below.
fn for_a_person(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { severity, check, found, path, remedy, .. } in findings {
        let path = path.as_ref().map_or_else(String::new, |path| format!(" ({path})"));
        text += &format!("{severity:<8} {check:<10} {}\n", plain(&format!("{found}{path}")));
        if let Some(remedy) = remedy {
            text += &format!("{:<19} → {remedy}\n", "");
        }
    }
    text + &match problems(findings) {
        0 => "the view is in force here\n".to_owned(),
        1 => "1 problem\n".to_owned(),
        count => format!("{count} problems\n"),
    }
}
