//! What an observer is told of a call: who made it, from where, and what it asks for.

use super::{
    call::Call,
    caller::caller,
    observer::{Observer, Sighting},
    open, peer,
    target::Target,
};
use crate::settings;

/// Tells `observer` about `call`, if it asks about the machine.
pub(super) fn tell(observer: &dyn Observer, call: &Call<'_>, is_answered: bool, gave: &[u8]) {
    if let Some(sighting) = sighting(call, is_answered, gave) {
        observer.saw(&sighting);
    }
}

/// `None` if the call asks about nothing that concerns us, or its thread is gone.
fn sighting(call: &Call<'_>, is_answered: bool, gave: &[u8]) -> Option<Sighting> {
    let target = call.target;
    if target.thread == 0 {
        return None;
    }
    let (name, path) = subject(call)?;
    if path.as_deref().is_some_and(is_about_one_process) || target.is_this_command() {
        return None;
    }
    let mut caller = caller(target, call.instruction);
    // Of what the library reads for itself, its membership says where the program is; the rest would cost time only.
    if caller.is_library && path.as_deref().is_some_and(|path| !open::may_be_answered(path) && !is_membership(path)) {
        return None;
    }
    caller.has_witness &= is_in_reach(target);
    let status = target.text("status")?;
    let number = |key: &str| {
        let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key.as_bytes()))?;
        str::from_utf8(line).ok()?.split_whitespace().next_back()?.parse().ok()
    };
    let process = number("Tgid:")?;
    Some(Sighting {
        process,
        thread: number("NSpid:").unwrap_or(target.thread),
        // A thread may have a name of its own.
        comm: Target::new(process, None).comm(),
        call: name.into(),
        path,
        // What is read again may be an answer that was given before.
        is_answered: is_answered || is_of_an_answer(call),
        caller,
        membership: target.text("cgroup").unwrap_or_default(),
        settings: settings(&target.environment(), gave, || peer::is_peer(target)),
    })
}

/// Whether a path says something about one process only, by the number of which monitors read thousands.
fn is_about_one_process(path: &[u8]) -> bool {
    let mut parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
    let is_below = parts.next() == Some(b"proc") && parts.next().is_some_and(|it| it.iter().all(u8::is_ascii_digit));
    is_below && !parts.any(|part| part == b"..") && !is_membership(path)
}

/// Whether the file says in which cgroups a process is.
fn is_membership(path: &[u8]) -> bool {
    path.ends_with(b"/cgroup")
}

/// Whether the program certainly finds the socket that a witness in it sends to: it has our mounts and our root.
fn is_in_reach(target: Target<'_>) -> bool {
    let own = Target::new(rustix::thread::gettid().as_raw_nonzero().get(), None);
    ["ns/mnt", "root"].iter().all(|name| own.link(name).is_some_and(|ours| target.link(name) == Some(ours)))
}

/// What a call is, and the file that it is about; `None` if that is no file of /proc or /sys.
fn subject(call: &Call<'_>) -> Option<(&'static str, Option<Vec<u8>>)> {
    let of_the_kernels = |path: Vec<u8>| open::stays_with_the_kernel(&path).then_some(path);
    let behind = |number: u64| {
        let path = call.target.link(&format!("fd/{}", number as i32))?;
        let answered = path.strip_prefix(b"/memfd:").and_then(|rest| rest.strip_suffix(b" (deleted)"));
        of_the_kernels(answered.map_or(path.clone(), <[u8]>::to_vec))
    };
    let (name, path) = match call.number {
        libc::SYS_sysinfo => ("sysinfo", None),
        libc::SYS_sched_getaffinity => ("sched_getaffinity", None),
        libc::SYS_sched_setaffinity => ("sched_setaffinity", None),
        libc::SYS_lseek => ("lseek", Some(behind(call.arguments[0])?)),
        libc::SYS_pread64 => ("pread64", Some(behind(call.arguments[0])?)),
        libc::SYS_getdents64 => ("getdents64", Some(behind(call.arguments[0])?)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_getdents => ("getdents", Some(behind(call.arguments[0])?)),
        libc::SYS_openat => ("openat", Some(of_the_kernels(open::path(call)?)?)),
        libc::SYS_openat2 => ("openat2", Some(of_the_kernels(open::path(call)?)?)),
        _ => ("open", Some(of_the_kernels(open::path(call)?)?)),
    };
    Some((name, path))
}

/// Whether the call goes back to the start of an answer, ours or the library's.
fn is_of_an_answer(call: &Call<'_>) -> bool {
    let is_kept = matches!(call.number, libc::SYS_lseek | libc::SYS_pread64);
    let link = || call.target.link(&format!("fd/{}", call.arguments[0] as i32));
    is_kept && link().is_some_and(|path| path.starts_with(b"/memfd:"))
}

/// The settings in a program's own environment, and after them those of the environment that the first program was given.
fn settings(own: &[u8], gave: &[u8], may_name: impl Fn() -> bool) -> Vec<u8> {
    fn ours(environment: &[u8]) -> impl Iterator<Item = &[u8]> {
        let entries = environment.split_inclusive(|byte| *byte == 0);
        entries.filter(|entry| entry.starts_with(b"CGPROC") && entry.ends_with(b"\0"))
    }
    let given: Vec<&[u8]> = ours(gave).collect();
    let names_a_file = |entry: &[u8]| [settings::CGROUP, settings::BOARD].iter().any(|name| is_of(entry, name));
    let mut may = None;
    let counts = |entry: &&[u8]| !names_a_file(entry) || given.contains(entry) || *may.get_or_insert_with(&may_name);
    // The first of a name counts.
    ours(own).filter(counts).chain(given.iter().copied()).flatten().copied().collect()
}

fn is_of(entry: &[u8], name: &str) -> bool {
    entry.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_settings_are_told() {
        let own = b"A=1\0CGPROC=off\0PATH=/x\0CGPROC_CPUS=2\0CGPROC_CUT";
        assert_eq!(
            settings(own, b"B=2\0CGPROC_MEMORY=1G\0", || false),
            b"CGPROC=off\0CGPROC_CPUS=2\0CGPROC_MEMORY=1G\0"
        );
        assert_eq!(settings(b"", b"", || true), b"");
    }

    #[test]
    fn files_of_one_process_are_left_out() {
        for path in ["/proc/12/stat", "/proc//7/status"] {
            assert!(is_about_one_process(path.as_bytes()), "{path}");
        }
        for path in ["/proc/meminfo", "/proc/1/../stat", "/proc/self/cgroup", "/proc/12/cgroup", "/sys/12/x", "/proc"] {
            assert!(!is_about_one_process(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn names_of_files_are_taken_from_those_who_may() {
        let (own, gave) = (b"CGPROC_CGROUP=/its\0", b"CGPROC_CGROUP=/ours\0");
        assert_eq!(settings(own, gave, || false), gave);
        assert_eq!(settings(own, gave, || true), [&own[..], gave].concat());
        assert_eq!(settings(gave, gave, || panic!("it is ours anyway")), gave.repeat(2));
    }
}
