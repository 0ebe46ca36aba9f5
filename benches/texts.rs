//! What an answer's text costs on large machines: composed from recorded trees of 2 to 256 CPUs, and from made-up ones with
//! up to 120 disks, by a program that is built like the object (texts/main.rs).

use crate::{
    bed::{self, is_cpu_line, repository},
    containers::{output, target},
    figures, length, long_tree,
};
use std::{fs, path::Path, process::Command};

/// With 2, 4, 8, 16, 96, 128, 256 CPUs.
const TREES: [&str; 7] = [
    "s390x-guest",
    "v2-runc",
    "systemd-inside",
    "kubernetes-v1-shared-pids",
    "epyc-96-cpus",
    "arm64-128-cpus",
    "power-256-cpus",
];
const FILES: [&str; 3] = ["/proc/meminfo", "/proc/stat", "/proc/cpuinfo"];
const DISKS: [u32; 3] = [10, 40, 120];

pub(crate) fn run() {
    let program = built();
    for file in FILES {
        for tree in TREES {
            let folder = repository("tests/trees").join(tree);
            let stat = fs::read_to_string(folder.join("proc/stat")).expect("its stat");
            let cpus = stat.lines().filter(|line| is_cpu_line(line)).count();
            tell(&program, &folder, file, length::of("201", "2001"), &format!("{file}, {cpus} CPUs ({tree})"));
        }
    }
    let folder = target().join("tmp/benches/tree");
    for disks in DISKS {
        long_tree::make(&folder, disks);
        tell(&program, &folder, "/proc/diskstats", "11", &format!("/proc/diskstats, {disks} disks"));
    }
    tell(&program, &folder, "/proc/vmstat", "11", "/proc/vmstat, 120 disks");
}

fn built() -> std::path::PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked", "--quiet", "--release", "-p", "cgproc-bench", "--features", "texts"]);
    output(cargo.args(["--bin", "texts"]).current_dir(bed::repository("")).arg("--target-dir").arg(target()));
    target().join("release/texts")
}

fn tell(program: &Path, tree: &Path, file: &str, rounds: &str, row: &str) {
    let text = output(Command::new(program).arg(tree).args([file, rounds]));
    let numbers: Vec<f64> = text.trim().split('\t').filter_map(|field| field.parse().ok()).collect();
    let [bytes, quartiles @ ..]: [f64; 4] = numbers.try_into().expect("a size and quartiles");
    figures::tell("texts", row, "ours", quartiles);
    figures::tell_one("texts", row, "bytes", bytes * 1e3);
}
