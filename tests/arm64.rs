//! arm64, as far as another machine can tell: the object and the command are built for it, and arm64 programs run under
//! qemu-user, in real containers of this kernel. docs/arm64.md says what that leaves open.

mod bed;
mod form;
mod probes;

#[path = "arm64/build.rs"]
mod build;
#[path = "arm64/hooks.rs"]
mod hooks;
#[path = "arm64/hostile.rs"]
mod hostile;
#[path = "arm64/programs.rs"]
mod programs;

use form::{Form, Machine};
use object::elf;

#[test]
fn the_object_has_the_same_form() {
    let machine = Machine { number: elf::EM_AARCH64, relative: elf::R_AARCH64_RELATIVE, most_bytes: 116 * 1024 };
    let form = Form::of(&build::object(), machine);
    form.refers_to_two_names_weakly();
    form.exports_the_hooks_and_nothing_else();
    form.needs_no_library_and_runs_nothing_when_loaded();
    form.is_two_segments_without_thread_storage();
    form.its_relocations_are_relative_and_in_the_writable_segment();
    form.writes_in_one_page();
    form.is_small();
    form.has_no_path_to_a_panic();
    form.has_only_what_the_oldest_loaders_know();
}

/// Fewer random inputs than elsewhere, because each takes ten times as long here. No examples: they say nothing about
/// the machine.
#[test]
fn calc_passes_its_own_tests() {
    let output = build::cargo(&[build::QUICK.as_slice(), &["test", "-p", "cgproc-calc", "--lib", "--tests"]].concat())
        .env("PROPTEST_CASES", "16")
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&output.stdout);
    let results: Vec<_> = text.lines().filter(|line| line.starts_with("test result:")).collect();
    println!("{}", results.join("\n"));
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let passed = |line: &&str| bed::figure(line, "test result: ok.").expect("a count");
    assert!(results.iter().map(passed).sum::<u64>() > 0, "nothing was tested:\n{text}");
}
