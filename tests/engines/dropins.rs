//! The files of examples/engines for podman, Docker and systemd, each in its place on a host, obeyed by its engine.

use crate::{
    bed::{self, Findings},
    lines, on_a_host, on_a_host_in,
    probe::{Figures, Row, Said, limited, quota_usec},
};
use std::process::Command;

/// What the scripts stand on: `place FILE PATH` puts a file of examples/engines where its engine reads it.
pub(crate) fn prelude() -> String {
    format!(
        "export BED='{}' FILES='{}' CACHE='{}' QUOTA={}
         place() {{ install -D -m 644 \"$FILES/$1\" \"$2\"; }}
         machines() {{ cp -r \"$CACHE/machines/usr/.\" /usr; cp -r \"$CACHE/machines/lib/.\" /usr/lib; cp -r \"$CACHE/machines/etc/.\" /etc; }}
         export -f place\n",
        bed::repository("tests/bed").display(),
        bed::repository("examples/engines").display(),
        bed::cache().display(),
        quota_usec()
    )
}

/// What a script says on a host: `before` makes the host, then a script of tests/bed with its arguments runs `within`.
fn says(before: &str, engine: &str, within: &str) -> Said {
    let before = format!("{}{before}\nexec \"$BED\"/{engine} bash -euc \"$0\"", prelude());
    on_a_host(&["/bin/bash", "-euc", &before, within])
}

/// The options with which `docker run` and `podman run` limit a container.
const LIMITS: &str =
    "--rm --network none --cgroup-parent /$CGROUP --memory 512m --cpu-period 100000 --cpu-quota $QUOTA";
const PODMANS_LIMITS: &str = "--ulimit nofile=1024:1024 --ulimit nproc=4096:4096";

/// The version that a script printed as `version engine …`.
pub(crate) fn version(said: &Said) -> &str {
    said.value("version", "engine").expect("its version")
}

/// All of `seen` show the container, all of `unseen` the machine.
pub(crate) fn judge(title: &str, said: &Said, seen: &[&str], unseen: &[&str], figures: Figures) -> Findings {
    let mut findings = Findings::default();
    let row = Row { runtime: title, version: version(said) };
    for name in seen {
        said.shows_container(&mut findings, &row, name, figures);
    }
    for name in unseen {
        said.shows_machine(&mut findings, name, figures);
    }
    findings
}

#[test]
fn services_obey_their_file() {
    const SCRIPT: &str = r#"
cp -r /usr/lib/cgproc "$ROOT/usr/lib"
place systemd/50-cgproc.conf "$ROOT/etc/systemd/system/service.d/50-cgproc.conf"
"$BED/system" -q "$QUOTA" probes.target
"#;
    let script = prelude() + SCRIPT;
    let said = on_a_host_in("system", Command::new("env"), &["/bin/bash", "-euc", &script]);
    let version = said.0.lines().find_map(|line| line.strip_prefix("systemd ")).expect("its version");
    let mut findings = Findings::default();
    let row = Row { runtime: "systemd service, by its file", version };
    said.shows_container(&mut findings, &row, "service", limited());
    said.shows_container(&mut findings, &row, "limited", Figures { memory_kib: 256 << 10, ..limited() });
    for lost in ["unset", "login"] {
        said.shows_machine(&mut findings, lost, limited());
    }
    findings.conclude("systemd");
}

#[test]
fn podman_obeys_its_files() {
    let script = format!(
        r#"
run() {{ podman run {LIMITS} {PODMANS_LIMITS} base env -i /usr/local/bin/probe "$@"; }}
echo version engine "$(podman version --format '{{{{.Client.Version}}}}')"
run without
place podman/50-cgproc.conf /etc/containers/containers.conf.d/50-cgproc.conf
run volumes
rm /etc/containers/containers.conf.d/50-cgproc.conf
place podman/50-cgproc-runtime.conf /etc/containers/containers.conf.d/50-cgproc-runtime.conf
# The test's own podman names a runtime on its command line, which would win.
sed -i 's/ --runtime [^ ]*//' "$WORK/bin/podman"
run runtime
"#
    );
    let said = says("", "podman", &script);
    judge("podman, by its files", &said, &["volumes", "runtime"], &["without"], limited()).conclude("podman");
}

#[test]
fn docker_obeys_its_file_and_its_line() {
    let line = lines::documented("Docker, any version");
    let options = line.strip_prefix("docker run ").and_then(|line| line.strip_suffix("IMAGE")).expect("docker run");
    let script = format!(
        r#"
run() {{ docker run {LIMITS} "$@"; }}
echo version engine "$(docker version --format '{{{{.Server.Version}}}}')"
run base probe file
run {options} base probe line
run --runtime runc base probe without
"#
    );
    let said = says("place docker/daemon.json /etc/docker/daemon.json", "docker", &script);
    judge("docker, by its file", &said, &["file", "line"], &["without"], limited()).conclude("docker");
}

#[test]
fn compose_obeys_its_file() {
    // A container without network, among the test's cgroups; all else is as in the file.
    let script = format!(
        r#"
docker tag base ubuntu
cat >"$WORK/here.yaml" <<END
services:
  app:
    network_mode: none
    cgroup_parent: /$CGROUP
    cpu_period: 100000
    cpu_quota: $QUOTA
    command: ["sh", "-c", "probe file; env -i /usr/local/bin/probe env-i"]
END
echo version engine "$(docker-compose version --short)"
docker-compose --project-name c --file "$FILES/docker/compose.yaml" --file "$WORK/here.yaml" up --no-log-prefix
docker run {LIMITS} base probe without
"#
    );
    let said = says("mkdir /etc/cdi; cgproc cdi --output /etc/cdi/cgproc.json", "newer docker", &script);
    judge("docker compose", &said, &["file", "env-i"], &["without"], limited()).conclude("compose");
}

#[test]
fn containerd_starts_pods_by_its_handler() {
    const SCRIPT: &str = r#"
run() { "$BED/cri" run "$2" "$1" base --memory 536870912 --quota "$QUOTA" "${@:3}"; }
echo version engine "$(containerd --version | cut -d ' ' -f 3)"
handled=$("$BED/cri" pod handled --handler cgproc)
off=$("$BED/cri" pod off --handler cgproc --annotation cgproc.io/view=off)
plain=$("$BED/cri" pod plain)
run handled "$handled" -- env -i /usr/local/bin/probe handled
run off "$off" -- probe off
run plain "$plain" -- probe plain
container=$(run stays "$handled" --stay -- sleep 100000)
"$BED/cri" exec "$container" -- probe exec
"#;
    // No systemd is at work beside the test's containerd.
    let before = "place containerd/config-v3.toml /etc/containerd/conf.d/cgproc.toml
        sed -i 's/^SystemdCgroup = true/SystemdCgroup = false/' /etc/containerd/conf.d/cgproc.toml";
    let said = says(before, "containerd", SCRIPT);
    judge("containerd, by its handler", &said, &["handled", "exec"], &["off", "plain"], limited())
        .conclude("containerd");
}
