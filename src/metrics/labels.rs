//! The labels of a cgroup's series.

use crate::{
    output::plain,
    stats::sample::{CgroupSample, Container},
};
use std::path::Path;

/// Names and values, in the order in which they are written. Only what is known is there; `id` always is.
pub(super) type Labels = Vec<(&'static str, String)>;

/// The labels of a cgroup: `id`, its path, as cAdvisor has it; `name`, the engine's name for it, or else its id;
/// `namespace`, `pod` and `container`.
pub(super) fn of(cgroup: &CgroupSample) -> Labels {
    let mut labels = vec![("id", id(&cgroup.path))];
    let Some(Container { id, name, pod, .. }) = &cgroup.container else { return labels };
    labels.push(("name", plain(name.as_ref().unwrap_or(id))));
    if let Some(pod) = pod {
        let of_pod = [("namespace", &pod.namespace), ("pod", &pod.pod), ("container", &pod.container)];
        labels.extend(of_pod.map(|(label, value)| (label, plain(value))));
    }
    labels
}

/// The path, without orders to terminals, which others may have put there. So paths that differ may look alike: only the
/// first is shown (`choice`).
fn id(path: &Path) -> String {
    plain(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::sample::{Engine, PodName};

    fn cgroup(path: &str, container: Option<Container>) -> CgroupSample {
        CgroupSample { path: path.into(), container, ..CgroupSample::default() }
    }

    #[test]
    fn only_what_is_known_is_a_label() {
        assert_eq!(of(&cgroup("/a\n\u{1b}[1m", None)), [("id", "/a\\n\\u{1b}[1m".to_owned())]);
        let mut container =
            Container { engine: Engine::Docker, id: "4f1e".to_owned(), name: Some("web".to_owned()), pod: None };
        let names = |container: &Container| -> Vec<String> {
            of(&cgroup("/x", Some(container.clone())))
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect()
        };
        assert_eq!(names(&container), ["id=/x", "name=web"]);
        container.name = None;
        let [namespace, pod, name] = ["shop", "web-0", "nginx"].map(str::to_owned);
        container.pod = Some(PodName { namespace, pod, container: name });
        assert_eq!(names(&container), ["id=/x", "name=4f1e", "namespace=shop", "pod=web-0", "container=nginx"]);
    }
}
