//! What the container read from and wrote to block devices.

use crate::{
    cgroup::places::Places,
    source::{Files, Source},
};

/// A block device's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The driver's.
    pub major: u64,
    /// The device's.
    pub minor: u64,
}

/// What was done with a device, or with all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Bytes discarded.
    pub discarded_bytes: u64,
    /// Operations that read.
    pub reads: u64,
    /// Operations that wrote.
    pub writes: u64,
    /// Operations that discarded.
    pub discards: u64,
}

/// The open files of the scope that tell it, read again from the start for every device: their lines come in any order.
pub struct Io<F> {
    /// Version 2's `io.stat`, or version 1's bytes.
    bytes: F,
    /// Version 1's operations.
    operations: Option<F>,
}

/// Opens the scope's files. `None` where it has none, or is the machine's root.
pub fn open<F: Files>(files: &F, places: &Places, scratch: &mut [u8]) -> Option<Io<F::File>> {
    let _ = (files, places, scratch);
    None
}

impl<F: Source> Io<F> {
    /// What was done with `device`: `Some(None)` for nothing.
    pub fn of_device(&mut self, device: Device, scratch: &mut [u8]) -> Option<Option<Traffic>> {
        let _ = (device, scratch, &mut self.bytes, &mut self.operations);
        None
    }

    /// What was done with all devices.
    pub fn sum(&mut self, scratch: &mut [u8]) -> Option<Traffic> {
        let _ = scratch;
        None
    }
}
