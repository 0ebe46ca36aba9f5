//! Whatever happens to the sampler and its board, programs that keep reading the load get the board's figures or the
//! kernel's, always complete, and no call fails or hangs.

use crate::{
    bed::{self, Findings},
    boards::{Sampler, load, slot},
    harness::{AWAIT_GO, FREE, Running, averages, machine_load, triple},
    processes::{Place, now_usec, until},
    watch::Watch,
};
use calc::board::{BLOCK_BYTES, Block, Key};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, Permissions},
    os::unix::fs::{FileExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

/// Whose figures are shown once a change has lasted for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Containers,
    Kernels,
}
use Whose::{Containers, Kernels};

/// A change to the board at a path, given a fresh one at `good`, and whose figures are shown then.
type Change = (&'static str, fn(&Path, &Path), Whose);

/// Changes to a board while its sampler runs.
const WITH_A_SAMPLER: [Change; 5] = [
    ("as it is", |_, _| (), Containers),
    (
        "truncated",
        |board, _| File::options().write(true).open(board).and_then(|f| f.set_len(0)).expect("truncated"),
        Containers,
    ),
    (
        "cut in the middle",
        |board, _| File::options().write(true).open(board).and_then(|f| f.set_len(1000)).expect("cut"),
        Containers,
    ),
    ("overwritten", overwrite, Containers),
    ("removed", |board, _| fs::remove_file(board).expect("removed"), Containers),
];

/// Replacements of a board without a sampler.
const WITHOUT: [Change; 13] = [
    ("a good one", |board, good| replace(board, &fs::read(good).expect("a board")), Containers),
    ("nothing", |board, _| remove(board), Kernels),
    ("another version", |board, good| replace(board, &of_another_version(good)), Kernels),
    ("random bytes", |board, good| replace(board, &random(fs::metadata(good).expect("a board").len())), Kernels),
    ("an empty file", |board, _| replace(board, b""), Kernels),
    ("its header alone", |board, good| replace(board, &fs::read(good).expect("a board")[..BLOCK_BYTES]), Kernels),
    ("a FIFO", |board, _| special(board, "mkfifo \"$0\""), Kernels),
    ("a directory", |board, _| special(board, "mkdir \"$0\""), Kernels),
    ("an endless device", |board, _| special(board, "ln -s /dev/zero \"$0\""), Kernels),
    (
        "a link",
        |board, good| {
            remove(board);
            symlink(good, board).expect("a link");
        },
        Kernels,
    ),
    ("a stranger's", |board, good| copied(board, good, "chown 65534 \"$0\""), Kernels),
    ("anybody may write it", |board, good| copied(board, good, "chmod 666 \"$0\""), Kernels),
    ("a good one again", |board, good| replace(board, &fs::read(good).expect("a board")), Containers),
];

fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir(path);
}

/// Atomically replaces whatever is there with a file.
fn replace(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).expect("a file");
    fs::set_permissions(&new, Permissions::from_mode(0o644)).expect("its mode");
    let _ = fs::remove_dir(path);
    fs::rename(new, path).expect("renamed");
}

fn special(path: &Path, script: &str) {
    remove(path);
    assert!(Command::new("sh").args(["-c", script]).arg(path).status().expect("sh").success(), "{script}");
}

fn copied(path: &Path, good: &Path, script: &str) {
    let new = path.with_extension("new");
    fs::copy(good, &new).expect("a copy");
    assert!(Command::new("sh").args(["-c", script]).arg(&new).status().expect("sh").success(), "{script}");
    fs::rename(new, path).expect("renamed");
}

fn random(length: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length).expect("a length")];
    let source = File::open("/dev/urandom").expect("/dev/urandom");
    std::io::Read::read_exact(&mut &source, &mut bytes).expect("random bytes");
    bytes
}

fn overwrite(board: &Path, _: &Path) {
    let file = File::options().write(true).open(board).expect("a board");
    let length = file.metadata().expect("its length").len();
    file.write_all_at(&random(length), 0).expect("written");
}

/// A board that is good except for its version number, the third word of its header.
fn of_another_version(good: &Path) -> Vec<u8> {
    let mut bytes = fs::read(good).expect("a board");
    let first = bytes.first_chunk_mut().expect("a header");
    let mut header = Block::from_bytes(first);
    assert!(header.slots().is_some(), "the header of a good board");
    header.words_mut()[2] += 1;
    header.publish(first);
    bytes
}

const INTERVAL: [&str; 2] = ["--interval", "1"];

const READERS: [&str; 4] = ["1", "2", "3", "4"];

#[test]
fn readers_never_notice_more_than_older_figures() {
    bed::log_machine();
    let mut findings = Findings::default();
    let (place, source) = (Place::new(), Place::new());
    let host = machine_load();
    let kernel = Watch::start(place.board(), Vec::new());
    let sampler = Sampler::start(&place, &INTERVAL);
    let mut readers = Readers::start(&place);
    let key = readers.containers.key();
    let watches = [&place, &source].map(|place| Watch::start(place.board(), vec![key]));
    readers.containers.go();
    // Its board is good for a minute.
    let _other = Sampler::start(&source, &["--interval", "20"]);
    let board = place.board();
    let has_load = |board: &Path| load(board, key).is_some_and(|load| load.averages[0] > 0);
    until("the readers' load is published", || has_load(&board) && has_load(&source.board()));
    change(&mut readers, sampler, [&place, &source], key);
    let (text, shown) = readers.end();
    drop(host);
    let kernels = kernel.end().of_kernel();
    let [own, others] = watches.map(Watch::end);
    let containers: BTreeSet<String> = own.of_slot(0).union(&others.of_slot(0)).cloned().collect();
    check_text(&mut findings, &text, &containers, &kernels);
    for (name, whose, latest) in shown {
        check_shown(&mut findings, name, whose, &latest, &containers, &kernels);
    }
    findings.conclude("hostile boards");
}

/// Does everything that may happen to the board of the first place, and to its sampler; the other place has a good
/// board.
fn change(readers: &mut Readers, mut sampler: Sampler, [place, source]: [&Place; 2], key: Key) {
    let (board, good) = (place.board(), source.board());
    for signal in [libc::SIGKILL, libc::SIGTERM] {
        sampler.end(signal);
        readers.live_through("its sampler gone", Containers);
        sampler = Sampler::start(place, &INTERVAL);
        readers.live_through("its sampler back", Containers);
    }
    for (name, act, whose) in WITH_A_SAMPLER {
        let before = now_usec();
        act(&board, &good);
        until(name, || slot(&board, key).is_some_and(|slot| slot.published().realtime_usec > before));
        readers.live_through(name, whose);
    }
    sampler.end(libc::SIGKILL);
    for (name, act, whose) in WITHOUT {
        act(&board, &good);
        readers.live_through(name, whose);
    }
    Sampler::start(place, &INTERVAL).end(libc::SIGKILL);
    until("a board grows old", || slot(&board, key).is_none());
    readers.live_through("not renewed", Kernels);
}

/// The averages shown by each reader.
type Shown = BTreeMap<String, String>;

/// A change, whose figures are right then, and what was shown.
type Step = (&'static str, Whose, Shown);

/// Programs that keep reading, and what they have shown after each change.
struct Readers {
    containers: Running,
    step: PathBuf,
    shown: Vec<Step>,
}

impl Readers {
    fn start(place: &Place) -> Self {
        let step = place.file("step");
        let script = READERS.map(|name| format!("./poll-load {name} {} &\n", step.display())).concat();
        Self {
            containers: Running::start(&FREE, place, &format!("{AWAIT_GO}\n{script}wait"), bed::PATIENCE_SEC),
            step,
            shown: Vec::new(),
        }
    }

    fn tell(&self, step: &str) {
        let new = self.step.with_extension("new");
        fs::write(&new, step).and_then(|()| fs::rename(new, &self.step)).expect("a step");
    }

    /// Waits until each of them has read many times since a change.
    fn live_through(&mut self, name: &'static str, whose: Whose) {
        let step = self.shown.len().to_string();
        self.tell(&step);
        let mut shown = BTreeMap::new();
        until(name, || {
            shown = at(&self.containers.text(), &step);
            shown.len() == READERS.len()
        });
        self.shown.push((name, whose, shown));
    }

    /// Ends them; returns everything they have printed and shown.
    fn end(self) -> (String, Vec<Step>) {
        self.tell("end");
        (self.containers.whole(), self.shown)
    }
}

/// What each reader has shown at the end of a step.
fn at(text: &str, step: &str) -> Shown {
    let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.strip_prefix("at "));
    let ends =
        lines.filter_map(|line| line.split_once(' ')?.1.strip_prefix(step)?.strip_prefix(' ').map(|it| (line, it)));
    ends.map(|(line, shown)| (line.split(' ').next().unwrap_or_default().to_owned(), triple(shown))).collect()
}

/// Ignores the last hundredth, because these calls round differently from the file.
fn alike(known: &str, shown: &str) -> bool {
    averages(known).iter().zip(averages(shown)).all(|(known, shown)| (known - shown).abs() < 0.015)
}

fn check_text(findings: &mut Findings, text: &str, containers: &BTreeSet<String>, kernels: &BTreeSet<String>) {
    let common: Vec<_> = containers.intersection(kernels).collect();
    findings.check(common.is_empty(), || format!("{common:?} are both's, so they prove nothing"));
    for line in text.lines() {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let is_known = containers.contains(rest) || kernels.contains(rest);
        match name {
            "1" | "2" | "3" | "4" => findings.check(is_known, || format!("reader {name} was shown {rest}")),
            // Checked with its step.
            "at" => {}
            "sysinfo" | "getloadavg" => {
                let is_known = containers.union(kernels).any(|known| alike(known, rest));
                findings.check(is_known, || format!("{name} gave {rest}"));
            }
            _ => findings.check(name == "done", || line.to_owned()),
        }
    }
    let rounds = text.lines().filter_map(|line| line.strip_prefix("done ")?.parse::<u64>().ok());
    let (ended, least) = (rounds.clone().count(), rounds.clone().min().unwrap_or(0));
    println!("rounds of the readers: {:?}", rounds.collect::<Vec<_>>());
    findings
        .check(ended == READERS.len() && least > 1000, || format!("{ended} readers ended, {least} rounds at least"));
}

fn check_shown(
    findings: &mut Findings,
    name: &str,
    whose: Whose,
    latest: &BTreeMap<String, String>,
    containers: &BTreeSet<String>,
    kernels: &BTreeSet<String>,
) {
    println!("{name}: {whose:?}, shown {latest:?}");
    findings.check(latest.len() == READERS.len(), || format!("{name}: {latest:?}"));
    for shown in latest.values() {
        let right = match whose {
            Containers => containers.contains(shown),
            Kernels => kernels.contains(shown),
        };
        findings.check(right, || format!("{name}: {shown} is not the {whose:?}"));
    }
}
