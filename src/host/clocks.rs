//! The kernel's clocks, in microseconds. rustix is not used for them: it requires a vDSO that has all of the
//! architecture's functions.

/// The time on `clock`; 0 if the kernel does not have that clock.
pub(crate) fn now_usec(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call, and stays 0 if the call fails.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    usec(&now)
}

/// The resolution of `clock`.
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
