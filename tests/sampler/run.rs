//! `cgproc run` samples for its child if no sampler does.

use crate::{
    bed::{self, Findings},
    harness::{averages, machine_load, triple},
    processes::Place,
    watch::Watch,
};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Three threads, until they and the shell could have reached the average that three threads have after two ticks. Each
/// tick brings the average 8 % closer to the number of running threads.
const SCRIPT: &str = "\"$0\" 3 0 & begun=$(date +%s) looks=1
until read -r one rest </proc/loadavg; [ \"$one\" \\> 0.44 ]; do looks=$((looks + 1)); sleep 0.2; done
echo $one $rest in $looks looks and seconds: $(($(date +%s) + 1 - begun)); kill $!; wait";
const LEAST: f64 = 0.4;

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
    let mut findings = Findings::default();
    let place = Place::new();
    std::fs::set_permissions(place.file(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("readable");
    let [cgproc, _, program] = installed(&place);
    let host = machine_load();
    let watch = Watch::start(place.board(), Vec::new());
    let mut unprivileged = Command::new("setpriv");
    unprivileged.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]);
    let runs = [
        ("in a cgroup", run(Command::new("env"), &cgproc, &["-m", "256M"], &program)),
        ("declared", run(unprivileged, &cgproc, &["-m", "256M"], &program)),
    ];
    let started = runs.map(|(name, mut command)| (name, command.spawn().expect("cgproc run")));
    let outputs = started.map(|(name, child)| (name, child.wait_with_output().expect("its output")));
    let kernels = watch.end().of_kernel();
    drop(host);
    for (name, output) in outputs {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{name}: {} {}", text.trim(), said.trim());
        findings.check(output.status.success(), || format!("{name}: {}", output.status));
        let Some(seconds) = text.split_whitespace().last().and_then(|word| word.parse::<f64>().ok()) else {
            findings.check(false, || format!("{name}: {said}"));
            continue;
        };
        let (shown, most) = (averages(&text)[0], at_most(4.0, seconds));
        findings.check((LEAST..=most).contains(&shown), || format!("{name}: {text}, not {LEAST} to {most}"));
        findings.check(!kernels.contains(&triple(&text)), || format!("{name}: the kernel's {text}"));
    }
    findings.conclude("cgproc run");
}

/// The one-minute average of this many threads after this time. A sampler counts one more tick to get into phase with
/// the kernel.
fn at_most(threads: f64, seconds: f64) -> f64 {
    let ticks = (seconds / 5.0).floor() + 2.0;
    threads * (1.0 - (-ticks * 5.0 / 60.0).exp()) + 0.01
}
