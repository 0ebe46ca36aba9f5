//! What `cgproc trace` costs a program, as ratios within one run: `cargo bench --locked --bench trace`. Needs root; runs
//! on either cgroup version. The program, which asks through libc, runs alone, under the library, and under trace in
//! turns, in one container; figures are medians of each turn's median.

#[path = "../tests/bed/mod.rs"]
mod bed;

use bed::{PLAIN, repository};
use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

const TURNS: usize = 9;
const ROUNDS: &str = "51";

/// How the program is run, and what the column of its times is called.
const VARIANTS: [&str; 3] = ["kernel", "library", "trace"];

fn main() {
    bed::log_machine();
    let text = run(&compile());
    let mut times: HashMap<(String, String), Vec<f64>> = HashMap::new();
    let mut order = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [variant, operation, nsec] = fields[..] else { continue };
        if !order.iter().any(|known| known == operation) {
            order.push(operation.to_owned());
        }
        let nsec = nsec.parse().expect("a number");
        times.entry((operation.to_owned(), variant.to_owned())).or_default().push(nsec);
    }
    print(&order, &mut times);
}

/// The program of the bench `supervised`, with the C library that it finds.
fn compile() -> String {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cost");
    fs::create_dir_all(&directory).expect("a directory");
    let program = directory.join("traced");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-o"]).args([&program, &repository("benches/supervised.c")]);
    assert!(compiler.status().expect("cc").success(), "cc benches/supervised.c");
    program.display().to_string()
}

/// The turns, in a container that has limits but never throttles a single thread: `variant <tab> operation <tab>
/// nanoseconds`.
fn run(program: &str) -> String {
    let (object, command) = (bed::object(), bed::command());
    let (object, command) = (object.display(), command.display());
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other");
    fs::write(&other, "\n").expect("a file");
    let program = format!("{program} {} {ROUNDS}", other.display());
    let script = format!(
        "export CGPROC_OBJECT={object}\nlabel() {{ sed \"s/^/$1\\t/\"; }}\nfor turn in $(seq {TURNS}); do\n\
         {program} | label kernel\n\
         {command} run -- {program} | label library\n\
         {command} trace -o /dev/null -- {program} | label trace\ndone"
    );
    let view = if bed::version() == bed::Version::V1 { "bind" } else { "ns" };
    let mut in_container = Command::new(repository("tests/bed/container"));
    in_container.args(["-m", PLAIN.memory, "-q", "200000", "-V", view, "--", "bash", "-c", &script]);
    let output = in_container.stderr(Stdio::inherit()).output().expect("a container");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print(order: &[String], times: &mut HashMap<(String, String), Vec<f64>>) {
    println!("\na program that asks through libc, µs, {TURNS} turns");
    println!(
        "{:28} {:>9} {:>9} {:>9} {:>18} {:>18}",
        "", "kernel", "library", "trace", "over the kernel's", "over the library's"
    );
    for operation in order {
        let [kernel, library, trace] = VARIANTS.map(|variant| {
            let of_variant = times.get_mut(&(operation.clone(), variant.to_owned()));
            median(of_variant.expect(variant)) / 1e3
        });
        let (over_kernel, over_library) = (trace / kernel, trace / library);
        println!("{operation:28} {kernel:>9.2} {library:>9.2} {trace:>9.2} {over_kernel:>17.1}x {over_library:>17.1}x");
    }
}
