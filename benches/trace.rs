//! What `cgproc trace` costs a program. The program, which asks through libc, runs alone, under the library, and under
//! trace in turns, in one container; a turn's figure is its median.

use crate::{bed, containers::written, length, turns};
use std::process::Command;

const ROUNDS: &str = "51";

pub(crate) fn run() {
    let command = bed::command();
    let command = command.display();
    // The program of the part `supervised`, with the C library that it finds.
    let program = turns::compile("traced", &[]);
    let program = format!("{} {} {ROUNDS}", program.display(), written("other", "\n").display());
    let lines = format!(
        "{program} | label kernel\n{command} run -- {program} | label library\n\
         {command} trace -o /dev/null -- {program} | label trace"
    );
    turns::take(length::of(3, 9), &lines, Command::new("env")).tell("trace");
}
