//! A sampler in its own container, in a pid namespace shared with its neighbours.

use crate::{
    bed::{self, Container, Findings, View},
    boards::{load, published_usec},
    groups::load_key,
    harness::{FREE, Running, triple},
    processes::{Place, now_usec, until},
    watch::Watch,
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    process::Command,
};

/// The pod's script is in single quotes.
const ONE: &str =
    "./busy 2 0 & read -r _ <\"$GO\" || :; read -r a b c rest </proc/loadavg; echo one $a $b $c; kill $!; exit 0";
const TWO: &str = "./busy 0 1 & sleep 10000";

/// As root, and without any rights.
pub(crate) const ROOT: &str = "";
const NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all ";

/// A pod of two containers, with the sampler as a third.
pub(crate) struct Pod {
    pub(crate) place: Place,
    pub(crate) containers: Running,
}

impl Pod {
    fn start(rights: &str) -> Self {
        Self::of(Place::new(), rights, "--interval 1", [("one", ONE), ("two", TWO)])
    }

    /// A pod of these containers, each with a name and a script, and of a sampler with these rights and options.
    pub(crate) fn of(place: Place, rights: &str, options: &str, others: [(&str, &str); 2]) -> Self {
        fs::set_permissions(place.file(""), Permissions::from_mode(0o777)).expect("writable");
        let command = place.file("cgproc");
        let copied = Command::new("install").arg("-m755").args([&bed::command(), &command]).status();
        assert!(copied.expect("install").success());
        let sampler = format!(
            "exec env -u LD_PRELOAD {rights}{} sampler --board {} {options} 2>{}",
            command.display(),
            place.board().display(),
            place.file("log").display()
        );
        let others = others.map(|(name, script)| format!("{name} '{script}'")).join(" ");
        let script = format!("exec {} {others} sampler '{sampler}'", bed::repository("tests/bed/pod").display());
        let seconds = bed::PATIENCE_SEC + 60 * bed::fuzz_minutes().unwrap_or(0) as u32;
        let containers = Running::start(&Container { view: View::Raw, ..FREE }, &place, &script, seconds);
        Self { place, containers }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.containers.path)
    }

    /// The running and blocked threads of a container of the pod, as published.
    fn counted(&self, name: &str) -> Option<(u32, u32)> {
        let load = load(&self.place.board(), load_key(&self.path(name))?)?;
        Some((load.running, load.blocked))
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.file("log")).unwrap_or_default()
    }
}

#[test]
fn neighbours_are_published() {
    bed::log_machine();
    let mut findings = Findings::default();
    let pod = Pod::start(ROOT);
    until("a cgroup", || load_key(&pod.path("one")).is_some());
    let watch = Watch::start(pod.place.board(), vec![load_key(&pod.path("one")).expect("a key")]);
    let counted = || ["one", "two"].map(|name| pod.counted(name));
    until("both are counted", || counted() == [Some((2, 0)), Some((0, 1))]);
    findings.check(!pod.log().contains("ptrace"), || pod.log());
    until("an average", || {
        let key = load_key(&pod.path("one")).expect("a key");
        load(&pod.place.board(), key).is_some_and(|load| load.averages[0] > calc::load::ONE / 10)
    });
    pod.containers.go();
    let text = pod.containers.whole();
    let own = watch.end().of_slot(0);
    let shown = text.lines().find_map(|line| line.strip_prefix("one ")).map(triple);
    println!("shown in the neighbour: {shown:?}, published {own:?}");
    findings.check(shown.is_some_and(|shown| own.contains(&shown)), || text.clone());
    findings.check(own.iter().any(|shown| !shown.starts_with("0.00")), || format!("no load was published: {own:?}"));
    findings.conclude("sidecar");
}

#[test]
fn without_the_right_nothing_is_published_and_said() {
    bed::log_machine();
    let mut findings = Findings::default();
    let pod = Pod::start(NOBODY);
    until("a word of the sampler", || pod.log().to_lowercase().contains("ptrace"));
    println!("{}", pod.log().trim());
    // Two more rounds of the sampler, which has its own cgroup to publish.
    for _ in 0..2 {
        let now = now_usec();
        until("another look", || published_usec(&pod.place.board()).is_some_and(|moment| moment > now));
    }
    for name in ["one", "two"] {
        findings.check(pod.counted(name).is_none(), || format!("{name}: {:?}", pod.counted(name)));
    }
    findings.check(pod.log().lines().all(|line| line.starts_with("cgproc: ")), || pod.log());
    // If it were killed, it would leave its cgroups behind.
    pod.containers.go();
    pod.containers.whole();
    findings.conclude("sidecar without rights");
}
