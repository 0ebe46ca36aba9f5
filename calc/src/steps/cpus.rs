//! `/proc/cpuinfo`, `/proc/schedstat`, lists and bitmaps of CPUs

use super::text;
use crate::{
    asker::Asker,
    compose,
    cpus::CpuSet,
    doubt::Doubt,
    source::{Scratch, Window},
    text::{Sink, Text},
    view::topology::Packages,
};

#[inline(never)]
pub(super) fn cpuinfo(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    asker.count_cpus().ok_or(Doubt::NoCpus)?;
    let mut packages = Packages::default();
    read_packages(&mut packages, asker).ok_or(Doubt::NoCpus)?;
    text(out, |text, window| {
        asker.with_cpus(|cpus| compose::cpuinfo(&cpus.online, &packages, &mut asker.kernels_own(true)?, text, window))
    })
}

#[inline(never)]
fn read_packages(packages: &mut Packages, asker: &impl Asker) -> Option<()> {
    let scratch: &mut Scratch = &mut [0; _];
    asker.with_cpus(|cpus| {
        packages.read(asker.files(), &cpus.online, scratch);
        Some(())
    })
}

#[inline(never)]
pub(super) fn list(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    asker.count_cpus().ok_or(Doubt::NoCpus)?;
    text(out, |text, _| asker.with_cpus(|cpus| compose::cpu_list(&cpus.online, text)))
}

#[inline(never)]
pub(super) fn list_within(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    narrowed(asker, false, out, |online, host, text, window| compose::cpu_list_within(online, host, text, window))
}

#[inline(never)]
pub(super) fn map_within(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    narrowed(asker, false, out, |online, host, text, window| compose::cpu_map_within(online, host, text, window))
}

#[inline(never)]
pub(super) fn schedstat(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    narrowed(asker, true, out, |online, host, text, window| compose::schedstat(online, host, text, window))
}

/// Composes the kernel's own text, narrowed to the CPUs in the view.
#[inline(always)]
fn narrowed<A: Asker, S: Sink>(
    asker: &A,
    is_iterated: bool,
    out: &mut S,
    write: impl FnOnce(&CpuSet, &mut A::Text, &mut Text<'_, S>, &mut Window) -> Option<()>,
) -> Result<(), Doubt> {
    asker.count_cpus().ok_or(Doubt::NoCpus)?;
    text(out, |text, window| {
        asker.with_cpus(|cpus| write(&cpus.online, &mut asker.kernels_own(is_iterated)?, text, window))
    })
}
