//! The figures in a cgroup's files.

use super::{
    files::{Again, Group},
    sample::{CpuUse, IoUse, MemoryUse, Pressure, Pressures, Stall},
};
use calc::{
    cgroup::{CgroupFiles, Version},
    host::USEC_PER_TICK,
    lines::Lines,
    scan,
    view::io,
};
use rustix::fd::{AsFd, OwnedFd};

/// A cgroup in the hierarchy of a controller.
pub(super) type Versioned<'g> = (Group<'g>, Version);

/// CPU time, from where it is counted, and periods, from where it is limited.
pub(super) fn cpu(counted: Option<Versioned<'_>>, limited: Option<Versioned<'_>>) -> CpuUse {
    let mut figures = CpuUse::default();
    match counted {
        Some((group, Version::V1)) => {
            figures.usage_usec = group.number(b"cpuacct.usage", &mut [0; 64]).map(|nsec| nsec / NSEC_PER_USEC);
            let [user, system] = values(&group, b"cpuacct.stat", [b"user", b"system"]);
            [figures.user_usec, figures.system_usec] = [user, system].map(|it| Some(it?.saturating_mul(USEC_PER_TICK)));
        }
        Some((group, Version::V2)) => {
            let times: [&[u8]; 6] =
                [b"usage_usec", b"user_usec", b"system_usec", b"nr_periods", b"nr_throttled", b"throttled_usec"];
            [
                figures.usage_usec,
                figures.user_usec,
                figures.system_usec,
                figures.periods,
                figures.throttled_periods,
                figures.throttled_usec,
            ] = values(&group, b"cpu.stat", times);
        }
        None => {}
    }
    if let Some((group, Version::V1)) = limited {
        let periods = [b"nr_periods".as_slice(), b"nr_throttled", b"throttled_time"];
        let [periods, throttled, nsec] = values(&group, b"cpu.stat", periods);
        (figures.periods, figures.throttled_periods) = (periods, throttled);
        figures.throttled_usec = nsec.map(|nsec| nsec / NSEC_PER_USEC);
    }
    figures
}

const NSEC_PER_USEC: u64 = 1000;

/// Memory, without what is available, and the bytes that the kernel could take back. `usage_bytes` was read before.
pub(super) fn memory((group, version): Versioned<'_>, usage_bytes: Option<u64>) -> (MemoryUse, u64) {
    let names: [&[u8]; 5] = match version {
        // It counts no slabs.
        Version::V1 => [b"total_cache", b"total_swap", b"total_inactive_file", b"total_active_file", b""],
        Version::V2 => [b"file", b"", b"inactive_file", b"active_file", b"slab_reclaimable"],
    };
    let [cache, swap, inactive, active, slab] = values(&group, b"memory.stat", names);
    let reclaimable = [inactive, active, slab].into_iter().flatten().fold(0, u64::saturating_add);
    let (swap, oom_events, oom_kills) = match version {
        Version::V1 => {
            let [kills] = values(&group, b"memory.oom_control", [b"oom_kill"]);
            (swap, None, kills)
        }
        Version::V2 => {
            let [events, kills] = values(&group, b"memory.events", [b"oom", b"oom_kill"]);
            (group.number(b"memory.swap.current", &mut [0; 64]), events, kills)
        }
    };
    let figures = MemoryUse {
        usage_bytes,
        working_set_bytes: usage_bytes.zip(inactive).map(|(usage, inactive)| usage.saturating_sub(inactive)),
        cache_bytes: cache,
        swap_bytes: swap,
        available_bytes: None,
        oom_events,
        oom_kills,
    };
    (figures, reclaimable)
}

/// Input and output. `drivers` is the machine's `/proc/devices`.
pub(super) fn io((group, version): Versioned<'_>, drivers: Option<&OwnedFd>) -> IoUse {
    let drivers = drivers.map(|file| Again::of(file.as_fd()));
    let Some(sum) = io::traffic(&group, version, drivers, &mut [0; 1024]) else { return IoUse::default() };
    IoUse {
        read_bytes: Some(sum.read_bytes),
        written_bytes: Some(sum.written_bytes),
        reads: Some(sum.reads),
        writes: Some(sum.writes),
    }
}

/// Pressure, which only version 2 has.
pub(super) fn pressures(group: &Group<'_>) -> Pressures {
    let of = |name| pressure(group, name).unwrap_or_default();
    Pressures { cpu: of(b"cpu.pressure"), memory: of(b"memory.pressure"), io: of(b"io.pressure") }
}

fn pressure(group: &Group<'_>, name: &[u8]) -> Option<Pressure> {
    let text = &mut [0; 512];
    let text = group.text(name, text)?;
    let line = |word: &[u8]| scan::parts(text, b'\n').find_map(|line| stall(line.strip_prefix(word)?));
    Some(Pressure { some: line(b"some "), full: line(b"full ") })
}

/// The rest of a line, `avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn stall(rest: &[u8]) -> Option<Stall> {
    let value = |key: &[u8]| scan::parts(rest, b' ').find_map(|part| part.strip_prefix(key));
    let avg10 = str::from_utf8(value(b"avg10=")?).ok()?.parse().ok()?;
    Some(Stall { avg10, total_usec: scan::whole_number(value(b"total=")?)? })
}

/// The values of some keys in a file of lines `key value`; nothing is sought by an empty key.
fn values<const N: usize>(group: &Group<'_>, name: &[u8], keys: [&[u8]; N]) -> [Option<u64>; N] {
    let mut values = [None; N];
    let mut missing = keys.iter().filter(|key| !key.is_empty()).count();
    let Ok(mut file) = group.file(name) else { return values };
    let buffer = &mut [0; 8192];
    let mut lines = Lines::new(&mut file, buffer);
    while missing > 0
        && let Ok(Some(line)) = lines.next()
    {
        let Some((key, value)) = line.whole().and_then(scan::key_value) else { continue };
        if let Some(index) = keys.iter().position(|it| *it == key)
            && values[index].replace(value).is_none()
        {
            missing -= 1;
        }
    }
    values
}
