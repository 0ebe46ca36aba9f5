//! The administrator's settings file, as the object reads it, and the reasons why lines are ignored.

use super::takes;
use crate::host::{kernel::Reading, trusted};
use calc::{
    policy::{self, Bad, Buffer, Entry, Scope},
    settings::{Key, Value},
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

/// The file's state.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) state: State,
    /// The ignored lines, and why.
    pub(crate) bad_lines: Vec<(u32, String)>,
}

/// Whether the file applies.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no file.
    #[default]
    Absent,
    /// It applies.
    Taken,
    /// It does not apply, for this reason.
    Refused(String),
}

/// The file's path.
pub(super) fn path() -> &'static Path {
    OsStr::from_bytes(policy::PATH.to_bytes()).as_ref()
}

impl File {
    /// Reads the file at `path`, and calls `found` with each line that sets something for the program `comm`.
    pub(super) fn read(path: &Path, comm: &OsStr, found: impl FnMut(u32, Key, Value<'_>)) -> Self {
        let mut file = Self::default();
        file.state = match trusted::open(path) {
            Ok(None) => State::Absent,
            Ok(Some(opened)) => match file.read_lines(&mut Reading::plain(opened), comm, found) {
                Some(()) => State::Taken,
                None => State::Refused("it cannot be read completely".to_owned()),
            },
            Err(reason) => State::Refused(format!("{reason:#}")),
        };
        file
    }

    fn read_lines(
        &mut self,
        opened: &mut Reading,
        comm: &OsStr,
        mut found: impl FnMut(u32, Key, Value<'_>),
    ) -> Option<()> {
        let mut scope = Scope::of(comm.as_bytes());
        policy::each(opened, &mut [0; _], |line, entry| {
            if let Entry::Bad(bad) = entry {
                self.bad_lines.push((line, reason(bad)));
            }
            if let Some((key, value)) = scope.take(entry) {
                found(line, key, value);
            }
        })
    }
}

/// Why a line is ignored.
fn reason(bad: Bad) -> String {
    match bad {
        Bad::TooLong => format!("longer than {} bytes", size_of::<Buffer>()),
        Bad::Section => "a section is [NAME ...] on one line; the lines after it apply to no program".to_owned(),
        Bad::NoValue => "neither KEY=VALUE nor [NAME ...]".to_owned(),
        Bad::Key => "no such key".to_owned(),
        Bad::Value(key) => format!("{} takes {}", OsStr::from_bytes(key.name()).display(), takes(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, symlink},
        path::PathBuf,
    };
    use tempfile::TempDir;

    /// A directory for one test, removed with it.
    struct Directory(TempDir);

    impl Directory {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self, text: &str, mode: u32) -> PathBuf {
            let path = self.0.path().join(format!("{mode:o}.conf"));
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    /// The file's state, and how many of its lines set something.
    fn read(path: &Path) -> (File, u32) {
        let mut count = 0;
        let file = File::read(path, OsStr::new("sh"), |_, _, _| count += 1);
        (file, count)
    }

    fn refusal(path: &Path) -> String {
        match read(path) {
            (File { state: State::Refused(reason), bad_lines }, 0) if bad_lines.is_empty() => reason,
            other => panic!("{} was not refused: {other:?}", path.display()),
        }
    }

    const TEXT: &str = "CGPROC=off\n[sh]\nCGPROC=on\n[java]\nCGPROC=off\n";

    #[test]
    fn a_file_of_ones_own_counts() {
        let directory = Directory::new();
        for mode in [0o644, 0o600, 0o755] {
            let (file, count) = read(&directory.file(TEXT, mode));
            assert_eq!((file.state, count), (State::Taken, 2), "{mode:o}");
        }
        assert_eq!(read(&directory.0.path().join("none")).0.state, State::Absent);
        assert_eq!(read(&directory.file("", 0o640).join("below")).0.state, State::Absent);
    }

    #[test]
    fn a_file_that_others_may_have_written_does_not() {
        let directory = Directory::new();
        for mode in [0o664, 0o646, 0o666] {
            let reason = refusal(&directory.file(TEXT, mode));
            assert_eq!(reason, format!("others than its owner may write to it (mode {mode:o})"));
        }
    }

    #[test]
    fn only_a_regular_file_counts() {
        let directory = Directory::new();
        let (fifo, link) = (directory.0.path().join("fifo"), directory.0.path().join("link"));
        mkfifoat(CWD, &fifo, Mode::from_raw_mode(0o600)).unwrap();
        symlink(directory.file(TEXT, 0o600), &link).unwrap();
        assert_eq!(refusal(&fifo), "it is not a regular file");
        assert_eq!(refusal(directory.0.path()), "it is not a regular file");
        assert_eq!(refusal(&link), "it is a symbolic link");
    }

    #[test]
    fn the_example_has_no_bad_line() {
        let directory = Directory::new();
        let text = include_str!("../../examples/cgproc.conf");
        let whole = text.replace("\n#CGPROC", "\nCGPROC").replace("\n#[", "\n[");
        assert_ne!(text, whole);
        for text in [text, &whole] {
            assert_eq!(read(&directory.file(text, 0o644)).0.bad_lines, []);
        }
    }

    #[test]
    fn bad_lines_are_told_with_their_numbers() {
        let directory = Directory::new();
        let long = "x".repeat(600);
        let path = directory.file(&format!("CGPROC=of\n# fine\nCGPROCCPUS=1\noff\n[sh\n{long}\n[]\n"), 0o600);
        let (file, count) = read(&path);
        assert_eq!((file.state, count), (State::Taken, 0));
        let expected = [
            (1, "CGPROC takes on or off"),
            (3, "no such key"),
            (4, "neither KEY=VALUE nor [NAME ...]"),
            (5, "a section is [NAME ...] on one line; the lines after it apply to no program"),
            (6, "longer than 512 bytes"),
            (7, "a section is [NAME ...] on one line; the lines after it apply to no program"),
        ];
        assert_eq!(file.bad_lines, expected.map(|(line, reason)| (line, reason.to_owned())));
    }
}
