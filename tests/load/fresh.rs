//! Files that stay open and are reread are as fresh as the kernel's own.

use crate::{
    HANGS,
    bed::{self, Findings, PLAIN},
};
use std::path::Path;

const TAKEN_MIB: u64 = 120;

/// The memory that was taken, plus that of the program that takes it.
fn is_taken(kib: u64) -> bool {
    (TAKEN_MIB - 4..TAKEN_MIB + 20).contains(&(kib >> 10))
}

/// Every way of rereading an open file is as fresh under the object as natively, and shows the memory that was taken.
#[test]
fn kept_files_are_as_fresh_as_the_kernels() {
    let mut findings = Findings::default();
    let script = format!("cd {}; ./kept {TAKEN_MIB}; ./kept.py {TAKEN_MIB}", bed::programs().display());
    let object = bed::object();
    let [with, without] = [Some(&*object), None].map(|preload: Option<&Path>| PLAIN.run(&script, preload, HANGS).text);
    let ways = |text: &str| -> Vec<(String, u64, u64, String)> {
        let row = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
            [way, before, after, state] => {
                let kib = |word: &str| word.parse().unwrap_or_else(|_| panic!("not a figure: {line:?}"));
                (way.to_owned(), kib(before), kib(after), state.to_owned())
            }
            _ => panic!("unexpected output: {text}"),
        };
        text.lines().map(row).collect()
    };
    let (with, without) = (ways(&with), ways(&without));
    findings.check(with.len() == without.len() && with.len() >= 8, || format!("{with:?} {without:?}"));
    for ((way, before, after, state), (_, _, _, native)) in with.into_iter().zip(without) {
        println!("{way}: {before} -> {after} KiB free, {state}, natively {native}");
        findings.check(state == native, || format!("{way}: {state} under the object, {native} natively"));
        let shown = before.saturating_sub(after);
        findings.check(state == "stale" || is_taken(shown), || format!("{way}: {shown} KiB less of {TAKEN_MIB} MiB"));
    }
    findings.conclude("kept files");
}

/// Most of the memory taken, and no more than [`is_taken`] allows.
fn sees_it_go(kib: u64) -> bool {
    (TAKEN_MIB / 2..TAKEN_MIB + 20).contains(&(kib >> 10))
}

/// Programs that keep showing free memory, and what finds the figures in their output.
const WATCHING: [[&str; 2]; 5] = [
    ["free -k -s 1", "/^Mem:/ {print $4}"],
    ["vmstat -n 1", "NR > 2 {print $4}"],
    ["top -b -d 1 -E k", "/^KiB Mem/ {print $6}"],
    ["sar -r 1", "/^[0-9].*[0-9]$/ {print $2}"],
    ["busybox top -b -d 1", "/^Mem:/ {print $4 + 0}"],
];

/// Takes memory once a program has shown a figure, and continues until it has shown more: top only reads the file every
/// three seconds. The last figure may be half a line.
const TAKE: &str = "cd \"$(mktemp -d)\"; export LC_ALL=C
figures() { awk \"$2\" shown 2>&1; }
until_figures() { until [ \"$(figures \"$@\" | wc -l)\" -ge \"$1\" ]; do sleep 0.1; done; }
watch() {
  : >shown
  $1 >shown & program=$!
  until_figures 1 \"$2\"
  python3 -c \"import time; held = bytearray($3 << 20); print('taken', flush=True); time.sleep(1000)\" >taken &
  until grep -qs taken taken; do sleep 0.1; done
  least=$(($(figures 0 \"$2\" | wc -l) + 7))
  until_figures $least \"$2\"
  kill $program
  figures 0 \"$2\" | head -n $((least - 1))
}
";

/// Programs that keep showing free memory while another takes some: they see it go where they do so natively. (vmstat
/// of procps 4.0.2 repeats its first figure, natively too.)
#[test]
fn watching_programs_see_memory_move() {
    let mut findings = Findings::default();
    let object = bed::object();
    let figures = |[program, finds]: [&'static str; 2], preload: Option<&Path>| -> Vec<u64> {
        let script = format!("{TAKE}watch '{program}' '{finds}' {TAKEN_MIB}");
        let text = PLAIN.run(&script, preload, HANGS).text;
        text.split_whitespace().map(|word| word.parse().unwrap_or_else(|_| panic!("{program}: {text}"))).collect()
    };
    let shown: Vec<[Vec<u64>; 2]> = std::thread::scope(|scope| {
        let watched = WATCHING.map(|it| {
            let both = [Some(&*object), None];
            scope.spawn(move || both.map(|preload| figures(it, preload)))
        });
        watched.into_iter().map(|thread| thread.join().expect("figures")).collect()
    });
    let moved = |free: &[u64]| free.iter().max().zip(free.iter().min()).map_or(0, |(most, least)| most - least);
    for ([program, _], [under, native]) in WATCHING.into_iter().zip(shown) {
        println!("{program}: {under:?}, natively {native:?}");
        findings.check(under.len() >= 7 && native.len() >= 7, || format!("{program}: {under:?} {native:?}"));
        // The machine's other work changes free memory too, but a program that never rereads shows no change at all.
        let moves_natively = moved(&native) > 0;
        // Memory of the shells before, which the kernel had not reclaimed yet, may come free at the same moment.
        let right = if moves_natively { sees_it_go(moved(&under)) } else { moved(&under) == 0 };
        findings.check(right, || format!("{program}: free memory went {under:?}, natively {native:?}"));
    }
    findings.conclude("watching programs");
}
