//! Whatever container runc starts by itself, it starts through `cgproc-runtime`: `starts.txt` has the containers. A
//! bundle that is kept starts again when the library and the board are gone.

use crate::{
    bed::{self, Findings},
    on_a_host,
};
use std::fmt::Write as _;

/// How many runc must have started by itself, and how many of those must have the view: otherwise nothing was shown.
const LEAST_STARTED: usize = 50;
const LEAST_IN_VIEW: usize = 20;

/// Which of them are started again without the library and the board: each of this many.
const STEP_OF_AGAIN: usize = 4;

/// The booted kernel is slow, and mounts are not its own: it starts each tenth.
const STEP_OF_THE_BOOTED: usize = 10;

/// A root for each container, and one that nobody can write to. `start NAME RUNTIME` runs `nproc` in the container whose
/// change of the configuration, and of the root, are in the variables. `again NAME` runs the second one's bundle as it is
/// by now.
const START: &str = r#"
    mkdir $WORK/readonly
    mount --bind $ROOT $WORK/readonly
    mount -o remount,bind,ro $WORK/readonly
    mount_root() { mount -t overlay overlay -o lowerdir=$userland,upperdir=upper,workdir=work rootfs; }
    start() {
        local bundle=$WORK/$1-$2
        mkdir -p $bundle/{upper,work,rootfs}
        cd $bundle
        mount_root
        (cd rootfs; eval "$change") || return 125
        runc spec
        jq --arg readonly $WORK/readonly --arg cgroup /$CGROUP/$1-$2 --argjson quota $quota \
            '.process.terminal = false | .process.args = ["nproc"] | .linux.cgroupsPath = $cgroup |
             .linux.resources.cpu = {quota: $quota, period: 100000} |'" $filter" config.json >edited.json
        mv edited.json config.json
        ran $1 $2 $2
    }
    again() {
        cd $WORK/$1-cgproc-runtime
        mount_root
        ran $1 again cgproc-runtime
    }
    ran() {
        local status=0 said
        said=$(timeout 120 $3 run $1-$2 2>errors) || status=$?
        echo $1 $2 $status ${said:-$(tail -n 1 errors)}
        umount rootfs
    }
"#;

/// Starts each kind by either runtime, and some again once our directories are gone.
fn script(kinds: &[&str], again: &[usize]) -> String {
    let userland = bed::cache().join("roots/debian-12");
    let mut script = format!("quota={} userland={}\n{START}", crate::probe::quota_usec(), userland.display());
    for (number, kind) in kinds.iter().enumerate() {
        let (filter, change) = match kind.split_once(' ') {
            Some(("config", filter)) => (filter, ":"),
            Some(("root", command)) => (".", command),
            _ => panic!("starts.txt: {kind}"),
        };
        let quoted = |text: &str| text.replace('\'', r"'\''");
        let _ = writeln!(script, "filter='{}' change='{}'", quoted(filter), quoted(change));
        let _ = writeln!(script, "for runtime in runc cgproc-runtime; do start {number} $runtime; done");
    }
    script.push_str("mv /usr/lib/cgproc /usr/lib/gone\nmv /run/cgproc /run/gone\n");
    again.iter().for_each(|number| script.push_str(&format!("again {number}\n")));
    script
}

/// Those that are started again. What mounts a directory of ours by itself cannot start without it.
fn again(kinds: &[&str]) -> Vec<usize> {
    let names_ours =
        |kind: &str| ["/usr/lib/cgproc", "/run/cgproc"].iter().any(|it| kind.contains(&format!("source: \"{it}")));
    (0..kinds.len()).step_by(STEP_OF_AGAIN).filter(|number| !names_ours(kinds[*number])).collect()
}

#[test]
fn what_runc_starts_it_still_starts() {
    let list = std::fs::read_to_string(bed::repository("tests/engines/starts.txt")).expect("the list");
    let step = if bed::host().is_uml { STEP_OF_THE_BOOTED } else { 1 };
    let kinds: Vec<&str> =
        list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).step_by(step).collect();
    let again = again(&kinds);
    let said = on_a_host(&["/bin/bash", "-euc", &script(&kinds, &again)]);
    let limited = crate::probe::limited().cpus.to_string();
    let (mut started, mut in_view, mut started_again, mut findings) = (0, 0, 0, Findings::default());
    for (number, kind) in kinds.iter().enumerate() {
        let name = number.to_string();
        let ended = |runtime| said.value(&name, runtime).and_then(|said| said.split_once(' '));
        let (alone, through) = (ended("runc"), ended("cgproc-runtime"));
        findings.check(alone.is_some() && through.is_some(), || format!("{kind}: {alone:?}, {through:?}"));
        if let Some(("0", _)) = alone {
            started += 1;
            in_view += usize::from(through == Some(("0", &limited)));
            findings.check(through.is_some_and(|(status, _)| status == "0"), || format!("{kind}: {through:?}"));
            if again.contains(&number) {
                let ended = ended("again");
                findings.check(ended.is_some_and(|(status, _)| status == "0"), || format!("{kind}, again: {ended:?}"));
                started_again += usize::from(through == Some(("0", &limited)));
            }
        }
    }
    println!("{started} of {} started, {in_view} with the view, {started_again} again without", kinds.len());
    findings.check(started >= LEAST_STARTED / step, || format!("only {started} were started"));
    findings.check(in_view >= LEAST_IN_VIEW / step, || format!("only {in_view} had the view"));
    findings.check(started_again > 0, || "none that had the view was started again".to_owned());
    findings.conclude("starts");
}
