//! Programs with a sanitizer: several threads read while one asks for the CPUs. The sanitizer reports nothing there,
//! and still finds the fault that the program commits on request.

use crate::{
    bed::{self, Outcome},
    harness::{KIB, LONGEST_SEC, Row, YES, container, in_package, program},
};
use std::{path::Path, sync::OnceLock};

/// A program, and what its sanitizer reports about its fault.
struct Sanitizer {
    name: &'static str,
    program: &'static str,
    finds: &'static str,
    /// gcc's ASan library insists on being loaded first, whatever is preloaded.
    is_first_or_nothing: bool,
}

const OVERFLOW: &str = "heap-buffer-overflow";
const RACE: &str = "data race";
const UNDEFINED: &str = "signed integer overflow";

const SANITIZERS: [Sanitizer; 7] = [
    Sanitizer { is_first_or_nothing: true, ..sanitizer("ASan, gcc", "gcc-address", OVERFLOW) },
    sanitizer("ASan, gcc -static-libasan", "gcc-address-static", OVERFLOW),
    sanitizer("ASan, clang", "clang-address", OVERFLOW),
    sanitizer("TSan, gcc", "gcc-thread", RACE),
    sanitizer("TSan, clang", "clang-thread", RACE),
    sanitizer("UBSan, gcc", "gcc-undefined", UNDEFINED),
    sanitizer("UBSan, clang", "clang-undefined", UNDEFINED),
];

const fn sanitizer(name: &'static str, program: &'static str, finds: &'static str) -> Sanitizer {
    Sanitizer { name, program, finds, is_first_or_nothing: false }
}

const REFUSES: &str = "refuses to start";
const IN_ANY_ORDER: &str = "ASAN_OPTIONS=verify_asan_link_order=0 ";

impl Sanitizer {
    /// The compiler's version, which is asked for once.
    fn version(&self) -> &'static str {
        static VERSIONS: [OnceLock<String>; 2] = [const { OnceLock::new() }; 2];
        let (at, compiler) =
            if self.program.starts_with("gcc") { (0, "gcc -dumpfullversion") } else { (1, "clang-14 -dumpversion") };
        VERSIONS[at].get_or_init(|| bed::sh(compiler).trim().to_owned())
    }

    /// Runs the program with something preloaded into it only.
    fn run(&self, settings: &str, preload: &Path, argument: &str) -> Outcome {
        let program = program(&format!("threads-{}", self.program));
        let script = format!("{settings}LD_PRELOAD={} {} {argument}", preload.display(), program.display());
        container().run(&script, None, LONGEST_SEC)
    }

    /// A sanitizer that refuses to start under the object is told not to check the order.
    fn settings(&self) -> &'static str {
        if self.is_first_or_nothing { IN_ANY_ORDER } else { "" }
    }
}

fn seen(outcome: &Outcome) -> &'static str {
    let right = format!("cpus 1\n{}", format!("thread {KIB}\n").repeat(4));
    if outcome.status == Some(0) && outcome.text == right {
        YES
    } else if outcome.status == Some(1) && outcome.text.contains("ASan runtime does not come first") {
        REFUSES
    } else {
        "no"
    }
}

#[test]
fn programs_with_a_sanitizer() {
    bed::log_machine();
    let object = bed::object();
    let stranger = in_package("libc6", "libm.so.6");
    let mut findings = bed::Findings::default();
    for sanitizer in SANITIZERS {
        let version = sanitizer.version();
        let mut row = Row { table: "sanitizers", runtime: sanitizer.name, version, findings: &mut findings };
        let plain = sanitizer.run("", &object, "");
        let expected = if sanitizer.is_first_or_nothing { REFUSES } else { YES };
        row.cell("as it is", seen(&plain), expected, || plain.text.clone());
        if sanitizer.is_first_or_nothing {
            let outcome = sanitizer.run("", &stranger, "");
            row.cell("libm in our place", seen(&outcome), REFUSES, || outcome.text.clone());
            let outcome = sanitizer.run(IN_ANY_ORDER, &object, "");
            row.cell("link order not verified", seen(&outcome), YES, || outcome.text.clone());
        }
        let fault = sanitizer.run(sanitizer.settings(), &object, "fault");
        let found = if fault.text.contains(sanitizer.finds) { "found" } else { "no" };
        row.cell("a fault of the program", found, "found", || fault.text.clone());
    }
    findings.conclude("sanitizers");
}
