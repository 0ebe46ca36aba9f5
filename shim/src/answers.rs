//! The text of an answer, as calc composes it for this process.

mod memory;
mod shown;

use crate::{
    board, clock,
    kernel::{self, Kernel, Reading},
    memory_file, options, pressure, scope,
};
use calc::{
    answer::Answer,
    asker::Asker,
    board::{Above, Block},
    cgroup::places::Places,
    compose::MemoryFigures,
    doubt::Doubt,
    host::Host,
    settings::CpuCount,
    source::Source,
    steps,
    text::Sink,
    view::{cpu::Cpus, memory::Memory},
};
use core::{
    ffi::{CStr, c_int},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};
use shown::Shown;

/// Writes the text of `answer` to `out`; `host` is the kernel's own file.
pub(crate) fn compose(answer: Answer, host: c_int, out: &mut impl Sink) -> Option<()> {
    let composed = match passes(answer, host) {
        Err(doubt) => Err(doubt),
        Ok(()) => {
            // The lookup itself notes that there is no cgroup.
            scope::look()?;
            steps::compose(answer, &Process { answer, host }, out)
        }
    };
    composed.map_err(|doubt| note_kernels(answer, host, doubt)).ok()
}

/// Why the file stays the kernel's, whatever the view is.
#[inline(always)]
fn passes(answer: Answer, host: c_int) -> Result<(), Doubt> {
    if !kernel::is_the_kernels(answer, host).ok_or(Doubt::NotOpened)? {
        return Err(Doubt::MountedOver);
    }
    if answer == Answer::Uptime && options::uptime_is_the_hosts() {
        return Err(Doubt::HostUptime);
    }
    Ok(())
}

/// Notes which file's text stays the kernel's, and why: once per answer.
#[cold]
#[inline(never)]
fn note_kernels(answer: Answer, host: c_int, doubt: Doubt) {
    static NOTED: AtomicU32 = AtomicU32::new(0);
    if options::notes() && NOTED.fetch_or(1 << answer as u8, Relaxed) >> answer as u8 & 1 == 0 {
        memory_file::with_path(answer, host, |path| {
            options::note([path.to_bytes(), b": the kernel's own text stands: ", doubt.words()]);
            Some(())
        });
    }
}

/// The kernel's own text, for a reader who has had our answer until now.
#[inline(never)]
pub(crate) fn kernels_own(host: c_int, out: &mut impl Sink) -> Option<()> {
    let mut own = Reading::of(host, true);
    let mut at = [0; 512];
    loop {
        match own.read(&mut at)? {
            0 => return Some(()),
            read => out.write(at.get(..read)?)?,
        }
    }
}

/// This process, asking for the file behind `host`.
struct Process {
    answer: Answer,
    host: c_int,
}

impl Asker for Process {
    type Files = Kernel;
    type Text = Reading;
    type Shown = Shown;

    fn files(&self) -> &Kernel {
        &Kernel
    }

    fn kernels_own(&self, is_iterated: bool) -> Option<Reading> {
        Some(Reading::of(self.host, is_iterated))
    }

    #[inline(always)]
    fn with_path<T>(&self, use_it: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
        memory_file::with_path(self.answer, self.host, use_it)
    }

    fn open_scopes(&self, path: &CStr) -> Option<Reading> {
        pressure::open(path)
    }

    #[inline(always)]
    fn with_places<T>(&self, use_it: impl FnOnce(&Places) -> Option<T>) -> Option<T> {
        scope::with_places(use_it)
    }

    #[inline(always)]
    fn with_above<T>(&self, use_it: impl FnOnce(&Above) -> Option<T>) -> Option<T> {
        scope::with_above(use_it)
    }

    fn count_cpus(&self) -> Option<()> {
        scope::count()
    }

    #[inline(always)]
    fn with_cpus<T>(&self, use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T> {
        scope::with_counted(use_it)
    }

    fn cpu_count(&self) -> CpuCount {
        options::cpu_count()
    }

    fn first_block(&self) -> Option<u64> {
        scope::first_block()
    }

    fn memory(&self) -> Option<Memory> {
        scope::measured(&clock::machine()?)
    }

    #[inline(always)]
    fn memory_figures(
        &self,
        figures: &mut MemoryFigures,
        read: impl FnOnce(&mut MemoryFigures) -> Option<()>,
    ) -> Option<()> {
        let tick = clock::tick();
        if !memory::recall(tick, figures) {
            read(figures)?;
            memory::keep(tick, figures);
        }
        Some(())
    }

    fn machine(&self) -> Option<Host> {
        clock::machine()
    }

    fn age(&self) -> Option<Host> {
        clock::age()
    }

    fn btime_is_the_containers(&self) -> bool {
        options::btime_is_the_containers()
    }

    fn copy_slot(&self, into: &mut Block) -> Option<u64> {
        scope::with_places(|places| board::slot(places, into))
    }

    fn shown(&self) -> &Shown {
        &Shown
    }
}
