//! `cgproc show`, and the view of another container.

use crate::{
    bed,
    harness::{cgproc, directory, err, out, printed, run, tempfile, waiting},
};
use std::{fs, path::Path};

/// Names that are the same in both texts; the figures of a running system are not.
fn shape(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.chars().filter(|c| !c.is_ascii_digit()).collect::<String>().split_whitespace().collect())
        .collect()
}

#[test]
fn show_prints_what_a_program_reads() {
    const FILES: [&str; 16] = [
        "/proc/meminfo",
        "/proc/swaps",
        "/proc/stat",
        "/proc/cpuinfo",
        "/proc/uptime",
        "/sys/devices/system/cpu/online",
        "/sys/devices/system/cpu/present",
        "/sys/devices/system/cpu/cpu0/topology/core_cpus_list",
        "/sys/devices/system/memory/block_size_bytes",
        "/sys/devices/system/node/node0/meminfo",
        "/proc/diskstats",
        "/proc/vmstat",
        "/proc/pressure/cpu",
        "/proc/pressure/memory",
        "/proc/pressure/io",
        "/proc/sys/kernel/threads-max",
    ];
    let options = ["--memory", "256M", "--swap", "0", "--cpuset", "0", "--cpus", "0.5", "--pids", "100"];
    // A kernel may lack NUMA nodes, memory blocks, topology and pressure.
    for file in FILES.into_iter().filter(|file| Path::new(file).exists()) {
        let script = format!("cat {file}; echo =; {} show {file}", bed::command().display());
        let text = printed(&run(&options, &script));
        let (read, shown) = text.split_once("=\n").expect("two texts");
        assert!(!read.is_empty(), "{file}");
        assert_eq!(shape(read), shape(shown), "{file}");
        if file.starts_with("/sys/devices/system/cpu") || file.contains("kernel") || file == "/proc/swaps" {
            assert_eq!(read, shown, "{file}");
        }
    }
    let script = format!("{} show meminfo", bed::command().display());
    assert_eq!(bed::figure(&printed(&run(&options, &script)), "MemTotal:"), Some(262_144));
}

#[test]
fn show_says_why_it_is_the_kernels_text() {
    let output = cgproc(&["show", "-v", "meminfo"]).env("CGPROC", "off").output().expect("cgproc");
    assert_eq!(err(&output), "cgproc: /proc/meminfo: the kernel's own text: CGPROC=off\n");
    let kernels = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    assert_eq!(bed::figure(&out(&output), "MemTotal:"), bed::figure(&kernels, "MemTotal:"));
    let silent = cgproc(&["show", "meminfo"]).env("CGPROC", "off").output().expect("cgproc");
    assert_eq!(err(&silent), "");
}

#[test]
fn block_devices_have_names() {
    let Some(device) = fs::read_dir("/sys/class/block").expect("/sys/class/block").flatten().next() else {
        println!("this machine has no block device");
        return;
    };
    let file = device.path().join("stat");
    let kernels = fs::read_to_string(&file).expect("its columns").split_whitespace().count();
    let short = format!("{}/stat", device.file_name().display());
    for name in [short.as_str(), file.to_str().expect("UTF-8")] {
        let shown = printed(&cgproc(&["show", name]).output().expect("cgproc"));
        assert_eq!(shown.split_whitespace().count(), kernels, "{name}: {shown}");
    }
}

#[test]
fn a_long_line_is_read_by_both() {
    let directory = tempfile();
    fs::create_dir(&directory).expect("a directory");
    for (name, text) in [("cgroup.procs", ""), ("memory.max", "67108864\n"), ("memory.current", "4096\n")] {
        fs::write(directory.join(name), text).expect("written");
    }
    for length in [100, 400, 450, 500, 600, 1000] {
        let figures = "254:9 rbytes=7777777000 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0".to_owned();
        let filler = " cost.wait=0".repeat(length / 12);
        fs::write(directory.join("io.stat"), format!("{:.1$}\n", figures + &filler, length)).expect("written");
        let by = |mut command: std::process::Command| {
            let output = command.env("CGPROC_CGROUP", &directory).output().expect("a program");
            out(&output).lines().any(|line| line == "pgpgin 7595485")
        };
        let mut cat = std::process::Command::new("cat");
        cat.arg("/proc/vmstat").env("LD_PRELOAD", bed::object());
        let pair = [by(cat), by(cgproc(&["show", "vmstat"]))];
        assert_eq!(pair, [true; 2], "{length} bytes: the object, the command");
    }
    fs::remove_dir_all(&directory).expect("removed");
}

#[test]
fn a_full_disk_is_told() {
    for arguments in [&["show", "meminfo"][..], &["completions", "bash"], &["man"]] {
        let full = fs::File::options().write(true).open("/dev/full").expect("/dev/full");
        let output = cgproc(arguments).stdout(full).output().expect("cgproc");
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
        assert!(err(&output).contains("standard output"), "{arguments:?}: {}", err(&output));
    }
}

#[test]
fn the_view_of_another_container() {
    let (other, memberships) = waiting(&["--memory", "256M"]);
    let pid = other.child().to_string();
    let directory = directory("memory", &memberships);
    let total = "grep MemTotal /proc/meminfo";
    for options in [["--pid", pid.as_str()], ["--cgroup", directory.to_str().expect("UTF-8")]] {
        let text = printed(&run(&options, total));
        assert_eq!(bed::figure(&text, "MemTotal:"), Some(262_144), "{options:?}");
        let shown = printed(&cgproc(&[&["show", "meminfo"], options.as_slice()].concat()).output().expect("cgproc"));
        assert_eq!(bed::figure(&shown, "MemTotal:"), Some(262_144), "{options:?}");
    }
}
