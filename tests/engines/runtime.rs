//! `cgproc-runtime` under Docker, podman and containerd, in front of runc and crun: what a container runs, what is
//! started in it later, and what its health check starts, show the container's figures, whatever its image is.

use crate::{
    bed::{self, Container, Findings, PLAIN, Version, View},
    harness::side_by_side,
    on_a_host, on_a_host_in,
    probe::{Row, Said, limited, quota_usec},
};

/// A container of an engine.
struct Case {
    name: &'static str,
    /// `base` has glibc and the tools of Debian, `musl` a busybox; the others are `base` with something more.
    image: &'static str,
    options: &'static str,
    facts: &'static [(&'static str, &'static str)],
    has_view: bool,
}

const fn case(name: &'static str, image: &'static str, options: &'static str) -> Case {
    Case { name, image, options, facts: &[], has_view: true }
}

const OF_DOCKER: [Case; 8] = [
    Case { facts: &[("root", "rw")], ..case("plain", "base", "--runtime cgproc") },
    Case { facts: &[("root", "ro")], ..case("read-only", "base", "--runtime cgproc --read-only") },
    Case {
        facts: &[("user", "1000"), ("no-new-privileges", "1"), ("capabilities", "0000000000000000")],
        ..case(
            "strict",
            "base",
            "--runtime cgproc --user 1000:1000 --cap-drop ALL --security-opt no-new-privileges --tmpfs /run",
        )
    },
    Case { facts: &[("jemalloc", "1")], ..case("environment", "environment", "--runtime cgproc") },
    Case { facts: &[("jemalloc", "1")], ..case("file", "file", "--runtime cgproc") },
    case("musl", "musl", "--runtime cgproc"),
    Case { has_view: false, ..case("off", "base", "--runtime cgproc --env CGPROC=off") },
    Case { has_view: false, ..case("beside", "base", "--runtime runc") },
];

const OF_DOCKER_WITH_MAPPED_USERS: [Case; 2] = [
    Case { facts: &[("mapped", "100000")], ..case("mapped", "base", "--runtime cgproc") },
    Case {
        facts: &[("mapped", "100000"), ("root", "ro")],
        ..case("mapped-read-only", "base", "--runtime cgproc --read-only")
    },
];

const OF_PODMAN: [Case; 4] = [
    case("plain", "base", ""),
    Case { facts: &[("root", "ro")], ..case("read-only", "base", "--read-only") },
    Case {
        facts: &[("mapped", "100000")],
        ..case("mapped", "base", "--uidmap 0:100000:65536 --gidmap 0:100000:65536")
    },
    Case { has_view: false, ..case("off", "base", "--annotation cgproc.io/view=off") },
];

const OF_PODMAN_WITH_CRUN: [Case; 2] = [case("crun", "base", ""), case("crun-musl", "musl", "")];

/// Shell functions. `told ENGINE NAME IMAGE OPTION...` runs a container that tells its figures, and then what is started
/// in it tells them: by `exec`, without any variable, and by Docker's health check. Output that comes later ends with
/// `over`.
const TOLD: &str = r#"
    telling() {
        case $1 in
            musl) echo 'tell() {
                echo $1 free $(free -k | awk "/^Mem:/ {print \$2}")
                echo $1 meminfo $(awk "/^MemTotal:/ {print \$2}" /proc/meminfo)
                echo $1 nproc $(nproc)
            }' ;;
            *) echo 'tell() { probe $1; echo $1 jemalloc $(grep -m 1 -c jemalloc /proc/self/maps); }' ;;
        esac
    }
    over() {
        for _ in $(seq 1200); do
            if said=$("$@" 2>&1) && grep -q ' over$' <<<"$said"; then break; fi
            sleep 0.1
        done
        echo "$said"
    }
    told() {
        local engine=$1 name=$2 image=$3 tell checked=()
        shift 3
        tell=$(telling $image)
        if [ $engine = docker ]; then
            checked=(--health-interval 1s --health-cmd "$tell; tell $name-health; echo $name over")
        fi
        $engine run --detach --name $name --network none --cgroup-parent /$CGROUP --memory 512m --cpu-period 100000 \
            --cpu-quota $quota "${checked[@]}" "$@" $image \
            sh -c "$tell; tell $name-run; echo $name over; exec sleep 1000" >/dev/null
        over $engine logs $name
        $engine exec $name sh -c "$tell; tell $name-exec; echo $name file \$(cat /etc/ld.so.preload)"
        if [ $image != musl ]; then
            $engine exec $name env -i PATH=/usr/local/bin:/usr/bin:/bin sh -c "$tell; tell $name-cleared"
        fi
        if [ $engine = docker ]; then
            over docker inspect --format '{{range .State.Health.Log}}{{.Output}}{{end}}' $name
        fi
        $engine kill $name >/dev/null
        # Podman may still be busy with it; it ends with the bed.
        $engine rm --force $name >/dev/null || :
    }
"#;

/// The images that are made of `base`.
const IMAGES: &str = "
    mkdir $WORK/context
    cp /usr/lib/x86_64-linux-gnu/libjemalloc.so.2 $WORK/context
    echo /usr/lib/libjemalloc.so.2 >$WORK/context/preload
    cat >$WORK/context/Dockerfile <<'END'
FROM base AS environment
COPY libjemalloc.so.2 /usr/lib/
ENV LD_PRELOAD=/usr/lib/libjemalloc.so.2
FROM base AS file
COPY libjemalloc.so.2 /usr/lib/
COPY preload /etc/ld.so.preload
END
    for image in environment file; do
        docker build --quiet --network none --target $image --tag $image $WORK/context >/dev/null
    done
    ";

/// With an invalid runtime.toml, and with the library gone, containers start as ever.
const IN_TROUBLE: &str = "
    run() { docker run --rm --runtime cgproc --network none --cgroup-parent /$CGROUP --memory 512m base probe $1; }
    echo 'view = ' >/etc/cgproc/runtime.toml
    run invalid
    rm /etc/cgproc/runtime.toml
    mv /usr/lib/cgproc /usr/lib/gone
    run gone
    ";

#[test]
fn docker_containers_of_every_kind() {
    let script = format!("{IMAGES}\n{}\n{}\n{IN_TROUBLE}", of_musl("docker"), all_told("docker", &OF_DOCKER));
    let said = says(&["docker"], "docker", &script);
    let mut findings = Findings::default();
    judge(&mut findings, "docker", &said, &OF_DOCKER, &["run", "exec", "health", "cleared"]);
    // An image's own file is never hidden.
    said.is(&mut findings, "file", &[("file", "/usr/lib/libjemalloc.so.2")]);
    said.is(&mut findings, "plain", &[("file", "/usr/lib/cgproc/$PLATFORM/libcgproc.so")]);
    for name in ["invalid", "gone"] {
        said.shows_machine(&mut findings, name, limited());
    }
    findings.conclude("docker");
}

#[test]
fn docker_containers_with_mapped_users() {
    let cases = &OF_DOCKER_WITH_MAPPED_USERS;
    let said = says(&["docker", "-u"], "docker", &all_told("docker", cases));
    let mut findings = Findings::default();
    judge(&mut findings, "docker", &said, cases, &["run", "exec", "health", "cleared"]);
    findings.conclude("docker with mapped users");
}

#[test]
fn podman_containers_of_every_kind() {
    // crun 1.8 refuses a version 2 mount beside version 1.
    let crun = "if [ -d /sys/fs/cgroup/unified ]; then mount -t tmpfs tmpfs /sys/fs/cgroup/unified; fi
        echo 'runtime = \"/usr/bin/crun\"' >/etc/cgproc/runtime.toml";
    let script = format!(
        "export RUNTIME=/usr/bin/cgproc-runtime\n{}\n{}\n{crun}\n{}",
        of_musl("podman"),
        all_told("podman", &OF_PODMAN),
        all_told("podman", &OF_PODMAN_WITH_CRUN)
    );
    let said = says(&["podman"], "podman", &script);
    let mut findings = Findings::default();
    for cases in [&OF_PODMAN[..], &OF_PODMAN_WITH_CRUN] {
        judge(&mut findings, "podman", &said, cases, &["run", "exec", "cleared"]);
    }
    findings.conclude("podman");
}

/// containerd as it is without Kubernetes: `ctr` gives a container a root and an empty /run. `told NAME OPTION...` runs
/// one, and tells what is started in it without any variable.
const OF_CONTAINERD: &str = r#"
    ctr() { command ctr --address $WORK/containerd.socket "$@"; }
    printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >$WORK/containerd.toml
    containerd --config $WORK/containerd.toml --address $WORK/containerd.socket --root $WORK/containerd \
        --state /run/containerd >$WORK/containerd.log 2>&1 &
    daemon=$!
    for _ in $(seq 600); do if ctr version >/dev/null 2>&1; then break; fi; sleep 0.1; done
    told() {
        local name=$1
        shift
        ctr run --detach --runc-binary /usr/bin/cgproc-runtime --rootfs --memory-limit 536870912 --cpu-period 100000 \
            --cpu-quota $quota --cgroup /$CGROUP/$name --env PATH=/usr/bin \
            --mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro "$@" $ROOT $name sleep 1000
        ctr task exec --exec-id told $name env -i PATH=/usr/local/bin:/usr/bin:/bin probe $name
        ctr task kill --signal KILL $name
    }
    echo version containerd $(containerd --version | cut -d ' ' -f 3)
"#;

#[test]
fn containerd_containers_see_themselves() {
    let containers = ["plain", "read-only --read-only", "off --annotation cgproc.io/view=off"];
    let told = side_by_side(containers.into_iter().enumerate().map(|(at, line)| (at, format!("told {line}"))));
    let script = format!("quota={}\n{OF_CONTAINERD}\n{told}\nkill $daemon; wait $daemon || :", quota_usec());
    let said = on_a_host(&["/bin/bash", "-euc", &script]);
    let mut findings = Findings::default();
    let version = said.value("version", "containerd").expect("its version");
    let row = Row { runtime: "containerd, cgproc-runtime", version };
    for name in ["plain", "read-only"] {
        said.shows_container(&mut findings, &row, name, limited());
    }
    said.is(&mut findings, "read-only", &[("root", "ro")]);
    said.shows_machine(&mut findings, "off", limited());
    findings.conclude("containerd");
}

/// A user's own container: the user's namespace makes the mount points in a root of theirs, and cannot in root's.
#[test]
fn rootless_containers_get_what_their_user_can_make() {
    let group = Container { quota_usec: Some(quota_usec()), view: View::Raw, ..PLAIN };
    let script = format!(
        "cp -a {} $WORK/own
        for name in roots own; do
            if [ $name = own ]; then chown -R 1000:1000 $WORK/own; fi
            ROOT=$WORK/own {} -t cgproc-runtime -e A=1 sh -c \"echo $name nproc \\$(nproc)
                echo $name library \\$(grep -c 'libcgproc.so' /proc/self/maps)\"
            rm -r $WORK/home
        done",
        bed::cache().join("roots/musl").display(),
        bed::repository("tests/bed/rootless").display()
    );
    let said = on_a_host_in("debian-12", group.enter(), &["/bin/bash", "-euc", &script]);
    let mut findings = Findings::default();
    let (own, all) = (limited().cpus.to_string(), bed::host().cpus.to_string());
    said.is(&mut findings, "roots", &[("nproc", &all), ("library", "0")]);
    let mapped = said.value("own", "library").and_then(|count| count.parse().ok()).unwrap_or(0);
    findings.check(mapped > 0, || "own: the library is not there".to_owned());
    // runc hides version 2 if it may not mount it: it covers it with a tmpfs (CVE-2023-25809).
    let seen = if bed::version() == Version::V2 { &all } else { &own };
    said.is(&mut findings, "own", &[("nproc", seen)]);
    findings.conclude("rootless");
}

/// Which runtime is started, by what runtime.toml names: NAME, STATUS and what was said. `own` has a runtime that tells
/// its name.
const NAMED: &str = r#"
    file=/etc/cgproc/runtime.toml
    mkdir $WORK/own
    printf '#!/bin/sh\necho runsc is here\n' >$WORK/own/runsc
    chmod 755 $WORK/own/runsc
    started() {
        local status=0 said
        said=$(cgproc-runtime --version 2>&1) || status=$?
        echo $1 status $status
        echo $1 said $(head -n 1 <<<"$said")
    }
    started none
    echo "runtime = '$WORK/own/runsc'" >$file
    started named
    echo 'view = ' >>$file
    started invalid
    chmod 666 $file
    started strangers
    chmod 644 $file
    echo 'runtime = "/usr/local/bin/runsc"' >$file
    started sandbox
    echo 'runtime = "/opt/bin/crun"' >$file
    started alike
    echo 'runtime = ' >$file
    started unknown
"#;

#[test]
fn no_runtime_takes_the_place_of_a_sandbox() {
    let said = on_a_host(&["/bin/bash", "-euc", NAMED]);
    let mut findings = Findings::default();
    for (name, status, beginning) in [
        ("none", "0", "runc version "),
        ("named", "0", "runsc is here"),
        ("invalid", "0", "runsc is here"),
        ("strangers", "127", "cgproc: no OCI runtime is started: /etc/cgproc/runtime.toml: "),
        ("sandbox", "127", "cgproc: /usr/local/bin/runsc, which /etc/cgproc/runtime.toml names, cannot be run"),
        ("alike", "0", "runc version "),
        ("unknown", "127", "cgproc: no OCI runtime is started: /etc/cgproc/runtime.toml: it is invalid"),
    ] {
        said.is(&mut findings, name, &[("status", status)]);
        let words = said.value(name, "said");
        findings.check(words.is_some_and(|words| words.starts_with(beginning)), || format!("{name}: {words:?}"));
    }
    findings.conclude("runtimes that are named");
}

/// The output of a script beside an engine.
fn says(bed: &[&str], engine: &str, script: &str) -> Said {
    let whose = if engine == "docker" { "Server" } else { "Client" };
    let version = format!("echo version {engine} $({engine} version --format '{{{{.{whose}.Version}}}}')");
    let script = format!("quota={}\n{TOLD}\n{version}\n{script}", quota_usec());
    on_a_host(&[bed, &["bash", "-euc", &script]].concat())
}

/// The image of musl.
fn of_musl(engine: &str) -> String {
    let root = bed::cache().join("roots/musl");
    let path = "ENV PATH=/usr/bin:/bin:/usr/sbin:/sbin";
    format!("tar -C {} -c . | {engine} import --change '{path}' - musl >/dev/null", root.display())
}

fn all_told(engine: &str, cases: &[Case]) -> String {
    side_by_side(
        cases.iter().map(|Case { name, image, options, .. }| (name, format!("told {engine} {name} {image} {options}"))),
    )
}

/// Each way into a container shows its figures, or the machine's.
fn judge(findings: &mut Findings, engine: &str, said: &Said, cases: &[Case], ways: &[&str]) {
    let row = Row {
        runtime: &format!("{engine}, cgproc-runtime"),
        version: said.value("version", engine).expect("its version"),
    };
    let limited = limited();
    let (memory, cpus) = (limited.memory_kib.to_string(), limited.cpus.to_string());
    for (case, way) in cases.iter().flat_map(|case| ways.iter().map(move |way| (case, *way))) {
        let name = format!("{}-{way}", case.name);
        match (case.image, way) {
            ("musl", "cleared") => {}
            ("musl", _) => said.is(findings, &name, &[("free", &memory), ("meminfo", &memory), ("nproc", &cpus)]),
            // The file is the image's own, so the view came by the variable.
            ("file", "cleared") => said.shows_machine(findings, &name, limited),
            _ if case.has_view => {
                said.shows_container(findings, &row, &name, limited);
                // Whatever the image preloads by a variable is gone with it.
                let is_without = case.image == "environment" && way == "cleared";
                said.is(findings, &name, if is_without { &[("jemalloc", "0")] } else { case.facts });
            }
            // It is off by a variable.
            ("base", "cleared") if case.options.contains("CGPROC=off") => {
                said.shows_container(findings, &row, &name, limited);
            }
            _ => said.shows_machine(findings, &name, limited),
        }
    }
}
