//! The hooks' probes for arm64. They must print what this machine's own print, which ring `hooks` checks against the
//! rules.

use crate::{
    bed::{self, Findings},
    build,
    probes::{self, Case, Libc, Result, SMALL, SMALL_PAGES},
};
use std::path::{Path, PathBuf};

/// System calls that qemu-user does not translate, and the error it gives instead.
const NOT_IN_QEMU: [(&str, &str); 4] =
    [("openat2", "ENOSYS"), ("preadv2", "ENOSYS"), ("preadv64v2", "ENOSYS"), ("prctl", "EINVAL")];

/// A symbol with its probe, compiled for this machine and for arm64.
struct Probe {
    symbol: String,
    here: PathBuf,
    arm64: PathBuf,
}

fn catalogue(libc: Libc) -> Vec<Probe> {
    let mut all = Vec::new();
    for name in probes::WITH_ROWS {
        let here = probes::program(libc, name);
        let arm64 = build::program(libc, &format!("tests/probes/{name}.c"));
        let of = |symbol| Probe { symbol, here: here.clone(), arm64: arm64.clone() };
        all.extend(probes::rows(&here).into_iter().map(of));
    }
    all
}

impl Probe {
    fn case(&self, preload: Option<&Path>, mode: &str) -> Case {
        let line = build::running(preload, &self.arm64, &[mode, &self.symbol]);
        Case { title: format!("{mode} {}", self.symbol), command: format!("{} {line}", variables()) }
    }

    fn case_here(&self, preload: &Path) -> Case {
        let case = Case::new(Some(preload), &[], &self.here, &["answer", &self.symbol]);
        Case { command: format!("{} {}", variables(), case.command), ..case }
    }
}

fn variables() -> String {
    let board = format!("/dev/shm/cgproc-test-arm64-{}", std::process::id());
    format!("PROBE_LIMIT_PAGES={SMALL_PAGES} CGPROC_BOARD={board} CGPROC_DISK=64M")
}

#[test]
fn every_hook_on_glibc() {
    every_hook(Libc::Glibc);
}

#[test]
fn every_hook_on_musl() {
    every_hook(Libc::Musl);
}

fn every_hook(libc: Libc) {
    bed::log_machine();
    let (here, object, probes) = (bed::object(), build::object(), catalogue(libc));
    let cases = |probe: &Probe| {
        let arm64 = |preload, mode| probe.case(preload, mode);
        let ours = Some(object.as_path());
        [probe.case_here(&here), arm64(ours, "answer"), arm64(None, "answer"), arm64(ours, "pass"), arm64(None, "pass")]
    };
    let results = probes::run(&SMALL, &probes.iter().flat_map(cases).collect::<Vec<_>>());
    let mut findings = Findings::default();
    for (probe, results) in probes.iter().zip(results.chunks(5)) {
        let [expected, answer, native, pass, native_pass] = results else { unreachable!("five runs per hook") };
        // arm64 lacks the call that this machine makes: hostile:a_program_with_a_getdents_of_its_own.
        if (libc, &*probe.symbol) != (Libc::Glibc, "getdents") {
            judge(&probe.symbol, expected, answer, native, &mut findings);
        }
        let is_absent = native_pass.text == "absent";
        findings.check(is_absent || pass == native_pass, || {
            format!(
                "{} pass: status {}\n{}\nwithout the object:\n{}",
                probe.symbol, pass.status, pass.text, native_pass.text
            )
        });
    }
    findings.conclude(&format!("arm64 hooks on {libc:?}"));
}

fn judge(symbol: &str, expected: &Result, answer: &Result, native: &Result, findings: &mut Findings) {
    match NOT_IN_QEMU.iter().find(|(name, _)| *name == symbol) {
        Some((_, error)) => {
            println!("{symbol}: {error} from qemu-user");
            let refused = |result: &Result| result.text.contains(&format!("errno={error}"));
            findings.check(native.text == "absent" || refused(native), || {
                format!("{symbol} works in this qemu-user, so it can be tested: {}", native.text)
            });
            findings.check(!refused(expected), || format!("{symbol} fails here: {}", expected.text));
        }
        None => findings.check(answer == expected, || {
            format!("{symbol} answer: status {}\n{}\non this machine:\n{}", answer.status, answer.text, expected.text)
        }),
    }
}

/// Signal handlers have larger stacks on arm64: its kernel requires at least 5 KiB where others require 2. Registers
/// are saved in pairs, so the deepest hooks need a little more than 3 KiB.
#[test]
fn the_stack_of_every_hook() {
    const LIMIT: u64 = 3072 + 64;
    const FRAME: u64 = 1024;
    let object = build::object();
    let mut findings = Findings::default();
    for libc in Libc::ALL {
        let probes = catalogue(libc);
        let cases =
            probes.iter().flat_map(|probe| [None, Some(object.as_path())].map(|preload| probe.case(preload, "depth")));
        let results = probes::run(&SMALL, &cases.collect::<Vec<_>>());
        let depth = |result: &Result| result.text.lines().last()?.strip_prefix("depth=")?.parse::<u64>().ok();
        let all = || probes.iter().zip(results.chunks(2));
        let native = |name: &str| depth(all().find(|(probe, _)| probe.symbol == name)?.1.first()?);
        for (Probe { symbol, .. }, pair) in all() {
            let ours = pair.get(1).and_then(depth).unwrap_or(u64::MAX);
            // In a libc without `scandirat`, its `scandir` does the work.
            let stand_in = symbol.split_once("at").filter(|(base, _)| *base == "scandir").map(|(base, _)| base);
            let native = native(symbol).or_else(|| native(stand_in?)).unwrap_or(0);
            println!("{libc:?} {symbol}: {ours} bytes of stack, {native} without the object");
            findings.check(ours <= LIMIT.max(native + FRAME), || {
                format!("{libc:?} {symbol}: {ours} bytes, {native} without")
            });
        }
    }
    findings.conclude("stack on arm64");
}
