//! What hooks must leave alone.

use crate::{
    Shows::Kernels,
    bed::{self, Container, Version, View},
    probes::{self, Case, Libc, SMALL, SMALL_KIB, quoted},
};
use std::{fs, path::Path};

/// A stream in memory has no descriptor. libc reports that by an error, which the program did not ask for.
#[test]
fn streams_without_a_descriptor() {
    crate::fare(&[("streams", &[], Kernels)]);
}

/// glibc has no such function, so a call of it is meant for the program's own definition.
#[test]
fn a_program_with_a_getdents_of_its_own() {
    crate::fare_with(Libc::Glibc, &[("own-getdents", &[], Kernels)]);
}

/// A process bound to CPUs that are not in its view gets the kernel's mask, which is better than an empty one.
#[test]
fn a_mask_of_other_cpus_than_the_views() {
    let object = quoted(&bed::object().to_string_lossy());
    let ask = "taskset -c 1 python3 -c 'import os; print(os.sched_getaffinity(0))'";
    let case = |preload: &str| Case { title: "bound".into(), command: format!("{preload} {ask}") };
    let shown = format!("LD_PRELOAD={object} cat /sys/devices/system/cpu/online");
    let view = Case { title: "view".into(), command: shown };
    let results = probes::run(&SMALL, &[view, case(""), case(&format!("LD_PRELOAD={object}"))]);
    let texts: Vec<&str> = results.iter().map(|result| result.text.trim()).collect();
    assert_eq!(texts, ["0", "{1}", "{1}"], "the view's CPUs, the process's without the object and with it");
}

/// The child runs in its parent's memory, so what it finds out about its own cgroup must not be remembered there.
#[test]
fn a_vfork_childs_cgroup_is_not_its_parents() {
    let hierarchy = if bed::version() == Version::V2 { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
    let limit = if bed::version() == Version::V2 { "memory.max" } else { "memory.limit_in_bytes" };
    let object = bed::object();
    for libc in Libc::ALL {
        let less = Path::new(hierarchy).join(format!("cgproc-test-less-{libc:?}-{}", std::process::id()));
        fs::create_dir(&less).expect("a cgroup");
        fs::write(less.join(limit), "64M").expect("its limit");
        let moved = probes::program(libc, "moved");
        let procs = less.join("cgroup.procs");
        let ask = Case::new(Some(&object), &[], &moved, &[procs.to_str().expect("UTF-8")]);
        let results = probes::run(&Container { view: View::Raw, ..SMALL }, &[ask]);
        bed::until("the cgroup's end", || fs::remove_dir(&less).is_ok());
        let seen = &results[0].text;
        assert!(seen.ends_with(&format!(", parent {SMALL_KIB}")), "{libc:?}: {seen}, and the parent has {SMALL_KIB}");
    }
}
