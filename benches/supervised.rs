//! What supervision costs a static program (`cgproc run --static`). The program runs alone, supervised, and on lxcfs's
//! files in turns, in one container; a turn's figure is its median.

use crate::{bed, containers::written, length, lxcfs, turns};
use std::fmt::Write as _;

const ROUNDS: &str = "101";

pub(crate) fn run() {
    let (command, directories) = lxcfs::beside();
    let program = turns::compile("supervised", &["-static"]);
    let program = format!("{} {} {ROUNDS}", program.display(), written("other", "\n").display());
    let mut lines =
        format!("{program} | label kernel\n{} run -- {program} | label supervised\n", bed::command().display());
    for (name, directory) in directories.iter().filter_map(|word| word.split_once('=')) {
        let _ = writeln!(lines, "{program} {directory} | label {name}");
    }
    turns::take(length::of(3, 15), &lines, command).tell("supervised");
}
