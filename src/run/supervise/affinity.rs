//! sched_getaffinity(2) and sched_setaffinity(2) on the caller itself. The caller gets the kernel's mask, narrowed to
//! the view. Setting that narrowed mask changes nothing, so the program is not bound to it when the limit is raised
//! later. The object follows the same rules (shim/src/hooks/cpus.rs).

use super::{
    call::{Call, Response},
    go,
    seen::{Known, Seen},
    sysinfo::bytes_of,
};
use calc::{
    answer::Answer,
    cpus::{self, CpuSet, MAX_CPUS},
    settings::CpuCount,
};

/// The CPUs that masks are narrowed to.
struct Shown {
    count: u64,
    /// The CPUs that are kept in preference to others.
    online: CpuSet,
}

pub(super) fn get(call: &Call<'_>, known: &mut Known<'_>) -> Option<Response> {
    let [pid, len, address, ..] = call.arguments;
    // The kernel takes the lower half of a register for an int.
    let (pid, len) = (pid as i32, len as u32 as usize);
    let mut mask = kernels_mask(call.target.thread_of(pid)?, len)?;
    narrow(&mut mask, &shown(call, known)?);
    let bytes = bytes_of(&mask);
    call.write(address, &bytes)?;
    Some(Response::Number(i64::try_from(bytes.len()).ok()?))
}

pub(super) fn set(call: &Call<'_>, known: &mut Known<'_>) -> Option<Response> {
    let [pid, len, address, ..] = call.arguments;
    let real = kernels_mask(call.target.thread_of(pid as i32)?, size_of_val(&[0_u64; MAX_CPUS / 64]))?;
    let mut narrowed = real.clone();
    narrow(&mut narrowed, &shown(call, known)?);
    let mut asked = vec![0; (len as u32 as usize).min(size_of_val(&real[..]))];
    call.target.read(address, &mut asked)?;
    asked.resize(size_of_val(&real[..]), 0);
    (narrowed != real && asked == bytes_of(&narrowed)).then_some(Response::Number(0))
}

/// The CPUs that the caller is to see, if affinity is answered: at least as many as the caller would use by its own
/// rules if it saw the whole mask.
fn shown(call: &Call<'_>, known: &mut Known<'_>) -> Option<Shown> {
    if call.target.is_answered_elsewhere(call.instruction) {
        return None;
    }
    let Seen { settings, view } = known.seen_by(call.target)?;
    if settings.passes_all().is_some() || settings.affinity_is_the_kernels || !settings.answered.has(Answer::CpuOnline)
    {
        return None;
    }
    let online = view.cpus()?.online;
    let is_by_quota = settings.cpus == CpuCount::ByQuota;
    let is_raised = is_by_quota && online.count() < go::LEAST && go::takes_two(call.target);
    Some(Shown { count: if is_raised { go::LEAST } else { online.count() }, online })
}

/// The kernel's own mask of `thread`, as many words as it writes into `len` bytes.
fn kernels_mask(thread: libc::pid_t, len: usize) -> Option<Vec<u64>> {
    let mut mask = vec![0_u64; MAX_CPUS / 64];
    if !len.is_multiple_of(size_of::<u64>()) {
        return None;
    }
    let len = len.min(size_of_val(&mask[..]));
    // SAFETY: the kernel writes at most `len` bytes.
    let written = unsafe { libc::syscall(libc::SYS_sched_getaffinity, thread, len, mask.as_mut_ptr()) };
    mask.truncate(usize::try_from(written).ok()? / size_of::<u64>());
    Some(mask)
}

/// Keeps as many CPUs as are shown, preferring the shown ones.
fn narrow(mask: &mut [u64], Shown { count, online }: &Shown) {
    cpus::keep_first(mask, *count, online.words());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_narrowed_to_as_many_as_are_shown() {
        let shown = |online, count| Shown { count, online: CpuSet::from_words(&[online]).unwrap() };
        let two = shown(0b0110, 2);
        for (mut mask, left) in [([0b1110, 1], [0b0110, 0]), ([0b1101, 0], [0b0101, 0]), ([0b1000, 1], [0b1000, 1])] {
            narrow(&mut mask, &two);
            assert_eq!(mask, left);
        }
        // A caller that takes more CPUs than are shown gets those, and others of its own mask.
        for (mut mask, left) in [([0b1111], [0b0011]), ([0b1010], [0b1010]), ([0b0100], [0b0100])] {
            narrow(&mut mask, &shown(0b0010, 2));
            assert_eq!(mask, left);
        }
    }

    #[test]
    fn the_kernels_mask_is_as_long_as_the_kernel_says() {
        let own = i32::try_from(std::process::id()).unwrap();
        let mask = kernels_mask(own, 1024).unwrap();
        assert!(!mask.is_empty() && mask.iter().any(|word| *word != 0));
        assert!(kernels_mask(own, 1).is_none() && kernels_mask(own, 1001).is_none(), "not whole words");
    }
}
