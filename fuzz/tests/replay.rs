//! The bounded part of the search: each target is fed its corpus, and changes of it that are the same each time.
//!
//! An input that fails is made smaller and printed. `CGPROC_FUZZ_INPUTS` changes how many are tried.

use cgproc_fuzz::{TARGETS, run};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestRng, TestRunner},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How many changes of each corpus are tried; fewer of those in which an input is a machine.
const INPUTS: u32 = 3000;
const MACHINES: u32 = 600;

/// Pieces of the kernel's texts, of settings and of messages.
const WORDS: [&str; 40] = [
    "\n",
    " ",
    "0",
    "1",
    "-",
    "-1",
    ",",
    "=",
    ":",
    "/",
    "..",
    "\0",
    "\t",
    "\\040",
    "max",
    "kB",
    "cpu",
    "cpu0",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854771712",
    "4294967296",
    "4096",
    "1048575",
    "2047",
    "2048",
    "some avg10=0.00",
    "8:0 rbytes=1",
    "= /proc/stat\n",
    "~ \n",
    "anon 1\n",
    "# ",
    "[sh]",
    "null",
    "[]",
    "{}",
    "\"",
    "LD_PRELOAD=",
    "q=0.5",
    "0::/a\n",
];

/// A change of an input.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    /// Another number in the place of one that is there.
    Number(Index, u64),
    /// Puts a piece of an input elsewhere in it.
    Copy(Index, Index, usize),
    /// Goes on like another input of the corpus.
    Cross(Index, Index, Index),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let number = prop_oneof![
        any::<u64>(),
        0..10_u64,
        (0..64_u32).prop_map(|bits| 1 << bits),
        (0..64_u32).prop_map(|bits| (1 << bits) - 1)
    ];
    prop_oneof![
        3 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (at(), 1..40_usize).prop_map(|(at, len)| Change::Remove(at, len)),
        4 => (at(), prop::sample::select(&WORDS[..])).prop_map(|(at, word)| Change::Insert(at, word.into())),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        6 => (at(), number).prop_map(|(at, number)| Change::Number(at, number)),
        2 => (at(), at(), 1..80_usize).prop_map(|(from, to, len)| Change::Copy(from, to, len)),
        1 => (at(), at(), at()).prop_map(|(other, from, to)| Change::Cross(other, from, to)),
        1 => at().prop_map(Change::Cut),
    ]
}

impl Change {
    fn apply(&self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        // The end is a place too.
        let place = |at: &Index, of: &[u8]| at.index(of.len() + 1);
        match self {
            Self::Set(at, byte) if !input.is_empty() => *at.get_mut(input) = *byte,
            Self::Remove(at, len) => {
                let from = place(at, input);
                drop(input.drain(from..input.len().min(from + len)));
            }
            Self::Insert(at, bytes) => insert(input, place(at, input), bytes),
            Self::Number(at, number) => replace_number(input, at, *number),
            Self::Copy(from, to, len) => {
                let from = place(from, input);
                let piece = input[from..input.len().min(from + len)].to_vec();
                insert(input, place(to, input), &piece);
            }
            Self::Cross(other, from, to) => {
                let other = other.get(corpus);
                input.truncate(place(to, input));
                input.extend_from_slice(&other[place(from, other)..]);
            }
            Self::Cut(at) => input.truncate(place(at, input)),
            Self::Set(..) => {}
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    drop(input.splice(at..at, bytes.iter().copied()));
}

fn replace_number(input: &mut Vec<u8>, at: &Index, number: u64) {
    let is_digit = |at: usize| input.get(at).is_some_and(u8::is_ascii_digit);
    let starts: Vec<usize> = (0..input.len()).filter(|at| is_digit(*at) && (*at == 0 || !is_digit(at - 1))).collect();
    if let Some(start) = (!starts.is_empty()).then(|| *at.get(&starts)) {
        let end = (start..).find(|at| !is_digit(*at)).unwrap_or(start);
        drop(input.splice(start..end, number.to_string().into_bytes()));
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of a target, by their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder().join(target)).unwrap_or_else(|error| panic!("fuzz/corpus/{target}: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no corpus");
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

/// Plays the corpus, then changes of it.
fn play(target: &str) {
    let mut inputs = Vec::new();
    for (path, input) in corpus(target) {
        println!("{}", path.display());
        run(target, &input);
        inputs.push(input);
    }
    let is_of_machines = matches!(target, "cpus" | "memory");
    let usual = if is_of_machines { MACHINES } else { INPUTS };
    let cases = std::env::var("CGPROC_FUZZ_INPUTS").map_or(usual, |count| count.parse().expect("a number"));
    let config = Config {
        cases,
        failure_persistence: None::<Box<FileFailurePersistence>>.map(|it| it as _),
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = (any::<Index>(), prop::collection::vec(change(), 1..6));
    let result = runner.run(&strategy, |(which, changes)| {
        let mut input = which.get(&inputs).clone();
        changes.iter().for_each(|change| change.apply(&mut input, &inputs));
        // Where it fails, this is what is seen last, of the smallest input.
        println!("{}", input.escape_ascii());
        run(target, &input);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{target}: {error}");
    }
}

macro_rules! play_each {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            play(stringify!($name));
        })+

        #[test]
        fn every_target_is_played_and_has_a_corpus_and_a_program() {
            let played: BTreeSet<&str> = [$(stringify!($name)),+].into();
            let targets: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            let names = |folder: &str, end: &str| -> BTreeSet<String> {
                let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("a folder");
                entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name").replace(end, "")).collect()
            };
            assert_eq!(played, targets);
            assert!(names("corpus", "").iter().eq(&targets) && names("fuzz_targets", ".rs").iter().eq(&targets));
        }
    };
}

play_each!(board config cpus datagrams lines lists memory nri numbers paths policy preloads programs requests values);
