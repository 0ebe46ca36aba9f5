//! How the command fails: one line on standard error and an exit code, as `docker run` and `env` have them.

use crate::output::plain;
use std::{ffi::OsString, fmt::Display, io, io::Write};

/// Why the command ends with a status of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Our own failure: options, limits, files.
    #[error("{0:#}")]
    Own(#[from] anyhow::Error),
    /// The program exists, but the kernel does not run it.
    #[error("cannot run {}: {error}", program.display())]
    NotExecutable { program: OsString, error: io::Error },
    /// There is no such program.
    #[error("cannot run {}: {error}", program.display())]
    NotFound { program: OsString, error: io::Error },
}

impl Failure {
    /// The failure to start `program`.
    pub(crate) fn of_exec(program: OsString, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound { program, error },
            _ => Self::NotExecutable { program, error },
        }
    }

    /// The conventional exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Own(_) => OWN_CODE,
            Self::NotExecutable { .. } => 126,
            Self::NotFound { .. } => 127,
        }
    }
}

/// The exit code of failures that are not the program's.
pub(crate) const OWN_CODE: u8 = 125;

/// Prints a line on standard error. If that is closed or full, the line is lost.
pub(crate) fn say(message: impl Display) {
    let _ = writeln!(io::stderr(), "cgproc: {}", line(message));
}

/// The message in words, on one line.
pub(crate) fn line(message: impl Display) -> String {
    plain(&without_numbers(&message.to_string()))
}

/// The message without the number that the standard library appends to the kernel's words, ` (os error 13)`.
fn without_numbers(message: &str) -> String {
    let mut pieces = message.split(" (os error ");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once(')').map_or(piece, |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_words() {
        let error = io::Error::from_raw_os_error(13);
        assert_eq!(without_numbers(&format!("a ({error}): b: {error}")), "a (Permission denied): b: Permission denied");
        assert_eq!(without_numbers("a (b)"), "a (b)");
    }
}
