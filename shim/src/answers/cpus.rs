//! `/proc/cpuinfo`, lists and bitmaps of CPUs

use super::text;
use crate::kernel::{Kernel, Reading};
use crate::scope;
use calc::compose;
use calc::source::Scratch;
use calc::text::Sink;
use calc::view::topology::Packages;
use core::ffi::c_int;

#[inline(never)]
pub(super) fn cpuinfo(host: c_int, out: &mut impl Sink) -> Option<()> {
    scope::count()?;
    let mut packages = Packages::default();
    read_packages(&mut packages)?;
    text(out, |text, scratch| {
        scope::with_counted(|cpus| {
            compose::cpuinfo(&cpus.online, &packages, &mut Reading::of(host, true), text, scratch)
        })
    })
}

#[inline(never)]
fn read_packages(packages: &mut Packages) -> Option<()> {
    let scratch: &mut Scratch = &mut [0; _];
    scope::with_counted(|cpus| {
        packages.read(&Kernel, &cpus.online, scratch);
        Some(())
    })
}

#[inline(never)]
pub(super) fn list(out: &mut impl Sink) -> Option<()> {
    scope::count()?;
    text(out, |text, _| scope::with_counted(|cpus| compose::cpu_list(&cpus.online, text)))
}

#[inline(never)]
pub(super) fn list_within(host: c_int, out: &mut impl Sink) -> Option<()> {
    scope::count()?;
    text(out, |text, scratch| {
        scope::with_counted(|cpus| compose::cpu_list_within(&cpus.online, &mut Reading::of(host, false), text, scratch))
    })
}

#[inline(never)]
pub(super) fn map_within(host: c_int, out: &mut impl Sink) -> Option<()> {
    scope::count()?;
    text(out, |text, scratch| {
        scope::with_counted(|cpus| compose::cpu_map_within(&cpus.online, &mut Reading::of(host, false), text, scratch))
    })
}
