//! sysconf(3), get_nprocs(3), sched_getaffinity(2), getloadavg(3)

use crate::{
    asked::{Question, figure, number},
    door::doors,
    got,
};
use libc::{c_int, c_long, c_void, pid_t, pthread_t, size_t};

doors! {
    sysconf(name: c_int) -> c_long, asks named(name), gives got::nothing;
    __sysconf(name: c_int) -> c_long, asks named(name), gives got::nothing;
    get_nprocs() -> c_int, asks figure("_SC_NPROCESSORS_ONLN"), gives got::nothing;
    get_nprocs_conf() -> c_int, asks figure("_SC_NPROCESSORS_CONF"), gives got::nothing;
    get_phys_pages() -> c_long, asks figure("_SC_PHYS_PAGES"), gives got::nothing;
    get_avphys_pages() -> c_long, asks figure("_SC_AVPHYS_PAGES"), gives got::nothing;
    sched_getaffinity(pid: pid_t, len: size_t, mask: *mut c_void) -> c_int,
        asks number(pid), gives got::cpus(mask, |returned: &c_int| if *returned == 0 { len } else { 0 });
    pthread_getaffinity_np(thread: pthread_t, len: size_t, mask: *mut c_void) -> c_int,
        asks thread_named(thread), gives got::cpus(mask, |returned: &c_int| if *returned == 0 { len } else { 0 });
    getloadavg(averages: *mut f64, count: c_int) -> c_int, asks figure("loadavg"), gives got::averages(averages);
}

/// The figures of sysconf that describe the machine.
fn named(name: c_int) -> Option<Question> {
    figure(match name {
        libc::_SC_NPROCESSORS_ONLN => "_SC_NPROCESSORS_ONLN",
        libc::_SC_NPROCESSORS_CONF => "_SC_NPROCESSORS_CONF",
        libc::_SC_PHYS_PAGES => "_SC_PHYS_PAGES",
        libc::_SC_AVPHYS_PAGES => "_SC_AVPHYS_PAGES",
        _ => return None,
    })
}

/// The calling thread is 0, as in sched_getaffinity. Of another one, only libc knows the number.
fn thread_named(thread: pthread_t) -> Option<Question> {
    // SAFETY: the calling thread's own.
    if unsafe { libc::pthread_self() } == thread { number(0) } else { figure("thread") }
}
