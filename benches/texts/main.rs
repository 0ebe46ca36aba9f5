//! Composes the answer to one file of a recorded tree some times, and prints how many bytes it has and how long one took:
//!
//!     texts TREE PATH ROUNDS          bytes <tab> nanoseconds, as quartiles
//!
//! Built for release, it runs the code that the object has, apart from what reads the files. tests/instructions.rs
//! counts it; the benches time it.

#[path = "../../calc/tests/tree/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod tree;

use calc::{answer::Answer, steps};
use std::time::Instant;
use tree::{Tree, answers::Kept};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [tree, path, rounds] = words.as_slice() else { panic!("texts TREE PATH ROUNDS") };
    let rounds: usize = rounds.parse().expect("a number of rounds");
    let tree = Tree::open(tree.into());
    let program = tree.program(path).expect("its cgroups are found");
    let answer = Answer::from_path(path.as_bytes()).expect("an answered file");
    let mut kept = Kept(Vec::with_capacity(1 << 20));
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        kept.0.clear();
        let begun = Instant::now();
        steps::compose(answer, &program, &mut kept).unwrap_or_else(|doubt| panic!("{path}: {doubt:?}"));
        times.push(begun.elapsed().as_nanos());
    }
    times.sort_unstable();
    let quartile = |quarter: usize| times[times.len() * quarter / 4];
    println!("{}\t{}\t{}\t{}", kept.0.len(), quartile(1), quartile(2), quartile(3));
}
