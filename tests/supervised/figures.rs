//! What such programs see: the same figures as programs that use libc.

use crate::{
    bed::{self, Container, PLAIN},
    harness::Public,
    program::{KIB, LIMITS, Row, busybox, compiled, machines_kib, static_programs, told},
};

/// The lines of `past figures`, each with its column in the document. The lines of the last column are numbers of CPUs.
const WAYS: [(&str, &str); 9] = [
    ("open", FILES),
    ("openat", FILES),
    ("openat2", FILES),
    ("fopen", FILES),
    ("sysinfo", SYSINFO),
    ("phys_pages", SYSINFO),
    ("affinity", CPUS),
    ("affinity_of_pid", CPUS),
    ("onln", CPUS),
];

const FILES: &str = "files";
const SYSINFO: &str = "sysinfo";
const CPUS: &str = "CPUs";

/// The properties of its descriptors, which must be like the kernel's.
const DESCRIPTORS: [&str; 4] = ["cloexec 1 0", "mode 0", "write EBADF", "lowest 1"];

fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|it| it == line)
}

#[test]
fn static_programs_see_their_cgroup() {
    let mut findings = bed::Findings::default();
    let (machine_kib, machine_cpus) = (machines_kib(), bed::host().cpus);
    for (runtime, program) in static_programs() {
        let with = told(&LIMITS, &[&program, "figures"]);
        let without = told(&[&["--static=never"], &LIMITS[..]].concat(), &[&program, "figures"]);
        let mut row = Row::new(runtime, "");
        for (way, column) in WAYS {
            let [ours, machines] = if column != CPUS { [KIB, machine_kib] } else { [1, machine_cpus as u64] };
            let is_right = has_line(&with, &format!("{way} {ours}"));
            findings.check(is_right, || format!("{runtime}: no {way} {ours} in {with}"));
            let is_the_machines = has_line(&without, &format!("{way} {machines}"));
            findings.check(is_the_machines, || format!("{runtime}, not supervised: no {way} {machines} in {without}"));
            row.cell(column, is_right);
        }
        for line in DESCRIPTORS {
            findings.check(has_line(&with, line), || format!("{runtime}: no {line} in {with}"));
        }
    }
    findings.conclude("figures");
}

#[test]
fn go_programs_see_their_cgroup() {
    let mut findings = bed::Findings::default();
    let program = compiled("past-go");
    let with = told(&LIMITS, &[&program]);
    let without = told(&[&["--static=never"], &LIMITS[..]].concat(), &[&program]);
    let (machine_kib, machine_cpus) = (machines_kib(), bed::host().cpus as u64);
    let ways = [
        ("ReadFile", FILES, KIB, machine_kib),
        ("Sysinfo", SYSINFO, KIB, machine_kib),
        ("NumCPU", CPUS, 1, machine_cpus),
        ("GOMAXPROCS", CPUS, 1, machine_cpus),
        ("Seek", "kept open", KIB, machine_kib),
        ("goroutines", "threads", 200, 200),
    ];
    let mut row = Row::new("Go", &bed::sh("go version | awk '{print $3}'"));
    for (way, column, ours, machines) in ways {
        let is_right = has_line(&with, &format!("{way} {ours}"));
        findings.check(is_right, || format!("no {way} {ours} in {with}"));
        findings
            .check(has_line(&without, &format!("{way} {machines}")), || format!("no {way} {machines} in {without}"));
        row.cell(column, is_right);
    }
    findings.conclude("go");
}

/// A script, and its output in a new container with 512 MiB and one CPU.
const TOOLS: [(&str, &str, &str); 7] = [
    ("free", "free | awk '/^Mem:/ {print $2}'", "524288"),
    ("nproc", "nproc", "1"),
    ("uptime", "uptime | grep -c 'up 0 min'", "1"),
    ("top", "top -b -n 1 | awk '/^Mem:/ {print $2 + $4}'", "524288"),
    (FILES, "grep -c ^processor /proc/cpuinfo", "1"),
    (FILES, "grep -c '^cpu[0-9]' /proc/stat", "1"),
    (FILES, "cat /proc/meminfo | awk '/^MemTotal:/ {print $2}'", "524288"),
];

#[test]
fn a_static_busybox_sees_its_container() {
    let mut findings = bed::Findings::default();
    let container = Container { quota_usec: Some(100_000), ..PLAIN };
    let busybox = busybox();
    let mut row = Row::new("static busybox", &bed::sh(&format!("{busybox} | head -n 1 | awk '{{print $2}}'")));
    for (name, script, expected) in TOOLS {
        let run = |command: &str| {
            // The shell prefers its own applets to programs in PATH.
            let script = format!("{command} {busybox} sh -c \"{}\"", script.replace('$', "\\$").replace('"', "\\\""));
            container.run(&script, None, bed::PATIENCE_SEC).text.trim().to_owned()
        };
        let seen = run(&format!("CGPROC_OBJECT={} {} run", bed::object().display(), bed::command().display()));
        findings.check(seen == expected, || format!("{name}: {seen:?}, expected {expected}"));
        let native = run("");
        // A kernel booted for these tests is as young as the container.
        let tells_nothing = name == "uptime" && bed::host().is_uml;
        findings.check(native != expected || tells_nothing, || format!("{name}: {native:?} without us too"));
        row.cell(name, seen == expected);
    }
    findings.conclude("busybox");
}

#[test]
fn programs_of_another_c_library_see_their_cgroup() {
    // Linked dynamically, with a loader that preloads nothing.
    let total = |options: &[&str]| {
        let text = told(options, &["/usr/lib/klibc/bin/cat", "/proc/meminfo"]);
        bed::figure(&text, "MemTotal:").expect("MemTotal")
    };
    let is_right = total(&LIMITS) == KIB;
    Row::new("klibc", &bed::sh("dpkg-query -W -f '${Version}' klibc-utils")).cell(FILES, is_right);
    assert!(is_right);
    assert_eq!(total(&[&["--static=never"], &LIMITS[..]].concat()), machines_kib());
}

#[test]
fn a_go_exporter_shows_its_cgroup() {
    // The kernel chooses a free port.
    let exporter = "prometheus-node-exporter --web.listen-address=127.0.0.1:0 --collector.disable-defaults \
                    --collector.meminfo --collector.cpu --collector.loadavg";
    let script = format!(
        "d=$(mktemp -d); {exporter} >/dev/null 2>$d/log & \
         until at=$(sed -n 's/.*Listening on.* address=\\([^ ]*\\).*/\\1/p' $d/log | grep .); do kill -0 $! || exit; sleep 0.1; done; \
         curl -sf http://$at/metrics >$d/metrics; kill $!; \
         grep -E '^node_memory_MemTotal_bytes|^node_cpu_seconds_total.*idle' $d/metrics; rm -r $d"
    );
    let text = told(&[&["--static"], &LIMITS[..]].concat(), &["sh", "-c", &script]);
    let total = text.lines().find_map(|line| line.strip_prefix("node_memory_MemTotal_bytes ")?.parse::<f64>().ok());
    let cpus = text.lines().filter(|line| line.starts_with("node_cpu")).count();
    let version = bed::sh("prometheus-node-exporter --version 2>&1 | head -n 1 | awk '{print $3}'");
    let mut row = Row::new("node_exporter (Go, with libc)", &version);
    row.cell(FILES, total == Some((KIB * 1024) as f64));
    row.cell(CPUS, cpus == 1);
    assert_eq!((total, cpus), (Some((KIB * 1024) as f64), 1), "{text}");
}

#[test]
fn no_privilege_is_needed() {
    let public = Public::new();
    for (runtime, program) in static_programs() {
        let copy = public.0.join("past");
        std::fs::copy(&program, &copy).expect("a copy");
        let script = format!("{} figures; grep -E '^(NoNewPrivs|CapEff)' /proc/self/status", copy.display());
        let options = [&["--static"], &LIMITS[..]].concat();
        let output = public.unprivileged(&options, &script).output().expect("setpriv");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        for line in [format!("open {KIB}"), format!("sysinfo {KIB}"), "affinity 1".to_owned(), "onln 1".to_owned()] {
            assert!(has_line(&text, &line), "{runtime}: no {line} in {output:?}");
        }
        assert!(has_line(&text, "NoNewPrivs:\t1") && has_line(&text, "CapEff:\t0000000000000000"), "{text}");
        Row::new(runtime, "").cell("without privilege", true);
    }
}

#[test]
fn an_image_without_any_c_library() {
    // A Go program's image often contains only the program; here also the command.
    let root = crate::harness::tempfile();
    let script = format!(
        "set -e; mkdir -p {0}/proc {0}/sys {0}/tmp {0}/etc; cp {1} {0}/cgproc; cp {2} {0}/past; mount --rbind /proc {0}/proc; \
         mount --rbind /sys {0}/sys; chroot {0} /cgproc run -- /past",
        root.display(),
        bed::static_command().display(),
        compiled("past-go")
    );
    let container = Container { quota_usec: Some(100_000), ..PLAIN };
    let text = container.run(&format!("unshare --mount sh -c '{script}'"), None, bed::PATIENCE_SEC).text;
    std::fs::remove_dir_all(&root).expect("removed");
    let lines =
        [("ReadFile 524288", FILES), ("Sysinfo 524288", SYSINFO), ("NumCPU 1", CPUS), ("goroutines 200", "threads")];
    let mut row = Row::new("Go, in an image without libc", "");
    for (line, column) in lines {
        row.cell(column, has_line(&text, line));
    }
    assert!(lines.iter().all(|(line, _)| has_line(&text, line)), "{text}");
}

#[test]
fn a_program_below_another_root() {
    let root = crate::harness::tempfile();
    let script = format!(
        "set -e; mkdir -p {0}/proc {0}/etc; cp {1} {0}/past; mount -t proc proc {0}/proc; : >{0}/etc/passwd; chroot {0} /past figures",
        root.display(),
        compiled("past-glibc")
    );
    let program = ["unshare", "--mount", "sh", "-c", &script];
    let text = told(&[&["--static"], &LIMITS[..]].concat(), &program);
    std::fs::remove_dir_all(&root).expect("removed");
    assert!(has_line(&text, &format!("open {KIB}")) && has_line(&text, "affinity 1"), "{text}");
}

#[test]
fn settings_of_the_program_count() {
    let busybox = busybox();
    let always = [&["--static"], &LIMITS[..]].concat();
    let total = |assignment: &[&str]| {
        let program = [&["env"], assignment, &[&busybox, "awk", "/^MemTotal:/ {print $2}", "/proc/meminfo"]].concat();
        told(&always, &program).trim().to_owned()
    };
    assert_eq!(total(&["CGPROC_MEMORY=64M"]), "65536");
    assert_eq!(total(&["CGPROC=off"]), machines_kib().to_string());
    assert_eq!(total(&["CGPROC_FILES=stat"]), machines_kib().to_string());
    assert_eq!(total(&["CGPROC_MEMORY=?"]), machines_kib().to_string(), "an invalid value turns everything off");
    assert_eq!(total(&["-i"]), KIB.to_string(), "no environment is as ours");
}

#[test]
fn the_age_is_the_containers_but_for_programs_that_tell_ages() {
    let container = Container { quota_usec: None, ..PLAIN };
    let ages = |name: &str| {
        let script = format!(
            "d=$(mktemp -d); cp {} $d/{name}; CGPROC_OBJECT={} {} run $d/{name} figures | grep uptime; rm -r $d",
            compiled("past-glibc"),
            bed::object().display(),
            bed::command().display()
        );
        let text = container.run(&script, None, bed::PATIENCE_SEC).text;
        let ages: Vec<u64> = text.lines().filter_map(|line| line.split(' ').nth(1)?.parse().ok()).collect();
        assert_eq!(ages.len(), 2, "{text}");
        ages
    };
    let machines_age = bed::host().uptime_sec;
    assert!(ages("agent").into_iter().all(|age| age < machines_age), "of a container that began just now");
    assert!(ages("ps").into_iter().all(|age| age >= machines_age), "start times are on the machine's clock");
}
