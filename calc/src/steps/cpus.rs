//! `/proc/cpuinfo`, `/proc/schedstat`, lists and bitmaps of CPUs

use super::text;
use crate::{asker::Asker, compose, doubt::Doubt, source::Scratch, text::Sink, view::topology::Packages};

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
    asker.count_cpus().ok_or(Doubt::NoCpus)?;
    text(out, |text, window| {
        asker.with_cpus(|cpus| compose::cpu_list_within(&cpus.online, &mut asker.kernels_own(false)?, text, window))
    })
}

#[inline(never)]
pub(super) fn map_within(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    asker.count_cpus().ok_or(Doubt::NoCpus)?;
    text(out, |text, window| {
        asker.with_cpus(|cpus| compose::cpu_map_within(&cpus.online, &mut asker.kernels_own(false)?, text, window))
    })
}

#[inline(never)]
pub(super) fn schedstat(asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
    asker.count_cpus().ok_or(Doubt::NoCpus)?;
    text(out, |text, window| {
        asker.with_cpus(|cpus| compose::schedstat(&cpus.online, &mut asker.kernels_own(true)?, text, window))
    })
}
