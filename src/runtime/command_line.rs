//! What a command line asks of an OCI runtime, by the words of runc, crun and youki. They parse options in different
//! ways; where those would give different answers, the answer is that nothing is known.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// What it asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// A container with this configuration, and the bundle that it is in.
    Container { configuration: PathBuf, bundle: PathBuf },
    /// Another process in a container, with this description.
    Process { description: PathBuf, container: Container },
}

/// A container that exists.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Container {
    /// Where the runtime keeps its states, if it is not the usual place.
    pub(super) states: Option<PathBuf>,
    pub(super) name: OsString,
}

/// The options of a command: those that take a value, and those that take none.
struct Options {
    valued: &'static [&'static str],
    plain: &'static [&'static str],
}

const GLOBAL: Options = Options {
    valued: &["log", "l", "log-format", "log-level", "root", "r", "criu", "rootless", "cgroup-manager"],
    plain: &["debug", "systemd-cgroup", "s"],
};

const CREATE: Options = Options {
    valued: &["bundle", "b", "config", "f", "console-socket", "c", "pidfd-socket", "pid-file", "p", "preserve-fds"],
    plain: &["no-pivot", "no-new-keyring", "no-subreaper", "keep", "detach", "d"],
};

const EXEC: Options = Options {
    valued: &[
        "console-socket",
        "pidfd-socket",
        "cwd",
        "env",
        "e",
        "user",
        "u",
        "additional-gids",
        "g",
        "process",
        "p",
        "pid-file",
        "process-label",
        "apparmor",
        "cap",
        "c",
        "preserve-fds",
        "cgroup",
    ],
    plain: &["tty", "t", "detach", "d", "no-new-privs", "ignore-paused"],
};

/// Parses the arguments after the program's name.
pub(super) fn request(arguments: &[OsString]) -> Option<Request> {
    let mut words = Words { left: arguments };
    let global = words.options_before_a_word(&GLOBAL)?;
    match words.next()?.to_str()? {
        "create" | "run" => container(words.all(&CREATE)?),
        "exec" => {
            let options = words.options_before_a_word(&EXEC)?;
            let states = last(&global, &["root", "r"]).map(PathBuf::from);
            let container = Container { states, name: words.next()?.to_owned() };
            let description = last(&options, &["process", "p"])?.into();
            Some(Request::Process { description, container })
        }
        _ => None,
    }
}

fn container(options: Vec<(&OsStr, &OsStr)>) -> Option<Request> {
    let bundle = match last(&options, &["bundle", "b"]) {
        Some(bundle) if !bundle.is_empty() => Path::new(bundle),
        _ => Path::new("."),
    };
    // crun alone has this option, and takes its value as it is, not below the bundle.
    let configuration = match last(&options, &["config", "f"]) {
        Some(file) => file.into(),
        None => bundle.join("config.json"),
    };
    Some(Request::Container { configuration, bundle: bundle.to_owned() })
}

fn last<'a>(options: &[(&OsStr, &'a OsStr)], names: &[&str]) -> Option<&'a OsStr> {
    options.iter().rev().find(|(name, _)| names.iter().any(|it| name == it)).map(|(_, value)| *value)
}

/// The words that are left.
struct Words<'a> {
    left: &'a [OsString],
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a OsStr> {
        let (first, rest) = self.left.split_first()?;
        self.left = rest;
        Some(first)
    }

    /// The options with values that come before the next word that is none.
    fn options_before_a_word(&mut self, known: &Options) -> Option<Vec<(&'a OsStr, &'a OsStr)>> {
        let mut found = Vec::new();
        while let Some(word) = self.left.first().filter(|word| is_option(word)) {
            self.left = self.left.get(1..)?;
            if word == "--" {
                break;
            }
            found.extend(self.option(word.as_bytes(), known)?);
        }
        Some(found)
    }

    /// The options with values, before and after other words.
    fn all(&mut self, known: &Options) -> Option<Vec<(&'a OsStr, &'a OsStr)>> {
        let mut found = Vec::new();
        while let Some(word) = self.next() {
            if word == "--" {
                break;
            }
            if is_option(word) {
                found.extend(self.option(word.as_bytes(), known)?);
            }
        }
        Some(found)
    }

    /// An option's name and value, if it has one. An option that is not known might take the next word.
    fn option(&mut self, word: &'a [u8], known: &Options) -> Option<Option<(&'a OsStr, &'a OsStr)>> {
        let (name, value) = match word.strip_prefix(b"--") {
            Some(long) => match long.iter().position(|byte| *byte == b'=') {
                Some(at) => (long.get(..at)?, long.get(at + 1..)),
                None => (long, None),
            },
            None => short(word.get(1..)?)?,
        };
        let name = OsStr::from_bytes(name);
        if known.plain.iter().any(|it| name == *it) {
            return Some(None);
        }
        known.valued.iter().find(|it| name == **it)?;
        let value = match value {
            Some(value) => OsStr::from_bytes(value),
            None => self.next()?,
        };
        Some(Some((name, value)))
    }
}

/// A word that begins with one dash: `-b`, or `-b=DIR`, in which only crun takes the sign for a part of the value.
/// runc takes `-bundle` for the long option, the others for `-b`.
fn short(letters: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    (letters.len() == 1).then_some((letters, None))
}

fn is_option(word: &OsStr) -> bool {
    word.len() > 1 && word.as_bytes().starts_with(b"-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Request> {
        request(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_lines_of_engines() {
        let shim = "--root /run/docker/runtime-runc/moby --log /b/log.json --log-format json --systemd-cgroup";
        let conmon = "--systemd-cgroup --root=/run/runc";
        for (line, bundle) in [
            (format!("{shim} create --bundle /b --pid-file /b/init.pid --console-socket /b/pty.sock c1"), "/b"),
            (format!("{conmon} create --bundle /b --pid-file /b/pidfile c1"), "/b"),
            ("create c1".to_owned(), "."),
            ("run -b /b c1".to_owned(), "/b"),
            ("run c1 --bundle /b".to_owned(), "/b"),
            ("run --bundle= c1".to_owned(), "."),
            ("run --pid-file --bundle -d c1".to_owned(), "."),
            ("-l /log -r /root create -c /socket -p /pid --bundle=/b c1".to_owned(), "/b"),
            ("run --bundle /a --bundle /b c1".to_owned(), "/b"),
            ("run --bundle /b -- --bundle /c".to_owned(), "/b"),
        ] {
            let (configuration, bundle) = (Path::new(bundle).join("config.json"), bundle.into());
            assert_eq!(of(&line), Some(Request::Container { configuration, bundle }), "{line}");
        }
        let container = |states: Option<&str>| Container { states: states.map(PathBuf::from), name: "c1".into() };
        for (line, states) in [
            (
                format!("{shim} exec --process /tmp/p --detach --pid-file /b/1.pid c1"),
                Some("/run/docker/runtime-runc/moby"),
            ),
            (format!("{conmon} exec --pid-file /f --process=/tmp/p --detach c1"), Some("/run/runc")),
            ("exec -t -u 0:0 -p /tmp/p c1".to_owned(), None),
        ] {
            let request = Request::Process { description: "/tmp/p".into(), container: container(states) };
            assert_eq!(of(&line), Some(request), "{line}");
        }
        assert_eq!(
            of("create --bundle /b --config other.json c1"),
            Some(Request::Container { configuration: "other.json".into(), bundle: "/b".into() })
        );
    }

    #[test]
    fn doubts_and_other_commands() {
        for line in [
            "",
            "--version",
            "features",
            "state c1",
            "delete --force c1",
            "start c1",
            "restore --bundle /b c1",
            "exec c1 ls -p /tmp/p",
            "exec --process /tmp/p",
            "--new-option create --bundle /b c1",
            "create --new-option --bundle /b c1",
            "create -bundle /b c1",
            "create -b=/b c1",
            "create --bundle",
            "--root",
            "-- --root",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
        let bytes = [OsString::from("create"), OsStr::from_bytes(b"--b\xff=x").into(), "c1".into()];
        assert_eq!(request(&bytes), None);
    }
}
