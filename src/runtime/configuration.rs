//! `/etc/cgproc/runtime.toml`.

use crate::{
    host::{kernel, trusted},
    inject::{
        choice::{Rules, View},
        layout::Host,
    },
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};

const PATH: &str = "/etc/cgproc/runtime.toml";

/// What the host's administrator chose.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    /// The runtime to become.
    pub(super) runtime: Option<PathBuf>,
    pub(super) rules: Rules,
    pub(super) host: Host,
}

/// The file, as TOML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    runtime: Option<PathBuf>,
    view: View,
    namespaces: Vec<String>,
    directory: PathBuf,
    board: PathBuf,
}

/// The one key of a file that is invalid otherwise: with another runtime, containers might not start.
#[derive(Deserialize)]
struct RuntimeAlone {
    runtime: Option<PathBuf>,
}

impl Default for File {
    fn default() -> Self {
        let Host { directory, board } = Host::default();
        Self { runtime: None, view: View::On, namespaces: vec!["*".to_owned()], directory, board }
    }
}

impl Configuration {
    /// That of this host, and what is wrong with it.
    pub(super) fn read() -> (Self, Option<anyhow::Error>) {
        let text = match text(Path::new(PATH)) {
            Ok(text) => text,
            Err(error) => return (Self::of_invalid(""), Some(error.context(PATH))),
        };
        match toml::from_str(&text) {
            Ok(file) => (Self::of(file), None),
            Err(error) => (Self::of_invalid(&text), Some(anyhow::Error::new(error).context(PATH))),
        }
    }

    fn of(file: File) -> Self {
        let File { runtime, view, namespaces, directory, board } = file;
        Self { runtime, rules: Rules { view, namespaces }, host: Host { directory, board } }
    }

    /// Nothing is given the view while nobody knows what was meant, except what asks for it.
    fn of_invalid(text: &str) -> Self {
        let runtime = toml::from_str(text).ok().and_then(|RuntimeAlone { runtime }| runtime);
        Self::of(File { runtime, view: View::Off, ..File::default() })
    }
}

/// The file's text; empty if there is no file.
fn text(path: &Path) -> Result<String> {
    match trusted::open(path)? {
        Some(file) => {
            let bytes =
                kernel::whole(&mut kernel::Reading::plain(file)).context("it cannot be read, or is too long")?;
            Ok(String::from_utf8(bytes)?)
        }
        None => Ok(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Configuration> {
        toml::from_str(text).ok().map(Configuration::of)
    }

    #[test]
    fn without_a_file_every_container_is_given_the_view() {
        let all = of("").unwrap();
        assert_eq!(all.runtime, None);
        assert_eq!(all.host, Host::default());
        assert!(all.rules.choose(None, None) && all.rules.choose(None, Some("web")));
    }

    #[test]
    fn every_key() {
        let text = "runtime = '/usr/bin/crun'\nview = 'off'\nnamespaces = ['a', 'b-*']\ndirectory = '/d'\nboard = '/b'";
        let expected = Configuration {
            runtime: Some("/usr/bin/crun".into()),
            rules: Rules { view: View::Off, namespaces: vec!["a".to_owned(), "b-*".to_owned()] },
            host: Host { directory: "/d".into(), board: "/b".into() },
        };
        assert_eq!(of(text), Some(expected));
    }

    #[test]
    fn an_invalid_file_still_names_the_runtime() {
        for text in ["runtime = '/r'\nview = 'yes'", "runtime = '/r'\nvieww = 'on'"] {
            assert!(of(text).is_none(), "{text}");
            let left = Configuration::of_invalid(text);
            assert_eq!(left.runtime.as_deref(), Some(Path::new("/r")), "{text}");
            assert!(!left.rules.choose(None, None) && left.rules.choose(Some(View::On), None), "{text}");
        }
        assert_eq!(Configuration::of_invalid("runtime = ").runtime, None);
    }

    #[test]
    fn the_example_is_the_default() {
        let text = include_str!("../../examples/runtime.toml");
        assert_eq!(of(text), of(""));
        let uncommented: String = text
            .lines()
            .filter_map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')))
            .flat_map(|line| [line, "\n"])
            .collect();
        let all = of(&uncommented).expect("its examples are valid");
        assert!(all.runtime.is_some());
    }
}
