//! The kernel's clocks, in microseconds. Not by rustix, which insists on a vDSO that has all functions of the architecture.

/// The time by `clock`; 0 where the kernel does not have it.
pub(crate) fn now_usec(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call; where that fails it stays 0.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    usec(&now)
}

/// What `clock` is precise to.
pub(crate) fn resolution_usec(clock: libc::clockid_t) -> u64 {
    let mut step = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: as above.
    unsafe { libc::clock_getres(clock, &raw mut step) };
    usec(&step)
}

fn usec(time: &libc::timespec) -> u64 {
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec) * 1_000_000 + part(time.tv_nsec) / 1000
}
