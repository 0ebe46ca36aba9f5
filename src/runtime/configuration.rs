//! `/etc/cgproc/runtime.toml`.

use crate::{
    host::{kernel, trusted},
    inject::{
        choice::{Rules, View},
        layout::Host,
    },
};
use anyhow::{Context, Result, ensure};
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

/// The one key that counts in a file that is invalid otherwise: with another runtime, containers might not start, or not
/// in their sandbox.
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
    /// That of this host, and what is wrong with it. Fails if nobody knows which runtime it names.
    pub(super) fn read() -> Result<(Self, Option<anyhow::Error>)> {
        Self::read_from(Path::new(PATH)).with_context(|| format!("no OCI runtime is started: {PATH}"))
    }

    fn read_from(path: &Path) -> Result<(Self, Option<anyhow::Error>)> {
        let text = text(path)?;
        match toml::from_str(&text) {
            Ok(file) => Ok((Self::of(file), None)),
            Err(error) => Ok((Self::of_invalid(&text)?, Some(anyhow::Error::new(error).context(PATH)))),
        }
    }

    fn of(file: File) -> Self {
        let File { runtime, view, namespaces, directory, board } = file;
        Self { runtime, rules: Rules { view, namespaces }, host: Host { directory, board } }
    }

    /// Nothing is given the view while nobody knows what was meant, except what asks for it.
    fn of_invalid(text: &str) -> Result<Self> {
        let runtime = runtime_of_invalid(text)?;
        Ok(Self::of(File { runtime, view: View::Off, ..File::default() }))
    }
}

/// The runtime that an invalid file names: in TOML with keys that are wrong, or else in a line that is right by itself.
fn runtime_of_invalid(text: &str) -> Result<Option<PathBuf>> {
    let in_toml = |text: &str| toml::from_str(text).ok().and_then(|RuntimeAlone { runtime }| runtime);
    if let Some(runtime) = in_toml(text) {
        return Ok(Some(runtime));
    }
    let key = |line: &str| line.trim_start_matches([' ', '\t', '"', '\'', '[']).to_lowercase();
    let mut lines = text.lines().filter(|line| key(line).starts_with("runtime"));
    let (line, another) = (lines.next(), lines.next());
    let runtime = line.and_then(in_toml);
    ensure!(
        another.is_none() && runtime.is_some() == line.is_some(),
        "it is invalid: what `runtime` names is not known"
    );
    Ok(runtime)
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
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
    };

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
        let named = ["runtime = '/r'\nview = 'yes'", "runtime = '/r'\nvieww = 'on'", "view =\n runtime = '/r' # it"];
        let unnamed = ["view = ", "# runtime = '/r'\nview = 'yes'"];
        for (text, runtime) in
            named.map(|text| (text, Some(Path::new("/r")))).into_iter().chain(unnamed.map(|text| (text, None)))
        {
            assert!(of(text).is_none(), "{text}");
            let left = Configuration::of_invalid(text).unwrap();
            assert_eq!(left.runtime.as_deref(), runtime, "{text}");
            assert!(!left.rules.choose(None, None) && left.rules.choose(Some(View::On), None), "{text}");
        }
    }

    #[test]
    fn what_an_invalid_file_might_name_is_not_guessed() {
        for text in [
            "runtime = ",
            "runtime = '/r",
            "runtime = 3",
            "Runtime = '/r'",
            "'runtime' '/r'",
            "[runtime]\nname = '/r'",
            "runtime = '/r'\nruntime = '/s'",
        ] {
            assert!(of(text).is_none() && Configuration::of_invalid(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_file_that_is_not_there_is_the_default() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("runtime.toml");
        let (default, fault) = Configuration::read_from(&path).unwrap();
        assert!(default == of("").unwrap() && fault.is_none());
        fs::write(&path, "runtime = '/r'").unwrap();
        assert_eq!(Configuration::read_from(&path).unwrap().0.runtime.as_deref(), Some(Path::new("/r")));
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert!(Configuration::read_from(&path).is_err(), "whoever may write to it");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(Configuration::read_from(&path).is_err());
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
