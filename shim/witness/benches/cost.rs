//! What an open costs in front of which the witness stands, in CPU time of its thread: `cargo bench -p cgproc-witness`,
//! after `packaging/compile amd64`. Rounds with and without it take turns, and the median of their
//! ratios is printed: what else the machine does meanwhile meets both.

use std::{
    fs::File,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

const ROUNDS: usize = 15;
/// The variable by which the measured program knows itself: the path that it opens.
const OPENS: &str = "WITNESS_BENCH_OPENS";

fn main() {
    if let Ok(path) = std::env::var(OPENS) {
        println!("{}", cost_of_an_open(&path));
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("socket");
    let reader = UnixDatagram::bind(&socket).expect("a socket");
    thread::spawn(move || while reader.recv(&mut [0; 2048]).is_ok() {});
    println!("{:44} {:>8} {:>8} {:>6}", "open + close", "without", "with", "ratio");
    for (name, path, home) in [
        ("passed through, absolute path", "/etc/passwd", "/"),
        ("passed through, relative path", "passwd", "/etc"),
        ("told", "/proc/uptime", "/"),
    ] {
        let mut rounds: Vec<(f64, f64)> =
            (0..ROUNDS).map(|_| (run(path, home, None), run(path, home, Some(&socket)))).collect();
        rounds.sort_by(|one, other| (one.1 / one.0).total_cmp(&(other.1 / other.0)));
        let (without, with) = rounds[ROUNDS / 2];
        println!("{name:44} {without:>6.0}ns {with:>6.0}ns {:>6.2}", with / without);
    }
}

/// One round in a process of its own.
fn run(path: &str, home: &str, witness: Option<&Path>) -> f64 {
    let mut command = Command::new(std::env::current_exe().expect("/proc/self/exe"));
    command.env(OPENS, path).current_dir(home).env_remove("LD_PRELOAD");
    if let Some(socket) = witness {
        command.env("LD_PRELOAD", library()).env(witness_event::SOCKET, socket);
    }
    let output = command.output().expect("this program");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("nanoseconds")
}

fn library() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("built/amd64/libcgproc_witness.so");
    assert!(path.is_file(), "{} is missing: packaging/compile amd64", path.display());
    path
}

/// Nanoseconds of CPU time.
fn cost_of_an_open(path: &str) -> f64 {
    const TIMES: u32 = 3000;
    let open = || drop(File::open(path).expect("the file"));
    open();
    let start = cpu_time_nsec();
    for _ in 0..TIMES {
        open();
    }
    (cpu_time_nsec() - start) as f64 / f64::from(TIMES)
}

fn cpu_time_nsec() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
