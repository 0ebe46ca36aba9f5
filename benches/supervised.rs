//! What supervision costs a static program (`cgproc run --static`), as ratios within one run:
//! `cargo bench --locked --bench supervised`. Needs root; runs on either cgroup version. If lxcfs is installed, it is
//! measured too. The program runs alone, supervised, and on lxcfs's files in turns, in one container; figures are
//! medians of each turn's median.

#[path = "../tests/bed/mod.rs"]
mod bed;

use bed::{PLAIN, repository};
use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

const TURNS: usize = 15;
const ROUNDS: &str = "101";

/// How the program is run, and what the column of its times is called.
const VARIANTS: [&str; 3] = ["kernel", "supervised", "lxcfs"];

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

fn compile() -> String {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cost");
    fs::create_dir_all(&directory).expect("a directory");
    let program = directory.join("supervised");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-static", "-o"]).args([&program, &repository("benches/supervised.c")]);
    assert!(compiler.status().expect("cc").success(), "cc benches/supervised.c");
    program.display().to_string()
}

/// The turns, in a container that has limits but never throttles a single thread: `variant <tab> operation <tab>
/// nanoseconds`.
fn run(program: &str) -> String {
    let (object, command) = (bed::object(), bed::command());
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other");
    fs::write(&other, "\n").expect("a file");
    let arguments = format!("{} {ROUNDS}", other.display());
    let script = format!(
        "export CGPROC_OBJECT={}\nlabel() {{ sed \"s/^/$1\\t/\"; }}\nfor turn in $(seq {TURNS}); do\n\
         {program} {arguments} | label kernel\n\
         {} run -- {program} {arguments} | label supervised\n\
         [ -z \"${{LXCFS-}}\" ] || {program} {arguments} \"$LXCFS\" | label lxcfs\ndone",
        object.display(),
        command.display()
    );
    let view = if bed::version() == bed::Version::V1 { "bind" } else { "ns" };
    let mut in_container = if has_lxcfs() {
        let mut under_lxcfs = Command::new(repository("tests/bed/lxcfs"));
        under_lxcfs.arg("-l").arg(repository("tests/bed/container"));
        under_lxcfs
    } else {
        println!("\nlxcfs is not there or does not start: its column is empty");
        Command::new(repository("tests/bed/container"))
    };
    in_container.args(["-m", PLAIN.memory, "-q", "200000", "-V", view, "--", "bash", "-c", &script]);
    let output = in_container.stderr(Stdio::inherit()).output().expect("a container");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn has_lxcfs() -> bool {
    let mut command = Command::new(repository("tests/bed/lxcfs"));
    command.args(["-l", "true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print(order: &[String], times: &mut HashMap<(String, String), Vec<f64>>) {
    println!("\na static program, µs, {TURNS} turns");
    println!(
        "{:28} {:>9} {:>11} {:>9} {:>12} {:>18} {:>18}",
        "", "kernel", "supervised", "lxcfs", "difference", "over the kernel's", "of lxcfs's"
    );
    for operation in order {
        let [kernel, ours, lxcfs] = VARIANTS
            .map(|variant| times.get_mut(&(operation.clone(), variant.to_owned())).map(|times| median(times) / 1e3));
        let (kernel, ours) = (kernel.expect("the kernel's"), ours.expect("ours"));
        let (reference, share) =
            lxcfs.map_or_else(Default::default, |lxcfs| (format!("{lxcfs:.1}"), format!("1/{:.1}", lxcfs / ours)));
        let (more, times) = (ours - kernel, ours / kernel);
        println!("{operation:28} {kernel:>9.2} {ours:>11.2} {reference:>9} {more:>+12.2} {times:>17.1}x {share:>18}");
    }
}
