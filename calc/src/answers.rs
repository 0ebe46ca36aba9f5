//! The text of each answer, by steps that run one after the other: what one leaves for the next is small, so that the stack of who asks
//! holds one step at a time.

mod cpus;
mod disks;
mod load;
mod memory;
mod pids;
mod pressure;
mod times;

use crate::{
    answer::Answer,
    asker::Asker,
    doubt::Doubt,
    source::Window,
    text::{Sink, Text},
};

/// Writes the text of `answer` to `out`; the reason where the kernel's own stands.
pub fn compose(answer: Answer, asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    match answer {
        Answer::Meminfo => memory::meminfo(asker, out),
        Answer::Swaps => memory::swaps(asker, out),
        Answer::Stat => times::stat(asker, out),
        Answer::Cpuinfo => cpus::cpuinfo(asker, out),
        Answer::Uptime => times::uptime(asker, out),
        Answer::CpuOnline | Answer::CpuPresent => cpus::list(asker, out),
        Answer::Loadavg => load::loadavg(asker, out),
        Answer::Diskstats => disks::diskstats(asker, out),
        Answer::BlockStat => disks::block_stat(asker, out),
        Answer::Vmstat => disks::vmstat(asker, out),
        Answer::ThreadsMax => pids::threads_max(asker, out),
        Answer::BlockSize => memory::block_size(asker, out),
        Answer::CpuList => cpus::list_within(asker, out),
        Answer::CpuMap => cpus::map_within(asker, out),
        Answer::NodeMeminfo => memory::node_meminfo(asker, out),
        Answer::PressureCpu | Answer::PressureMemory | Answer::PressureIo => pressure::pressure(answer, asker, out),
    }
}

/// Composes a text, with room to read the kernel's own through: both would otherwise be part of every caller's frame.
#[inline(never)]
fn text<S: Sink>(out: &mut S, write: impl FnOnce(&mut Text<'_, S>, &mut Window) -> Option<()>) -> Result<(), Doubt> {
    let mut text = Text::new(out);
    write(&mut text, &mut [0; _]).and_then(|()| text.finish()).ok_or(Doubt::UnknownForm)
}
