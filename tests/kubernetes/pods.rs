//! Pods for a policy, and what has to become of them.

use serde_json::{Value, json};

/// A pod as it is created.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Its namespace: `asked` has the label, `plain` does not.
    pub(crate) namespace: &'static str,
    pub(crate) subresource: &'static str,
    pub(crate) pod: Value,
    /// As it is admitted.
    pub(crate) expected: Value,
}

const LIBRARY: &str = "/usr/lib/cgproc/libcgproc.so";

/// A pod of these containers.
fn pod(containers: Value) -> Value {
    json!({"metadata": {"name": "it"}, "spec": {"containers": containers}})
}

/// The pod with one thing changed or added, by its JSON pointer.
fn with(mut pod: Value, pointer: &str, value: Value) -> Value {
    let (above, name) = pointer.rsplit_once('/').expect("a pointer");
    pod.pointer_mut(above).expect("an object")[name] = value;
    pod
}

/// A container that is given the library: these variables, then its other fields.
fn given(name: &str, env: &Value) -> Value {
    json!({"name": name, "image": name, "env": env,
        "volumeMounts": [{"name": "cgproc", "mountPath": "/usr/lib/cgproc", "readOnly": true}]})
}

fn plain(name: &str) -> Value {
    json!({"name": name, "image": name})
}

fn preload(value: &str) -> Value {
    json!({"name": "LD_PRELOAD", "value": value})
}

/// The pod with the volume that goes with its changed containers.
fn with_volume(pod: Value) -> Value {
    let image = json!({"reference": "registry.example/cgproc:0.1.0", "pullPolicy": "IfNotPresent"});
    with(pod, "/spec/volumes", json!([{"name": "cgproc", "image": image}]))
}

fn changed(name: &'static str, pod: Value, expected: Value) -> Case {
    Case { name, namespace: "asked", subresource: "", pod, expected: with_volume(expected) }
}

fn kept(name: &'static str, pod: Value) -> Case {
    Case { name, namespace: "asked", subresource: "", expected: pod.clone(), pod }
}

/// One container without variables, and what becomes of it.
fn one() -> (Value, Value) {
    (pod(json!([plain("a")])), pod(json!([given("a", &json!([preload(LIBRARY)]))])))
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = variables();
    all.extend(containers());
    all.extend(volumes());
    all.extend(choices());
    all
}

/// What is in `LD_PRELOAD` already.
fn variables() -> Vec<Case> {
    let env = |env: Value| pod(json!([{"name": "a", "image": "a", "env": env}]));
    let to = |env: Value| pod(json!([given("a", &env)]));
    let from = json!({"name": "LD_PRELOAD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    let (before, after) = one();
    vec![
        changed("no variables", before, after),
        changed(
            "its own LD_PRELOAD",
            env(json!([preload("/usr/lib/libjemalloc.so.2")])),
            to(json!([preload(&format!("{LIBRARY}:/usr/lib/libjemalloc.so.2"))])),
        ),
        changed("an empty one", env(json!([preload("")])), to(json!([preload(LIBRARY)]))),
        changed("one without a value", env(json!([{"name": "LD_PRELOAD"}])), to(json!([preload(LIBRARY)]))),
        changed(
            "others around it",
            env(json!([{"name": "A", "value": "1"}, preload("$(A).so b.so"), {"name": "B", "value": "$(A)"}])),
            to(
                json!([{"name": "A", "value": "1"}, preload(&format!("{LIBRARY}:$(A).so b.so")), {"name": "B", "value": "$(A)"}]),
            ),
        ),
        kept("valueFrom", env(json!([from]))),
        kept("the library by another path", env(json!([preload("/opt/libcgproc.so:/x.so")]))),
    ]
}

/// Several containers, of each kind.
fn containers() -> Vec<Case> {
    let ours = json!([preload(LIBRARY)]);
    let from = json!({"name": "LD_PRELOAD", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}});
    let fixed = json!({"name": "a", "image": "a", "env": [from]});
    let sidecar = json!({"name": "side", "image": "side", "restartPolicy": "Always", "env": [preload("/s.so")]});
    let its_env = json!([preload(&format!("{LIBRARY}:/s.so"))]);
    let sidecar_given = with(given("side", &its_env), "/restartPolicy", json!("Always"));
    let many = ["c", "a", "d", "b"];
    vec![
        changed(
            "many containers",
            pod(many.map(plain).into_iter().collect()),
            pod(many.map(|name| given(name, &ours)).into_iter().collect()),
        ),
        changed("valueFrom in one of two", pod(json!([fixed, plain("b")])), pod(json!([fixed, given("b", &ours)]))),
        changed(
            "init containers, one of them a sidecar",
            with(pod(json!([plain("a")])), "/spec/initContainers", json!([plain("i"), sidecar])),
            with(pod(json!([given("a", &ours)])), "/spec/initContainers", json!([given("i", &ours), sidecar_given])),
        ),
        changed(
            "an init container alone can have it",
            with(pod(json!([fixed])), "/spec/initContainers", json!([plain("i")])),
            with(pod(json!([fixed])), "/spec/initContainers", json!([given("i", &ours)])),
        ),
        kept("admitted before", with_volume(one().1)),
        changed(
            "a container added since it was admitted",
            with_volume(pod(json!([given("a", &ours), plain("b")]))),
            pod(json!([given("a", &ours), given("b", &ours)])),
        ),
        Case {
            subresource: "ephemeralcontainers",
            ..kept("an ephemeral container", with(one().0, "/spec/ephemeralContainers", json!([plain("e")])))
        },
    ]
}

/// Volumes and mounts that are there already.
fn volumes() -> Vec<Case> {
    let volume = json!({"name": "v", "emptyDir": {}});
    let mounted = |path: &str| json!({"name": "m", "image": "m", "volumeMounts": [{"name": "v", "mountPath": path}]});
    let of = |container: Value| with(pod(json!([container])), "/spec/volumes", json!([volume]));
    let mut both = given("m", &json!([preload(LIBRARY)]));
    let mounts = both["volumeMounts"].as_array_mut().expect("a list");
    mounts.insert(0, mounted("/v")["volumeMounts"][0].clone());
    let mut with_both = with_volume(pod(json!([both])));
    with_both["spec"]["volumes"].as_array_mut().expect("a list").insert(0, volume.clone());
    vec![
        Case { expected: with_both, ..kept("a volume of its own", of(mounted("/v"))) },
        kept("a mount at the place", of(mounted("/usr/lib/cgproc"))),
        kept(
            "another volume of the name",
            with(pod(json!([plain("a")])), "/spec/volumes", json!([{"name": "cgproc", "emptyDir": {}}])),
        ),
    ]
}

/// Who asks, who refuses, and who is never asked.
fn choices() -> Vec<Case> {
    let (before, after) = one();
    let labelled = |pod: &Value, value: &str| with(pod.clone(), "/metadata/labels", json!({"cgproc.io/view": value}));
    let annotated = |key: &str, value: &str| with(before.clone(), "/metadata/annotations", json!({key: value}));
    let on = |pod: &Value| with(pod.clone(), "/spec/os", json!({"name": "linux"}));
    let elsewhere = |namespace, case| Case { namespace, ..case };
    let node = |os: &str| json!({"kubernetes.io/os": os});
    let mut all = vec![
        elsewhere("plain", kept("a namespace that does not ask", before.clone())),
        elsewhere("kube-system", kept("a system namespace that asks", before.clone())),
        elsewhere("kube-system", kept("a pod that asks there", labelled(&before, "on"))),
        changed("both ask", labelled(&before, "on"), labelled(&after, "on")),
        changed("another word", labelled(&before, "maybe"), labelled(&after, "maybe")),
        kept("a label refuses", labelled(&before, "off")),
        kept("so does false", labelled(&before, "false")),
        kept("an annotation refuses", annotated("cgproc.io/view", "off")),
        kept("a pod of the kubelet's own", annotated("kubernetes.io/config.mirror", "x")),
        kept("Windows", with(before.clone(), "/spec/os", json!({"name": "windows"}))),
        kept("Windows, by its node", with(before.clone(), "/spec/nodeSelector", node("windows"))),
        changed("Linux", on(&before), on(&after)),
        changed(
            "Linux, by its node",
            with(before.clone(), "/spec/nodeSelector", node("linux")),
            with(after.clone(), "/spec/nodeSelector", node("linux")),
        ),
    ];
    all.push(elsewhere("plain", changed("a pod that asks by itself", labelled(&before, "on"), labelled(&after, "on"))));
    all
}
