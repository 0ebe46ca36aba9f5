//! Preloaded allocators, before and behind the object: their initialisation asks for CPUs before anything else of the
//! program has run.

use crate::{
    bed,
    harness::{LONGEST_SEC, Row, YES, container, in_package, package_version},
    probes::{self, FREE, NPROC, Probe},
};
use std::path::Path;

const ALLOCATORS: [(&str, &str, &str); 3] = [
    ("jemalloc", "libjemalloc.so.2", "libjemalloc2"),
    ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
    ("mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
];

const PROBES: [Probe; 5] = [
    FREE,
    NPROC,
    Probe {
        column: "python",
        command: "python3 -c 'import os; print(os.cpu_count(), open(\"/proc/meminfo\").readline().split()[1])'",
        is_right: |text| text.trim() == "1 524288",
    },
    Probe { column: "C++ threads", command: "./cxx | head -n 1", is_right: |text| text.trim() == "1" },
    // It has its own allocator.
    Probe { column: "redis", command: "redis-server --version", is_right: |text| text.contains("malloc=jemalloc") },
];

#[test]
fn allocators_before_and_behind_the_object() {
    bed::log_machine();
    let object = bed::object();
    let mut findings = bed::Findings::default();
    for (name, file, package) in ALLOCATORS {
        let allocator = in_package(package, file);
        let pair = [allocator.display().to_string(), object.display().to_string()];
        let version = package_version(package);
        for (runtime, preload) in
            [(format!("{name}, first"), pair.join(":")), (format!("{name}, second"), [&*pair[1], &*pair[0]].join(":"))]
        {
            let script = format!(
                "cd {}\necho '== maps'; cat /proc/self/maps\n{}",
                bed::programs().display(),
                probes::script(&PROBES)
            );
            let outcome = container().run(&script, Some(Path::new(&preload)), LONGEST_SEC);
            let mut row = Row { table: "allocators", runtime: &runtime, version: &version, findings: &mut findings };
            let is_there = probes::section(&outcome.text, "maps").contains(file);
            row.cell("in place", if is_there { YES } else { "no" }, YES, || outcome.text.clone());
            probes::judge(&mut row, &PROBES, &outcome.text);
        }
    }
    findings.conclude("allocators");
}
