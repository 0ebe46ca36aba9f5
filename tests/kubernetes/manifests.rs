//! Each example is what an API server takes, and has the rights that its text says and no others.

use crate::{
    bed::Findings,
    tools::{example, faults, objects, objects_of},
};
use serde_json::{Value, json};
use std::fs;

/// The examples, and the releases that know everything in them.
const EXAMPLES: [(&str, &[&str]); 7] = [
    ("kubernetes/admission", &["v1.36"]),
    ("kubernetes/kyverno", &["v1.36"]),
    ("kubernetes/node-agent", &["v1.30", "v1.36"]),
    ("kubernetes/node-agent-all", &["v1.30", "v1.36"]),
    ("kubernetes/node-agent-metrics", &["v1.30", "v1.36"]),
    ("kubernetes/runtime-class", &["v1.30", "v1.36"]),
    ("sidecar/pod.yaml", &["v1.30", "v1.36"]),
];

#[test]
fn all_are_valid() {
    let mut findings = Findings::default();
    for (name, releases) in EXAMPLES {
        let objects = objects_of(name);
        findings.check(!objects.is_empty(), || format!("{name}: nothing"));
        for release in releases {
            let faults = faults(&objects, release);
            findings.check(faults.is_empty(), || format!("{name}, {release}: {faults}"));
        }
    }
    // Each directory is in the table, or is a component (component.rs).
    for entry in fs::read_dir(example("kubernetes")).expect("the examples") {
        let name = format!("kubernetes/{}", entry.expect("an entry").file_name().to_string_lossy());
        let is_known = name == "kubernetes/pod" || EXAMPLES.iter().any(|(known, _)| *known == name);
        findings.check(is_known, || format!("{name} is in no test"));
    }
    findings.conclude("manifests");
}

/// The judges do judge.
#[test]
fn what_is_wrong_is_found() {
    let pod = |container: &str| {
        format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{container}]}}}}")
    };
    for (container, words) in [
        ("{name: a, imagee: b}", "unknown field \"spec.containers[0].imagee\""),
        ("{name: a, name: b}", "already set"),
        ("{name: a, resources: {limits: {memory: 5x}}}", "quantities must match"),
    ] {
        let error = objects(pod(container).as_bytes()).expect_err("refused");
        assert!(error.contains(words), "{error}");
    }
    let nameless =
        [json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{}]}})];
    assert_eq!(faults(&nameless, "v1.36"), "Pod a: spec/containers/0: 'name' is a required property\n");
    let mut policy = objects_of("kubernetes/kyverno");
    policy[0]["spec"]["failurePolicy"] = json!("Perhaps");
    policy[0]["spec"]["matchPolicies"] = json!([]);
    let faults = faults(&policy, "v1.36");
    assert!(
        faults.contains("'Perhaps' is not one of") && faults.contains("'matchPolicies' was unexpected"),
        "{faults}"
    );
}

fn kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|it| it["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

/// No container of the agent has a capability, a right to gain one, a file system that it can write to, or more than 32 MiB
/// and a twentieth of a CPU; all the pod has beyond a plain one is listed here.
#[test]
fn the_node_agent_has_few_rights() {
    for name in ["kubernetes/node-agent", "kubernetes/node-agent-all"] {
        let objects = objects_of(name);
        let pod = &kind(&objects, "DaemonSet")["spec"]["template"]["spec"];
        for right in ["hostNetwork", "hostIPC", "serviceAccountName"] {
            assert_eq!(pod[right], Value::Null, "{name}: {right}");
        }
        assert_eq!((&pod["hostPID"], &pod["automountServiceAccountToken"]), (&json!(true), &json!(false)), "{name}");
        let containers: Vec<&Value> = list(pod, "initContainers").iter().chain(list(pod, "containers")).collect();
        assert_eq!(containers.len(), 3, "{name}");
        for container in &containers {
            let confined = json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}
            });
            assert_eq!(container["securityContext"], confined, "{name}: {container}");
            assert_eq!(
                container["resources"]["limits"],
                json!({"cpu": "50m", "memory": "32Mi"}),
                "{name}: {container}"
            );
            assert_eq!(container["image"], "registry.example/cgproc:0.1.0", "{name}: {container}");
        }
        let mounts = |container: &Value| -> Vec<String> {
            let mode = |mount: &Value| if mount["readOnly"] == true { "ro" } else { "rw" };
            let line = |mount: &Value| format!("{} {}", mode(mount), mount["mountPath"].as_str().expect("a path"));
            list(container, "volumeMounts").iter().map(line).collect()
        };
        assert_eq!(mounts(containers[0]), ["rw /var/lib/cgproc"]);
        assert_eq!(mounts(containers[1]), ["rw /run/cgproc", "ro /sys/fs/cgroup"]);
        assert_eq!(mounts(containers[2]), ["ro /var/run/nri", "ro /var/lib/cgproc", "ro /run/cgproc"]);
        // A directory of the host has the same path in the container: the engine is told that path.
        for volume in list(pod, "volumes") {
            let used =
                containers.iter().flat_map(|it| list(it, "volumeMounts")).filter(|it| it["name"] == volume["name"]);
            assert!(used.clone().count() > 0, "{name}: {volume}");
            assert!(used.clone().all(|it| it["mountPath"] == volume["hostPath"]["path"]), "{name}: {volume}");
        }
    }
}

/// What the agent's containers run is what the command takes.
#[test]
fn the_agents_commands_exist() {
    for name in ["kubernetes/node-agent-all", "kubernetes/node-agent-metrics"] {
        commands_exist(&objects_of(name));
    }
}

fn commands_exist(objects: &[Value]) {
    let pod = &kind(objects, "DaemonSet")["spec"]["template"]["spec"];
    let probe = &list(pod, "containers")[0]["readinessProbe"]["exec"];
    let mut lines: Vec<Vec<&str>> = Vec::new();
    for it in list(pod, "initContainers").iter().chain(list(pod, "containers")).chain([probe]) {
        lines.push(list(it, "command").iter().chain(list(it, "args")).map(|it| it.as_str().expect("a word")).collect());
    }
    assert_eq!(lines.len(), 4);
    for line in lines {
        let [command, subcommand, options @ ..] = line.as_slice() else { panic!("{line:?}") };
        assert_eq!(*command, "/cgproc", "{line:?}");
        let help =
            std::process::Command::new(crate::bed::command()).args([subcommand, "--help"]).output().expect("cgproc");
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        assert!(help.contains(&format!("Usage: cgproc {subcommand} ")), "{line:?}: {help}");
        for option in options.iter().filter(|it| it.starts_with("--")) {
            let name = option.split('=').next().expect("a name");
            assert!(help.split_whitespace().any(|word| word == name), "{line:?}: {option} in {help}");
        }
    }
}
