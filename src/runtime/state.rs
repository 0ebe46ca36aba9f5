//! What a runtime keeps about a container: the bundle that it was made from.

use super::{command_line::Container, replace};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::{
    env,
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

/// The state as runc, crun or youki write it, as far as it says where the bundle is.
#[derive(Deserialize)]
struct State {
    bundle: Option<PathBuf>,
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    /// runc's: `bundle=PATH`.
    #[serde(default)]
    labels: Vec<String>,
}

/// The files in which they do, in a directory that has the container's name.
const FILES: [&str; 2] = ["state.json", "status"];

/// The bundle of a container that `runtime` has made.
pub(super) fn bundle(container: &Container, runtime: &Path) -> Result<PathBuf> {
    let name = Path::new(&container.name);
    let is_plain = matches!(name.components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    ensure!(is_plain, "{}: no name of a container", name.display());
    let states = match &container.states {
        Some(states) => vec![states.clone()],
        None => usual_states(runtime.file_name().context("no runtime")?),
    };
    let files = states.iter().flat_map(|states| FILES.map(|file| states.join(name).join(file)));
    let found = files.map(|file| replace::read(&file)).find_map(Result::ok);
    named_in(&found.with_context(|| format!("no state of {}", name.display()))?.text)
}

/// Where a runtime keeps its states if nobody says: users other than root have a directory of their own.
fn usual_states(runtime: &OsStr) -> Vec<PathBuf> {
    let of_user = env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()).map(PathBuf::from);
    of_user.into_iter().chain([PathBuf::from("/run")]).map(|top| top.join(runtime)).collect()
}

fn named_in(state: &str) -> Result<PathBuf> {
    let State { bundle, config } = serde_json::from_str(state)?;
    let labels = config.map(|config| config.labels).unwrap_or_default();
    let of_label = || labels.iter().find_map(|label| label.strip_prefix("bundle=")).map(PathBuf::from);
    bundle.or_else(of_label).filter(|path| path.is_absolute()).context("the state names no bundle")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn states_of_each_runtime() {
        for (state, expected) in [
            (r#"{"id":"c","config":{"labels":["x=1","bundle=/b"],"rootfs":"/r"},"init_process_pid":1}"#, Some("/b")),
            (r#"{"pid":1,"bundle":"/b","rootfs":"rootfs"}"#, Some("/b")),
            (r#"{"config":{"labels":[]}}"#, None),
            (r#"{"bundle":"b"}"#, None),
            ("[]", None),
        ] {
            assert_eq!(named_in(state).ok().as_deref(), expected.map(Path::new), "{state}");
        }
    }

    #[test]
    fn it_is_found_by_the_containers_name() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("c1")).unwrap();
        fs::write(home.path().join("c1/status"), r#"{"bundle":"/b"}"#).unwrap();
        let of = |name: &str| {
            let container = Container { states: Some(home.path().to_owned()), name: name.into() };
            bundle(&container, Path::new("/usr/bin/crun")).ok()
        };
        assert_eq!(of("c1").as_deref(), Some(Path::new("/b")));
        for name in ["c2", "../x", ".", "", "/c1"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
