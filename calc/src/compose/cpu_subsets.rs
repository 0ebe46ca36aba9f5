//! Lists and bitmaps of CPUs that share something: a core, a cache, a package, a node.

use crate::{
    cpus::CpuSet,
    source::Source,
    text::{Sink, Text},
};

/// A list of CPUs: those of the kernel's that are in the view.
pub fn cpu_list_within<S: Sink>(
    online: &CpuSet,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let _ = (online, host, out, scratch);
    None
}

/// A bitmap of CPUs, in the kernel's form and width: those of the kernel's that are in the view.
pub fn cpu_map_within<S: Sink>(
    online: &CpuSet,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let _ = (online, host, out, scratch);
    None
}
