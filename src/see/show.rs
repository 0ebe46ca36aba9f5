//! Printing a file as a program in a container reads it.

use super::{answers::Asked, view::View};
use crate::{failure::say, host::kernel::Kernel, output::put, settings::Settings};
use anyhow::{Result, bail};
use calc::doubt::Doubt;
use std::ffi::OsString;

/// Prints `file` as seen in `cgroup`, or in our own.
pub(crate) fn show(file: &str, cgroup: Option<OsString>, verbose: bool) -> Result<()> {
    let asked = Asked::named(file)?;
    let settings = Settings::of_environment()?;
    let view = View::of(cgroup.as_deref().or(settings.cgroup.as_deref()), &settings);
    if let (Some(cgroup), None) = (&cgroup, &view) {
        bail!("no cgroup {} is visible", cgroup.display());
    }
    let text = match answered(&asked, view.as_ref(), &settings) {
        Ok(text) => text,
        Err(reason) => {
            if verbose {
                say(format_args!("{}: the kernel's own text: {reason}", asked.name()));
            }
            asked.kernels_own(&Kernel)?
        }
    };
    put(&text)
}

/// Composes the text as the object does, or says why the object would let the kernel's own pass.
fn answered(asked: &Asked, view: Option<&View>, settings: &Settings) -> Result<Vec<u8>, Doubt> {
    if let Some(reason) = asked.passes(&Kernel, settings) {
        return Err(reason);
    }
    asked.text(view.ok_or(Doubt::NoCgroup)?)
}
