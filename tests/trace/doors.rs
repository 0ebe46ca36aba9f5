//! Ways past the hooks are named, with the object that takes them.

use crate::{
    bed,
    harness::{cgproc, err, out},
    program::{Answering, KIB, LIMITS, compiled, machines_kib},
    traced::{Traced, traced},
};
use serde_json::Value;

fn inline() -> Traced {
    traced(&[&compiled("inline")])
}

/// The unhooked doors of the program, each as `CALL in OBJECT: THING, answered`.
fn unhooked(traced: &Traced) -> Vec<String> {
    let programs = traced.summary()["programs"].as_array().expect("programs");
    let all = programs.iter().flat_map(|program| program["unhooked"].as_array().expect("a list"));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let told = all.map(|it| {
        let object = text(&it["object"]);
        let things = it["things"].as_array().expect("things").iter().map(text).collect::<Vec<_>>().join(" ");
        format!(
            "{} in {}: {things}, {}",
            text(&it["call"]),
            object.rsplit('/').next().expect("a name"),
            it["is_answered"]
        )
    });
    told.collect()
}

#[test]
fn system_calls_of_a_library_are_named_with_it() {
    let traced = inline();
    let expected = [
        "getdents64 in libinline.so: /sys/devices/system/cpu, false",
        "openat in libinline.so: /proc/meminfo, true",
        "openat in libinline.so: /sys/devices/system/cpu, false",
        "sched_getaffinity in libinline.so: sched_getaffinity, true",
    ];
    let mut seen = unhooked(&traced);
    seen.sort();
    assert_eq!(seen, expected, "{}", traced.said());
    // They are answered from outside, as far as a supervisor can.
    let figures = out(&traced.output);
    assert!(figures.starts_with(&format!("total_kib {KIB}\ncpus 1\n")), "{figures}");
}

#[test]
fn a_summary_in_words() {
    let output = cgproc(&[&["trace"], &LIMITS[..], &["--", &compiled("inline")]].concat()).output().expect("cgproc");
    let text = err(&output);
    let last = text.lines().last().expect("a line");
    assert!(last.starts_with("cgproc: inline asked "), "{text}");
    let door = "4 through doors that are not hooked (getdents64 in libinline.so: /sys/devices/system/cpu; ";
    assert!(last.contains(door), "{last}");
    let line = text.lines().find(|line| line.contains("openat in libinline.so, not hooked, /proc/meminfo"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains("memory.total 300.0 MiB (kernel: ") && line.contains("limit of "), "{line}");
}

#[test]
fn whoever_answers_tells() {
    for answering in Answering::BOTH {
        let program = compiled("inline");
        let output = answering.cgproc(&[&["trace"], &LIMITS[..], &["--", &program]].concat()).output();
        let text = err(&output.expect("cgproc"));
        assert!(text.contains("4 through doors that are not hooked"), "{answering:?}: {text}");
        assert!(text.contains("openat in libinline.so: /proc/meminfo, answered from outside here"), "{text}");
    }
}

#[test]
fn what_the_kernel_answers_has_a_reason() {
    let script = "cat /proc/meminfo /proc/version; CGPROC=off head -n 1 /proc/meminfo; \
        CGPROC_FILES=stat tail -n 1 /proc/meminfo; getconf _NPROCESSORS_CONF";
    let traced = traced(&["bash", "-c", script]);
    let reason = |comm: &str, asked: &str| {
        let is_it = |it: &&Value| it["comm"] == comm && it["asked"] == asked;
        let it = traced.asked().find(is_it).unwrap_or_else(|| panic!("{comm} {asked}: {}", traced.said()));
        (it["from"].as_str().expect("a word").to_owned(), it["why"].as_str().unwrap_or_default().to_owned())
    };
    let kernel = |why: &str| ("kernel".to_owned(), why.to_owned());
    assert_eq!(reason("cat", "/proc/meminfo"), ("container".to_owned(), String::new()));
    assert_eq!(reason("cat", "/proc/version"), kernel("no cgroup has it"));
    assert_eq!(reason("head", "/proc/meminfo"), kernel("CGPROC=off"));
    assert_eq!(reason("tail", "/proc/meminfo"), kernel("CGPROC_FILES does not name it"));
    assert!(reason("getconf", "_SC_NPROCESSORS_CONF").1.contains("tables"));
}

#[test]
fn figures_are_the_programs_and_the_kernels() {
    let traced = traced(&["free", "-k"]);
    let meminfo = traced.asked().find(|it| it["asked"] == "/proc/meminfo").expect("it reads that");
    let figure = &meminfo["figure"];
    assert_eq!(figure["name"], "memory.total", "{meminfo}");
    assert_eq!(
        (&figure["value_bytes"], &figure["kernel_bytes"]),
        (&(KIB << 10).into(), &(machines_kib() << 10).into())
    );
    let by = if bed::version() == bed::Version::V2 { "/sys/fs/cgroup" } else { "/memory/" };
    assert!(figure["limited_by"]["name"].as_str().is_some_and(|name| name.contains(by)), "{meminfo}");
}
