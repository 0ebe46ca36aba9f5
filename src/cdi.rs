//! `cgproc cdi`: the specification by which a container engine gives a container the view as a device.
//!
//! Docker, podman, containerd, CRI-O and others read such files from /etc/cdi and /var/run/cdi. They refuse a
//! file that is newer than they are, so the text has only what version 0.5 of the format has.

mod file;

use crate::{
    inject::layout::{Host, LIBRARY, Mount},
    output,
};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::path::Path;

/// What the devices are named after: `--device cgproc.io/view=all`.
const KIND: &str = "cgproc.io/view";

/// What podman 4.3 takes, and everything newer.
const VERSION: &str = "0.5.0";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Specification<'h> {
    cdi_version: &'static str,
    kind: &'static str,
    devices: [Device<'h>; 2],
    /// What each of the devices needs.
    container_edits: Edits<'h>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Device<'h> {
    name: &'static str,
    container_edits: Edits<'h>,
}

#[derive(Default, Serialize)]
struct Edits<'h> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<Bind<'h>>,
}

/// A mount in the words of the format.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bind<'h> {
    host_path: &'h str,
    container_path: &'static str,
    options: &'static [&'static str],
}

/// Prints the specification for a host that has the library and the board in these places, or writes it to a file.
pub(crate) fn cdi(host: &Host, to: Option<&Path>) -> Result<()> {
    let text = text(host)?;
    match to {
        Some(path) => file::put(path, &text).with_context(|| path.display().to_string()),
        None => output::put(text.as_bytes()),
    }
}

/// The text does not depend on what exists on this machine: a package is built elsewhere.
fn text(host: &Host) -> Result<String> {
    let (library, board, preload) = (host.library_mount(), host.board_mount(), host.preload_mount());
    let all = Edits { mounts: vec![bind(&preload)?], ..Edits::default() };
    let musl = Edits { env: vec![format!("LD_PRELOAD={LIBRARY}")], ..Edits::default() };
    let specification = Specification {
        cdi_version: VERSION,
        kind: KIND,
        devices: [Device { name: "all", container_edits: all }, Device { name: "musl", container_edits: musl }],
        container_edits: Edits { mounts: vec![bind(&library)?, bind(&board)?], ..Edits::default() },
    };
    Ok(serde_json::to_string_pretty(&specification)? + "\n")
}

fn bind(mount: &Mount) -> Result<Bind<'_>> {
    let source = &mount.source;
    ensure!(source.is_absolute(), "{}: an engine needs the whole path, from /", source.display());
    let host_path = source.to_str().with_context(|| format!("{}: the path is not UTF-8", source.display()))?;
    Ok(Bind { host_path, container_path: mount.destination, options: mount.options })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(host: &Host) -> Value {
        serde_json::from_str(&text(host).unwrap()).unwrap()
    }

    #[test]
    fn another_place_on_the_host_is_the_same_place_in_containers() {
        let host = Host { directory: "/var/lib/cgproc".into(), board: "/srv/board".into() };
        let (usual, moved) = (parsed(&Host::default()), parsed(&host));
        let paths = |of: &Value, key: &str| {
            let preload = &of["devices"][0]["containerEdits"]["mounts"][0];
            let [library, board] = [0, 1].map(|index| &of["containerEdits"]["mounts"][index]);
            json!([preload[key], library[key], board[key]])
        };
        let seen = json!(["/etc/ld.so.preload", "/usr/lib/cgproc", "/run/cgproc"]);
        assert_eq!(
            paths(&usual, "hostPath"),
            json!(["/usr/lib/cgproc/ld.so.preload", "/usr/lib/cgproc", "/run/cgproc"])
        );
        assert_eq!(
            paths(&moved, "hostPath"),
            json!(["/var/lib/cgproc/ld.so.preload", "/var/lib/cgproc", "/srv/board"])
        );
        for specification in [&usual, &moved] {
            assert_eq!(paths(specification, "containerPath"), seen);
            assert_eq!(specification["devices"][1]["containerEdits"]["env"], json!([format!("LD_PRELOAD={LIBRARY}")]));
        }
    }

    #[test]
    fn paths_that_no_engine_could_find_are_refused() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        let odd = OsStr::from_bytes(b"/odd\xff");
        for (directory, reason) in [(OsStr::new("lib"), "from /"), (odd, "UTF-8")] {
            let error = text(&Host { directory: directory.into(), ..Host::default() }).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
