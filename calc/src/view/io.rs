//! What the container read from block devices and wrote to them.

use crate::{
    cgroup::{
        CgroupFiles, Controller, Version,
        io::{self, Told},
        places::Places,
    },
    lines::Lines,
    path, scan,
    source::{self, Files, Source, Unreadable},
    view::ratchet::Onward,
};
use core::ffi::CStr;
pub use io::What;
use zerocopy::{FromBytes, IntoBytes};

/// A block device's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    /// The driver's.
    pub major: u32,
    /// The device's.
    pub minor: u32,
}

impl Device {
    const LEAST: Self = Self { major: 0, minor: 0 };
    /// Greater than any real device.
    const NONE: Self = Self { major: u32::MAX, minor: u32::MAX };

    /// The device that has this file `stat` in sysfs: its number is in the file `dev` beside it.
    pub fn of_stat(path: &CStr, files: &impl Files, scratch: &mut [u8]) -> Option<Self> {
        let directory = path.to_bytes().strip_suffix(b"stat")?;
        Self::read(&mut files.open(path::join(scratch, &[directory, b"dev"])?)?)
    }

    fn read(file: &mut impl Source) -> Option<Self> {
        Self::parse(scan::without_newline(source::read_whole(file, &mut [0; 24])?))
    }

    /// The device as a number, which is 0 only for the last that there can be.
    fn word(self) -> u64 {
        u64::from(self.major).rotate_left(32).wrapping_add(self.minor.into()).wrapping_add(1)
    }

    /// Its bit in a set of devices, one of 63; several devices may share one.
    fn bit(self) -> u64 {
        1 << (self.major.wrapping_mul(17).wrapping_add(self.minor) % 63)
    }

    /// A device in the form `8:0`.
    fn parse(text: &[u8]) -> Option<Self> {
        let (major, rest) = scan::number(text)?;
        let (minor, rest) = scan::number(rest.strip_prefix(b":")?)?;
        Self::of(major, minor).filter(|_| rest.is_empty())
    }

    /// The device with these numbers; `None` if they are larger than any.
    pub(crate) fn of(major: u64, minor: u64) -> Option<Self> {
        Some(Self { major: major.try_into().ok()?, minor: minor.try_into().ok()? })
    }

    fn next(self) -> Option<Self> {
        let (minor, is_over) = self.minor.overflowing_add(1);
        Some(Self { major: self.major.checked_add(is_over.into())?, minor })
    }
}

/// What was done with one device, or with all.
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

impl Traffic {
    const NONE: Self = Self { read_bytes: 0, written_bytes: 0, discarded_bytes: 0, reads: 0, writes: 0, discards: 0 };

    /// The figure for `key` in a file that counts `what`.
    fn figure(&mut self, what: What, key: &[u8]) -> Option<&mut u64> {
        Some(match (what, key) {
            (What::All, b"rbytes") | (What::Bytes, b"Read") => &mut self.read_bytes,
            (What::All, b"wbytes") | (What::Bytes, b"Write") => &mut self.written_bytes,
            (What::All, b"dbytes") | (What::Bytes, b"Discard") => &mut self.discarded_bytes,
            (What::All, b"rios") | (What::Operations, b"Read") => &mut self.reads,
            (What::All, b"wios") | (What::Operations, b"Write") => &mut self.writes,
            (What::All, b"dios") | (What::Operations, b"Discard") => &mut self.discards,
            _ => return None,
        })
    }

    /// Combines each figure with the other's.
    fn with(self, other: Self, make: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            read_bytes: make(self.read_bytes, other.read_bytes),
            written_bytes: make(self.written_bytes, other.written_bytes),
            discarded_bytes: make(self.discarded_bytes, other.discarded_bytes),
            reads: make(self.reads, other.reads),
            writes: make(self.writes, other.writes),
            discards: make(self.discards, other.discards),
        }
    }
}

/// What a process was shown of a device. Plain words, so that they can be kept in atomics; all zero means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes)]
#[repr(C)]
pub struct Shown {
    /// Its number plus 1.
    device: u64,
    counters: [Onward; 6],
}

impl Shown {
    /// Whether this belongs to `device`.
    pub fn is_of(&self, device: Device) -> bool {
        self.device == device.word()
    }

    /// Whether this belongs to `device`, or to none yet.
    pub fn may_be_of(&self, device: Device) -> bool {
        self.device == 0 || self.is_of(device)
    }

    /// The figures to show for `device`, whose `traffic` is known: none runs backwards.
    pub fn show(&mut self, device: Device, traffic: &Traffic) -> Traffic {
        self.device = device.word();
        let mut counters = self.counters.iter_mut();
        let mut onward = |number| counters.next().map_or(number, |counter| counter.show(number));
        Traffic {
            read_bytes: onward(traffic.read_bytes),
            written_bytes: onward(traffic.written_bytes),
            discarded_bytes: onward(traffic.discarded_bytes),
            reads: onward(traffic.reads),
            writes: onward(traffic.writes),
            discards: onward(traffic.discards),
        }
    }
}

/// Room for what was done with a device.
pub type Place = (Device, Traffic);

/// Room for nothing yet.
pub const FREE: Place = (Device::LEAST, Traffic::NONE);

/// The first devices at or after `from`, in numerical order, as many as there is room for. They are kept in any order.
/// If several files have a figure, they count the same operations, though not all of them all the time, so the highest
/// counts.
struct Group<'p> {
    from: Device,
    /// The first `len` count.
    places: &'p mut [Place],
    len: usize,
    /// Whether some after the last were left out.
    is_cut: bool,
    /// The index of the last one that had a figure: a device's figures are adjacent.
    current: usize,
    /// The bits of all devices with a figure above 0, and [`IS_READ`] once all of the files were read.
    used: u64,
}

impl<'p> Group<'p> {
    /// Of nothing that was read yet.
    fn unread(places: &'p mut [Place]) -> Self {
        Self { from: Device::LEAST, places, len: 0, is_cut: false, current: 0, used: 0 }
    }

    /// Starts over, with the devices at or after `from`.
    fn start(&mut self, from: Device) {
        (self.from, self.len, self.is_cut, self.used) = (from, 0, false, 0);
    }

    /// The devices that have figures.
    fn devices(&self) -> &[Place] {
        self.places.get(..self.len).unwrap_or_default()
    }

    /// Takes a figure of `device` into account.
    fn take(&mut self, device: Device, what: What, key: &[u8], number: &[u8]) {
        let number = scan::clamped_number(number).unwrap_or(0);
        if number == 0 {
            return;
        }
        self.used |= device.bit();
        if device < self.from {
            return;
        }
        if let Some(figure) = self.traffic_of(device).and_then(|traffic| traffic.figure(what, key)) {
            *figure = number.max(*figure);
        }
    }

    /// The place for a device's figures; `None` if there is none left.
    fn traffic_of(&mut self, device: Device) -> Option<&mut Traffic> {
        if self.devices().get(self.current).is_none_or(|(current, _)| *current != device) {
            self.current = match self.devices().iter().position(|(known, _)| *known == device) {
                Some(known) => known,
                None => self.place_for(device)?,
            };
        }
        self.places.get_mut(self.current).map(|(_, traffic)| traffic)
    }

    /// A place for a new device. If all are taken, the highest device is left out, which may be the new one. It does not
    /// come back, because from then on all that are kept are lower.
    fn place_for(&mut self, device: Device) -> Option<usize> {
        let mut place = self.len;
        if place == self.places.len() {
            self.is_cut = true;
            let (highest, (last, _)) = self.places.iter().enumerate().max_by_key(|(_, (device, _))| *device)?;
            if device > *last {
                return None;
            }
            place = highest;
        } else {
            self.len = place.saturating_add(1);
        }
        *self.places.get_mut(place)? = (device, Traffic::NONE);
        Some(place)
    }

    /// The last device up to which none is left out.
    fn last(&self) -> Device {
        let last = self.devices().iter().map(|(device, _)| *device).max();
        last.filter(|_| self.is_cut).unwrap_or(Device::NONE)
    }

    /// What was done with `device`, if it is certain.
    fn certain(&self, device: Device) -> Option<Option<Traffic>> {
        let is_known = self.used & device.bit() == 0 || self.from <= device && device <= self.last();
        let traffic = self.devices().iter().find(|(known, _)| *known == device).map(|(_, traffic)| *traffic);
        let traffic = traffic.filter(|traffic| *traffic != Traffic::NONE);
        (self.used & IS_READ != 0 && is_known).then_some(traffic)
    }

    /// Takes a word of `io.stat` that follows a device, with the blank or newline that ends it; `device` is the one
    /// that the next figures belong to.
    fn take_word(&mut self, device: &mut Option<Device>, word: &[u8]) {
        // A word without an end may be cut off, with only part of a number.
        let Some((end, word)) = word.split_last().filter(|(end, _)| matches!(end, b' ' | b'\n')) else { return };
        match (scan::split_at_byte(word, b'='), *device) {
            (Some((key, number)), Some(device)) => self.take(device, What::All, key, number),
            (Some(_), None) => {}
            (None, _) if word.is_empty() => {}
            // "(unknown)" is a device that is being removed.
            (None, _) => *device = Device::parse(word),
        }
        if *end == b'\n' {
            *device = None;
        }
    }

    /// Takes a line of version 1.
    fn take_line(&mut self, what: What, line: &[u8]) -> Option<()> {
        let (device, rest) = scan::split_at_byte(line.strip_suffix(b"\n")?, b' ')?;
        let (key, number) = scan::split_at_byte(rest, b' ')?;
        self.take(Device::parse(device)?, what, key, number);
        Some(())
    }
}

impl<F: Source> Told<F> {
    /// Takes the whole file into account, except for figures or lines in another form. `None` if it cannot be read.
    ///
    /// `io.stat` is read by words, because no buffer holds every line: kernels 5.15 to 5.18 put all devices without
    /// figures on the line of the next one, and the last of them on a line without a newline.
    #[inline(never)]
    fn read(&mut self, group: &mut Group, scratch: &mut [u8]) -> Option<()> {
        self.file.rewind();
        let new = if self.what == What::All { Lines::of_words } else { Lines::new };
        let mut lines = new(&mut self.file, scratch);
        let mut device = None;
        while let Some(line) = lines.next().ok()? {
            match (self.what, line.whole()) {
                (What::All, Some(word)) => group.take_word(&mut device, word),
                (what, Some(line)) => group.take_line(what, line).unwrap_or(()),
                (_, None) => {}
            }
        }
        Some(())
    }
}

/// In a set of devices: the set is known.
const IS_READ: u64 = 1 << 63;

/// The scope's open files.
pub struct Io<F> {
    told: [Option<Told<F>>; 4],
}

/// What the scope did with each device. The lines of its files are in no particular order, so the files are reread from
/// the start for each group of devices for which there is room.
pub struct Devices<'p, F> {
    io: &'p mut Io<F>,
    group: Group<'p>,
}

/// Opens the scope's files. `None` if it has none, or is the machine's root.
#[inline(never)]
pub fn open<F: Files>(files: &F, places: &Places, wanted: What, scratch: &mut [u8]) -> Option<Io<F::File>> {
    let place = places.hierarchy(Controller::Io)?;
    let scope = place.chain_of_scope().next()?;
    Io::of(io::open(&scope.among(files), place.version, wanted, scratch))
}

/// The machine's list of drivers.
pub fn drivers<F: Files>(files: &F) -> Option<F::File> {
    files.open(c"/proc/devices")
}

/// What a cgroup did with all devices; `None` if nobody counts it. `drivers` is the machine's list: see [`drivers`].
pub fn traffic<G: CgroupFiles>(
    group: &G,
    version: Version,
    drivers: Option<G::File>,
    scratch: &mut [u8],
) -> Option<Traffic> {
    Io::of(io::open(group, version, What::All, scratch))?.devices(&mut [FREE; 16]).sum(|| drivers, scratch)
}

/// Drivers whose devices pass operations on to other devices, where the kernel counts them again.
fn passes_on(driver: &[u8]) -> bool {
    matches!(driver, b"device-mapper" | b"md" | b"mdp" | b"bcache" | b"drbd")
}

impl<F: Source> Io<F> {
    /// Of these files; `None` if there is none.
    #[inline(always)]
    fn of(told: [Option<Told<F>>; 4]) -> Option<Self> {
        told.iter().any(Option::is_some).then_some(Self { told })
    }

    /// What they say, with room for so many devices.
    pub fn devices<'p>(&'p mut self, room: &'p mut [Place]) -> Devices<'p, F> {
        Devices { io: self, group: Group::unread(room) }
    }
}

impl<F: Source> Devices<'_, F> {
    /// Reads the first group: that is all, if there is room for all devices.
    pub fn begin(&mut self, scratch: &mut [u8]) -> Option<()> {
        self.read(Device::LEAST, scratch)
    }

    /// What was done with `device`; `None` if nothing.
    pub fn of_device(&mut self, device: Device, scratch: &mut [u8]) -> Result<Option<Traffic>, Unreadable> {
        if let Some(traffic) = self.group.certain(device) {
            return Ok(traffic);
        }
        self.read(device, scratch).ok_or(Unreadable)?;
        Ok(self.group.certain(device).flatten())
    }

    /// What was done with all devices. An operation that passed through several counts once, because the kernel's
    /// `pgpgin` counts where operations begin (`submit_bio`, block/blk-core.c). A loop device's operations begin again
    /// at the file below it.
    ///
    /// `drivers` opens the machine's list, if there is a device at all.
    pub fn sum(&mut self, drivers: impl FnOnce() -> Option<F>, scratch: &mut [u8]) -> Option<Traffic> {
        self.begin(scratch)?;
        if self.group.len == 0 {
            return Some(Traffic::NONE);
        }
        let mut drivers = drivers();
        let (mut sum, mut passed_on) = (Traffic::NONE, Traffic::NONE);
        // The driver of the current devices, and whether it passes operations on.
        let mut driver = None;
        loop {
            for (device, traffic) in self.group.devices() {
                let (_, passes_on) = match driver.filter(|(major, _)| *major == device.major) {
                    Some(known) => known,
                    None => *driver.insert((device.major, is_passing_on(drivers.as_mut(), *device, scratch))),
                };
                if passes_on {
                    passed_on = passed_on.with(*traffic, u64::max);
                } else {
                    sum = sum.with(*traffic, u64::saturating_add);
                }
            }
            let Some(next) = self.group.last().next() else { break };
            self.read(next, scratch)?;
        }
        // Some drivers pass operations on from kernel threads, so the devices below count them for another cgroup.
        Some(sum.with(passed_on, u64::max))
    }

    /// Reads the group of devices at or after `from`.
    #[inline(never)]
    fn read(&mut self, from: Device, scratch: &mut [u8]) -> Option<()> {
        self.group.start(from);
        for told in self.io.told.iter_mut().flatten() {
            told.read(&mut self.group, scratch)?;
        }
        self.group.used |= IS_READ;
        Some(())
    }
}

/// Whether `device` has a driver that passes operations on, according to the machine's list.
#[inline(never)]
fn is_passing_on(drivers: Option<&mut impl Source>, device: Device, scratch: &mut [u8]) -> bool {
    let Some(drivers) = drivers else { return false };
    drivers.rewind();
    let mut lines = Lines::new(drivers, scratch);
    let mut is_of_blocks = false;
    while let Ok(Some(line)) = lines.next() {
        let line = scan::without_newline(scan::after_blanks(line.bytes));
        is_of_blocks |= line == b"Block devices:";
        let driver = scan::number(line).filter(|(major, _)| is_of_blocks && *major == u64::from(device.major));
        if let Some((_, name)) = driver {
            return passes_on(scan::after_blanks(name));
        }
    }
    false
}

#[cfg(test)]
impl Io<crate::fixture::Bytes> {
    /// The files of a v2 scope whose `io.stat` is `text`.
    pub(crate) fn of_version_2(text: &str) -> Self {
        let told = Told { what: What::All, file: crate::fixture::Bytes::in_steps(text, 100) };
        Self { told: [Some(told), None, None, None] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cgroup::places::Whose,
        fixture::{Bytes, Tree},
    };
    use proptest::prelude::*;
    use std::{format, string::String, vec, vec::Vec};

    const SDA: Device = Device { major: 8, minor: 0 };
    const LOOP0: Device = Device { major: 7, minor: 0 };
    const DM0: Device = Device { major: 253, minor: 0 };

    fn v2(path: &str) -> Tree {
        Tree::default()
            .with("/proc/self/cgroup", format!("0::{path}\n"))
            .with_directory("/sys/fs/cgroup", 1, 3)
            .with_directory("/sys/fs/cgroup/a", 9, 2)
    }

    /// A v1 tree with these files `blkio.*`.
    fn v1(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::default()
            .with("/proc/self/cgroup", "7:blkio:/a\n")
            .with_directory("/sys/fs/cgroup/blkio", 1, 3)
            .with_directory("/sys/fs/cgroup/blkio/a", 9, 2);
        files.iter().fold(tree, |tree, (name, text)| tree.with(&format!("/sys/fs/cgroup/blkio/a/blkio.{name}"), text))
    }

    fn opened(tree: &Tree) -> Option<Io<Bytes>> {
        let places = Places::locate(tree, Whose::Caller, &mut [0; 512]).unwrap();
        open(tree, &places, What::All, &mut [0; 512])
    }

    fn of(tree: &Tree, device: Device) -> Result<Option<Traffic>, Unreadable> {
        opened(tree).ok_or(Unreadable)?.devices(&mut [FREE; 2]).of_device(device, &mut [0; 256])
    }

    fn sum(tree: &Tree) -> Option<Traffic> {
        opened(tree)?.devices(&mut [FREE; 2]).sum(|| drivers(tree), &mut [0; 256])
    }

    fn bytes(read_bytes: u64, written_bytes: u64) -> Traffic {
        Traffic { read_bytes, written_bytes, ..Traffic::default() }
    }

    /// Version 1's text for a device.
    fn v1_text(device: &str, read: u64, write: u64, discard: u64) -> String {
        let total = read + write + discard;
        [("Read", read), ("Write", write), ("Sync", total), ("Async", 0), ("Discard", discard), ("Total", total)]
            .map(|(key, number)| format!("{device} {key} {number}\n"))
            .concat()
    }

    #[test]
    fn what_a_cgroup_did_that_is_gone_is_not_taken_back() {
        let (loop0, sda) = (Device { major: 7, minor: 0 }, Device { major: 8, minor: 0 });
        let mut shown = Shown::default();
        let told = |reads, writes| Traffic { reads, writes, ..Traffic::NONE };
        assert!(shown.may_be_of(loop0));
        assert_eq!(shown.show(loop0, &told(10, 5)), told(10, 5));
        assert_eq!(shown.show(loop0, &told(3, 6)), told(10, 6));
        assert_eq!(shown.show(loop0, &told(4, 7)), told(11, 7));
        assert!(shown.may_be_of(loop0) && !shown.may_be_of(sda));
        assert!(shown.is_of(loop0) && !Shown::default().is_of(loop0));
    }

    #[test]
    fn a_device_of_which_nothing_is_told_once_does_not_count_twice() {
        let mut shown = Shown::default();
        let mut show = |text: &str| {
            let told = of(&v2("/a").with("/sys/fs/cgroup/a/io.stat", text), SDA).unwrap().unwrap_or_default();
            let shown = shown.show(SDA, &told);
            (shown.reads, shown.writes)
        };
        assert_eq!(show("8:0 rios=10 wios=5\n"), (10, 5));
        assert_eq!(show("8:0 rios=x wios=6\n"), (10, 6));
        assert_eq!(show("\n"), (10, 6));
        assert_eq!(show("8:0 rios=12 wios=7\n"), (12, 7));
    }

    #[test]
    fn version_2() {
        let text = "98:0 rbytes=655360 wbytes=0 rios=10 wios=0 dbytes=0 dios=0\n7:0 rbytes=8388608 wbytes=16777216 rios=16 wios=32 dbytes=4096 dios=1\n";
        let tree = v2("/a").with("/sys/fs/cgroup/a/io.stat", text);
        let all = Traffic {
            read_bytes: 8_388_608,
            written_bytes: 16_777_216,
            discarded_bytes: 4096,
            reads: 16,
            writes: 32,
            discards: 1,
        };
        assert_eq!(of(&tree, LOOP0), Ok(Some(all)));
        assert_eq!(of(&tree, SDA), Ok(None));
        assert_eq!(sum(&tree), Some(Traffic { read_bytes: 9_043_968, reads: 26, ..all }));
        assert_eq!(of(&v2("/a").with("/sys/fs/cgroup/a/io.stat", ""), SDA), Ok(None));
    }

    #[test]
    fn there_is_nothing_of_the_machines_root_and_without_the_controller() {
        assert_eq!(of(&v2("/").with("/sys/fs/cgroup/io.stat", "8:0 rbytes=1\n"), SDA), Err(Unreadable));
        assert_eq!(of(&v2("/a"), SDA), Err(Unreadable));
        assert_eq!(of(&v1(&[]), SDA), Err(Unreadable));
    }

    #[test]
    fn forms_that_kernels_had_of_version_2() {
        let told = |text: &str| of(&v2("/a").with("/sys/fs/cgroup/a/io.stat", text), SDA);
        let expected = Ok(Some(bytes(4096, 512)));
        // 4.5; with a policy's keys; with devices without figures, on lines of their own and (5.15) not.
        assert_eq!(told("8:0 rbytes=4096 wbytes=512\n"), expected);
        assert_eq!(told("8:0 rbytes=4096 wbytes=512 cost.vrate=100.00 cost.usage=7 use_delay=x\n"), expected);
        assert_eq!(told("253:0 \n253:1\n8:0 rbytes=4096 wbytes=512\n"), expected);
        assert_eq!(told("253:0 253:1 8:0 rbytes=4096 wbytes=512 \n"), expected);
        assert_eq!(told("(unknown) rbytes=9\n8:0 rbytes=4096 wbytes=512\n"), expected);
        assert_eq!(told("8:0\n"), Ok(None));
        assert_eq!(told("8:0 rbytes=0 wbytes=0 rios=0 wios=0 dbytes=0 dios=0\n"), Ok(None));
    }

    #[test]
    fn what_is_odd_costs_itself() {
        let told = |text: &str| of(&v2("/a").with("/sys/fs/cgroup/a/io.stat", text), SDA);
        for odd in
            ["rbytes=many", "rbytes=-1", "rbytes=18446744073709551616", "rbytes=", "rbytes", "=", &"x".repeat(900)]
        {
            assert_eq!(told(&format!("8:0 {odd}\n8:16 rbytes=1\n")), Ok(None), "{odd}");
            let text = format!("7:0 {odd} wbytes=1\n{odd}\n\n8:0 rbytes=4096 wbytes=512\n7:1 {odd}");
            assert_eq!(told(&text), Ok(Some(bytes(4096, 512))), "{odd}");
        }
        assert_eq!(told("8:0 wbytes=512 rbytes=40"), Ok(Some(bytes(0, 512))), "a truncated number");
    }

    #[test]
    fn devices_without_figures_at_the_end_and_without_a_newline() {
        // Linux 5.15 to 5.18.
        let idle: String = (0..300).map(|minor| format!("7:{minor} ")).collect();
        let text = format!(
            "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n{idle}8:0 rbytes=4096 wbytes=512\n7:7 7:6 "
        );
        let tree = v2("/a").with("/sys/fs/cgroup/a/io.stat", text);
        assert_eq!(of(&tree, SDA), Ok(Some(bytes(4096, 512))));
        assert_eq!(of(&tree, LOOP0), Ok(None));
        let dasda = Traffic { reads: 1, writes: 2, ..bytes(4096, 8192) };
        assert_eq!(of(&tree, Device { major: 254, minor: 0 }), Ok(Some(dasda)));
    }

    #[test]
    fn an_odd_line_of_version_1_costs_itself() {
        let odd = [
            "",
            "x",
            "8:0",
            "8:0 Read",
            "8:0 Read many",
            "8:0 Read -5",
            "8:0 Read 1 2",
            "a:b Read 7",
            &"y".repeat(900),
        ];
        for line in odd {
            let text = format!("{line}\n{}{line}\nTotal 30\n{line}", v1_text("8:0", 10, 20, 0));
            assert_eq!(of(&v1(&[("throttle.io_service_bytes", &text)]), SDA), Ok(Some(bytes(10, 20))), "{line}");
        }
    }

    #[test]
    fn version_1() {
        // Recorded on a 6.18 kernel.
        let bytes = concat!(
            "7:0 Read 3166208\n7:0 Write 8388608\n7:0 Sync 12603392\n7:0 Async 0\n7:0 Discard 1048576\n",
            "7:0 Total 12603392\nTotal 12603392\n",
        );
        let operations = "7:0 Read 52\n7:0 Write 16\n7:0 Sync 69\n7:0 Async 0\n7:0 Discard 1\n7:0 Total 69\nTotal 69\n";
        let all = Traffic {
            read_bytes: 3_166_208,
            written_bytes: 8_388_608,
            discarded_bytes: 1_048_576,
            reads: 52,
            writes: 16,
            discards: 1,
        };
        for suffix in ["", "_recursive"] {
            let tree = v1(&[
                (&format!("throttle.io_service_bytes{suffix}"), bytes),
                (&format!("throttle.io_serviced{suffix}"), operations),
            ]);
            assert_eq!(of(&tree, LOOP0), Ok(Some(all)));
            assert_eq!(of(&tree, SDA), Ok(None));
            assert_eq!(sum(&tree), Some(all));
        }
        let nothing = v1(&[("throttle.io_service_bytes", "Total 0\n"), ("throttle.io_serviced", "Total 0\n")]);
        assert_eq!(of(&nothing, SDA), Ok(None));
    }

    #[test]
    fn the_files_with_the_cgroups_below_come_first() {
        let own = v1_text("8:0", 1, 2, 3) + "Total 6\n";
        let all = v1_text("8:0", 10, 20, 30) + "Total 60\n";
        let tree = v1(&[("throttle.io_service_bytes", &own), ("throttle.io_service_bytes_recursive", &all)]);
        assert_eq!(of(&tree, SDA), Ok(Some(Traffic { discarded_bytes: 30, ..bytes(10, 20) })));
    }

    /// A file that counts how often it is read from the start.
    struct Reread<'c>(Bytes, &'c core::cell::Cell<usize>);

    impl Source for Reread<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
            self.0.read(buffer)
        }

        fn rewind(&mut self) {
            self.1.set(self.1.get() + 1);
            self.0.rewind();
        }

        fn short_read_is_end(&self) -> bool {
            self.0.short_read_is_end()
        }
    }

    #[test]
    fn the_files_are_read_for_devices_that_were_used_alone() {
        let idle: String = (16..80).map(|minor| format!("8:{minor} rbytes=0 wbytes=0\n")).collect();
        let text = format!("{idle}8:0 rbytes=4096 wbytes=512\n7:0 rios=1\n");
        let readings = core::cell::Cell::new(0);
        let told = Told { what: What::All, file: Reread(Bytes::in_steps(&text, 100), &readings) };
        let mut io = Io { told: [Some(told), None, None, None] };
        let room = &mut [FREE; 1];
        let mut devices = io.devices(room);
        let mut used = Vec::new();
        for minor in 0..80 {
            used.extend(devices.of_device(Device { major: 8, minor }, &mut [0; 256]).unwrap());
        }
        assert_eq!(used, [bytes(4096, 512)]);
        // Once for the one that was used, and once for each other that shares a bit with one of the two.
        assert!((1..6).contains(&readings.get()), "{} readings", readings.get());
        assert_eq!(devices.of_device(LOOP0, &mut [0; 256]), Ok(Some(Traffic { reads: 1, ..Traffic::NONE })));
    }

    #[test]
    fn the_files_are_read_once_for_as_many_devices_as_there_is_room_for() {
        for (count, room, most) in [(8, 8, 1), (10, 8, 2), (120, 8, 15), (120, 120, 1)] {
            let text: String = (0..count).rev().map(|minor| format!("8:{minor} rios={}\n", minor + 1)).collect();
            let readings = core::cell::Cell::new(0);
            let told = Told { what: What::All, file: Reread(Bytes::in_steps(&text, 100), &readings) };
            let mut io = Io { told: [Some(told), None, None, None] };
            let mut room = vec![FREE; room];
            let mut devices = io.devices(&mut room);
            devices.begin(&mut [0; 256]).unwrap();
            for minor in 0..count {
                let told = devices.of_device(Device { major: 8, minor }, &mut [0; 256]).unwrap();
                assert_eq!(told.map(|told| told.reads), Some(u64::from(minor) + 1));
            }
            assert_eq!(readings.get(), most, "{count} devices");
        }
    }

    #[test]
    fn what_only_one_of_the_two_counters_saw_counts() {
        // Since 6.10, the throttling layer counts a device only from its first rule on; BFQ counts where it schedules.
        let throttle = v1_text("8:0", 5, 50, 0) + &v1_text("7:0", 1, 1, 0) + "Total 57\n";
        let bfq = v1_text("8:16", 3, 4, 0) + &v1_text("8:0", 6, 40, 0) + "Total 53\n";
        let tree = v1(&[("throttle.io_service_bytes", &throttle), ("bfq.io_service_bytes", &bfq)]);
        assert_eq!(of(&tree, SDA), Ok(Some(bytes(6, 50))));
        assert_eq!(of(&tree, LOOP0), Ok(Some(bytes(1, 1))));
        assert_eq!(of(&tree, Device { major: 8, minor: 16 }), Ok(Some(bytes(3, 4))));
        assert_eq!(sum(&tree), Some(bytes(10, 55)));
        let only_bfq = v1(&[("bfq.io_service_bytes", &bfq)]);
        assert_eq!(of(&only_bfq, SDA), Ok(Some(bytes(6, 40))));
    }

    const DRIVERS: &str = concat!(
        "Character devices:\n  1 mem\n  8 md\n\nBlock devices:\n  7 loop\n  8 sd\n  9 md\n",
        "253 device-mapper\n254 mdp\n",
    );

    #[test]
    fn what_passes_through_several_devices_is_counted_once() {
        let summed = |text: &str| {
            let tree = v2("/a").with("/sys/fs/cgroup/a/io.stat", text).with("/proc/devices", DRIVERS);
            sum(&tree).map(|sum| (sum.read_bytes, sum.written_bytes))
        };
        // Two logical volumes on an encrypted one on a disk.
        let volumes = "253:0 rbytes=100 wbytes=10\n253:1 rbytes=60\n253:2 rbytes=40 wbytes=10\n8:0 rbytes=100\n";
        assert_eq!(summed(volumes), Some((100, 10)));
        assert_eq!(summed("8:0 rbytes=100\n8:16 rbytes=11 wbytes=1\n"), Some((111, 1)));
        // A loop device writes to its file by operations of its own.
        assert_eq!(summed("7:0 wbytes=100\n8:0 wbytes=100\n"), Some((0, 200)));
        // RAID 5 writes from its own thread.
        assert_eq!(summed("9:0 rbytes=5 wbytes=70\n8:0 rbytes=5\n"), Some((5, 70)));
    }

    #[test]
    fn a_device_by_its_number() {
        let read = |text: &str| Device::read(&mut Bytes::new(text));
        assert_eq!(read("7:0\n"), Some(LOOP0));
        assert_eq!(read("1048575:1048575\n"), Some(Device { major: 1_048_575, minor: 1_048_575 }));
        for text in ["", "7\n", "7:\n", ":0\n", "7:0:0\n", "7:0 \n", "7:00000000000000000000000000\n"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn without_the_list_of_drivers_all_devices_count() {
        let tree = v2("/a").with("/sys/fs/cgroup/a/io.stat", "253:0 rbytes=100\n8:0 rbytes=100\n");
        assert_eq!(sum(&tree), Some(bytes(200, 0)));
        assert_eq!(of(&tree, DM0), Ok(Some(bytes(100, 0))));
    }

    #[test]
    fn the_largest_numbers_are_numbers_like_others() {
        let lines = |numbers: &[&str]| numbers.iter().map(|number| format!("{number} rbytes=1\n")).collect::<String>();
        let before = ["8:4294967288", "8:4294967289", "8:4294967290", "8:4294967291", "8:4294967292", "8:4294967293"];
        let after = ["8:4294967294", "8:4294967295", "9:0", "4294967295:4294967295", "8:4294967296"];
        let text = lines(&before) + &lines(&after);
        assert_eq!(sum(&v2("/a").with("/sys/fs/cgroup/a/io.stat", &text)), Some(bytes(10, 0)), "the last is no number");
    }

    /// Devices with the bytes read and written, in any order.
    fn shuffled() -> impl Strategy<Value = Vec<((u32, u32), (u64, u64))>> {
        prop::collection::btree_map((0_u32..300, 0_u32..300), (0_u64..1 << 40, 1_u64..1 << 40), 0..40)
            .prop_map(|devices| devices.into_iter().collect::<Vec<_>>())
            .prop_shuffle()
    }

    proptest! {
        #[test]
        fn devices_come_in_any_order(devices in shuffled()) {
            let text: String = devices.iter().map(|((major, minor), (read, written))| format!("{major}:{minor} rbytes={read} wbytes={written}\n")).collect();
            let tree = v2("/a").with("/sys/fs/cgroup/a/io.stat", &text);
            for ((major, minor), (read, written)) in &devices {
                prop_assert_eq!(of(&tree, Device { major: *major, minor: *minor }), Ok(Some(bytes(*read, *written))));
            }
            let (read, written) = devices.iter().fold((0, 0), |sum, (_, each)| (sum.0 + each.0, sum.1 + each.1));
            prop_assert_eq!(sum(&tree), Some(bytes(read, written)));
        }

        #[test]
        fn a_text_that_is_cut_off_gives_no_wrong_figure(cut in 0_usize..400) {
            let text = v1_text("8:0", 123, 456, 789) + &v1_text("7:0", 12, 45, 78) + "Total 1503\n";
            let told = of(&v1(&[("throttle.io_service_bytes", &text[..cut.min(text.len())])]), SDA).unwrap().unwrap_or_default();
            prop_assert!([0, 123].contains(&told.read_bytes) && [0, 456].contains(&told.written_bytes), "{:?}", told);
            let text = "7:0 rbytes=1\n8:0 rbytes=123 wbytes=456\n";
            let tree = v2("/a").with("/sys/fs/cgroup/a/io.stat", &text[..cut.min(text.len())]);
            let told = of(&tree, SDA).unwrap().unwrap_or_default();
            prop_assert!([0, 123].contains(&told.read_bytes) && [0, 456].contains(&told.written_bytes), "{:?}", told);
        }

        #[test]
        fn any_text_is_judged(text in prop::collection::vec(any::<u8>(), 0..300), drivers in "[a-zB: 0-9\n]{0,80}", scratch in 0_usize..200) {
            for what in [What::All, What::Bytes, What::Operations] {
                let told = Told { what, file: Bytes::in_steps(&text, 7) };
                let mut io = Io { told: [Some(told), None, None, None] };
                let mut room = [FREE; 2];
                let mut devices = io.devices(&mut room);
                let _ = devices.of_device(SDA, &mut vec![0; scratch]);
                let _ = devices.sum(|| Some(Bytes::new(&drivers)), &mut vec![0; scratch]);
            }
        }
    }
}
