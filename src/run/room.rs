//! What our own cgroups leave for the limits that are asked for. The kernel refuses some limits with the name of a file
//! of its own, and takes others without a word although they limit nothing.

use super::limits::RunLimits;
use crate::{
    failure::say,
    host::hierarchy,
    run::cpus::{CpuList, CpuQuota, PERIOD_USEC},
    see::view::{self, View},
    settings::Settings,
};
use anyhow::{Context, Error, Result, ensure};
use calc::{cpus::CpuSet, settings::CpuCount};
use rustix::io::Errno;
use std::io::{self, ErrorKind};

/// The limits, with no more CPU time than our own cgroups have; or the reason why they cannot be had.
pub(super) fn within_our_own(limits: &RunLimits, settings: &Settings) -> Result<RunLimits> {
    let own = View::of(None, settings);
    let here = own.as_ref().and_then(View::allowed_cpus).or_else(view::machine_cpu_set);
    if let (Some(list), Some(here)) = (&limits.cpuset, &here) {
        check_list(list, here)?;
    }
    let quota = own.as_ref().and_then(|own| own.quota(CpuCount::ByQuota, &own.above));
    let quota = quota.map(|quota| CpuQuota { usec: quota.value.within(PERIOD_USEC) });
    Ok(match (limits.cpus, quota, here.map(|here| here.count())) {
        (Some(asked), Some(quota), _) if asked.usec > quota.usec => {
            say(format_args!(
                "--cpus {asked}: our own cgroup has only {quota}, so the program gets no more; run it from outside \
                 that cgroup, or raise its limit"
            ));
            RunLimits { cpus: Some(quota), ..limits.clone() }
        }
        (Some(asked), _, Some(count)) if asked.usec > count.saturating_mul(PERIOD_USEC) => {
            let whole = CpuQuota { usec: count.saturating_mul(PERIOD_USEC) };
            say(format_args!("--cpus {asked} limits nothing: the CPUs here are {whole}"));
            limits.clone()
        }
        _ => limits.clone(),
    })
}

/// Whether all CPUs of the list are among those that our own cgroup may use.
fn check_list(list: &CpuList, here: &CpuSet) -> Result<()> {
    let asked = CpuSet::parse(list.text.as_bytes()).context("the list of CPUs")?;
    let names = view::list(here).context("the CPUs here")?;
    ensure!(asked.and(here) == asked, "--cpuset {}: the CPUs here are {names}, choose among these", list.text);
    Ok(())
}

/// Why no cgroup can be made, and what to do about it.
pub(super) fn no_cgroup(error: &Error) -> String {
    let kind = error.chain().find_map(|cause| {
        let of_call = cause.downcast_ref::<Errno>().map(|number| io::Error::from(*number).kind());
        of_call.or_else(|| cause.downcast_ref::<io::Error>().map(io::Error::kind))
    });
    let (what, cure) = match kind {
        Some(ErrorKind::ResourceBusy) => (
            "the cgroup has processes, and version 2 then gives no limits to cgroups below it",
            "move its processes into a cgroup below it first (mkdir there, and write each number in its cgroup.procs \
             to that of the new one)",
        ),
        Some(ErrorKind::ReadOnlyFilesystem) => (
            "no right to make a cgroup",
            "cgroups are mounted read-only here, as in most containers: give this container the limits instead",
        ),
        _ if hierarchy::all().is_ok_and(|all| all.is_empty()) => {
            ("no right to make a cgroup", "no cgroups are mounted here: mount them on /sys/fs/cgroup")
        }
        _ => (
            "no right to make a cgroup",
            "run as root or in a delegated cgroup (systemd-run --user --scope -p Delegate=yes cgproc run …)",
        ),
    };
    format!("{what} ({error:#}): the limits are shown, not enforced; {cure}")
}
