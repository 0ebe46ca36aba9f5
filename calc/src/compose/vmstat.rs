//! `/proc/vmstat`

use crate::{
    board::Above,
    cgroup::places::Places,
    host::Host,
    source::{Files, Source},
    text::{Sink, Text},
    view::io::Traffic,
};

/// What `/proc/vmstat` is composed of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {}

impl Figures {
    /// Reads them in place, since they are many. `None` on any doubt.
    pub fn read(
        &mut self,
        files: &impl Files,
        places: &Places,
        above: &Above,
        machine: &Host,
        scratch: &mut [u8],
    ) -> Option<()> {
        let _ = (files, places, above, machine, scratch);
        None
    }
}

/// `/proc/vmstat`: the kernel's lines, with the scope's figures where it has them.
pub fn vmstat<S: Sink>(
    figures: &Figures,
    io: Option<&Traffic>,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let _ = (figures, io, host, out, scratch);
    None
}
