//! Which files are the kernel's own here, and why.

use super::Finding;
use crate::{
    host::kernel::Kernel,
    see::{answers::Asked, view::View},
    settings::Settings,
};
use calc::{answer::Answer, doubt::Doubt, source::Files as _};

/// A finding for each reason, with the files that it holds for.
pub(super) fn check(settings: Option<&Settings>, view: Option<&View>) -> Vec<Finding> {
    let Some((settings, view)) = settings.zip(view) else { return Vec::new() };
    let files: Vec<_> = Answer::ALL.into_iter().filter_map(Asked::of).collect();
    let refused = files.iter().filter_map(|file| Some((refusal(file, settings, view)?, file.name())));
    let mut found: Vec<(Doubt, Vec<&str>)> = Vec::new();
    for (doubt, name) in refused {
        match found.iter_mut().find(|(known, _)| *known == doubt) {
            Some((_, names)) => names.push(name),
            None => found.push((doubt, vec![name])),
        }
    }
    let note = |(doubt, names): (Doubt, Vec<&str>)| {
        Finding::note("answers", "kernels", format!("{}: the kernel's own: {doubt}", names.join(", ")))
    };
    found.into_iter().map(note).collect()
}

/// Why the kernel's own file stands; `None` where other checks tell, or the kernel has no such file.
fn refusal(file: &Asked, settings: &Settings, view: &View) -> Option<Doubt> {
    Kernel.file_system(&file.path)?;
    let doubt = match file.passes(&Kernel, settings) {
        Some(doubt) => doubt,
        None => file.text(view).err()?,
    };
    let is_told_elsewhere = match doubt {
        Doubt::Off | Doubt::SwitchedOff | Doubt::NotNamed | Doubt::MountedOver | Doubt::NoLoad | Doubt::NoPressure => {
            true
        }
        // Nothing is wrong on a machine without swap.
        Doubt::NoSwap => view.machine.swap_bytes == 0,
        _ => false,
    };
    (!is_told_elsewhere).then_some(doubt)
}
