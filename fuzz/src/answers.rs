//! Every answer on a machine that the fuzzer made up: the cgroups' files, the kernel's own texts, the board.

use crate::{
    judge,
    program::{Memories, Program},
    tree::Tree,
};
use calc::{answer::Answer, view::time};
use std::ffi::CString;

/// Files about memory and disks.
pub(crate) fn memory(text: &[u8]) {
    with_programs(text, |program, is_first| {
        for (answer, path) in asked(program.tree, is_about_memory) {
            drop(judged(program, answer, &path, is_first));
        }
    });
}

/// Files about CPUs, time and load, of which a process sees no counter run backwards.
pub(crate) fn cpus(text: &[u8]) {
    let mut before: Option<Vec<u8>> = None;
    let mut first = None;
    with_programs(text, |program, is_first| {
        let online = program.cpus.map(|cpus| cpus.online);
        // Other CPUs continue from what some of those had that went away.
        let adds_up = is_first || first == online;
        first = online;
        let is_counted = time::are_counted(&program.places);
        for (answer, path) in asked(program.tree, |answer| !is_about_memory(answer)) {
            let shown = judged(program, answer, &path, adds_up);
            if answer == Answer::Stat && is_counted {
                if let (Some(before), Some(after)) = (&before, &shown) {
                    judge::continues(before, after);
                }
                before = shown;
            }
        }
    });
}

/// Asks twice, each time as the same process, but on a machine that has changed.
fn with_programs(text: &[u8], mut ask: impl FnMut(&mut Program<'_, '_>, bool)) {
    let memories = Memories::default();
    for (tree, is_first) in Tree::parse_both(text).iter().zip([true, false]) {
        if let Some(mut program) = Program::of(tree, &memories) {
            consistent(&program);
            ask(&mut program, is_first);
        }
    }
    in_pieces(text);
}

fn is_about_memory(answer: Answer) -> bool {
    use Answer::{BlockSize, BlockStat, Diskstats, Meminfo, NodeMeminfo, Swaps, ThreadsMax, Vmstat};
    matches!(answer, Meminfo | Swaps | NodeMeminfo | BlockSize | Vmstat | Diskstats | BlockStat | ThreadsMax)
}

/// The files of a machine that are answered.
fn asked(tree: &Tree<'_>, which: impl Fn(Answer) -> bool) -> Vec<(Answer, CString)> {
    let answers = tree.paths().filter_map(|path| Some((Answer::from_path(path)?, CString::new(path).ok()?)));
    answers.filter(|(answer, _)| which(*answer)).collect()
}

/// The figures that libc's functions return.
fn consistent(program: &Program<'_, '_>) {
    if let Some(memory) = program.memory() {
        assert!(
            memory.free_bytes <= memory.available_bytes && memory.available_bytes <= memory.total_bytes,
            "{memory:?}"
        );
        assert!(memory.total_bytes >= 1 << 20 && memory.total_bytes < program.host.memory_bytes, "{memory:?}");
        assert!(memory.swap.is_none_or(|swap| swap.free_bytes <= swap.total_bytes), "{memory:?}");
    }
    if let Some(cpus) = &program.cpus {
        assert!(cpus.count >= 1 && cpus.count == cpus.online.count() && cpus.capacity.period_usec > 0, "{cpus:?}");
    }
}

/// An answer that has been judged, in which the lines of CPUs may have to add up; `None` if the kernel's own stands.
fn judged(program: &mut Program<'_, '_>, answer: Answer, path: &CString, adds_up: bool) -> Option<Vec<u8>> {
    let shown = program.text(answer, path).ok()?;
    let path = path.to_str().ok()?;
    let kernels = program.tree.text(path)?;
    let memory = program.memory();
    let online = program.cpus.map(|cpus| cpus.online);
    match answer {
        Answer::Meminfo => judge::meminfo(kernels, &shown, memory.as_ref()),
        Answer::Swaps => judge::swaps(kernels, &shown),
        Answer::BlockSize => judge::block_size(&shown, memory.as_ref()),
        Answer::NodeMeminfo => judge::node_meminfo(kernels, &shown, node(path)?),
        Answer::Vmstat => judge::vmstat(kernels, &shown),
        Answer::Diskstats => judge::diskstats(kernels, &shown),
        Answer::BlockStat => judge::block_stat(kernels, &shown),
        Answer::ThreadsMax => judge::threads_max(kernels, &shown),
        Answer::Stat => judge::stat(kernels, &shown, &online?, adds_up),
        Answer::Cpuinfo => judge::cpuinfo(kernels, &shown, &online?),
        Answer::Schedstat => judge::schedstat(kernels, &shown, &online?),
        Answer::CpuOnline | Answer::CpuPresent => assert_eq!(calc::cpus::CpuSet::parse(&shown), online),
        Answer::CpuList | Answer::CpuIsolated => judge::cpu_list(kernels, &shown, &online?),
        Answer::CpuMap => judge::cpu_map(kernels, &shown, &online?),
        Answer::Uptime => judge::uptime(&shown),
        Answer::Loadavg => judge::loadavg(kernels, &shown),
        Answer::PressureCpu | Answer::PressureMemory | Answer::PressureIo | Answer::PressureIrq => {}
    }
    Some(shown)
}

/// The number in a node's path.
fn node(path: &str) -> Option<&str> {
    path.strip_prefix("/sys/devices/system/node/node")?.strip_suffix("/meminfo")
}

/// Whether files come whole or in pieces, and whether they are asked for once or again, makes no difference.
fn in_pieces(text: &[u8]) {
    let step = usize::from(text.last().copied().unwrap_or_default()) + 1;
    let (whole, in_pieces) = (Tree::parse(text), Tree::parse(text).in_steps(step));
    let memories = [Memories::default(), Memories::default()];
    let programs = [Program::of(&whole, &memories[0]), Program::of(&in_pieces, &memories[1])];
    let [Some(mut whole), Some(mut in_pieces)] = programs else { return };
    for (answer, path) in asked(whole.tree, |_| true) {
        let [one, other] = [&mut whole, &mut in_pieces].map(|program| program.text(answer, &path));
        assert_eq!(one, other, "{} in pieces of {step} bytes", path.to_string_lossy());
    }
}
