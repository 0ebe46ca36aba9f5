//! The files of examples/engines that no test starts a container by: containerd reads its own, and those of engines that
//! no package here has are compared with their documentation.

use crate::bed::{self, Findings};
use std::process::Command;

/// A file of examples/engines.
fn file(name: &str) -> String {
    let path = bed::repository("examples/engines").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is at these keys of a TOML text, one below the other.
fn toml_at(text: &str, keys: &[&str]) -> toml::Value {
    let whole: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}:\n{text}"));
    let found = keys.iter().try_fold(&toml::Value::Table(whole.clone()), |at, key| at.get(key)).cloned();
    found.unwrap_or_else(|| panic!("no {keys:?} in {whole:?}"))
}

/// What an engine makes of its file, beside what it knows by itself.
#[test]
fn containerd_reads_its_files() {
    let newer = bed::cache().join("engines/usr/bin/containerd");
    let mut findings = Findings::default();
    for (engine, name, plugin) in [
        ("/usr/bin/containerd".as_ref(), "config-v2.toml", "io.containerd.grpc.v1.cri"),
        (newer.as_path(), "config-v3.toml", "io.containerd.cri.v1.runtime"),
    ] {
        let path = bed::repository("examples/engines/containerd").join(name);
        let output = Command::new(engine).arg("--config").arg(&path).args(["config", "dump"]).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}: tests/bed/setup engines", engine.display()));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let handler = toml_at(&text, &["plugins", plugin, "containerd", "runtimes", "cgproc"]);
        let expected = toml::toml! {
            runtime_type = "io.containerd.runc.v2"
            pod_annotations = ["cgproc.io/*"]
            options.BinaryName = "/usr/bin/cgproc-runtime"
            options.SystemdCgroup = true
        };
        for (key, value) in &expected {
            // Engines add what options they know by default.
            let found = handler.get(key);
            let is_so = match (value, found) {
                (toml::Value::Table(wanted), Some(found)) => wanted.iter().all(|(key, it)| found.get(key) == Some(it)),
                (value, found) => found == Some(value),
            };
            findings.check(is_so, || format!("{name}: {key} is {found:?}, not {value:?}"));
        }
    }
    findings.conclude("containerd");
}

/// Names and values as CRI-O's documentation has them (crio.conf.d(5)).
#[test]
fn crios_file_is_a_handler() {
    let handler = toml_at(&file("crio/50-cgproc.conf"), &["crio", "runtime", "runtimes", "cgproc"]);
    let expected = toml::toml! {
        runtime_path = "/usr/bin/cgproc-runtime"
        runtime_type = "oci"
        runtime_root = "/run/runc"
    };
    assert_eq!(handler, toml::Value::Table(expected));
}

/// Names and values as the documentation of Nomad's Docker driver has them.
#[test]
fn nomads_files_agree_about_the_runtime() {
    let parsed =
        |name: &str| -> hcl::Value { hcl::from_str(&file(name)).unwrap_or_else(|error| panic!("{name}: {error}")) };
    let at = |whole: &hcl::Value, keys: &[&str]| -> hcl::Value {
        let found = keys.iter().try_fold(whole, |at, key| at.as_object()?.get(*key)).cloned();
        found.unwrap_or_else(|| panic!("no {keys:?} in {whole:?}"))
    };
    let (job, client) = (parsed("nomad/job.hcl"), parsed("nomad/client.hcl"));
    let task = at(&job, &["job", "free", "group", "free", "task", "free"]);
    assert_eq!(at(&task, &["driver"]), hcl::Value::from("docker"));
    let runtime = at(&task, &["config", "runtime"]);
    let allowed = at(&client, &["plugin", "docker", "config", "allow_runtimes"]);
    assert!(allowed.as_array().is_some_and(|allowed| allowed.contains(&runtime)), "{runtime:?} is not in {allowed:?}");
    let docker: serde_json::Value = serde_json::from_str(&file("docker/daemon.json")).expect("daemon.json");
    assert!(docker["runtimes"].get(runtime.as_str().expect("a name")).is_some(), "Docker knows no {runtime:?}");
}
