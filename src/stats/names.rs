//! Names of containers, without an engine's API: from the files that engines and the kubelet keep.
//!
//! What was found is looked up again after some minutes, as names change; what was not, after a shorter while. What
//! others than root and this user may have written is not believed, and where others can make cgroups, they do not get
//! the names of root's containers by making paths like theirs. Everything is bounded in size and number.

use super::{
    container::Recognised,
    sample::{Engine, PodName},
};
use crate::host::trusted;
use rustix::{fd::OwnedFd, fs::Dir, process::geteuid};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// What a container is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Called {
    pub(super) name: Option<String>,
    pub(super) pod: Option<PodName>,
}

/// The names of containers.
pub(super) struct Names {
    /// What paths begin with; "/" except in tests.
    root: PathBuf,
    /// How long a name is believed.
    believed: Duration,
    /// By the cgroup's path, which tells the engine as well as the id.
    known: HashMap<PathBuf, (Called, Instant)>,
    /// The kubelet's links by container, when last listed.
    links: (HashMap<String, PodName>, Option<Instant>),
    /// podman's and CRI-O's containers, when last read.
    stored: (HashMap<String, Stored>, Option<Instant>),
}

/// What a list has about a container.
struct Stored {
    name: String,
    /// The list is not root's, but this user's.
    is_ours: bool,
}

/// How long what was not found is not looked up again.
const PAUSE: Duration = Duration::from_secs(30);

/// How long a name is believed: an engine may change it.
const BELIEVED: Duration = Duration::from_mins(5);

/// The most containers that are remembered, and read from one list.
const MOST: usize = 10_000;

/// The longest file that is read, in bytes. `containers.json` has a few hundred per container.
const LONGEST: u64 = 8 << 20;

impl Names {
    pub(super) fn new() -> Self {
        Self::below(Path::new("/"))
    }

    fn below(root: &Path) -> Self {
        let root = root.to_owned();
        Self { root, believed: BELIEVED, known: HashMap::new(), links: Default::default(), stored: Default::default() }
    }

    /// What the container in the cgroup at `path` is called, as far as it can be found. `maker` tells who made the cgroup,
    /// if that may have been another than the engines' user: see [`crate::sampler::Hierarchy::maker`].
    pub(super) fn of(&mut self, container: &Recognised, path: &Path, maker: impl FnOnce() -> Option<u32>) -> Called {
        let believed = self.believed;
        let is_settled = |(called, when): &&(Called, Instant)| {
            let pause = if *called == Called::default() { PAUSE } else { believed };
            when.elapsed() < pause
        };
        if let Some((called, _)) = self.known.get(path).filter(is_settled) {
            return called.clone();
        }
        let called = self.look_up(container, maker().filter(|user| *user != 0));
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(path.to_owned(), (called.clone(), Instant::now()));
        called
    }

    /// `stranger` is the user who made the cgroup, unless that is root.
    fn look_up(&mut self, container: &Recognised, stranger: Option<u32>) -> Called {
        let id = container.id.as_str();
        let named = |name: Option<String>| Called { name, pod: None };
        if let Some(user) = stranger {
            let ours = self.stored(id).filter(|it| it.is_ours && user == geteuid().as_raw());
            return named(ours.map(|it| it.name.clone()));
        }
        match container.engine {
            Engine::Docker => self.docker(id),
            Engine::Containerd => match self.linked(id) {
                Some(pod) => Called { name: None, pod: Some(pod) },
                None => self.bundle("k8s.io", id),
            },
            Engine::CriO => Called { name: self.stored(id).map(|it| it.name.clone()), pod: self.linked(id) },
            Engine::Podman => named(self.stored(id).map(|it| it.name.clone())),
            Engine::Nerdctl if container.above.ends_with(".slice") => self.bundle("default", id),
            Engine::Nerdctl => self.bundle(&container.above, id),
            // Their ids are their names.
            Engine::Lxc | Engine::Nspawn | Engine::Service | Engine::Run => Called::default(),
        }
    }

    /// Docker's record of a container. The labels are those of a kubelet that uses Docker.
    fn docker(&self, id: &str) -> Called {
        #[derive(Deserialize)]
        struct Record {
            #[serde(rename = "Name")]
            name: Option<String>,
            #[serde(rename = "Config")]
            config: Option<Config>,
        }
        #[derive(Deserialize)]
        struct Config {
            #[serde(rename = "Labels")]
            labels: Option<HashMap<String, String>>,
        }
        let path = self.root.join(format!("var/lib/docker/containers/{id}/config.v2.json"));
        let Some(Record { name, config }) = json::<Record>(&path) else { return Called::default() };
        let labels = config.and_then(|it| it.labels).unwrap_or_default();
        let pod =
            pod_of(&labels, ["io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.container.name"]);
        Called { name: name.map(|name| name.trim_start_matches('/').to_owned()).filter(|it| !it.is_empty()), pod }
    }

    /// The annotations in a containerd bundle.
    fn bundle(&self, namespace: &str, id: &str) -> Called {
        #[derive(Deserialize)]
        struct Bundle {
            annotations: Option<HashMap<String, String>>,
        }
        const POD: [&str; 3] = [
            "io.kubernetes.cri.sandbox-namespace",
            "io.kubernetes.cri.sandbox-name",
            "io.kubernetes.cri.container-name",
        ];
        let tasks = self.root.join("run/containerd/io.containerd.runtime.v2.task");
        let Some(bundle) = json::<Bundle>(&tasks.join(namespace).join(id).join("config.json")) else {
            return Called::default();
        };
        let mut notes = bundle.annotations.unwrap_or_default();
        if notes.get("io.kubernetes.cri.container-type").is_some_and(|it| it == "sandbox") {
            // The container that holds the pod's namespaces. Kubernetes' own name for it.
            notes.insert(POD[2].into(), "POD".into());
        }
        Called { name: notes.get("nerdctl/name").cloned(), pod: pod_of(&notes, POD) }
    }

    /// The pod of a container, by the kubelet's link to its log.
    fn linked(&mut self, id: &str) -> Option<PodName> {
        if self.is_due(self.links.1, self.links.0.contains_key(id)) {
            self.links = (links(&self.root.join("var/log/containers")), Some(Instant::now()));
        }
        self.links.0.get(id).cloned()
    }

    /// The first name of a container in the list of podman and CRI-O.
    fn stored(&mut self, id: &str) -> Option<&Stored> {
        if self.is_due(self.stored.1, self.stored.0.contains_key(id)) {
            let all = storages(&self.root).into_iter().flat_map(|(storage, is_ours)| {
                let names = stored(&storage.join("overlay-containers/containers.json")).into_iter();
                names.map(move |(id, name)| (id, Stored { name, is_ours }))
            });
            self.stored = (all.take(MOST).collect(), Some(Instant::now()));
        }
        self.stored.0.get(id)
    }

    /// Whether to read a list again that was read at `read`.
    fn is_due(&self, read: Option<Instant>, is_found: bool) -> bool {
        read.is_none_or(|read| read.elapsed() >= if is_found { self.believed } else { PAUSE })
    }
}

/// Where podman and CRI-O have their containers: root's, and our own, with whether it is.
fn storages(root: &Path) -> Vec<(PathBuf, bool)> {
    let ours = env::var_os("HOME").filter(|_| !geteuid().is_root()).map(PathBuf::from);
    let ours = ours.map(|home| home.join(".local/share/containers/storage"));
    let ours = ours.map(|storage| (storage, true));
    [(root.join("var/lib/containers/storage"), false)].into_iter().chain(ours).collect()
}

/// The containers in a list, with their first names.
fn stored(list: &Path) -> Vec<(String, String)> {
    #[derive(Deserialize)]
    struct Listed {
        id: String,
        #[serde(default)]
        names: Vec<String>,
    }
    let all: Vec<Listed> = json(list).unwrap_or_default();
    all.into_iter().filter_map(|it| Some((it.id, it.names.into_iter().next()?))).collect()
}

/// The pods in the names of the kubelet's links, `POD_NAMESPACE_CONTAINER-ID.log`. Only the names are read.
fn links(directory: &Path) -> HashMap<String, PodName> {
    let Some(directory) = trusted::directory(directory) else { return HashMap::new() };
    let entries = Dir::new(directory).into_iter().flatten().flatten().take(MOST);
    entries.filter_map(|entry| link(entry.file_name().to_str().ok()?)).collect()
}

fn link(name: &str) -> Option<(String, PodName)> {
    let (rest, id) = name.strip_suffix(".log")?.rsplit_once('-')?;
    let mut parts = rest.splitn(3, '_').map(str::to_owned);
    Some((id.to_owned(), PodName { pod: parts.next()?, namespace: parts.next()?, container: parts.next()? }))
}

/// The pod in the annotations with these names: its namespace, its own name, and that of the container.
fn pod_of(notes: &HashMap<String, String>, names: [&str; 3]) -> Option<PodName> {
    let [namespace, pod, container] = names.map(|name| notes.get(name).cloned());
    Some(PodName { namespace: namespace?, pod: pod?, container: container? })
}

fn json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let file: OwnedFd = trusted::open(path).ok()??;
    let mut bytes = Vec::new();
    File::from(file).take(LONGEST).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, symlink},
    };
    use tempfile::TempDir;

    fn container(engine: Engine, above: &str) -> Recognised {
        Recognised { engine, id: "4f1e".into(), above: above.into() }
    }

    /// What a container is called in a cgroup that only root can have made.
    fn of(names: &mut Names, container: &Recognised) -> Called {
        names.of(container, Path::new("/a"), || None)
    }

    fn with(path: &str, text: &str) -> (TempDir, Names) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let names = Names::below(home.path());
        (home, names)
    }

    fn pod(namespace: &str, pod: &str, container: &str) -> Option<PodName> {
        Some(PodName { namespace: namespace.into(), pod: pod.into(), container: container.into() })
    }

    #[test]
    fn docker_has_a_record() {
        let path = "var/lib/docker/containers/4f1e/config.v2.json";
        let (_home, mut names) = with(path, r#"{"Name":"/web","Config":{"Labels":{"a":"b"}},"State":{}}"#);
        assert_eq!(
            of(&mut names, &container(Engine::Docker, "docker")),
            Called { name: Some("web".into()), pod: None }
        );
    }

    #[test]
    fn podman_and_crio_have_a_list() {
        let path = "var/lib/containers/storage/overlay-containers/containers.json";
        let (_home, mut names) = with(path, r#"[{"id":"1"},{"id":"4f1e","names":["db","x"],"layer":"y"}]"#);
        assert_eq!(of(&mut names, &container(Engine::Podman, "machine.slice")).name.as_deref(), Some("db"));
    }

    #[test]
    fn containerd_has_bundles() {
        let tasks = "run/containerd/io.containerd.runtime.v2.task";
        let text = r#"{"ociVersion":"1.1.0","annotations":{"io.kubernetes.cri.sandbox-namespace":"n",
            "io.kubernetes.cri.sandbox-name":"p","io.kubernetes.cri.container-name":"c"}}"#;
        let (_home, mut names) = with(&format!("{tasks}/k8s.io/4f1e/config.json"), text);
        assert_eq!(of(&mut names, &container(Engine::Containerd, "pod1")).pod, pod("n", "p", "c"));
        let sandbox = text.replace("container-name\":\"c", "container-type\":\"sandbox");
        let (_home, mut names) = with(&format!("{tasks}/k8s.io/4f1e/config.json"), &sandbox);
        assert_eq!(of(&mut names, &container(Engine::Containerd, "pod1")).pod, pod("n", "p", "POD"));
        let text = r#"{"annotations":{"nerdctl/name":"web"}}"#;
        for (namespace, above) in [("default", "system.slice"), ("mine", "mine")] {
            let (_home, mut names) = with(&format!("{tasks}/{namespace}/4f1e/config.json"), text);
            assert_eq!(of(&mut names, &container(Engine::Nerdctl, above)).name.as_deref(), Some("web"));
        }
    }

    #[test]
    fn the_kubelet_has_links() {
        let home = tempfile::tempdir().unwrap();
        let logs = home.path().join("var/log/containers");
        fs::create_dir_all(&logs).unwrap();
        symlink("/nowhere", logs.join("web-7d4_shop_nginx-1-4f1e.log")).unwrap();
        fs::write(logs.join("other.log"), "").unwrap();
        let mut names = Names::below(home.path());
        assert_eq!(of(&mut names, &container(Engine::Containerd, "pod1")).pod, pod("shop", "web-7d4", "nginx-1"));
        fs::set_permissions(&logs, Permissions::from_mode(0o777)).unwrap();
        let mut names = Names::below(home.path());
        assert_eq!(
            of(&mut names, &container(Engine::Containerd, "pod1")),
            Called::default(),
            "anybody may have made them"
        );
    }

    #[test]
    fn what_others_may_have_written_is_not_believed() {
        let path = "var/lib/docker/containers/4f1e/config.v2.json";
        let (home, mut names) = with(path, r#"{"Name":"/web"}"#);
        fs::set_permissions(home.path().join(path), Permissions::from_mode(0o666)).unwrap();
        let docker = container(Engine::Docker, "docker");
        assert_eq!(of(&mut names, &docker), Called::default());
        fs::set_permissions(home.path().join(path), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(of(&mut names, &docker), Called::default(), "it was looked up a moment ago");
        assert_eq!(of(&mut Names::below(home.path()), &docker).name.as_deref(), Some("web"));
    }

    #[test]
    fn a_new_name_is_seen_after_a_while() {
        let docker = "var/lib/docker/containers/4f1e/config.v2.json";
        let podman = "var/lib/containers/storage/overlay-containers/containers.json";
        let cases = [
            (docker, Engine::Docker, r#"{"Name":"/NAME"}"#),
            (podman, Engine::Podman, r#"[{"id":"4f1e","names":["NAME"]}]"#),
        ];
        for (path, engine, text) in cases {
            let (home, mut names) = with(path, &text.replace("NAME", "old"));
            let name = |names: &mut Names| of(names, &container(engine, "x")).name;
            assert_eq!(name(&mut names).as_deref(), Some("old"));
            fs::write(home.path().join(path), text.replace("NAME", "new")).unwrap();
            assert_eq!(name(&mut names).as_deref(), Some("old"), "{engine:?}: believed for a while");
            names.believed = Duration::ZERO;
            assert_eq!(name(&mut names).as_deref(), Some("new"), "{engine:?}");
        }
    }

    #[test]
    fn who_copies_the_path_of_roots_container_does_not_get_its_name() {
        let path = "var/lib/containers/storage/overlay-containers/containers.json";
        let (_home, mut names) = with(path, r#"[{"id":"4f1e","names":["db"]}]"#);
        let podman = container(Engine::Podman, "machine.slice");
        let mut name = |path: &str, maker| names.of(&podman, Path::new(path), || maker).name;
        assert_eq!(name("/machine.slice/libpod-4f1e.scope", None).as_deref(), Some("db"));
        assert_eq!(name("/user.slice/libpod-4f1e.scope", Some(4711)), None);
        assert_eq!(name("/user.slice/roots/libpod-4f1e.scope", Some(0)).as_deref(), Some("db"));
    }
}
