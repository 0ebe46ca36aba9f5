//! The io controller's files.

use super::{CgroupFiles, Version};

/// What the numbers of a file count, or what somebody wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Version 2's `io.stat`: `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`, then the keys of some
    /// policies.
    All,
    /// Version 1: `8:0 Read 4096`, then `Write`, `Sync`, `Async`, `Discard`, `Total`; `Total 4096` at the end.
    Bytes,
    /// The same for operations.
    Operations,
}

/// An open file with such numbers.
pub(crate) struct Told<F> {
    pub(crate) what: What,
    pub(crate) file: F,
}

/// Opens version 2's one file, or version 1's files for bytes and operations, as counted by the throttling layer and
/// by BFQ. If bytes alone are `wanted`, version 1 has half of the files.
#[inline(always)]
pub(crate) fn open<G: CgroupFiles>(
    group: &G,
    version: Version,
    wanted: What,
    scratch: &mut [u8],
) -> [Option<Told<G::File>>; 4] {
    let mut told = |what, name| {
        if (wanted, what) == (What::Bytes, What::Operations) { None } else { open_one(group, what, name, scratch) }
    };
    match version {
        Version::V2 => [told(What::All, b"io.stat"), None, None, None],
        Version::V1 => [
            told(What::Bytes, b"blkio.throttle.io_service_bytes_recursive"),
            told(What::Operations, b"blkio.throttle.io_serviced_recursive"),
            told(What::Bytes, b"blkio.bfq.io_service_bytes_recursive"),
            told(What::Operations, b"blkio.bfq.io_serviced_recursive"),
        ],
    }
}

/// Opens a file: in version 1, the one that includes the cgroups below, if the kernel is new enough to have it.
#[inline(never)]
fn open_one<G: CgroupFiles>(group: &G, what: What, name: &[u8], scratch: &mut [u8]) -> Option<Told<G::File>> {
    let names = [Some(name), name.strip_suffix(b"_recursive")];
    let file = names.into_iter().flatten().find_map(|name| group.open(name, scratch))?;
    Some(Told { what, file })
}
