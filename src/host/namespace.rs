//! The machine's own namespaces, which have fixed numbers (`PROC_*_INIT_INO`, include/linux/proc_ns.h).

use rustix::fs::stat;

/// A kind of namespace.
#[derive(Clone, Copy)]
pub(crate) enum Namespace {
    Cgroup,
    Pid,
    User,
}

impl Namespace {
    /// Whether this process is in a namespace other than the machine's.
    pub(crate) fn is_another(self) -> bool {
        let (file, initial) = match self {
            Self::Cgroup => (c"/proc/self/ns/cgroup", 0xefff_fffb),
            Self::Pid => (c"/proc/self/ns/pid", 0xefff_fffc),
            Self::User => (c"/proc/self/ns/user", 0xefff_fffd),
        };
        stat(file).is_ok_and(|namespace| namespace.st_ino != initial)
    }
}
