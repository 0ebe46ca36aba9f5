//! Real programs: what trace says of each is what strace sees, and nothing of it passes by a hook.

use crate::{
    bed,
    program::{busybox, compiled},
    traced::{has_witness, straced, traced},
};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// A program, and what the container must have answered it.
struct Program {
    name: &'static str,
    command: Vec<String>,
    answered: &'static [&'static str],
}

fn program(name: &'static str, command: &[&str], answered: &'static [&'static str]) -> Program {
    Program { name, command: command.iter().map(ToString::to_string).collect(), answered }
}

fn shell(name: &'static str, script: &str, answered: &'static [&'static str]) -> Program {
    program(name, &["bash", "-c", script], answered)
}

const MEMINFO: &[&str] = &["/proc/meminfo"];

/// Each installed JDK: they are of different ages.
fn jdks() -> Vec<PathBuf> {
    let all = fs::read_dir("/usr/lib/jvm").expect("JDKs").flatten().map(|entry| entry.path().join("bin/java"));
    let real: BTreeSet<PathBuf> = all.filter_map(|path| path.canonicalize().ok()).collect();
    real.into_iter().collect()
}

fn programs() -> Vec<Program> {
    let here = bed::programs().display();
    let redis = "d=$(mktemp -d); redis-server --port 0 --unixsocket $d/s --save '' --dir $d --daemonize yes >/dev/null; \
        until redis-cli -s $d/s info memory 2>/dev/null | grep -q total_system; do sleep 0.1; done; \
        redis-cli -s $d/s shutdown nosave; rm -r $d";
    let nginx = format!(
        "d=$(mktemp -d); nginx -c {here}/nginx-auto.conf -g \"pid $d/pid;\" 2>$d/log & \
         until grep -q 'start worker process [0-9]' $d/log || ! kill -0 $!; do sleep 0.1; done; \
         kill -QUIT $!; wait $!; rm -r $d"
    );
    // Until it shows a size; then it is told to quit.
    let htop = r"export TERM=xterm; coproc script -qec 'stty rows 40 cols 120; htop' /dev/null 2>&1
        while read -r -d $'\e' -u ${COPROC[0]} w; do if [[ $w =~ /[0-9.]+[MG] ]]; then break; fi; done
        printf q >&${COPROC[1]}; cat <&${COPROC[0]} >/dev/null; wait";
    let forks = "for i in {1..100}; do head -n 1 /proc/meminfo & done | sort -u; wait";
    let mut all = vec![
        program("free", &["free", "-k"], MEMINFO),
        program("top", &["top", "-bn1"], &["/proc/meminfo", "/proc/stat", "/proc/loadavg"]),
        shell("htop", htop, &["/proc/meminfo", "/proc/stat"]),
        program("vmstat", &["vmstat", "1", "1"], &["/proc/meminfo", "/proc/stat", "/proc/vmstat"]),
        program("uptime", &["uptime"], &["/proc/loadavg"]),
        program("nproc", &["nproc"], &["sched_getaffinity"]),
        program("getconf", &["getconf", "_NPROCESSORS_ONLN"], &["_SC_NPROCESSORS_ONLN"]),
        program("lscpu", &["lscpu"], &["/proc/cpuinfo", "/sys/devices/system/cpu/online"]),
        program("cat", &["sh", "-c", "cd /proc; cat self/../meminfo"], MEMINFO),
        program("perl", &["perl", "-ne", "print if /MemTotal/", "/proc/meminfo"], MEMINFO),
        program("node", &["node", "-p", "require('os').totalmem()"], MEMINFO),
        program("python", &["python3", "-c", "import os; print(os.cpu_count())"], &["_SC_NPROCESSORS_ONLN"]),
        program("php", &["php", "-r", "echo file('/proc/meminfo')[0];"], MEMINFO),
        shell("nginx", &nginx, &["_SC_NPROCESSORS_ONLN"]),
        shell("redis", redis, &["_SC_PHYS_PAGES"]),
        program("Go", &[&compiled("past-go"), "figures"], MEMINFO),
        program("static glibc", &[&compiled("past-glibc"), "figures"], &["/proc/meminfo", "sysinfo"]),
        program("static busybox", &[&busybox(), "cat", "/proc/meminfo"], MEMINFO),
        shell("an own malloc", "LD_PRELOAD=$LD_PRELOAD:libjemalloc.so.2 free -k", MEMINFO),
        shell("100 forks", forks, MEMINFO),
    ];
    all.extend(jdks().iter().map(|java| {
        let java = java.to_str().expect("a path");
        program("java", &[java, "-XX:-UseContainerSupport", "-cp", &here.to_string(), "Acc"], MEMINFO)
    }));
    all
}

#[test]
fn findings_are_true_by_strace() {
    assert!(has_witness(), "packaging/compile amd64");
    assert!(!jdks().is_empty(), "tests/bed/setup installs one");
    let mut findings = bed::Findings::default();
    for Program { name, command, answered } in programs() {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let traced = traced(&command);
        let (calls, straced) = (traced.calls(), straced(&command));
        findings.check(calls == straced, || {
            let more: Vec<_> = calls.difference(&straced).collect();
            let less: Vec<_> = straced.difference(&calls).collect();
            format!("{name}: seen by trace only: {more:?}; by strace only: {less:?}")
        });
        let things = traced.things("container");
        let missing: Vec<_> = answered.iter().filter(|it| !things.contains(**it)).collect();
        findings.check(missing.is_empty(), || format!("{name}: not answered: {missing:?}\n{}", traced.said()));
        let unhooked = traced.through("unhooked");
        findings.check(unhooked.is_empty(), || format!("{name}: not hooked: {unhooked:?}"));
        findings.check(traced.output.status.success(), || format!("{name}: {}", traced.said()));
        findings.check(traced.summary()["lost"] == 0, || format!("{name}: {}", traced.said()));
    }
    findings.conclude("findings are true by strace");
}
