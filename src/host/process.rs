//! Other processes of this machine.

use procfs::process::{Process, all_processes};

/// If `pid` is a `cgproc run`, the program that it runs: its first child that is another program. The heir, and a child
/// that has not executed the program yet, still have its own command line.
pub(crate) fn program_of(pid: u32) -> Option<u32> {
    let is_run = |words: &[String]| {
        let is_ours = words.first().is_some_and(|it| it.rsplit('/').next() == Some("cgproc"));
        is_ours && words.get(1).is_some_and(|it| it == "run")
    };
    let words_of = |pid| Process::new(pid).and_then(|it| it.cmdline()).ok();
    let pid = i32::try_from(pid).ok()?;
    let own = words_of(pid).filter(|words| is_run(words))?;
    let all = all_processes().ok()?.filter_map(|it| it.ok()?.stat().ok());
    let children = all.filter(|it| it.ppid == pid && words_of(it.pid).is_some_and(|words| words != own));
    let first = children.min_by_key(|it| (it.starttime, it.pid))?;
    u32::try_from(first.pid).ok()
}
