//! Other preloaded libraries with work of their own, before and behind the object, and the object beside itself: the
//! container's figures come out, and the neighbour does its work.

use crate::{
    bed::{self, Outcome},
    harness::{LONGEST_SEC, Row, Scratch, YES, container, host_kib, in_package, package_version, program},
    libraries,
    probes::{self, FREE, NPROC, Probe, UPTIME},
};

/// Every call of the C libraries' test program.
const EVERY_CALL: Probe = Probe {
    column: "every call",
    command: "./runtime-glibc ./created-$$",
    is_right: |text| libraries::faults(text).is_empty(),
};

const FIGURES: [Probe; 4] = [FREE, NPROC, UPTIME, EVERY_CALL];

const MAPS: Probe = Probe { column: "maps", command: "cat /proc/self/maps", is_right: |_| true };

/// A neighbour: what sets it up, and what shows that it works.
struct Neighbour {
    name: &'static str,
    package: &'static str,
    file: &'static str,
    /// The command that runs the script of probes, `$PROBES`, and preloads `$PRELOAD`.
    run: &'static str,
    work: Probe,
}

const NEIGHBOURS: [Neighbour; 3] = [
    Neighbour {
        name: "libfaketime",
        package: "libfaketime",
        file: "libfaketime.so.1",
        run: "env FAKETIME='2020-02-02 12:00:00' LD_PRELOAD=$PRELOAD bash -c \"$PROBES\"",
        work: Probe {
            column: "its own work",
            command: "date +%F; stat -c %F /proc/meminfo",
            is_right: |text| text == "2020-02-02\nregular empty file\n",
        },
    },
    Neighbour {
        name: "fakeroot",
        package: "libfakeroot",
        file: "libfakeroot-sysv.so",
        run: "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all fakeroot -- \\
            env LD_PRELOAD=$PRELOAD bash -c \"$PROBES\"",
        work: Probe {
            column: "its own work",
            command: "id -u; touch owned; chown 3:4 owned; stat -c '%u %g' owned; stat -c '%u %s %F' /proc/meminfo",
            is_right: |text| text == "0\n3 4\n0 0 regular empty file\n",
        },
    },
    Neighbour {
        name: "stdbuf",
        package: "coreutils",
        file: "libstdbuf.so",
        run: "env _STDBUF_O=L LD_PRELOAD=$PRELOAD bash -c \"$PROBES\"",
        work: Probe { column: "its own work", command: "./unflushed | cat", is_right: |text| text == "a whole line\n" },
    },
];

/// The directory where the probes run: open to all users, with copies of the object and of the programs.
fn place() -> Scratch {
    let place = Scratch::new();
    for name in ["one.so", "two.so"] {
        place.copy(&bed::object(), name);
    }
    for name in ["runtime-glibc", "unflushed"] {
        place.copy(&program(name), name);
    }
    place
}

/// Runs probes in the container, using the command `run`, with these objects.
fn run(place: &Scratch, run: &str, preload: &str, probes: &[Probe]) -> Outcome {
    let probes = probes::script(probes);
    let script =
        format!("cd {}\nPRELOAD={preload}\nPROBES=$(cat <<'END'\n{probes}END\n)\n{run}", place.path().display());
    container().run(&script, None, LONGEST_SEC)
}

#[test]
fn neighbours_before_and_behind_the_object() {
    bed::log_machine();
    crate::userlands::wait_until_the_machine_is_older();
    let place = place();
    let object = place.path().join("one.so").display().to_string();
    let mut findings = bed::Findings::default();
    for neighbour in NEIGHBOURS {
        let file = in_package(neighbour.package, neighbour.file).display().to_string();
        let version = package_version(neighbour.package);
        for (order, preload) in [("first", format!("{file}:{object}")), ("second", format!("{object}:{file}"))] {
            let probes = [&[MAPS, neighbour.work], FIGURES.as_slice()].concat();
            let outcome = run(&place, neighbour.run, &preload, &probes);
            let runtime = format!("{}, {order}", neighbour.name);
            let maps = probes::section(&outcome.text, "maps");
            let mut row = Row { table: "neighbours", runtime: &runtime, version: &version, findings: &mut findings };
            let is_there = maps.contains(neighbour.file) && maps.contains("one.so");
            row.cell("in place", if is_there { YES } else { "no" }, YES, || outcome.text.clone());
            probes::judge(&mut row, &probes[1..], &outcome.text);
        }
    }
    findings.conclude("neighbours");
}

const BY_BASH: &str = "env LD_PRELOAD=$PRELOAD bash -c \"$PROBES\"";

#[test]
fn the_object_beside_itself() {
    bed::log_machine();
    crate::userlands::wait_until_the_machine_is_older();
    let place = place();
    let [one, two] = ["one.so", "two.so"].map(|name| place.path().join(name).display().to_string());
    let version = env!("CARGO_PKG_VERSION");
    let mut findings = bed::Findings::default();
    for (runtime, preload, copies) in
        [("itself, the same path", format!("{one}:{one}"), 1), ("itself, two paths", format!("{one}:{two}"), 2)]
    {
        let outcome = run(&place, BY_BASH, &preload, &[[MAPS].as_slice(), &FIGURES].concat());
        let maps = probes::section(&outcome.text, "maps");
        let mapped = ["one.so", "two.so"].iter().filter(|name| maps.contains(*name)).count();
        let mut row = Row { table: "neighbours", runtime, version, findings: &mut findings };
        row.cell("in place", if mapped == copies { YES } else { "no" }, YES, || outcome.text.clone());
        probes::judge(&mut row, &FIGURES, &outcome.text);
    }
    findings.conclude("the object beside itself");
}

/// Loaded but told to do nothing: the machine's figures.
#[test]
fn the_object_turned_off() {
    bed::log_machine();
    let place = place();
    let object = place.path().join("one.so").display().to_string();
    let outcome = run(&place, &format!("CGPROC=off {BY_BASH}"), &object, &[MAPS, FREE, NPROC]);
    let section = |name| probes::section(&outcome.text, name);
    let version = env!("CARGO_PKG_VERSION");
    let mut findings = bed::Findings::default();
    let mut row = Row { table: "neighbours", runtime: "CGPROC=off", version, findings: &mut findings };
    let seen = |is_right| if is_right { "the machine's" } else { "no" };
    row.cell("in place", if section("maps").contains("one.so") { YES } else { "no" }, YES, || outcome.text.clone());
    let memory = probes::memory(section("free"));
    row.cell("free", seen(memory == Some(host_kib())), "the machine's", || outcome.text.clone());
    let cpus = section("nproc").trim().parse().ok();
    row.cell("nproc", seen(cpus == Some(bed::host().cpus)), "the machine's", || outcome.text.clone());
    findings.conclude("CGPROC=off");
}
