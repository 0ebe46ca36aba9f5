//! What is left alone although a hook stands in its way.

use crate::Shows::Kernels;
use crate::bed;
use crate::probes::{self, Case, Libc, SMALL, SMALL_KIB, quoted};

/// A stream in memory has no descriptor; libc's word for that is an error, which the program did not ask for.
#[test]
fn streams_without_a_descriptor() {
    crate::fare(&[("streams", &[], Kernels)]);
}

/// A process that was bound to CPUs which its view has not: to be told of none would be worse than to be told the kernel's.
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

/// It runs in its parent's memory: what it has found out of its own cgroup must not be remembered there.
#[test]
fn a_vfork_childs_cgroup_is_not_its_parents() {
    // Version 2 has controllers below a cgroup only where no process is in that itself.
    let prepare = "if [ -e /sys/fs/cgroup/cgroup.controllers ]; then cd /sys/fs/cgroup; mkdir own less; \
                   for it in $(cat cgroup.procs); do echo $it >own/cgroup.procs || :; done; \
                   echo +memory >cgroup.subtree_control && echo 64M >less/memory.max; \
                   else cd /sys/fs/cgroup/memory && mkdir less && echo 64M >less/memory.limit_in_bytes; fi";
    let object = bed::object();
    for libc in Libc::ALL {
        let moved = probes::program(libc, "moved");
        let procs = if bed::version() == bed::Version::V2 { "" } else { "/memory" };
        let procs = format!("/sys/fs/cgroup{procs}/less/cgroup.procs");
        let ask = Case::new(Some(&object), &[], &moved, &[&procs]);
        let results = probes::run(&SMALL, &[Case { title: "prepare".into(), command: format!("({prepare})") }, ask]);
        assert_eq!(results[0].text, "", "{libc:?}: the cgroup");
        let seen = &results[1].text;
        assert!(seen.ends_with(&format!(", parent {SMALL_KIB}")), "{libc:?}: {seen}, and the parent has {SMALL_KIB}");
    }
}
