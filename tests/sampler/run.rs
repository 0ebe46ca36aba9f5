//! `cgproc run` samples for its child where no sampler does.

use crate::bed::{self, Findings};
use crate::harness::{averages, busy, kernels};
use crate::processes::{Place, until};
use std::path::Path;
use std::process::{Command, Stdio};

/// Three threads for two to three ticks. Each tick brings the average 8 % nearer to 3.
const SCRIPT: &str = "\"$0\" 3 0 & sleep 14; cat /proc/loadavg; kill $!";
const SHOWN: std::ops::RangeInclusive<f64> = 0.4..=0.8;

fn installed(place: &Place) -> [std::path::PathBuf; 3] {
    let sources = [bed::command(), bed::object(), bed::programs().join("busy")];
    ["cgproc", "libcgproc.so", "busy"].map(|name| {
        let source = sources.iter().find(|path| path.ends_with(name)).expect("its source");
        let status = Command::new("install").arg("-m755").arg(source).arg(place.file(name)).status();
        assert!(status.expect("install").success());
        place.file(name)
    })
}

fn run(mut command: Command, cgproc: &Path, options: &[&str], program: &Path) -> Command {
    command.arg(cgproc).arg("run").args(options).args(["--", "sh", "-c", SCRIPT]).arg(program);
    for variable in ["LD_PRELOAD", "CGPROC_BOARD", "CGPROC_OBJECT", "XDG_RUNTIME_DIR"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_run_shows_the_load_of_its_child() {
    bed::log_machine();
    let place = Place::new();
    std::fs::set_permissions(place.file(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("readable");
    let [cgproc, _, program] = installed(&place);
    let host = busy(8, 0, None);
    until("a load on the machine", || averages(&kernels())[0] > 1.5);
    let mut unprivileged = Command::new("setpriv");
    unprivileged.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]);
    let runs = [
        ("in a cgroup", run(Command::new("env"), &cgproc, &["-m", "256M"], &program)),
        ("declared", run(unprivileged, &cgproc, &["-m", "256M"], &program)),
    ];
    let started = runs.map(|(name, mut command)| (name, command.spawn().expect("cgproc run")));
    let mut findings = Findings::default();
    for (name, child) in started {
        let output = child.wait_with_output().expect("its output");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{name}: {} (the kernel's {}) {}", text.trim(), kernels(), said.trim());
        findings.check(output.status.success(), || format!("{name}: {}", output.status));
        if text.is_empty() {
            findings.check(false, || format!("{name}: {said}"));
            continue;
        }
        findings.check(SHOWN.contains(&averages(&text)[0]), || format!("{name}: {text}"));
    }
    drop(host);
    findings.conclude("cgproc run");
}
