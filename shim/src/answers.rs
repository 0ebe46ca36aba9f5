//! The text of each answer, by steps that run one after the other: what one leaves for the next is small, so that a hook's stack
//! holds one step at a time.

mod cpus;
mod disks;
mod load;
mod memory;
mod pids;
mod times;

use crate::kernel::{self, Reading};
use crate::{memory_file, options, scope};
use calc::answer::Answer;
use calc::compose;
use calc::source::{Source, Window};
use calc::text::{Sink, Text};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Writes the text of `answer` to `out`; the kernel's own is read from `host`.
pub(crate) fn compose(answer: Answer, host: c_int, out: &mut impl Sink) -> Option<()> {
    if !kernel::is_the_kernels(answer, host)? {
        return None;
    }
    scope::look()?;
    let composed = match answer {
        Answer::Meminfo => memory::meminfo(host, out),
        Answer::Swaps => memory::swaps(host, out),
        Answer::Stat => times::stat(host, out),
        Answer::Cpuinfo => cpus::cpuinfo(host, out),
        Answer::Uptime => times::uptime(out),
        Answer::CpuOnline | Answer::CpuPresent => cpus::list(out),
        Answer::Loadavg => load::loadavg(host, out),
        Answer::Diskstats => disks::diskstats(host, out),
        Answer::BlockStat => disks::block_stat(host, out),
        Answer::Vmstat => disks::vmstat(host, out),
        Answer::ThreadsMax => pids::limit(host, out),
        Answer::BlockSize => scope::first_block().and_then(|_| memory::block_size(out)),
        Answer::CpuList => cpus::list_within(host, out),
        Answer::CpuMap => cpus::map_within(host, out),
        Answer::NodeMeminfo => memory::node_meminfo(host, out),
        Answer::PressureCpu | Answer::PressureMemory | Answer::PressureIo => pressure(answer, out),
    };
    if composed.is_none() {
        note_kernels(answer, host);
    }
    composed
}

/// Notes that the kernel's own text stands, and of which file: once for each answer.
#[cold]
#[inline(never)]
fn note_kernels(answer: Answer, host: c_int) {
    static NOTED: AtomicU32 = AtomicU32::new(0);
    if options::notes() && NOTED.fetch_or(1 << answer as u8, Relaxed) >> answer as u8 & 1 == 0 {
        memory_file::with_path(answer, host, |path| {
            options::note([path.to_bytes(), b": the kernel's own text stands"]);
            Some(())
        });
    }
}

/// `/proc/pressure/*`, to be read.
#[inline(never)]
fn pressure(answer: Answer, out: &mut impl Sink) -> Option<()> {
    let mut own = crate::pressure::reading(answer)?;
    text(out, |text, scratch| compose::pressure(&mut own, text, scratch))
}

/// The kernel's own text, for who has read an answer of ours in its place until now.
#[inline(never)]
pub(crate) fn kernels_own(host: c_int, out: &mut impl Sink) -> Option<()> {
    let (mut own, mut at) = (Reading::of(host, true), [0; 512]);
    loop {
        match own.read(&mut at)? {
            0 => return Some(()),
            read => out.write(at.get(..read)?)?,
        }
    }
}

/// Composes a text, with room to read the kernel's own through: both would otherwise be part of every caller's frame.
#[inline(never)]
fn text<S: Sink>(out: &mut S, write: impl FnOnce(&mut Text<'_, S>, &mut Window) -> Option<()>) -> Option<()> {
    let mut text = Text::new(out);
    write(&mut text, &mut [0; _])?;
    text.finish()
}
