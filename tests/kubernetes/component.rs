//! The component that changes the workloads of a kustomization.

use crate::{
    bed::Findings,
    tools::{built, example, faults, objects},
};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::symlink};

const LIBRARY: &str = "/usr/lib/cgproc/libcgproc.so";

/// Workloads of each kind, one a line.
const WORKLOADS: &str = r#"
{apiVersion: apps/v1, kind: Deployment, metadata: {name: deployment}, spec: {selector: {matchLabels: {a: b}}, template: TEMPLATE}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: set}, spec: {serviceName: s, selector: {matchLabels: {a: b}}, template: TEMPLATE}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: daemon}, spec: {selector: {matchLabels: {a: b}}, template: TEMPLATE}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: replicas}, spec: {selector: {matchLabels: {a: b}}, template: TEMPLATE}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: job}, spec: {template: TEMPLATE}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: cron}, spec: {schedule: "0 0 * * *", jobTemplate: {spec: {template: TEMPLATE}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: pod, labels: {a: b}}, spec: SPEC}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: other}, data: {a: b}}
"#;

const SPEC: &str = r#"{
  initContainers: [{name: prepare, image: prepare}],
  containers: [
    {name: plain, image: plain},
    {name: own, image: own, env: [{name: A, value: "1"}, {name: LD_PRELOAD, value: /own.so}], volumeMounts: [{name: v, mountPath: /v}]},
  ],
  volumes: [{name: v, emptyDir: {}}]}"#;

/// A kustomization of these workloads with the component.
fn changed(workloads: &str) -> Vec<Value> {
    let home = tempfile::tempdir().expect("a directory");
    let put = |name: &str, text: &str| fs::write(home.path().join(name), text).expect("a file");
    fs::create_dir(home.path().join("app")).expect("a directory");
    symlink(example("kubernetes/pod"), home.path().join("component")).expect("a link");
    put("app/workloads.yaml", workloads);
    put(
        "app/kustomization.yaml",
        "resources: [workloads.yaml]\ncomponents: [../component]\nimages: [{name: registry.example/cgproc, newName: mine/cgproc}]\n",
    );
    objects(&built(&home.path().join("app"))).expect("objects")
}

/// The pod that a workload makes.
fn pod_of(object: &Value) -> Option<&Value> {
    ["/spec/jobTemplate/spec/template/spec", "/spec/template/spec", "/spec"]
        .iter()
        .find_map(|path| object.pointer(path))
}

#[test]
fn every_container_of_every_workload_gets_the_library() {
    let template = format!("{{metadata: {{labels: {{a: b}}}}, spec: {SPEC}}}").replace('\n', " ");
    let workloads = WORKLOADS.replace("TEMPLATE", &template).replace("SPEC", &SPEC.replace('\n', " "));
    // Jobs want to know what happens at the end.
    let workloads = workloads.replace("volumes: [{name: v", "restartPolicy: POLICY, volumes: [{name: v");
    let policy = |line: &str| if line.contains("batch/v1") { "Never" } else { "Always" };
    let workloads: String = workloads.lines().map(|line| line.replace("POLICY", policy(line)) + "\n").collect();
    let objects = changed(&workloads);
    let mut findings = Findings::default();
    assert_eq!(objects.len(), 8);
    // Those of the oldest release that the example is for.
    let faults = faults(&objects, "v1.30");
    findings.check(faults.is_empty(), || faults);
    for object in &objects {
        let Some(pod) = pod_of(object) else {
            findings.check(object["kind"] == "ConfigMap" && object["data"] == json!({"a": "b"}), || object.to_string());
            continue;
        };
        let name = &object["kind"];
        let ours = json!({"name": "cgproc", "mountPath": "/usr/lib/cgproc", "readOnly": true});
        let first = &pod["initContainers"][0];
        findings
            .check(first["name"] == "cgproc" && first["image"] == "mine/cgproc:0.1.0", || format!("{name}: {first}"));
        // It alone writes.
        let written = json!([{"name": "cgproc", "mountPath": "/usr/lib/cgproc"}]);
        findings.check(first["volumeMounts"] == written && first["env"].is_null(), || format!("{name}: {first}"));
        let is_confined = first["securityContext"]["capabilities"] == json!({"drop": ["ALL"]})
            && first["securityContext"]["runAsNonRoot"] == true;
        findings.check(is_confined, || format!("{name}: {first}"));
        for (container, preload, mounts) in [
            (&pod["initContainers"][1], format!("{LIBRARY}:"), json!([ours])),
            (&pod["containers"][0], format!("{LIBRARY}:"), json!([ours])),
            (&pod["containers"][1], format!("{LIBRARY}:/own.so"), json!([{"name": "v", "mountPath": "/v"}, ours])),
        ] {
            let variables = container["env"].as_array().expect("variables");
            let is_it = |it: &&Value| it["name"] == "LD_PRELOAD";
            let values: Vec<&Value> = variables.iter().filter(is_it).map(|it| &it["value"]).collect();
            findings.check(values == [&json!(preload)], || format!("{name}: {container}"));
            findings.check(container["volumeMounts"] == mounts, || format!("{name}: {container}"));
        }
        let volumes = json!([{"name": "cgproc", "emptyDir": {"sizeLimit": "8Mi"}}, {"name": "v", "emptyDir": {}}]);
        findings.check(pod["volumes"] == volumes, || format!("{name}: {}", pod["volumes"]));
    }
    findings.conclude("component");
}
