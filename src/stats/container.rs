//! What runs in a cgroup, by its path: each engine and service manager has names of its own.

use super::sample::Engine;
use crate::host::named;
use std::path::Path;

/// What a path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recognised {
    pub(super) engine: Engine,
    /// See [`super::sample::Container::id`].
    pub(super) id: String,
    /// The directory above, in which some engines have their namespace.
    pub(super) above: String,
}

impl Recognised {
    /// Whether what is below belongs to it. A service may run an engine whose containers are their own.
    pub(super) fn owns_what_is_below(&self) -> bool {
        self.engine != Engine::Service
    }
}

/// Names that end with an id of 64 hexadecimal digits, after what comes before it; systemd adds `.scope`. The engines'
/// helpers have names of the same form (`libpod-conmon-…`, `crio-conmon-…`), in which no id follows.
const BEFORE_IDS: [(&str, Engine); 7] = [
    ("docker-", Engine::Docker),
    ("cri-containerd-", Engine::Containerd),
    ("crio-", Engine::CriO),
    ("libpod-", Engine::Podman),
    ("nerdctl-", Engine::Nerdctl),
    // A kubelet that uses systemd, over a containerd that does not: `kubepods-pod1.slice:cri-containerd:ID`.
    (":cri-containerd:", Engine::Containerd),
    (":crio:", Engine::CriO),
];

/// Names that contain a name between these.
const AROUND_NAMES: [(&str, &str, Engine); 3] = [
    ("lxc.payload.", "", Engine::Lxc),
    ("systemd-nspawn@", ".service", Engine::Nspawn),
    // systemd-machined.
    ("machine-", ".scope", Engine::Nspawn),
];

/// What runs in the cgroup at `path`; `None` if no engine or service manager gives such a path.
pub(super) fn recognise(path: &Path) -> Option<Recognised> {
    let name = path.file_name()?.to_str()?;
    let above = path.parent().and_then(Path::file_name).and_then(|it| it.to_str()).unwrap_or_default();
    let (engine, id) = by_id(name).or_else(|| by_directory(path, above, name)).or_else(|| by_name(name))?;
    Some(Recognised { engine, id, above: above.to_owned() })
}

fn by_id(name: &str) -> Option<(Engine, String)> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    BEFORE_IDS.iter().find_map(|(before, engine)| {
        let (start, id) = name.split_at_checked(name.len().checked_sub(ID_DIGITS)?)?;
        // Only the forms with colons have something before.
        let is_it = if before.starts_with(':') { start.ends_with(before) } else { start == *before };
        (is_it && is_id(id)).then(|| (*engine, id.to_owned()))
    })
}

/// Where the engine makes the cgroups itself, the name is only the id, and the directory above tells whose it is.
fn by_directory(path: &Path, above: &str, name: &str) -> Option<(Engine, String)> {
    if above == "lxc" {
        return Some((Engine::Lxc, name.to_owned()));
    }
    if !is_id(name) {
        return None;
    }
    let is_of_kubernetes = path.iter().any(|it| it == "kubepods");
    let engine = match above {
        "docker" => Engine::Docker,
        _ if above.starts_with("pod") && is_of_kubernetes => Engine::Containerd,
        // containerd's namespace.
        _ if path.iter().count() == 3 => Engine::Nerdctl,
        _ => return None,
    };
    Some((engine, name.to_owned()))
}

fn by_name(name: &str) -> Option<(Engine, String)> {
    let inside = |before: &str, after: &str| name.strip_prefix(before)?.strip_suffix(after).filter(|it| !it.is_empty());
    let found = AROUND_NAMES.iter().find_map(|(before, after, engine)| Some((*engine, inside(before, after)?)));
    if let Some((engine, machine)) = found {
        // libvirt registers its virtual machines in the same way.
        return (!machine.starts_with("qemu\\x2d")).then(|| (engine, unescaped(machine)));
    }
    if name.strip_prefix(named::PREFIX).is_some_and(is_of_a_program) {
        return Some((Engine::Run, name.to_owned()));
    }
    inside("", ".service").map(|_| (Engine::Service, name.to_owned()))
}

/// Whether a run's cgroup with this ending has its program, not what answers it.
fn is_of_a_program(ending: &str) -> bool {
    ending.split('-').all(|it| it.parse::<u32>().is_ok())
}

const ID_DIGITS: usize = 64;

fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

/// A name as it was before systemd escaped it (`systemd-escape(1)`).
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let hexadecimal = rest.strip_prefix("\\x").and_then(|rest| rest.get(..2));
        let (byte, length) = match hexadecimal.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (vec![byte], "\\x2d".len()),
            None => (first.to_string().into_bytes(), first.len_utf8()),
        };
        bytes.extend(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1e5d0c9b8a7f6e5d4c3b2a19080706f5e4d3c2b1a0998877665544332211ff";

    fn of(path: &str) -> Option<(Engine, String)> {
        recognise(Path::new(&path.replace("ID", ID))).map(|it| (it.engine, it.id))
    }

    #[test]
    fn containers_by_their_ids() {
        let paths = [
            ("/system.slice/docker-ID.scope", Engine::Docker),
            ("/docker/ID", Engine::Docker),
            ("/parent/docker/ID", Engine::Docker),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-ID.scope",
                Engine::Containerd,
            ),
            ("/kubepods/burstable/pod12ab-34/ID", Engine::Containerd),
            ("/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:ID", Engine::Containerd),
            ("/kubepods.slice/kubepods-pod1.slice/crio-ID.scope", Engine::CriO),
            ("/kubepods/pod1/crio-ID", Engine::CriO),
            ("/machine.slice/libpod-ID.scope", Engine::Podman),
            ("/libpod_parent/libpod-ID", Engine::Podman),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope", Engine::Podman),
            ("/system.slice/nerdctl-ID.scope", Engine::Nerdctl),
            ("/default/ID", Engine::Nerdctl),
        ];
        for (path, engine) in paths {
            assert_eq!(of(path), Some((engine, ID.to_owned())), "{path}");
        }
    }

    #[test]
    fn machines_services_and_runs_by_their_names() {
        let paths = [
            ("/lxc.payload.web", Engine::Lxc, "web"),
            ("/lxc/web", Engine::Lxc, "web"),
            ("/machine.slice/systemd-nspawn@buster.service", Engine::Nspawn, "buster"),
            ("/machine.slice/machine-a\\x2db.scope", Engine::Nspawn, "a-b"),
            ("/system.slice/nginx.service", Engine::Service, "nginx.service"),
            ("/user.slice/cgproc-run-4711", Engine::Run, "cgproc-run-4711"),
            ("/cgproc-run-4711-2", Engine::Run, "cgproc-run-4711-2"),
        ];
        for (path, engine, id) in paths {
            assert_eq!(of(path), Some((engine, id.to_owned())), "{path}");
        }
    }

    #[test]
    fn everything_else_is_none() {
        let paths = [
            "/",
            "/system.slice",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice",
            "/kubepods/burstable/pod12ab",
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/crio-conmon-ID.scope",
            "/lxc.monitor.web",
            "/machine.slice/libpod-ID.scope/container",
            "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
            "/user.slice/user-1000.slice/session-3.scope",
            "/docker/4f1e",
            "/a/b/c/ID",
            "/docker-IDff.scope",
            "/.service",
            "/cgproc-run-x",
            "/cgproc-run-4711-answers",
            "/cgproc-run-4711-answers-1",
        ];
        for path in paths {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescaped("a\\x2db\\x20\\xé\\x2"), "a-b \\xé\\x2");
        assert_eq!(unescaped("\\xc3\\xa9"), "é");
    }
}
