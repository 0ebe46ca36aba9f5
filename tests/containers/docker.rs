//! Docker, with a daemon of the test's own and images made by `examples/docker/Dockerfile`.

use crate::bed::{self, Findings};
use crate::harness::{Bed, Library, side_by_side};
use crate::probe::{Row, Said, limited, quota_usec};
use std::fmt::Write as _;

/// A container: its name, its image, options of `docker run`, what it must be.
struct Case {
    name: &'static str,
    image: &'static str,
    options: &'static str,
    facts: &'static [(&'static str, &'static str)],
}

const fn case(name: &'static str, options: &'static str, facts: &'static [(&'static str, &'static str)]) -> Case {
    Case { name, image: "environment", options, facts }
}

/// Docker's default seccomp profile is in force in all of them.
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
    let said = run(&["docker"], &CASES);
    judge("docker", &said, &CASES);
}

#[test]
fn docker_containers_with_mapped_users_see_themselves() {
    let said = run(&["docker", "-u"], &MAPPED);
    judge("docker with mapped users", &said, &MAPPED);
}

/// One daemon, all the containers.
fn run(bed: &[&str], cases: &[Case]) -> Said {
    let dockerfile = bed::repository("examples/docker/Dockerfile");
    let mut script = format!(
        "mkdir $WORK/context; cp {} {} $WORK/context
         build() {{ docker build --quiet --network none --build-arg BASE=base --target $1 --tag $1 $WORK/context >/dev/null; }}
         echo version docker $(docker version --format '{{{{.Server.Version}}}}')\n",
        dockerfile.display(),
        bed::object().display(),
    );
    for target in ["environment", "file"] {
        if cases.iter().any(|case| case.image == target) {
            let _ = writeln!(script, "build {target}");
        }
    }
    let quota = quota_usec();
    let run = format!(
        "docker run --rm --network none --cgroup-parent /$CGROUP --memory 512m --cpu-period 100000 --cpu-quota {quota}"
    );
    script += &side_by_side(cases.iter().map(|case| (case.name, format!("{run} {} {}", case.options, case.image))));
    let private = Bed { userland: "debian-12", library: Library::None };
    private.says(300, &[bed, &["bash", "-euc", &script]].concat())
}

fn judge(engine: &str, said: &Said, cases: &[Case]) {
    let version = said.value("version", "docker").expect("its version");
    let mut findings = Findings::default();
    for case in cases {
        let row = Row { runtime: &format!("docker, {}", case.name.replace('-', " ")), version };
        said.is(&mut findings, case.name, &[("seccomp", "2")]);
        said.is(&mut findings, case.name, case.facts);
        let bare = format!("bare-{}", case.name);
        // Who drops the variable still has the file.
        if case.image == "file" {
            said.shows_container(&mut findings, &row, &bare, limited());
        } else {
            said.shows_container(&mut findings, &row, case.name, limited());
            said.shows_machine(&mut findings, &bare, limited());
        }
    }
    findings.conclude(engine);
}
