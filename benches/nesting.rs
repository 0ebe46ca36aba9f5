//! What a container's depth costs: /proc/meminfo and /proc/stat of a container 1 to 20 cgroups deep, all of them visible.

use crate::containers::{Limited, USUAL};
use crate::cost::{Line, timed};
use crate::groups::Group;
use crate::length;
use std::process::Command;

const DEPTHS: [usize; 4] = [1, 5, 10, 20];

pub(crate) fn run() {
    let mut chain: Vec<Group> = Vec::new();
    for depth in DEPTHS {
        while chain.len() + 1 < depth {
            let next = chain.last().map_or_else(Group::new, |last| last.below("deeper"));
            next.set(limit(), "1G");
            chain.push(next);
        }
        if let Some(last) = chain.last() {
            last.open();
        }
        let under = chain.last().map(|last| last.path.as_str());
        let container = Limited { is_raw: true, under, ..USUAL };
        let text = timed(Command::new("env"), &container, length::rounds(61, 201), "/proc/meminfo /proc/stat", &[]);
        for line in text.lines().filter_map(Line::parse).filter(|line| !line.operation.contains(',')) {
            line.tell("nesting", &format!("{}, {depth} deep", line.operation));
        }
    }
    // From below.
    while chain.pop().is_some() {}
}

fn limit() -> &'static str {
    match crate::bed::version() {
        crate::bed::Version::V1 => "memory.limit_in_bytes",
        crate::bed::Version::V2 => "memory.max",
    }
}
