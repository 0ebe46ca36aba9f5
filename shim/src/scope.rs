//! The container this process is in: where its cgroups are and which CPUs it has, looked up at most once a second.

use crate::remembered::Remembered;
use crate::{kernel::Kernel, options};
use calc::answer::Answer;
use calc::cgroup::places::Places;
use calc::host::Host;
use calc::view::cpu::{self, Cpus};
use calc::view::memory::{self, Memory};
use calc::view::time;

/// Room for a path, or for the bytes read from the file there, never both at once.
pub(crate) type Scratch = [u8; 1280];

static PLACES: Remembered<Places, { size_of::<Places>() / 8 }> = Remembered::new();
static CPUS: Remembered<Cpus, { size_of::<Cpus>() / 8 }> = Remembered::new();

/// Where this process's cgroups are.
#[inline(never)]
pub(crate) fn places() -> Option<Places> {
    match PLACES.recall() {
        Some(memory) if memory.fresh || still_hold(&memory.value) => {
            if !memory.fresh {
                PLACES.keep(&memory.value);
            }
            Some(memory.value)
        }
        _ => located(),
    }
}

#[inline(never)]
fn still_hold(places: &Places) -> bool {
    options::with_whose(|whose| places.still_hold(&Kernel, whose, &mut [0; size_of::<Scratch>()]))
}

#[cold]
#[inline(never)]
fn located() -> Option<Places> {
    let places = options::with_whose(|whose| Places::locate(&Kernel, whose, &mut [0; size_of::<Scratch>()]));
    match &places {
        Some(places) => PLACES.keep(places),
        None => options::note(b"no cgroup of this process found: everything passes through\n"),
    }
    places
}

/// The CPUs that this process sees, unless CPUs are not answered.
#[inline]
pub(crate) fn cpus() -> Option<Cpus> {
    if options::off() || !options::answers(Answer::CpuOnline) {
        return None;
    }
    cpus_for_any_answer()
}

/// The CPUs of the view, for answers that need them whichever files are answered.
#[inline(never)]
pub(crate) fn cpus_for_any_answer() -> Option<Cpus> {
    match CPUS.recall() {
        Some(memory) if memory.fresh => Some(memory.value),
        _ => counted(),
    }
}

#[inline(never)]
fn counted() -> Option<Cpus> {
    let cpus = cpu::cpus(&Kernel, &places()?, options::declared_cpus_milli(), &mut [0; size_of::<Scratch>()])?;
    CPUS.keep(&cpus);
    Some(cpus)
}

/// The container's memory, where it is limited and answered.
#[inline(never)]
pub(crate) fn memory(machine: &Host) -> Option<Memory> {
    if !options::answers(Answer::Meminfo) {
        return None;
    }
    memory::memory(&Kernel, &places()?, machine, &mut [0; size_of::<Scratch>()])
}

/// Age of the container in hundredths of a second, where it is known, answered and wanted by this program.
#[inline(never)]
pub(crate) fn age_ticks(machine: &Host) -> Option<u64> {
    if !options::answers(Answer::Uptime) || options::uptime_is_the_hosts() {
        return None;
    }
    time::age_ticks(&places()?, machine)
}
