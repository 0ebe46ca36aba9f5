//! What a cgroup is called in the table.

use super::text::shown;
use crate::stats::sample::{CgroupSample, Container, Engine, PodName};
use std::path::Path;

/// Longer names are cut: a row has no room for them.
const LONGEST: usize = 256;

/// The name that people gave to the container; the beginning of its id, if it has none; a cgroup's path.
pub(super) fn of(cgroup: &CgroupSample) -> String {
    match &cgroup.container {
        Some(container) => of_container(container),
        None => brief(&cgroup.path.to_string_lossy()),
    }
}

/// The same below its parent in a tree, where the path above is seen.
pub(super) fn in_tree(cgroup: &CgroupSample) -> String {
    let last = || cgroup.path.file_name().unwrap_or(cgroup.path.as_os_str()).to_string_lossy();
    cgroup.container.as_ref().map_or_else(|| brief(&last()), of_container)
}

fn of_container(container: &Container) -> String {
    const DIGITS_SHOWN: usize = 12;
    if let Some(PodName { namespace, pod, container }) = &container.pod {
        return brief(&format!("{namespace}/{pod}/{container}"));
    }
    let is_number = container.id.len() == 64 && container.id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = if is_number { &container.id[..DIGITS_SHOWN] } else { &container.id };
    brief(container.name.as_deref().unwrap_or(id))
}

fn brief(text: &str) -> String {
    let mut places = text.char_indices().map(|(at, _)| at);
    let end = places.nth(LONGEST).unwrap_or(text.len());
    shown(&text[..end])
}

/// The word for who made a container.
pub(super) fn of_engine(engine: Engine) -> &'static str {
    match engine {
        Engine::Docker => "docker",
        Engine::Containerd => "containerd",
        Engine::CriO => "cri-o",
        Engine::Podman => "podman",
        Engine::Nerdctl => "nerdctl",
        Engine::Lxc => "lxc",
        Engine::Nspawn => "nspawn",
        Engine::Service => "service",
        Engine::Run => "cgproc run",
    }
}

/// The path as it is shown.
pub(super) fn path(path: &Path) -> String {
    shown(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(id: &str, name: Option<&str>) -> CgroupSample {
        let container = Container { engine: Engine::Docker, id: id.into(), name: name.map(Into::into), pod: None };
        CgroupSample { path: "/docker/x".into(), container: Some(container), ..Default::default() }
    }

    #[test]
    fn names_are_those_that_people_gave() {
        let id = "4f1e".repeat(16);
        assert_eq!(of(&container(&id, Some("web"))), "web");
        assert_eq!(of(&container(&id, None)), "4f1e4f1e4f1e");
        assert_eq!(of(&container("nginx.service", None)), "nginx.service");
        let mut in_pod = container(&id, None);
        let pod = PodName { namespace: "shop".into(), pod: "cart-0".into(), container: "app".into() };
        in_pod.container.as_mut().unwrap().pod = Some(pod);
        assert_eq!(of(&in_pod), "shop/cart-0/app");
    }

    #[test]
    fn paths_are_shown_as_they_are_and_bounded() {
        let slice = CgroupSample { path: "/system.slice/a\nb".into(), ..Default::default() };
        assert_eq!((of(&slice), in_tree(&slice)), ("/system.slice/a\\nb".into(), "a\\nb".into()));
        let long = CgroupSample { path: "/é".repeat(2000).into(), ..Default::default() };
        assert_eq!(of(&long).chars().count(), LONGEST);
    }
}
