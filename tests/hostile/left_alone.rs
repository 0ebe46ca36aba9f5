//! What is left alone although a hook stands in its way.

use crate::Shows::Kernels;
use crate::bed;
use crate::probes::{self, Case, SMALL, quoted};

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
