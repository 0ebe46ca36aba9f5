//! Functions that a libc lacks, or gets only later: a stand-in does what the called function does, and a thread library
//! that comes with another library is found.

use crate::{
    bed,
    harness::{container, find, program},
};
use std::path::PathBuf;

/// Debian 11's libc, run by its own loader: it has no `lstat` and, without the thread library, no
/// `pthread_getaffinity_np`.
fn oldest() -> String {
    let loader = find(&bed::cache().join("glibc-2.31"), "ld-2.31.so");
    let libraries = loader.parent().expect("a directory");
    format!("{} --library-path {}", loader.display(), libraries.display())
}

/// The error of a missing function.
const ENOSYS: u32 = 38;

fn output(command: &str) -> String {
    let object = bed::object();
    let outcome = container().run(&format!("LD_PRELOAD={} {command}", object.display()), None, 60);
    assert_eq!(outcome.status, Some(0), "{command}: {}", outcome.text);
    outcome.text
}

#[test]
fn a_library_of_threads_that_comes_later() {
    let [late, library]: [PathBuf; 2] = ["late", "late.so"].map(program);
    let text = output(&format!("{} {} affinity {}", oldest(), late.display(), library.display()));
    assert_eq!(text, format!("early {ENOSYS}\naffinity 0 1\n"), "0 is success, then the CPUs that are shown");
}

#[test]
fn a_stand_in_does_what_was_asked() {
    for command in [format!("{} {}", oldest(), program("late").display()), program("late-musl").display().to_string()] {
        let text = output(&format!("{command} links"));
        let seen: Vec<_> = text.lines().filter_map(|line| line.split_once(' ')).collect();
        assert_eq!(seen.len(), 8, "{text}");
        for (name, seen) in seen {
            let expected = if name.contains("lstat") || name.contains("lxstat") { "link" } else { "followed" };
            assert_eq!(seen, expected, "{command}: {name} of a symbolic link");
        }
    }
}
