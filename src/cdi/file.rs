//! The file that the specification is written to, which is replaced only if it is one of ours.

use super::KIND;
use crate::host::{
    kernel::{self, Reading},
    replaced,
};
use anyhow::{Context, Result, bail};
use rustix::fd::OwnedFd;
use std::path::Path;

/// Writes `text` to a file that does not exist yet, or is a specification of our kind.
pub(super) fn put(path: &Path, text: &str) -> Result<()> {
    replaced::put(path, text.as_bytes(), is_ours)
}

/// A specification of any other kind is somebody else's.
fn is_ours(file: OwnedFd) -> Result<()> {
    let text = kernel::whole(&mut Reading::plain(file)).context("it cannot be read, or is too long")?;
    let found: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
    match found.as_ref().and_then(|it| it["kind"].as_str()) {
        Some(KIND) => Ok(()),
        Some(other) => bail!("it is a specification of {other}: choose another name"),
        None => bail!("it is not a specification of {KIND}: choose another name, or remove it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;
    use std::{
        fs::{self, File},
        os::unix::fs::{MetadataExt, symlink},
        time::Duration,
    };

    const OURS: &str = r#"{"kind": "cgproc.io/view"}"#;

    #[test]
    fn it_comes_whole_and_for_everybody_to_read() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("cgproc.json");
        put(&path, OURS).unwrap();
        let first = fs::metadata(&path).unwrap();
        // What an interrupted run has left.
        fs::write(home.path().join(".cgproc.json.cgproc-new"), "half").unwrap();
        let kept = File::open(&path).unwrap();
        put(&path, &format!("{OURS}\n")).unwrap();
        let second = fs::metadata(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{OURS}\n"));
        assert_eq!((first.mode() & 0o7777, second.mode() & 0o7777), (0o644, 0o644));
        assert_eq!(kept.metadata().unwrap().len(), OURS.len() as u64, "an open file keeps its text");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_of_others_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let in_home = |name: &str| home.path().join(name);
        fs::write(in_home("other.json"), r#"{"kind": "example.com/gpu", "x": "cgproc.io/view"}"#).unwrap();
        fs::write(in_home("text"), "cgproc.io/view").unwrap();
        fs::write(in_home("ours"), OURS).unwrap();
        symlink("ours", in_home("link")).unwrap();
        symlink("nowhere", in_home("broken")).unwrap();
        fs::create_dir(in_home("directory")).unwrap();
        let state = || {
            let of = |entry: fs::DirEntry| {
                let it = fs::symlink_metadata(entry.path()).unwrap();
                (entry.file_name(), it.ino(), it.mode(), it.len())
            };
            let mut all: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| of(entry.unwrap())).collect();
            all.sort();
            all
        };
        let before = state();
        for (name, reason) in [
            ("other.json", "specification of example.com/gpu"),
            ("text", "not a specification"),
            ("link", "symbolic link"),
            ("broken", "symbolic link"),
            ("directory", "not a regular file"),
            ("missing/cgproc.json", "directory does not exist"),
            ("ours/cgproc.json", "directory cannot be opened"),
        ] {
            let error = format!("{:#}", put(&in_home(name), OURS).unwrap_err());
            assert!(error.contains(reason), "{name}: {error}");
        }
        assert_eq!(state(), before);
    }

    #[test]
    fn a_pipe_keeps_nobody_waiting() {
        let home = tempfile::tempdir().unwrap();
        let pipe = home.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(put(&pipe, OURS).unwrap_err().to_string()));
        let error = receiver.recv_timeout(Duration::from_secs(300)).expect("the pipe is not opened");
        assert!(error.contains("not a regular file"), "{error}");
    }
}
