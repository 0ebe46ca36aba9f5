//! getloadavg(3): glibc reads /proc/loadavg itself, without any hook; musl asks sysinfo.

use crate::{figures, next, signature};
use calc::load;
use core::{ffi::c_int, mem::MaybeUninit};

pub(crate) unsafe fn getloadavg(next: Option<signature::getloadavg>, averages: *mut f64, count: c_int) -> c_int {
    let Ok(wanted @ 1..) = usize::try_from(count) else { return by_next(next, averages, count) };
    let mut load = MaybeUninit::uninit();
    let Some(load) = figures::load(&mut load) else { return by_next(next, averages, count) };
    let mut given = 0;
    for average in load.averages.iter().take(wanted) {
        // In hundredths, as in the file.
        let average = load::hundredths(*average) as f64 / 100.0;
        // SAFETY: the caller has room for `count` numbers.
        unsafe { averages.wrapping_add(given).write(average) };
        given = given.wrapping_add(1);
    }
    given as c_int
}

fn by_next(next: Option<signature::getloadavg>, averages: *mut f64, count: c_int) -> c_int {
    // SAFETY: the caller's arguments.
    next.map_or_else(|| next::refuse(libc::ENOSYS), |next| unsafe { next(averages, count) })
}
