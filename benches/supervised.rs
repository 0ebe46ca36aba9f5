//! What supervision costs a static program (`cgproc run --static`), as ratios within one run:
//! `cargo bench --locked --bench supervised`. Needs root; runs on either cgroup version. If lxcfs is installed, it is
//! measured too. The program runs alone, supervised, and on lxcfs's files in turns, in one container; figures are
//! medians of each turn's median.

#[path = "../tests/bed/mod.rs"]
mod bed;

mod turns;

use bed::repository;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};
use turns::Times;

const TURNS: usize = 15;
const ROUNDS: &str = "101";

fn main() {
    bed::log_machine();
    print(&run(&turns::compile("supervised", &["-static"])));
}

/// The turns of the kernel, the supervisor and lxcfs.
fn run(program: &str) -> Times {
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other");
    fs::write(&other, "\n").expect("a file");
    let arguments = format!("{} {ROUNDS}", other.display());
    let lines = format!(
        "{program} {arguments} | label kernel\n{} run -- {program} {arguments} | label supervised\n\
         [ -z \"${{LXCFS-}}\" ] || {program} {arguments} \"$LXCFS\" | label lxcfs",
        bed::command().display()
    );
    let container = if has_lxcfs() {
        let mut under_lxcfs = Command::new(repository("tests/bed/lxcfs"));
        under_lxcfs.arg("-l").arg(repository("tests/bed/container"));
        under_lxcfs
    } else {
        println!("\nlxcfs is not there or does not start: its column is empty");
        Command::new(repository("tests/bed/container"))
    };
    turns::take(TURNS, &lines, container)
}

fn has_lxcfs() -> bool {
    let mut command = Command::new(repository("tests/bed/lxcfs"));
    command.args(["-l", "true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn print(times: &Times) {
    println!("\na static program, µs, {TURNS} turns");
    println!(
        "{:28} {:>9} {:>11} {:>9} {:>12} {:>18} {:>18}",
        "", "kernel", "supervised", "lxcfs", "difference", "over the kernel's", "of lxcfs's"
    );
    for operation in &times.operations {
        let of = |variant| times.median_usec(operation, variant);
        let (kernel, ours) = (of("kernel").expect("the kernel's"), of("supervised").expect("ours"));
        let (reference, share) = of("lxcfs")
            .map_or_else(Default::default, |lxcfs| (format!("{lxcfs:.1}"), format!("1/{:.1}", lxcfs / ours)));
        let (more, times) = (ours - kernel, ours / kernel);
        println!("{operation:28} {kernel:>9.2} {ours:>11.2} {reference:>9} {more:>+12.2} {times:>17.1}x {share:>18}");
    }
}
