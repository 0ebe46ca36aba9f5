//! What `cgproc trace` costs a program, as ratios within one run: `cargo bench --locked --bench trace`. Needs root; runs
//! on either cgroup version. The program, which asks through libc, runs alone, under the library, and under trace in
//! turns, in one container; figures are medians of each turn's median.

#[path = "../tests/bed/mod.rs"]
mod bed;

mod turns;

use bed::repository;
use std::{fs, path::Path, process::Command};
use turns::Times;

const TURNS: usize = 9;
const ROUNDS: &str = "51";

fn main() {
    bed::log_machine();
    // The program of the bench `supervised`, with the C library that it finds.
    print(&run(&turns::compile("traced", &[])));
}

/// The turns of the kernel, the library and the trace.
fn run(program: &str) -> Times {
    let command = bed::command();
    let command = command.display();
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other");
    fs::write(&other, "\n").expect("a file");
    let program = format!("{program} {} {ROUNDS}", other.display());
    let lines = format!(
        "{program} | label kernel\n{command} run -- {program} | label library\n\
         {command} trace -o /dev/null -- {program} | label trace"
    );
    turns::take(TURNS, &lines, Command::new(repository("tests/bed/container")))
}

fn print(times: &Times) {
    println!("\na program that asks through libc, µs, {TURNS} turns");
    println!(
        "{:28} {:>9} {:>9} {:>9} {:>18} {:>18}",
        "", "kernel", "library", "trace", "over the kernel's", "over the library's"
    );
    for operation in &times.operations {
        let [kernel, library, trace] =
            ["kernel", "library", "trace"].map(|variant| times.median_usec(operation, variant).expect(variant));
        let (over_kernel, over_library) = (trace / kernel, trace / library);
        println!("{operation:28} {kernel:>9.2} {library:>9.2} {trace:>9.2} {over_kernel:>17.1}x {over_library:>17.1}x");
    }
}
