//! The node agent on a real containerd: its containers with the rights and limits of the manifest, and pods beside it.

use crate::{
    bed::{self, Findings},
    harness::{Bed, Library},
    probe::{Said, limited, quota_usec},
    tools::objects_of,
};

/// Runs beside containerd, with the agent's pod in $1. $image is a directory with the contents of the agent's image.
const SCRIPT: &str = r#"
# What the agent leaves on its node ends with the test.
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir "$WORK/agent"
tar -C "$image" -c . >"$WORK/agent/layer.tar"
sum=$(sha256sum "$WORK/agent/layer.tar" | cut -d ' ' -f 1)
jq -n --arg layer "sha256:$sum" '{architecture: "amd64", os: "linux", config: {Entrypoint: ["/cgproc"]},
  rootfs: {type: "layers", diff_ids: [$layer]}}' >"$WORK/agent/config.json"
echo '[{"Config": "config.json", "RepoTags": ["docker.io/library/cgproc:latest"], "Layers": ["layer.tar"]}]' >"$WORK/agent/manifest.json"
tar -C "$WORK/agent" -c manifest.json config.json layer.tar | ctr -n k8s.io images import - >/dev/null

run() { "$cri" run "$2" "$1" base --memory 536870912 --quota "$quota" "${@:3}"; }
await() {
  for _ in {1..3000}; do
    if grep -q "$2" "$1"; then return; fi
    sleep 0.1
  done
  echo "$1 never had '$2':" >&2
  cat "$1" >&2
  exit 1
}

"$kubelet" agent cgproc <<<"$1" | tee "$WORK/agent.said"
await "$WORK/logs/agent/plugin.log" registered
asks=$("$cri" pod asks --label cgproc.io/view=on)
plain=$("$cri" pod plain)
run asks "$asks" -- sh -c 'probe asks; echo asks board $(test -e /run/cgproc/board && echo there)'
run plain "$plain" -- probe plain
stays=$(run stays "$asks" --stay -- sleep 100000)

# The agent is removed.
for container in $(sed -n 's/.* id //p' "$WORK/agent.said"); do
  ctr -n k8s.io tasks kill --signal KILL "$container"
  for _ in {1..3000}; do
    if ! ctr -n k8s.io tasks list | grep -q "^$container .*RUNNING"; then continue 2; fi
    sleep 0.1
  done
  echo "$container does not end" >&2
  exit 1
done
"$cri" exec "$stays" -- probe stays
run later "$asks" -- probe later
"#;

#[test]
fn the_node_agent_runs_with_its_few_rights_and_pods_get_the_view() {
    let objects = objects_of("kubernetes/node-agent");
    let agent = objects.iter().find(|it| it["kind"] == "DaemonSet").expect("the agent");
    let spec = agent["spec"]["template"]["spec"].to_string();
    let image = tempfile::tempdir().expect("a directory");
    let path = |name: &str| image.path().join(name);
    for (from, to, mode) in
        [(bed::static_command(), path("cgproc"), "-m755"), (bed::object(), path("libcgproc.so"), "-m644")]
    {
        let status = std::process::Command::new("install").arg(mode).args([from, to]).status();
        assert!(status.expect("install").success());
    }
    let variables = format!(
        "cri={} kubelet={} image={} quota={}",
        bed::repository("tests/bed/cri").display(),
        bed::repository("tests/bed/kubelet").display(),
        image.path().display(),
        quota_usec()
    );
    let script = format!("{variables}\n{SCRIPT}");
    let private = Bed { userland: "debian-12", library: Library::None };
    let said: Said = private.says(&["containerd", "bash", "-euo", "pipefail", "-c", &script, "agent", &spec]);
    let mut findings = Findings::default();
    let none = "0000000000000000";
    for container in ["sampler", "plugin"] {
        let rights = [("CapEff", none), ("CapBnd", none), ("NoNewPrivs", "1"), ("Seccomp", "2")];
        said.is(&mut findings, &format!("agent {container}"), &rights);
    }
    said.is(&mut findings, "agent sampler", &[("ready", "yes")]);
    said.is(&mut findings, "asks", &[("board", "there")]);
    for name in ["asks", "stays"] {
        let [memory, cpus] = [limited().memory_kib, limited().cpus].map(|figure| figure.to_string());
        said.is(&mut findings, name, &[("free", &memory), ("nproc", &cpus)]);
    }
    for name in ["plain", "later"] {
        said.shows_machine(&mut findings, name, limited());
    }
    findings.conclude("node agent");
}
