//! Whether a process has the same rights and sees the same files as we do. Only then do we open a path that it names:
//! with other rights, or from another root, we might open something that it could not.

use super::target::Target;
use rustix::fs::readlink;
use std::{ffi::CString, sync::OnceLock};

/// Whether we may open files that `target` names.
pub(super) fn is_peer(target: Target<'_>) -> bool {
    // It does not change: we give up no rights.
    static OURS: OnceLock<Option<Standing>> = OnceLock::new();
    let own = Target::new(rustix::thread::gettid().as_raw_nonzero().get(), None);
    let ours = OURS.get_or_init(|| Standing::of(own));
    ours.is_some() && Standing::of(target) == *ours
}

/// A thread's rights, and where its paths begin.
#[derive(PartialEq)]
struct Standing {
    /// The lines of /proc/PID/status that list its rights.
    rights: [Vec<u8>; RIGHTS.len()],
    /// The security module's label; empty if there is none.
    label: Vec<u8>,
    namespaces: [CString; 2],
    root: CString,
}

const RIGHTS: [&[u8]; 5] = [b"Uid:", b"Gid:", b"Groups:", b"CapPrm:", b"CapEff:"];

impl Standing {
    /// `None` if it may not be looked at.
    fn of(target: Target<'_>) -> Option<Self> {
        let status = target.text("status")?;
        let line = |key: &[u8]| status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key));
        let rights = RIGHTS.map(line);
        if rights.contains(&None) {
            return None;
        }
        let link = |name| readlink(target.file(name), Vec::new()).ok();
        Some(Self {
            rights: rights.map(|line| line.unwrap_or_default().to_vec()),
            label: target.text("attr/current").unwrap_or_default(),
            namespaces: [link("ns/user")?, link("ns/mnt")?],
            root: link("root")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// Whether `cat`, started by this command line, is a peer of ours.
    fn is_peer_of_ours(words: &[&str]) -> bool {
        let mut command = Command::new(words[0]);
        let mut child: Child = command.args(&words[1..]).stdin(Stdio::piped()).spawn().unwrap();
        let target = Target::new(i32::try_from(child.id()).unwrap(), None);
        while target.comm() != b"cat" {
            std::thread::yield_now();
        }
        let is_peer = is_peer(target);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        is_peer
    }

    #[test]
    fn with_our_rights_and_our_root() {
        assert!(is_peer_of_ours(&["cat"]));
        if !rustix::process::geteuid().is_root() {
            return;
        }
        for words in [
            &["setpriv", "--reuid", "12345", "cat"][..],
            &["setpriv", "--clear-groups", "--regid", "12345", "cat"],
            &["setpriv", "--inh-caps=-all", "--bounding-set=-sys_admin", "cat"],
            &["unshare", "--user", "--map-root-user", "cat"],
            &["unshare", "--mount", "cat"],
        ] {
            assert!(!is_peer_of_ours(words), "{words:?}");
        }
    }
}
