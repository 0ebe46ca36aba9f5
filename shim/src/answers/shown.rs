//! What this process was shown before.

use crate::{owner, remembered::Remembered};
use calc::{
    asker,
    view::{
        io::{self, Device, Traffic},
        ratchet::Onward,
        shown::Times,
    },
};
use core::{
    mem::MaybeUninit,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

static TIMES: Remembered<Times, { size_of::<Times>() / 8 }> = Remembered::new();

/// Bytes read and written on all devices.
static PAGED: Remembered<[Onward; 2], 4> = Remembered::new();

/// What was shown of each device. More devices are rare, and show their own figures unchanged.
static DEVICES: [Remembered<io::Shown, { size_of::<io::Shown>() / 8 }>; 3] = [const { Remembered::new() }; 3];

/// The scope whose counters were shown; 0 before the first.
static COUNTED: AtomicU64 = AtomicU64::new(0);

/// Access to these.
pub(super) struct Shown;

impl asker::Shown for Shown {
    #[inline(always)]
    fn times<T>(&self, change: impl FnOnce(&mut Times) -> T) -> T {
        TIMES.change(change)
    }

    #[inline(never)]
    fn is_idle_of(&self, key: u64) -> bool {
        let mut shown = MaybeUninit::uninit();
        TIMES.recall(&mut shown).is_some_and(|shown: &Times| shown.is_idle_of(key))
    }

    #[inline(always)]
    fn paging<T>(&self, change: impl FnOnce(&mut [Onward; 2]) -> T) -> T {
        PAGED.change(change)
    }

    /// A device that the scope did not use, like most, does not displace one that it did.
    #[inline(never)]
    fn device(&self, device: Device, traffic: Option<Traffic>) -> Traffic {
        let may_be_its = |shown: &&Remembered<io::Shown, _>| {
            let mut last = MaybeUninit::uninit();
            match (shown.recall(&mut last), traffic) {
                (None, _) => traffic.is_some(),
                (Some(last), None) => last.is_of(device),
                (Some(last), Some(_)) => last.may_be_of(device),
            }
        };
        let traffic = traffic.unwrap_or_default();
        match DEVICES.iter().find(may_be_its) {
            Some(shown) => shown.change(|shown| shown.show(device, &traffic)),
            None => traffic,
        }
    }

    fn may_count(&self, key: u64) -> bool {
        let counted = COUNTED.load(Relaxed);
        if counted == 0 && owner::is_ours() {
            COUNTED.store(key, Relaxed);
        }
        counted == 0 || counted == key
    }
}
