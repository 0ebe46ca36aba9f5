//! What a container's depth costs: /proc/meminfo and /proc/stat of a container 1 to 20 cgroups deep, all of them visible.

use crate::{
    containers::{Limited, USUAL},
    cost::{Line, timed},
    groups::Group,
    length,
};
use std::{collections::VecDeque, process::Command};

const DEPTHS: [usize; 4] = [1, 5, 10, 20];

pub(crate) fn run() {
    // The deepest first, because that is the order in which they go.
    let mut chain: VecDeque<Group> = VecDeque::new();
    for depth in DEPTHS {
        while chain.len() + 1 < depth {
            let next = chain.front().map_or_else(Group::new, |last| last.below("deeper"));
            next.set(limit(), "1G");
            chain.push_front(next);
        }
        if let Some(last) = chain.front() {
            last.open();
        }
        let under = chain.front().map(|last| last.path.as_str());
        let container = Limited { is_raw: true, under, ..USUAL };
        let text = timed(Command::new("env"), &container, length::rounds(61, 201), "/proc/meminfo /proc/stat", &[]);
        for line in text.lines().filter_map(Line::parse).filter(|line| !line.operation.contains(',')) {
            line.tell("nesting", &format!("{}, {depth} deep", line.operation));
        }
    }
}

fn limit() -> &'static str {
    match crate::bed::version() {
        crate::bed::Version::V1 => "memory.limit_in_bytes",
        crate::bed::Version::V2 => "memory.max",
    }
}
