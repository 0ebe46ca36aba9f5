//! Where each controller's cgroup of a process is: `/proc/PID/cgroup` and the mounts, boiled down.

use super::{Controller, Hierarchy, Version, locate};
use crate::{scan, source::Files};
use core::ffi::CStr;

/// Whose cgroups to look for.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// The calling process's: `/proc/self/cgroup`, the scope by pid 1's.
    Caller,
    /// Those of the process whose `/proc/PID/cgroup` this is.
    Process(&'a CStr),
    /// The cgroup at this path below every hierarchy's mount (`/docker/4f1e…`).
    Path(&'a [u8]),
    /// This directory, with files in the form of cgroup v2, and nothing above it.
    Directory(&'a [u8]),
}

/// The places of a process's cgroups. Plain bytes without padding, so that it can be kept in atomic words.
///
/// Any bytes are valid: what does not make sense reads as "not found".
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Places {
    /// When the scope's first process started, in ticks ([`crate::host::USER_HZ`]) since boot; 0 when that is not known.
    pub began_ticks: u64,
    /// Taken in place of all memory limits (`CGPROC_MEMORY`); 0 for none.
    pub declared_memory_bytes: u64,
    /// Of the text that the places were found by.
    pub(super) hash: u64,
    pub(super) slots: [Slot; Controller::ALL.len()],
    pool_len: u16,
    pool: [u8; POOL],
}

/// Room for the mounts and the paths, each held once.
const POOL: usize = 558;

const _: () = assert!(size_of::<Places>() == 640);

/// The place of one controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Slot {
    /// 1 or 2; 0 where no hierarchy has the controller.
    pub(super) version: u8,
    /// One of [`Slot::WANTED`], [`Slot::FOUND`], [`Slot::FOUND_BELOW_ROOT`].
    pub(super) state: u8,
    pub(super) mount: Span,
    /// The own cgroup, from the hierarchy's root on.
    pub(super) path: Span,
    /// How much of the path is above the mount's top.
    pub(super) above: u16,
    /// How much of the path is the scope's.
    pub(super) scope: u16,
}

impl Slot {
    /// The path is known, the mount only a guess.
    pub(super) const WANTED: u8 = 0;
    /// The own cgroup is at path below mount.
    pub(super) const FOUND: u8 = 1;
    /// As [`Slot::FOUND`]; the mount's top is the machine's root cgroup.
    pub(super) const FOUND_BELOW_ROOT: u8 = 2;

    pub(super) fn version(&self) -> Option<Version> {
        match self.version {
            1 => Some(Version::V1),
            2 => Some(Version::V2),
            _ => None,
        }
    }

    pub(super) fn is_found(&self) -> bool {
        matches!(self.state, Self::FOUND | Self::FOUND_BELOW_ROOT)
    }

    /// Whether a hierarchy has the controller, and it is not known where that is mounted.
    pub(super) fn is_wanted(&self) -> bool {
        self.version != 0 && !self.is_found()
    }

    /// The place, once it is known to be right.
    pub(super) fn found(self, is_below_root: bool) -> Self {
        Self { state: if is_below_root { Self::FOUND_BELOW_ROOT } else { Self::FOUND }, ..self }
    }
}

/// Bytes in the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Span {
    at: u16,
    pub(super) len: u16,
}

impl Places {
    /// Nothing found yet.
    const NONE: Self = Self {
        began_ticks: 0,
        declared_memory_bytes: 0,
        hash: 0,
        slots: [Slot {
            version: 0,
            state: Slot::WANTED,
            mount: Span { at: 0, len: 0 },
            path: Span { at: 0, len: 0 },
            above: 0,
            scope: 0,
        }; Controller::ALL.len()],
        pool_len: 0,
        pool: [0; POOL],
    };

    /// Finds the places. `None` when there is any doubt: no cgroup file system, a path that no mount shows.
    pub fn locate(files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> Option<Self> {
        let mut places = Some(Self::NONE);
        let found = locate::locate(places.as_mut()?, files, whose, scratch);
        if found.is_none() {
            places = None;
        }
        places
    }

    /// Whether the process still is where `self` says.
    pub fn still_hold(&self, files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> bool {
        locate::hash(files, whose, scratch) == Some(self.hash)
    }

    /// Where `controller`'s cgroups are.
    pub(crate) fn hierarchy(&self, controller: Controller) -> Option<Hierarchy<'_>> {
        let slot = self.slots.get(controller as usize).filter(|slot| slot.is_found())?;
        let path = self.at(slot.path)?;
        let above = usize::from(slot.above);
        Some(Hierarchy {
            version: slot.version()?,
            mount: self.at(slot.mount)?,
            own: path.get(above..)?,
            scope: path.get(above..usize::from(slot.scope))?,
            top_is_root: slot.state == Slot::FOUND_BELOW_ROOT,
        })
    }

    /// A number that differs between scopes.
    pub(crate) fn scope_hash(&self) -> u64 {
        let seed = scan::hash(scan::HASH_SEED, &self.began_ticks.to_ne_bytes());
        match self.hierarchy(Controller::Cpuacct) {
            Some(place) => scan::hash(scan::hash(seed, place.mount), place.scope),
            None => seed,
        }
    }

    /// The bytes of a span.
    pub(super) fn at(&self, span: Span) -> Option<&[u8]> {
        let from = usize::from(span.at);
        self.pool.get(from..from.checked_add(usize::from(span.len))?)
    }

    /// Puts the bytes into the pool, unless they are there; `None` when they do not fit.
    pub(super) fn intern(&mut self, bytes: impl Iterator<Item = u8> + Clone) -> Option<Span> {
        let len = u16::try_from(bytes.clone().count()).ok()?;
        let here =
            |at: usize| self.pool.get(at..).is_some_and(|pool| pool.iter().copied().take(len.into()).eq(bytes.clone()));
        let last = self.pool_len.checked_sub(len);
        if let Some(at) = last.and_then(|last| (0..=last).find(|at| here(usize::from(*at)))) {
            return Some(Span { at, len });
        }
        let span = Span { at: self.pool_len, len };
        let end = self.pool_len.checked_add(len)?;
        let room = self.pool.get_mut(usize::from(self.pool_len)..usize::from(end))?;
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = from;
        }
        self.pool_len = end;
        Some(span)
    }
}
