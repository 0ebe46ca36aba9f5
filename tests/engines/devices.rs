//! The view as a device of CDI, by the file that `cgproc cdi` writes: podman and Docker.

use crate::{
    bed::{self, Findings},
    lines, on_a_host,
    probe::{Row, Said, limited, machine, quota_usec},
};

/// An engine: its command, what starts it, and how it is told to check a container's health now.
struct Engine {
    command: &'static str,
    title: &'static str,
    limits: &'static str,
    check_health: &'static str,
    /// Whose line of docs/engines.md.
    documented: &'static str,
    /// What it says about a device that it does not know.
    unknown: &'static str,
}

const PODMAN: Engine = Engine {
    command: "podman",
    title: "podman, by its device",
    limits: "--ulimit nofile=1024:1024 --ulimit nproc=4096:4096",
    documented: "podman",
    check_health: "podman healthcheck run long",
    unknown: "unresolvable CDI devices",
};

const DOCKER: Engine = Engine {
    command: "docker",
    title: "docker, by its device",
    limits: "--health-interval 1s",
    documented: "Docker 28.2 or later",
    check_health: "until docker exec long test -e /dev/shm/said; do sleep 0.1; done",
    unknown: "unresolvable CDI devices",
};

/// What the image itself preloads: any library that it has.
const OWN: &str = "LD_PRELOAD=libutil.so.1";

/// What a container says: its own library and the board as it sees them, and the figures of `probe`.
const SCRIPT: &str = r#"
# As the package has it: the specification goes with the library.
mkdir /etc/cdi
cgproc cdi --output /usr/lib/cgproc/cdi.json
ln -s /usr/lib/cgproc/cdi.json /etc/cdi/cgproc.json
cgproc sampler --once
tar -C "$CACHE/roots/musl" -c . | engine import - musl >/dev/null
run() { engine run --rm --network none --cgroup-parent "/$CGROUP" --memory 512m --cpu-period 100000 --cpu-quota "$QUOTA" $LIMITS "$@"; }
glibc='probe run; env -i /usr/local/bin/probe env-i; echo own is $(grep -c libutil /proc/self/maps)
  echo board is $(cd /run/cgproc && ls); echo written is nothing$(for it in /run/cgproc /usr/lib/cgproc; do
  touch $it/mine && echo , $it; done; echo >>/etc/ld.so.preload && echo , /etc/ld.so.preload)'
musl='echo $0 free $(free -k | awk "/^Mem:/ {print \$2}"); echo $0 nproc $(nproc)'
run $DOCUMENTED base sh -c "$glibc"
run --device cgproc.io/view=all --read-only base probe read-only
run base probe without
run --device cgproc.io/view=musl base sh -c 'probe by-variable; echo lost is $(grep -c libutil /proc/self/maps)'
run --device cgproc.io/view=all --device cgproc.io/view=musl base probe both
run --device cgproc.io/view=musl musl sh -c "$musl" musl
run --device cgproc.io/view=musl --detach --name small musl sleep 100000 >/dev/null
engine exec small sh -c "$musl" exec-musl
run --device cgproc.io/view=all --detach --name long --health-cmd 'probe health >/dev/shm/said.part; mv /dev/shm/said.part /dev/shm/said' \
  base sleep 100000 >/dev/null
engine exec long probe exec
eval "$CHECK_HEALTH"
engine exec long cat /dev/shm/said
engine rm --force small long >/dev/null
refused() { if why=$(run --device "$2" base true 2>&1); then echo "$1 starts"; else echo "$1 refused $why" | tr '\n' ' '; echo; fi; }
refused unknown cgproc.io/view=other
rm -r /run/cgproc
refused boardless cgproc.io/view=all
rm /etc/cdi/cgproc.json
refused removed cgproc.io/view=all
run base probe after
echo version engine $(engine version --format '{{.Client.Version}}')
"#;

fn says(engine: &Engine, start: &[&str]) -> Said {
    let Engine { command, limits, check_health, .. } = engine;
    let line = lines::documented(engine.documented);
    let options = line.strip_prefix(&format!("{command} run ")).and_then(|line| line.strip_suffix(" IMAGE"));
    let head = format!(
        "engine() {{ {command} \"$@\"; }}\nLIMITS='{limits}' QUOTA={} DOCUMENTED='{}' CHECK_HEALTH='{check_health}' CACHE='{}'",
        quota_usec(),
        options.expect("options between the command and the image"),
        bed::cache().display()
    );
    on_a_host(&[start, &["-e", OWN, "bash", "-euc", &format!("{head}\n{SCRIPT}")]].concat())
}

#[test]
fn podman_gives_the_view_as_a_device() {
    judge(&PODMAN, &says(&PODMAN, &["podman"]));
}

#[test]
fn docker_gives_the_view_as_a_device() {
    judge(&DOCKER, &says(&DOCKER, &["newer", "docker"]));
}

fn judge(engine: &Engine, said: &Said) {
    let mut findings = Findings::default();
    let row = Row { runtime: engine.title, version: said.value("version", "engine").expect("its version") };
    for name in ["run", "env-i", "read-only", "exec", "health", "by-variable", "both"] {
        said.shows_container(&mut findings, &row, name, limited());
    }
    for name in ["without", "after"] {
        said.shows_machine(&mut findings, name, limited());
    }
    // Device `all` leaves the image's own library alone; `musl` takes its place. Nothing of the host can be changed.
    said.is(&mut findings, "board", &[("is", "board")]);
    said.is(&mut findings, "written", &[("is", "nothing")]);
    let count = |name| said.value(name, "is").and_then(|count| count.parse::<u32>().ok());
    findings.check(count("own") > Some(0), || format!("device all: the image's own library: {:?}", count("own")));
    findings.check(count("lost") == Some(0), || format!("device musl: the image's own library: {:?}", count("lost")));
    // The variable is no part of what `exec` starts with.
    let (container, machine) = (limited(), machine());
    for (name, figures) in [("musl", container), ("exec-musl", machine)] {
        let [memory, cpus] = [figures.memory_kib, figures.cpus].map(|figure| figure.to_string());
        said.is(&mut findings, name, &[("free", &memory), ("nproc", &cpus)]);
    }
    for (name, reason) in [("unknown", engine.unknown), ("boardless", "/run/cgproc"), ("removed", engine.unknown)] {
        let why = said.value(name, "refused").unwrap_or("it started");
        findings.check(why.contains(reason), || format!("{name}: {why}"));
    }
    findings.conclude(engine.title);
}
