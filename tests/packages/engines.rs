//! Engines of a machine that the package comes to, and goes from: the README's lines as they stand there, a newcomer's
//! first.

use crate::{
    bed::{self, Findings},
    harness::package,
    private::{Bed, Library},
    probe::{Said, limited, machine, quota_usec},
};

/// Runs the line with a processor quota and without a network, and the same container with the tools whose figures are
/// known. Then the package goes: the container that was started before stays, and one comes after.
const SCRIPT: &str = r#"
engine() { command "$ENGINE" "$@"; }
engine tag base ubuntu
started() {
  shift
  engine run --network none --cgroup-parent "/$CGROUP" --cpu-period 100000 --cpu-quota "$QUOTA" "$@"
}
docker() { started "$@"; }
podman() { started "$@"; }
total() { awk '$1 == "Mem:" {print $2}'; }
echo "line total $(eval "$LINE" | total)"
before=${LINE% free -h}
eval "${before/ run / run --detach --name before } sleep 100000" >/dev/null
eval "$before probe figures"
engine exec before probe exec
eval "$before env -i /usr/local/bin/probe env-i"
eval "${before/ run / run --read-only } probe read-only"
dpkg --log=/dev/null --no-triggers --remove cgproc 2>$WORK/removal >/dev/null
sed -n 's/^cgproc: /removal said /p' $WORK/removal
echo "running is $(engine inspect --format '{{.State.Running}}' before)"
$STAYS engine exec before sh -c 'free -h' 2>&1 | sed 's/^/exec-after /'
started run -m 512m ubuntu sh -c 'free -h' 2>&1 | sed 's/^/after /'
"#;

/// An engine, and the README's lines for it.
struct Engine {
    command: &'static str,
    /// The scripts of `tests/bed` that start it.
    start: &'static [&'static str],
    line: &'static str,
    /// What a container needs so that it can be entered after the removal: another runtime's is gone with the package.
    stays: &'static str,
}

const ENGINES: [Engine; 3] = [
    Engine { command: "docker", start: &["newer", "docker"], line: "docker run --device", stays: "" },
    Engine { command: "podman", start: &["podman"], line: "podman run --device", stays: "" },
    Engine { command: "docker", start: &["docker"], line: "docker run --runtime", stays: "true" },
];

/// The line of README.md that begins so, without what is said about it.
fn documented(words: &str) -> String {
    let path = bed::repository("README.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let line = text.lines().find(|line| line.starts_with(words));
    let line = line.unwrap_or_else(|| panic!("{}: no line begins with {words}", path.display()));
    line.split(" #").next().unwrap_or_default().trim().to_owned()
}

fn says(engine: &Engine) -> Said {
    let Engine { command, start, line, stays } = engine;
    let head = format!("ENGINE={command} QUOTA={} LINE='{}' STAYS='{stays}'", quota_usec(), documented(line));
    let script = format!("{head}\n{SCRIPT}");
    let deb = package("_amd64.deb").display().to_string();
    let [first, rest @ ..] = start else { panic!("no script") };
    let first = bed::repository("tests/bed").join(first).display().to_string();
    let words = [&["installed", "-p", &deb, "--", &first], rest, &["bash", "-euc", &script]].concat();
    Bed { userland: "debian-12", library: Library::None }.says(&words)
}

fn judge(engine: &Engine) {
    let said = says(engine);
    let mut findings = Findings::default();
    let [memory, cpus] = [limited().memory_kib, limited().cpus].map(|figure| figure.to_string());
    said.is(&mut findings, "line", &[("total", "512Mi")]);
    for name in ["figures", "exec", "env-i", "read-only"] {
        said.is(&mut findings, name, &[("free", &memory), ("nproc", &cpus)]);
        let age = said.whose_time(name);
        findings.check(age == "yes", || format!("{name}: the uptime: {age}"));
    }
    said.is(&mut findings, "running", &[("is", "true")]);
    // The machine's figures, and no complaint of a loader.
    findings.check(!said.0.contains("ld.so"), || format!("after the removal: {}", said.0));
    for name in ["exec-after", "after"] {
        let total = said.value(name, "Mem:").and_then(|it| it.split_whitespace().next());
        let is_left_out = name == "exec-after" && !engine.stays.is_empty();
        findings.check(is_left_out || total.is_some_and(|it| it.ends_with("Gi")), || format!("{name}: {total:?}"));
    }
    assert!(machine().memory_kib > limited().memory_kib, "a container as large as the machine");
    let warned = said.0.lines().any(|line| line.starts_with("removal said /etc/docker/daemon.json"));
    findings.check(warned, || format!("the removal does not name a file that still names us:\n{}", said.0));
    findings.conclude(engine.line);
}

#[test]
fn docker_by_its_device() {
    judge(&ENGINES[0]);
}

#[test]
fn podman_by_its_device() {
    judge(&ENGINES[1]);
}

#[test]
fn docker_by_the_runtime() {
    judge(&ENGINES[2]);
}
