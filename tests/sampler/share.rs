//! A user with a subtree of cgroups takes no places from others, however many cgroups that user makes.

use crate::{
    bed,
    boards::{Sampler, slot},
    groups::{Group, load_directory, load_key},
    processes::{Place, until},
    storm,
};
use std::{fs, os::unix::fs::chown, path::PathBuf, process::Command};

const STRANGER: u32 = 12345;
const CROWD: usize = 3_000;

/// The places below a cgroup that was given away, including its own.
const SHARE: usize = 2_000;

/// A cgroup given to somebody who has filled it.
struct Crowd(Group);

impl Crowd {
    fn names() -> impl Iterator<Item = String> {
        (0..CROWD).map(|number| number.to_string())
    }

    fn fill(&self) {
        let script = "cd \"$0\" && seq 0 $(($1 - 1)) | xargs mkdir";
        let mut stranger = Command::new("setpriv");
        let number = STRANGER.to_string();
        stranger.args([
            "--reuid",
            &number,
            "--regid",
            &number,
            "--clear-groups",
            "--inh-caps=-all",
            "sh",
            "-c",
            script,
        ]);
        stranger.arg(load_directory(&self.0.path)).arg(CROWD.to_string());
        assert!(stranger.status().expect("setpriv").success());
    }

    fn published(&self, place: &Place) -> usize {
        let is_published = |name: &String| {
            let key = load_key(&format!("{}/{name}", self.0.path)).expect("a cgroup");
            slot(&place.board(), key).is_some()
        };
        Self::names().filter(is_published).count()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for name in Self::names() {
            let _ = fs::remove_dir(load_directory(&self.0.path).join(name));
        }
    }
}

fn is_published(place: &Place, group: &Group) -> bool {
    load_key(&group.path).is_some_and(|key| slot(&place.board(), key).is_some())
}

#[test]
fn a_delegated_subtree_has_a_share() {
    let place = Place::alone();
    let sampler = Sampler::start(&place, &["--interval", "1"]);
    let crowd = Crowd(Group::new());
    // The sampler knows it as root's before it is given away.
    until("the subtree is published", || is_published(&place, &crowd.0));
    chown(load_directory(&crowd.0.path), Some(STRANGER), Some(STRANGER)).expect("given away");
    crowd.fill();
    let share_is_full = || crowd.published(&place) == SHARE - 1;
    until("the share is full", share_is_full);
    let words = format!("{}: more than {SHARE} cgroups", load_directory(&crowd.0.path).display());
    let path = fs::canonicalize(load_directory(&crowd.0.path)).expect("its path");
    let is_said = |log: String| {
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains(&format!("more than {SHARE} cgroups"))).collect();
        lines.len() == 1 && (lines[0].contains(&words) || lines[0].contains(&*path.to_string_lossy()))
    };
    until("the excess is reported", || is_said(sampler.log()));
    let other = Group::new();
    until("another's cgroup is published", || is_published(&place, &other));
    assert!(share_is_full() && is_said(sampler.log()), "{}", sampler.log());
    // The next sampler finds all of them at once.
    sampler.end(libc::SIGTERM);
    let _next = Sampler::start(&place, &["--interval", "1"]);
    until("the share is full again", share_is_full);
    until("another's cgroup is published", || is_published(&place, &other));
}

/// Somebody's cgroups with paths nearly as long as possible, more than that user has places.
struct Long {
    first: PathBuf,
    group: Group,
}

impl Long {
    const MANY: usize = 6_000;

    fn new() -> Self {
        const DEEP: usize = 14;
        let group = Group::new();
        chown(load_directory(&group.path), Some(STRANGER), Some(STRANGER)).expect("given away");
        let name = "d".repeat(250);
        let long = Self { first: load_directory(&group.path).join(&name), group };
        let deepest = (1..DEEP).fold(long.first.clone(), |at, _| at.join(&name));
        fs::create_dir_all(&deepest).expect("cgroups");
        for number in 0..Self::MANY {
            fs::create_dir(deepest.join(format!("{number:0250}"))).expect("a cgroup");
        }
        long
    }
}

impl Drop for Long {
    fn drop(&mut self) {
        storm::clear(std::slice::from_ref(&self.first));
    }
}

#[test]
fn names_of_any_number_and_length_take_no_room() {
    const MOST_KIB: u64 = 24 << 10;
    let place = Place::alone();
    let long = Long::new();
    let sampler = Sampler::start(&place, &[]);
    until("the first of them is published", || is_published(&place, &long.group));
    let kib = bed::status_figure(sampler.process.pid(), "VmHWM:");
    println!("{} names: {kib} KiB", Long::MANY);
    assert!(kib <= MOST_KIB, "{kib} KiB");
    until("the excess is reported", || sampler.log().contains("more than"));
}
