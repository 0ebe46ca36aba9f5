//! Bad input and refusals, each with its message and exit code.

use crate::bed;
use crate::bed::Version;
use crate::harness::{cgproc, err, out, own, printed, run};
use std::path::Path;
use std::process::Stdio;

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
        (&["run", "--cpuset", "1-", "true"], "'1-' for '--cpuset <LIST>'"),
        (&["run", "--pids", "0", "true"], "'0' for '--pids <N>'"),
        (&["run", "--memory", "1G", "--cgroup", "/x", "true"], "cannot be used with"),
        (&["run", "--pids", "9", "--pid", "1", "true"], "cannot be used with"),
        (&["run", "--cgroup", "/x", "--pid", "1", "true"], "cannot be used with"),
        (&["run", "--cgroup", "/no/such/cgroup", "true"], "no cgroup /no/such/cgroup is visible"),
        (&["run", "--cgroup", "/usr", "true"], "/usr is a directory, but not of a cgroup"),
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
    for arguments in [["--cpus", "0.001", "true"], ["--pids", "9", "no-such-program-anywhere"]] {
        let arguments = [&["run", "--memory", "64M"], arguments.as_slice()].concat();
        let command = cgproc(&arguments).stderr(Stdio::piped()).spawn().expect("cgproc");
        let name = format!("cgproc-run-{}", command.id());
        let output = command.wait_with_output().expect("its status");
        assert!(!output.status.success(), "{arguments:?}");
        let left = own("memory").ancestors().map(|home| home.join(&name)).find(|directory| directory.exists());
        assert_eq!(left, None, "{arguments:?}: {}", err(&output));
    }
}

#[test]
fn a_limit_that_the_kernel_refuses_is_named() {
    let file = match bed::version() {
        Version::V1 => "cpu.cfs_quota_us",
        Version::V2 => "cpu.max",
    };
    let output = run(&["--cpus", "0.001"], "echo ran");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""));
    let message = err(&output);
    assert!(message.starts_with("cgproc: the kernel refuses \"100"), "{message}");
    assert!(message.contains(file) && message.ends_with(": Invalid argument\n"), "{message}");

    let output = run(&["--memory", "64M", "--cpuset", "2000"], "echo ran");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(125), ""));
    assert!(err(&output).contains("2000") && err(&output).contains("cpuset.cpus"), "{}", err(&output));
}

#[test]
fn help_manual_and_completions() {
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"], &["man", "run"], &["completions", "bash"]] {
        let output = cgproc(arguments).output().expect("cgproc");
        assert!(output.status.success() && err(&output).is_empty(), "{arguments:?}");
        assert!(out(&output).contains("cgproc"), "{arguments:?}");
    }
}
