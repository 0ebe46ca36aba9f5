//! Docker, with the test's own daemon, and images made from `examples/docker/Dockerfile`.

use crate::{
    bed::{self, Findings},
    harness::{Bed, Library, probed, side_by_side},
    probe::{Row, Said, limited, machine, quota_usec},
};
use std::{collections::BTreeSet, fmt::Write as _, sync::OnceLock};

/// A container: its name, its image, options of `docker run`, and the kind of container that it must be.
struct Case {
    name: &'static str,
    image: &'static str,
    options: &'static str,
    facts: &'static [(&'static str, &'static str)],
}

const fn case(name: &'static str, options: &'static str, facts: &'static [(&'static str, &'static str)]) -> Case {
    Case { name, image: "environment", options, facts }
}

/// All of them run under Docker's default seccomp profile.
const CASES: [Case; 8] = [
    case("private-cgroup-namespace", "--cgroupns private", &[("namespace", "private"), ("root", "rw")]),
    case("host-cgroup-namespace", "--cgroupns host", &[("namespace", "host")]),
    case("read-only", "--read-only", &[("root", "ro")]),
    case("user-1000", "--user 1000:1000", &[("user", "1000"), ("capabilities", NONE)]),
    case("no-capabilities", "--cap-drop ALL", &[("user", "0"), ("capabilities", NONE)]),
    case("no-new-privileges", "--security-opt no-new-privileges", &[("no-new-privileges", "1")]),
    case(
        "all-of-these",
        "--read-only --user 1000:1000 --cap-drop ALL --security-opt no-new-privileges --cgroupns private",
        &[("root", "ro"), ("user", "1000"), ("capabilities", NONE), ("no-new-privileges", "1")],
    ),
    Case { name: "ld.so.preload", image: "file", options: "", facts: &[] },
];

const NONE: &str = "0000000000000000";

/// The daemon maps users.
const MAPPED: [Case; 2] = [
    case("users-mapped", "--cgroupns private", &[("mapped", "100000"), ("namespace", "private")]),
    case("users-mapped-host-cgroup-namespace", "--cgroupns host", &[("mapped", "100000"), ("namespace", "host")]),
];

#[test]
fn docker_containers_see_themselves() {
    judge("docker", plain_daemon(), &CASES);
}

#[test]
fn docker_containers_with_mapped_users_see_themselves() {
    judge("docker with mapped users", &run(&["docker", "-u"], &MAPPED, &[]), &MAPPED);
}

/// A daemon and its images take longer than the containers, so one daemon runs all that need no other.
fn plain_daemon() -> &'static Said {
    static SAID: OnceLock<Said> = OnceLock::new();
    SAID.get_or_init(|| run(&["docker"], &CASES, &go_programs()))
}

/// Starts one daemon, and all containers side by side: those of the cases, and `others` by their command lines.
fn run(bed: &[&str], cases: &[Case], others: &[(&str, String)]) -> Said {
    let mut script = context();
    let images = cases.iter().map(|case| case.image).chain((!others.is_empty()).then_some("static"));
    for image in images.collect::<BTreeSet<_>>() {
        let _ = writeln!(script, "build {image}");
    }
    let run = docker_run();
    let probed =
        cases.iter().map(|case| (case.name, probed(case.name, &format!("{run} {} {}", case.options, case.image))));
    script += &side_by_side(probed.chain(others.iter().cloned()));
    let private = Bed { userland: "debian-12", library: Library::None };
    private.says(&[bed, &["bash", "-euc", &script]].concat())
}

/// The build context of the images, and the shell function that builds them.
fn context() -> String {
    let files = [bed::repository("examples/docker/Dockerfile"), bed::object()];
    format!(
        "mkdir $WORK/context; cp {} $WORK/context; cp {} $WORK/context/cgproc; cp {} $WORK/context/program
         build() {{ docker build --quiet --network none --build-arg BASE=base --target $1 --tag $1 $WORK/context >/dev/null; }}
         echo version docker $(docker version --format '{{{{.Server.Version}}}}')\n",
        files.map(|file| file.display().to_string()).join(" "),
        bed::static_command().display(),
        bed::programs().join("past-go").display()
    )
}

fn docker_run() -> String {
    let quota = quota_usec();
    format!(
        "docker run --rm --network none --cgroup-parent /$CGROUP --memory 512m --cpu-period 100000 --cpu-quota {quota}"
    )
}

/// A Go program alone in its image: with the command beside it, confined further, and without the command.
fn go_programs() -> [(&'static str, String); 3] {
    // The default seccomp profile lets an unprivileged process install its own filter and inspect its child.
    let strict = "--user 1000:1000 --cap-drop ALL --read-only --security-opt no-new-privileges";
    let run = docker_run();
    [
        ("plain", format!("{run} static")),
        ("strict", format!("{run} {strict} static")),
        ("bare", "docker run --rm --network none --entrypoint /program static".to_owned()),
    ]
    .map(|(name, command)| (name, format!("{command} | sed 's/^/{name} /'")))
}

#[test]
fn a_go_program_alone_in_its_image_sees_its_container() {
    let said = plain_daemon();
    let (limited, machine) = (limited(), machine());
    let mut findings = Findings::default();
    for (name, figures) in [("plain", limited), ("strict", limited), ("bare", machine)] {
        let (memory, cpus) = (figures.memory_kib.to_string(), figures.cpus.to_string());
        said.is(
            &mut findings,
            name,
            &[("ReadFile", &memory), ("Sysinfo", &memory), ("NumCPU", &cpus), ("goroutines", "200")],
        );
    }
    let seen = if said.value("strict", "ReadFile") == Some(&limited.memory_kib.to_string()) { "yes" } else { "no" };
    let version = said.value("version", "docker").expect("its version");
    bed::note_reach("supervised", "Go, alone in a Docker image", version, "files", seen);
    findings.conclude("static");
}

fn judge(engine: &str, said: &Said, cases: &[Case]) {
    let version = said.value("version", "docker").expect("its version");
    let mut findings = Findings::default();
    for case in cases {
        let row = Row { runtime: &format!("docker, {}", case.name.replace('-', " ")), version };
        said.is(&mut findings, case.name, &[("seccomp", "2")]);
        said.is(&mut findings, case.name, case.facts);
        let bare = format!("bare-{}", case.name);
        // A program that drops the variable still has the file.
        if case.image == "file" {
            said.shows_container(&mut findings, &row, &bare, limited());
        } else {
            said.shows_container(&mut findings, &row, case.name, limited());
            said.shows_machine(&mut findings, &bare, limited());
        }
    }
    findings.conclude(engine);
}
