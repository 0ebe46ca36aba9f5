//! What `cgproc-runtime` adds to the start of a container and to that of a process in one, over runc alone, in pairs
//! within one run. Needs the userland of `tests/bed/setup roots`.

use crate::{
    bed,
    figures::{self, quartiles},
    length,
};
use std::process::{Command, Stdio};

/// A container of Debian that runs `true`, and `true` in one that is running. Engines write a new bundle for each
/// container, and a new description of each process. Each line: what, microseconds alone, microseconds through ours.
const SCRIPT: &str = r#"
    cd $WORK
    runc spec
    jq --arg root $ROOT --arg cgroup /$CGROUP/timed '.process.terminal = false | .process.args = ["true"] |
        .root.path = $root | .linux.cgroupsPath = $cgroup' config.json >plain.json
    jq .process plain.json >plain-process.json
    elapsed() {
        local begun=$EPOCHREALTIME
        "$@"
        echo $((${EPOCHREALTIME/./} - ${begun/./}))
    }
    timed() {
        local what=$1 first=$2 second=$3 round one other
        shift 3
        for round in $(seq $rounds); do
            cp plain.json config.json
            cp plain-process.json process.json
            one=$(elapsed $first "$@")
            other=$(elapsed $second "$@")
            if [ $first = runc ]; then echo $what $one $other; else echo $what $other $one; fi
        done
    }
    # Whoever comes first has the colder caches.
    rounds=$((rounds / 2 + 1))
    timed start runc cgproc-runtime run timed
    timed start cgproc-runtime runc run timed
    jq '.process.args = ["sleep", "1000"] | .linux.cgroupsPath += "-running"' plain.json >config.json
    cgproc-runtime run --detach running </dev/null >/dev/null 2>&1
    timed exec runc cgproc-runtime exec --process process.json running
    timed exec cgproc-runtime runc exec --process process.json running
    runc delete --force running
"#;

pub(crate) fn run() {
    let text = timed(length::of(21, 101));
    for what in ["start", "exec"] {
        let pairs: Vec<(f64, f64)> = text.lines().filter_map(|line| pair(line.strip_prefix(what)?)).collect();
        let of = |value: fn(&(f64, f64)) -> f64| quartiles(&pairs.iter().map(value).collect::<Vec<_>>());
        figures::tell("runtime", what, "runc", of(|pair| pair.0));
        figures::tell("runtime", what, "cgproc-runtime", of(|pair| pair.1));
        figures::tell("runtime", what, "difference", of(|pair| pair.1 - pair.0));
    }
}

/// The pair of a line, in milliseconds.
fn pair(line: &str) -> Option<(f64, f64)> {
    let (alone, through) = line.trim().split_once(' ')?;
    Some((alone.parse::<f64>().ok()? / 1e3, through.parse::<f64>().ok()? / 1e3))
}

fn timed(rounds: usize) -> String {
    let [private, installed] = ["private", "installed"].map(|script| bed::repository("tests/bed").join(script));
    let (object, script) = (bed::object(), format!("rounds={rounds}\n{SCRIPT}"));
    let mut command = Command::new(private);
    command.args(["-i", "none", "-o"]).arg(&object).arg("--").arg(installed).arg("-o").arg(&object);
    command.arg("-c").arg(bed::command()).args(["--", "/bin/bash", "-euc", &script]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("tests/bed/private");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}
