//! What was done, one line per step.

use crate::output::{plain, put};
use anyhow::Result;
use std::{fmt::Display, path::Path};

/// The lines, printed at the end.
pub(super) struct Report {
    lines: Vec<String>,
}

impl Report {
    pub(super) fn new(is_dry: bool) -> Self {
        let lines = if is_dry { vec!["nothing is changed; this would be done:".to_owned()] } else { Vec::new() };
        Self { lines }
    }

    pub(super) fn line(&mut self, line: impl Display) {
        self.lines.push(plain(&line.to_string()));
    }

    /// Lists the programs that were started with the library.
    pub(super) fn tried(&mut self, programs: &[String]) {
        for programs in programs {
            self.line(format_args!("tried: these start with the library and have it: {programs}"));
        }
    }

    /// A file: put there as the first of its name, replaced, or left as it is (`None`).
    pub(super) fn file(&mut self, path: &Path, is_first: Option<bool>, what: &str) {
        let path = path.display();
        match is_first {
            None => self.line(format_args!("there already: {path}, {what}")),
            Some(true) => self.line(format_args!("put: {path}, {what}")),
            Some(false) => self.line(format_args!("put: {path}, {what}, in place of what was there")),
        }
    }

    pub(super) fn print(&self) -> Result<()> {
        put((self.lines.join("\n") + "\n").as_bytes())
    }
}
