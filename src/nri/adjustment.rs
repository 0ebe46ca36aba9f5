//! What a new container is given: the mounts, and `LD_PRELOAD`, if it is chosen.

use super::messages::{Container, ContainerAdjustment, CreateContainerRequest, Mount, Pod, Variable};
use crate::inject::{
    choice::{self, KEY, Rules},
    layout::{self, DIRECTORY, Host},
    preload, room,
};
use std::path::Path;

/// What containers are given, and which of them.
pub(super) struct Giver {
    pub(super) host: Host,
    pub(super) rules: Rules,
}

/// Directories above ours, by all names that lead there in common images. If a volume is mounted on one of them, a
/// mount inside would make a directory in that volume, or keep the container from starting if it is read-only.
const ABOVE: [(&str, &[&str]); 2] =
    [(DIRECTORY, &["/", "/usr", "/usr/lib", "/lib"]), (layout::BOARD, &["/", "/run", "/var/run"])];

/// How Docker calls itself. It fails a container for whose mounts it is given an option other than this, and has the
/// others by itself.
const DOCKER: (&str, &[&str]) = ("docker", &["ro"]);

impl Giver {
    /// What this container is given by an engine of this name; nothing if it is not chosen.
    pub(super) fn adjustment(&self, request: &CreateContainerRequest, engine: &str) -> ContainerAdjustment {
        let (Some(pod), Some(container)) = (&request.pod, &request.container) else {
            return ContainerAdjustment::default();
        };
        if !self.rules.choose(asked(pod, container), Some(&pod.namespace)) {
            return ContainerAdjustment::default();
        }
        let (there, new): (Vec<_>, Vec<_>) = self
            .host
            .mounts()
            .iter()
            .filter_map(|it| mount(it, engine))
            .partition(|mount| container.mounts.iter().any(|it| is_same(it, mount)));
        let new: Vec<_> = new.into_iter().filter(|mount| has_room(mount, &container.mounts)).collect();
        // Without the library, nothing is of use.
        if !there.iter().chain(&new).any(|mount| mount.destination == DIRECTORY) {
            return ContainerAdjustment::default();
        }
        match environment(&container.env) {
            Some(env) => ContainerAdjustment { mounts: new, env },
            None => ContainerAdjustment::default(),
        }
    }
}

/// What labels and annotations ask for; those of the pod may name one of its containers, `cgproc.io/view.NAME`.
fn asked(pod: &Pod, container: &Container) -> Option<choice::View> {
    let own = format!("{KEY}.{}", container.name);
    let of_pod = [&pod.labels, &pod.annotations].into_iter().flat_map(|map| [map.get(KEY), map.get(&own)]);
    let of_container = [&container.labels, &container.annotations].into_iter().map(|map| map.get(KEY));
    choice::asked(of_pod.chain(of_container).flatten().map(String::as_str))
}

/// A mount as the engine takes it; `None` if its path is not text.
fn mount(of: &layout::Mount, engine: &str) -> Option<Mount> {
    let options = if engine == DOCKER.0 { DOCKER.1 } else { of.options };
    Some(Mount {
        destination: of.destination.to_owned(),
        kind: "bind".to_owned(),
        source: of.source.to_str()?.to_owned(),
        options: options.iter().map(ToString::to_string).collect(),
    })
}

/// Whether the container has that very mount.
fn is_same(existing: &Mount, ours: &Mount) -> bool {
    Path::new(&existing.destination) == Path::new(&ours.destination) && existing.source == ours.source
}

/// Whether the mount can be added: nothing else is mounted in its place, and nothing above it that has no room.
fn has_room(ours: &Mount, existing: &[Mount]) -> bool {
    let place = Path::new(&ours.destination);
    let above =
        ABOVE.iter().find(|(destination, _)| *destination == ours.destination).map_or(&[][..], |(_, above)| above);
    !existing.iter().any(|it| {
        let destination = Path::new(&it.destination);
        let has_room = room::is_in(&it.kind, it.options.iter().map(String::as_str));
        destination == place || !has_room && above.iter().any(|directory| Path::new(directory) == destination)
    })
}

/// The changes of the environment that add the library to `LD_PRELOAD`, before what is there; `None` if
/// that cannot be.
fn environment(existing: &[String]) -> Option<Vec<Variable>> {
    let variable = |name: String, value: String| Variable { name, value };
    let name = preload::VARIABLE;
    // The loader takes the last one.
    let old = existing.iter().rev().find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
    let Some(value) = preload::with_ours(old).ok()? else { return Some(Vec::new()) };
    // A variable that another plugin has set can only be set again after it was removed.
    let removal = old.map(|_| variable(format!("-{name}"), String::new()));
    Some(removal.into_iter().chain([variable(name.to_owned(), value)]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::{choice::View, layout::LIBRARY};
    use std::collections::HashMap;

    /// A host with both directories, and a container that asks.
    struct Case {
        giver: Giver,
        request: CreateContainerRequest,
        _home: tempfile::TempDir,
    }

    impl Case {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let host = Host { directory: home.path().join("lib"), board: home.path().join("board") };
            std::fs::create_dir(&host.directory).unwrap();
            std::fs::create_dir(&host.board).unwrap();
            std::fs::write(host.directory.join("libcgproc.so"), "").unwrap();
            let rules = Rules { view: View::On, namespaces: Vec::new() };
            let labels = HashMap::from([(KEY.to_owned(), "on".to_owned())]);
            let pod = Pod { namespace: "web".to_owned(), labels, ..Pod::default() };
            let container = Container { name: "app".to_owned(), ..Container::default() };
            let request = CreateContainerRequest { pod: Some(pod), container: Some(container) };
            Self { giver: Giver { host, rules }, request, _home: home }
        }

        fn pod(&mut self) -> &mut Pod {
            self.request.pod.as_mut().unwrap()
        }

        fn container(&mut self) -> &mut Container {
            self.request.container.as_mut().unwrap()
        }

        fn mount(&mut self, destination: &str, kind: &str, options: &[&str]) {
            let options = options.iter().map(ToString::to_string).collect();
            let mount =
                Mount { destination: destination.to_owned(), kind: kind.to_owned(), source: "/x".to_owned(), options };
            self.container().mounts = vec![mount];
        }

        fn given(&self) -> ContainerAdjustment {
            self.giver.adjustment(&self.request, "containerd")
        }

        /// Where it gets mounts, and the variables that it gets.
        fn gets(&self) -> (Vec<String>, Vec<(String, String)>) {
            let ContainerAdjustment { mounts, env } = self.given();
            let env = env.into_iter().map(|variable| (variable.name, variable.value)).collect();
            (mounts.into_iter().map(|mount| mount.destination).collect(), env)
        }
    }

    fn preload(value: &str) -> (String, String) {
        ("LD_PRELOAD".to_owned(), value.to_owned())
    }

    #[test]
    fn a_chosen_container_gets_the_mounts_and_the_variable() {
        let case = Case::new();
        assert_eq!(case.gets(), (vec![DIRECTORY.to_owned(), layout::BOARD.to_owned()], vec![preload(LIBRARY)]));
        let mounts = case.given().mounts;
        assert_eq!(mounts[0].source, case.giver.host.directory.to_str().unwrap());
        assert!(mounts.iter().all(|mount| mount.kind == "bind" && mount.options[..2] == ["rbind", "ro"]));
    }

    #[test]
    fn docker_gets_no_option_that_it_refuses() {
        let mut case = Case::new();
        case.request.pod = Some(Pod::default());
        case.container().labels.insert(KEY.to_owned(), "on".to_owned());
        let mounts = case.giver.adjustment(&case.request, "docker").mounts;
        assert_eq!(mounts.iter().map(|mount| &*mount.options).collect::<Vec<_>>(), [["ro"], ["ro"]]);
    }

    #[test]
    fn labels_and_annotations_choose_and_off_wins() {
        let nothing = ContainerAdjustment::default();
        let value = |value: &str| value.to_owned();
        let mut case = Case::new();
        case.pod().annotations.insert(value("cgproc.io/view.app"), value("off"));
        assert_eq!(case.given(), nothing);
        case.container().name = value("other");
        assert_ne!(case.given(), nothing);
        case.container().annotations.insert(value(KEY), value("off"));
        assert_eq!(case.given(), nothing);
        let mut case = Case::new();
        case.pod().labels.clear();
        assert_eq!(case.given(), nothing);
        case.giver.rules.namespaces = vec![value("w*")];
        assert_ne!(case.given(), nothing);
        case.pod().labels.insert(value(KEY), value("off"));
        assert_eq!(case.given(), nothing);
    }

    #[test]
    fn a_preload_of_its_own_is_kept_behind_ours() {
        let mut case = Case::new();
        case.container().env = vec!["A=1".to_owned(), "LD_PRELOAD=/a.so /b.so".to_owned()];
        let removal = ("-LD_PRELOAD".to_owned(), String::new());
        assert_eq!(case.gets().1, [removal, preload(&format!("{LIBRARY}:/a.so /b.so"))]);
        case.container().env = vec![format!("LD_PRELOAD=/a.so:{LIBRARY}")];
        assert_eq!(case.gets().1, []);
        case.container().env = vec![format!("LD_PRELOAD=/{}", "a".repeat(preload::LONGEST - LIBRARY.len() - 13))];
        assert_eq!(case.gets().1.len(), 0, "one byte too long");
        case.container().env[0].pop();
        assert_eq!(case.gets().1.len(), 2);
    }

    #[test]
    fn a_second_time_changes_nothing() {
        let mut case = Case::new();
        let first = case.given();
        case.container().mounts = first.mounts;
        case.container().env = first.env.iter().map(|it| format!("{}={}", it.name, it.value)).collect();
        assert_eq!(case.given(), ContainerAdjustment::default());
    }

    #[test]
    fn volumes_in_the_way_are_left_alone() {
        let both = [DIRECTORY, layout::BOARD];
        for (destination, kind, options, expected) in [
            ("/data", "bind", &["ro"][..], &both[..]),
            ("/usr/lib/jvm", "bind", &["ro"], &both),
            ("/run", "tmpfs", &["rw"], &both),
            ("/run", "tmpfs", &["ro"], &both[..1]),
            ("/run", "tmpfs", &["nr_inodes=1"], &both[..1]),
            ("/run/", "bind", &["rw"], &both[..1]),
            ("/var/run", "bind", &["ro"], &both[..1]),
            ("/run/cgproc", "bind", &["ro"], &both[..1]),
            ("/usr/lib", "bind", &["ro"], &[]),
            ("/usr/lib/cgproc", "bind", &["ro"], &[]),
            ("/", "bind", &["ro"], &[]),
        ] {
            let mut case = Case::new();
            case.mount(destination, kind, options);
            let (mounts, env) = case.gets();
            assert_eq!(mounts, expected, "{destination} {kind} {options:?}");
            assert_eq!(env.is_empty(), expected.is_empty(), "{destination} {kind} {options:?}");
        }
    }

    #[test]
    fn without_a_library_nothing_is_given() {
        let case = Case::new();
        std::fs::remove_file(case.giver.host.directory.join("libcgproc.so")).unwrap();
        assert_eq!(case.given(), ContainerAdjustment::default());
    }
}
