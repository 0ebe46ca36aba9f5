//! Bad input and refusals, each with its message and exit code.

use crate::{
    bed,
    harness::{cgproc, err, out, own, printed, run},
};
use std::{path::Path, process::Stdio};

#[test]
fn programs_that_cannot_be_run() {
    let plain = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let cases = [
        ("no-such-program-anywhere", 127, "cgproc: cannot run no-such-program-anywhere: No such file or directory\n"),
        (plain.to_str().expect("UTF-8"), 126, "Permission denied\n"),
        ("/", 126, "cgproc: cannot run /: Permission denied\n"),
    ];
    for (program, code, message) in cases {
        for options in [&[][..], &["--memory", "64M"]] {
            let output = cgproc(&[&["run"], options, &["--", program]].concat()).output().expect("cgproc");
            assert_eq!((output.status.code(), out(&output).as_str()), (Some(code), ""), "{program}");
            assert!(err(&output).ends_with(message), "{}", err(&output));
        }
    }
}

#[test]
fn bad_input_is_named() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage: cgproc"),
        (&["fly"], "unrecognized subcommand 'fly'"),
        (&["run"], "<PROG>"),
        (&["run", "--bogus", "true"], "unexpected argument '--bogus'"),
        (&["run", "--memory", "lots", "true"], "'lots' for '--memory <SIZE>'"),
        (&["run", "--memory", "0", "true"], "must be more than 0"),
        (&["run", "--memory", "12Q", "true"], "powers of 1024"),
        (&["run", "--swap", "1G", "true"], "--memory <SIZE>"),
        (&["run", "--cpus", "0", "true"], "'0' for '--cpus <N>'"),
        (&["run", "--cpus", "-1", "true"], "unexpected argument '-1'"),
        (&["run", "--cpus=-1", "true"], "'-1' for '--cpus <N>'"),
        (&["run", "--cpus", "0.001", "true"], "the kernel limits to 0.01 CPUs at least"),
        (&["run", "--cpus", "9m", "true"], "the kernel limits to 0.01 CPUs at least"),
        (&["run", "--cpuset", "1-", "true"], "'1-' for '--cpuset <LIST>'"),
        (&["run", "--pids", "0", "true"], "'0' for '--pids <N>'"),
        (&["run", "--memory", "1G", "--cgroup", "/x", "true"], "cannot be used with"),
        (&["run", "--pids", "9", "--pid", "1", "true"], "cannot be used with"),
        (&["run", "--cgroup", "/x", "--pid", "1", "true"], "cannot be used with"),
        (&["run", "--cgroup", "/no/such/cgroup", "true"], "no cgroup /no/such/cgroup is visible"),
        (&["run", "--cgroup", "/usr", "true"], "/usr is a directory, but not of a cgroup: name a container's cgroup"),
        (&["run", "--cgroup", "/etc/passwd", "true"], "/etc/passwd is a file, but not of a cgroup: name a container's"),
        (&["run", "--cgroup", "/", "true"], "/ is the root of all cgroups, and its view is the machine's: name a"),
        (&["show", "--cgroup", "/", "meminfo"], "/ is the root of all cgroups"),
        (&["run", "--cgroup", "/proc/4194305/cgroup", "true"], "no process 4194305"),
        (&["run", "--pid", "4194305", "true"], "no process 4194305"),
        (&["show"], "<FILE>"),
        (&["show", "memory"], "no answer for memory; there is one for /proc/meminfo, /proc/swaps,"),
        (&["show", "--pid", "4194305", "meminfo"], "no process 4194305"),
    ];
    for (arguments, message) in cases {
        let output = cgproc(arguments).output().expect("cgproc");
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""), "{arguments:?}");
        assert!(err(&output).contains(message), "{arguments:?}: {}", err(&output));
    }
}

/// Values that neither the command nor the object understands.
const GARBAGE: [(&str, &str); 11] = [
    ("CGPROC", "maybe"),
    ("CGPROC_CPUS", "many"),
    ("CGPROC_CPUS", ""),
    ("CGPROC_MEMORY", "much"),
    ("CGPROC_MEMORY", "0"),
    ("CGPROC_CGROUP", "relative"),
    ("CGPROC_CGROUP", ""),
    ("CGPROC_UPTIME", "guest"),
    ("CGPROC_AFFINITY", "0-3"),
    ("CGPROC_FILES", "meminfo,load"),
    ("CGPROC_BOARD", "board"),
];

#[test]
fn the_object_understands_what_the_command_understands() {
    let total = |name: &str, value: &str| {
        let arguments = ["run", "-m", "64M", "env", &format!("{name}={value}"), "grep", "MemTotal", "/proc/meminfo"];
        bed::figure(&printed(&cgproc(&arguments).output().expect("cgproc")), "MemTotal:")
    };
    let kernels = bed::figure(&std::fs::read_to_string("/proc/meminfo").expect("/proc/meminfo"), "MemTotal:");
    for (name, value) in GARBAGE {
        assert_eq!(total(name, value), kernels, "{name}={value}");
    }
    let good = [
        ("CGPROC", "on"),
        ("CGPROC_CPUS", "1.5"),
        ("CGPROC_MEMORY", "64M"),
        ("CGPROC_UPTIME", "host"),
        ("CGPROC_AFFINITY", "kernel"),
        ("CGPROC_FILES", "cpu,meminfo,loadavg"),
        ("CGPROC_BOARD", "/no/such/board"),
        ("CGPROC_DEBUG", ""),
    ];
    for (name, value) in good {
        assert_eq!(total(name, value), Some(65_536), "{name}={value}");
        printed(&cgproc(&["run", "true"]).env(name, value).output().expect("cgproc"));
    }
}

#[test]
fn garbage_in_the_environment_is_named() {
    let objects = [("CGPROC_OBJECT", "/no/such/object.so"), ("CGPROC_OBJECT", "/usr")];
    for (name, value) in GARBAGE.into_iter().chain(objects) {
        let output = cgproc(&["run", "true"]).env(name, value).output().expect("cgproc");
        assert_eq!(output.status.code(), Some(125), "{name}={value}");
        let message = err(&output);
        assert!(message.contains(name) && message.contains(value) && message.lines().count() == 1, "{message}");
    }
}

#[test]
fn failing_leaves_no_cgroup_behind() {
    for arguments in [["--pids", TOO_MANY, "true"], ["--pids", "9", "no-such-program-anywhere"]] {
        let arguments = [&["run", "--memory", "64M"], arguments.as_slice()].concat();
        let command = cgproc(&arguments).stderr(Stdio::piped()).spawn().expect("cgproc");
        let name = format!("cgproc-run-{}", command.id());
        let output = command.wait_with_output().expect("its status");
        assert!(!output.status.success(), "{arguments:?}");
        let left = own("memory").ancestors().map(|home| home.join(&name)).find(|directory| directory.exists());
        assert_eq!(left, None, "{arguments:?}: {}", err(&output));
    }
}

/// More processes than the kernel takes for a limit.
const TOO_MANY: &str = "99999999";

#[test]
fn a_limit_that_the_kernel_refuses_is_named() {
    let output = run(&["--pids", TOO_MANY], "echo ran");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""));
    let message = err(&output);
    assert!(message.starts_with("cgproc: the kernel refuses \"99999999\""), "{message}");
    assert!(message.contains("pids.max") && message.ends_with(": Invalid argument\n"), "{message}");
}

#[test]
fn cpus_that_are_not_there_are_named() {
    let output = run(&["--memory", "64M", "--cpuset", "2000"], "echo ran");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""));
    let all = std::fs::read_to_string("/sys/devices/system/cpu/online").expect("CPUs");
    let message = format!("cgproc: --cpuset 2000: the CPUs here are {}, choose among these\n", all.trim());
    assert_eq!(err(&output), message);

    let output = run(&["--cpus", "6400"], "nproc");
    let count = bed::host().cpus;
    assert_eq!((output.status.code(), out(&output).trim()), (Some(0), count.to_string().as_str()));
    assert_eq!(err(&output), format!("cgproc: --cpus 6400 limits nothing: the CPUs here are {count}\n"));
}

/// Each way to write 128 MiB and one CPU and a half, in the options and in the variables.
#[test]
fn units_of_docker_and_of_kubernetes() {
    for size in ["134217728", "131072k", "128M", "128m", "128Mi", "128MiB", "128mb"] {
        let text = printed(&run(&["--memory", size, "--swap", size], "grep MemTotal /proc/meminfo"));
        assert_eq!(bed::figure(&text, "MemTotal:"), Some(128 << 10), "--memory {size}");
        let output = cgproc(&["explain", "--json", "disk"]).env("CGPROC_DISK", size).output().expect("cgproc");
        assert!(printed(&output).contains("sampler --disk"), "CGPROC_DISK={size}");
        let script = format!("CGPROC_MEMORY={size} grep MemTotal /proc/meminfo");
        let text = printed(&run(&["--memory", "256M"], &script));
        assert_eq!(bed::figure(&text, "MemTotal:"), Some(128 << 10), "CGPROC_MEMORY={size}");
    }
    let (half, half_cpus) = ("\"value_cpus\": 0.5\n", ["0.5", "500m", ".5"]);
    for (number, is_taken) in half_cpus.into_iter().zip([true, true, false]) {
        let script = format!("{} explain --json cpus.quota | grep value_cpus", bed::command().display());
        let output = run(&["--cpus", number], &script);
        assert_eq!(out(&output).contains(half.trim()), is_taken, "--cpus {number}: {}", err(&output));
        let script = format!("CGPROC_CPUS={number} {script}");
        let output = run(&["--memory", "64M"], &script);
        assert_eq!(out(&output).contains(half.trim()), is_taken, "CGPROC_CPUS={number}: {}", err(&output));
    }
}

#[test]
fn help_is_there() {
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"], &["help", "run"]] {
        let output = cgproc(arguments).output().expect("cgproc");
        assert!(output.status.success() && err(&output).is_empty(), "{arguments:?}");
        assert!(out(&output).contains("cgproc"), "{arguments:?}");
    }
}
