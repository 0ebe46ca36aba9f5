//! The disk usage of containers: real overlays as their roots, compared with du's figures for the upper layers.

use crate::{
    bed,
    boards::{Sampler, sampler, slot},
    groups::{Group, load_key},
    processes::{Place, Started, serial, until},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
};

/// A container is measured every sixth sample.
const OPTIONS: [&str; 3] = ["--disk", "--interval", "0.5"];

/// Makes a mount namespace with an overlay as its root, as container runtimes do, after running a first command there.
/// The board is in the parent directory.
const ENTER: &str = r#"
set -e
home=$PWD
eval "$1"
mount -t overlay overlay -o "lowerdir=/,upperdir=$home/upper,workdir=$home/work" root
cd root
mkdir old board
mount --bind "$home/.." board
mount -t proc proc proc
mount --rbind /sys sys
pivot_root . old
umount -l old
exec sleep 1000"#;

/// A process in a cgroup, with an overlay as its root in its own mount namespace.
pub(crate) struct Overlaid {
    process: Started,
    upper: PathBuf,
}

impl Overlaid {
    /// With an upper layer that everybody can see.
    pub(crate) fn start(place: &Place, group: &Group) -> Self {
        let home = place.file(&serial());
        Self::start_after(":", &home, group)
    }

    /// After `first` has run in its mount namespace.
    fn start_after(first: &str, home: &Path, group: &Group) -> Self {
        for name in ["upper", "work", "root"] {
            fs::create_dir_all(home.join(name)).expect("a layer");
        }
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ENTER, "enter", first]).current_dir(home);
        group.enter(&mut command);
        let process = Started::quietly(&mut command);
        let container = Self { process, upper: home.join("upper") };
        let name = format!("/proc/{}/comm", container.process.pid());
        until("a container", || fs::read(&name).is_ok_and(|name| name == b"sleep\n"));
        container
    }

    /// A path inside, for writing as the container's own programs write.
    fn inside(&self, path: &str) -> PathBuf {
        Path::new("/proc").join(self.process.pid().to_string()).join("root").join(path)
    }

    /// What df shows about its root under the object, with a limit: size, used, available.
    fn df(&self, group: &Group, limit: &str) -> Vec<u64> {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.process.pid().to_string(), "env", "CGPROC_BOARD=/board/board"]);
        command.arg(format!("LD_PRELOAD={}", bed::object().display())).arg(format!("CGPROC_DISK={limit}"));
        command.args(["df", "-B1", "--output=size,used,avail", "/"]);
        group.enter(&mut command);
        let output = command.output().expect("df");
        let text = String::from_utf8_lossy(&output.stdout);
        let figures = text.lines().last().expect("a line").split_whitespace();
        figures.map(|figure| figure.parse().unwrap_or_else(|_| panic!("df: {output:?}"))).collect()
    }

    pub(crate) fn du(&self) -> u64 {
        let output = Command::new("du").args(["-sx", "--block-size=1"]).arg(&self.upper).output().expect("du");
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace().next().and_then(|size| size.parse().ok()).unwrap_or_else(|| panic!("du: {output:?}"))
    }
}

pub(crate) fn used(place: &Place, group: &Group) -> Option<u64> {
    slot(&place.board(), load_key(&group.path)?)?.disk_used_bytes()
}

fn is_published(place: &Place, group: &Group) -> bool {
    load_key(&group.path).is_some_and(|key| slot(&place.board(), key).is_some())
}

#[test]
fn disk_is_what_du_says_of_the_upper_layer() {
    bed::log_machine();
    let place = Place::new();
    let (group, beside) = (Group::new(), Group::new());
    let _sampler = Sampler::start(&place, &OPTIONS);
    let container = Overlaid::start(&place, &group);
    let mut neighbour = Command::new("sleep");
    beside.enter(neighbour.arg("1000"));
    let _neighbour = Started::quietly(&mut neighbour);
    let follows = |what: &str| {
        until(what, || used(&place, &group) == Some(container.du()));
        println!("{what}: {} bytes", container.du());
        container.du()
    };
    let empty = follows("a container that has just begun");
    let written = container.inside("written");
    fs::write(&written, vec![1; 8 << 20]).expect("8 MiB");
    fs::hard_link(&written, container.inside("again")).expect("a second name");
    let private = container.inside("private");
    fs::create_dir(&private).expect("a directory");
    fs::write(private.join("secret"), vec![1; 1 << 20]).expect("1 MiB");
    chown(&private, Some(12345), Some(12345)).expect("another's");
    fs::set_permissions(&private, Permissions::from_mode(0o0)).expect("nobody may look into it");
    let grown = follows("files of 9 MiB");
    assert!(grown >= empty + (9 << 20) && grown < empty + (10 << 20), "{empty} grew to {grown}");
    until("df shows it", || container.df(&group, "100M") == [100 << 20, grown, (100 << 20) - grown]);
    fs::remove_dir_all(&private).expect("it goes");
    assert!(follows("without 1 MiB") <= grown - (1 << 20));
    assert!(is_published(&place, &beside), "the neighbour has a slot");
    assert_eq!(used(&place, &beside), None, "and no overlay");
}

#[test]
fn disk_is_of_one_container() {
    let place = Place::new();
    let pod = Group::new();
    let (one, other) = (pod.below("one"), pod.below("other"));
    let first = Overlaid::start(&place, &one);
    let _sampler = Sampler::start(&place, &OPTIONS);
    until("the cgroup above one container", || used(&place, &pod) == Some(first.du()));
    let second = Overlaid::start(&place, &other);
    fs::write(second.inside("file"), vec![1; 1 << 20]).expect("1 MiB");
    until("another container", || used(&place, &other) == Some(second.du()));
    // A reader gets nothing for once if a busy machine has interrupted the writer.
    until("the first container keeps its own", || used(&place, &one) == Some(first.du()));
    assert_eq!(used(&place, &pod), None);
    drop(second);
    until("a container that has ended is forgotten", || used(&place, &other).is_none());
}

/// The upper layer is mounted over a directory in the container's mount namespace; there, the host has something else.
#[test]
fn disk_is_not_another_directorys() {
    let place = Place::new();
    let (group, good) = (Group::new(), Group::new());
    let home = place.file(&serial());
    fs::create_dir_all(home.join("real")).expect("a directory");
    let first = "mount -t tmpfs tmpfs real; mkdir real/upper real/work real/root; mount --bind real $home; cd $home";
    let container = Overlaid::start_after(first, &home, &group);
    fs::write(container.upper.join("somebody's"), vec![1; 1 << 20]).expect("1 MiB");
    let sampler = Sampler::start(&place, &OPTIONS);
    let other = Overlaid::start(&place, &good);
    until("a good container", || used(&place, &good) == Some(other.du()));
    assert_eq!(used(&place, &group), None);
    let log = sampler.log();
    println!("{log}");
    // Each kind of trouble is reported once: for this container, unless a stranger's on this machine came first.
    let said: Vec<&str> =
        log.lines().filter(|line| line.contains("not measured: it is not visible from here")).collect();
    assert_eq!(said.len(), 1, "{log}");
    assert!(!said[0].contains(&*other.upper.to_string_lossy()), "{log}");
    if !said[0].contains(&*container.upper.to_string_lossy()) {
        println!("a stranger's was reported instead of {}", container.upper.display());
    }
}

#[test]
fn disk_needs_rights() {
    let place = Place::new();
    let group = Group::new();
    let container = Overlaid::start(&place, &group);
    let mut unprivileged = Command::new("setpriv");
    unprivileged.args(["--bounding-set", "-all", "--inh-caps", "-all"]);
    let command = sampler(&place.board(), &OPTIONS);
    unprivileged.arg(command.get_program()).args(command.get_args()).env_remove("LD_PRELOAD");
    let sampler = Sampler::start_by(&place, unprivileged);
    until("it is reported", || sampler.log().contains("CAP_SYS_PTRACE"));
    until("a slot", || is_published(&place, &group));
    assert_eq!(used(&place, &group), None);
    let log = sampler.log();
    assert_eq!(log.lines().filter(|line| line.contains("CAP_SYS_PTRACE")).count(), 1, "{log}");
    drop(container);
}

/// The thread rests after every few entries, and the kernel counts the rests.
#[test]
fn disk_is_measured_in_small_steps() {
    const STEP: usize = 250;
    const FILES: usize = 10_000;
    let place = Place::new();
    let group = Group::new();
    let container = Overlaid::start(&place, &group);
    for at in 0..FILES {
        let directory = container.upper.join((at / 1000).to_string());
        if at % 1000 == 0 {
            fs::create_dir(&directory).expect("a directory");
            fs::write(directory.join("filled"), vec![1; 8192]).expect("8 KiB");
        }
        fs::File::create(directory.join(at.to_string())).expect("a file");
    }
    let sampler = Sampler::start(&place, &OPTIONS);
    until("a figure", || used(&place, &group).is_some());
    let rests = rests(&sampler);
    println!("{FILES} files, {rests} rests");
    until("the figure is right", || used(&place, &group) == Some(container.du()));
    assert!(rests >= FILES / STEP, "{rests} rests");
}

/// How many times the measuring thread has slept.
fn rests(sampler: &Sampler) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", sampler.process.pid())).expect("its threads");
    let mut tasks = tasks.map(|task| task.expect("a thread").path());
    let is_it = |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "disk\n");
    let status = fs::read_to_string(tasks.find(is_it).expect("the thread").join("status")).expect("its status");
    let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    sleeps.expect("switches").trim().parse().expect("a number")
}

/// To the sampler, a layer's path leads to a file system whose server never answers, like a dead network file system.
#[test]
fn disk_that_hangs_is_not_asked() {
    let place = Place::new();
    let (group, good) = (Group::new(), Group::new());
    let home = place.file(&serial());
    let _container = Overlaid::start_after(":", &home, &group);
    let command = sampler(&place.board(), &OPTIONS);
    let mut apart = Command::new("unshare");
    // Whoever has the descriptor open is the server: here the sampler itself.
    let options = "fd=7,rootmode=40000,user_id=0,group_id=0,allow_other";
    let script = format!("exec 7<>/dev/fuse && mount -i -t fuse -o {options} hanging \"$0\" && exec \"$@\"");
    apart.args(["--mount", "sh", "-c", &script]).arg(&home).arg(command.get_program()).args(command.get_args());
    apart.env_remove("LD_PRELOAD").env_remove("CGPROC_BOARD");
    let sampler = Sampler::start_by(&place, apart);
    let other = Overlaid::start(&place, &good);
    until("it is reported", || sampler.log().contains("not measured: it is not visible from here"));
    until("a good container", || used(&place, &good) == Some(other.du()));
    assert_eq!(used(&place, &group), None);
}
