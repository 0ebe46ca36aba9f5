//! No runtime gets fewer CPUs than it takes by its own rule.

use crate::{
    bed,
    program::{compiled, told},
};

/// What a mask of anybody has, and one of Go's: a quota is rounded up; Go, from 1.25 on, makes at least two of it.
#[test]
fn gos_own_rule_is_not_undone() {
    let machine = bed::host().cpus;
    let guest = compiled("guest");
    let shown = |options: &[&str], words: &[&str]| {
        told(&[&["--static"], options].concat(), &[words, &[&guest, "masks"]].concat())
    };
    for (quota, rounded_up) in [("0.5", 1), ("1", 1), ("1.25", 2), ("1.5", 2), ("2.4", 3), ("3.99", 4)] {
        let expected = format!("{} {}\n", machine.min(rounded_up), machine.min(rounded_up.max(2)));
        assert_eq!(shown(&["--cpus", quota], &[]), expected, "{quota}");
    }
    assert_eq!(shown(&["--cpus", "1", "--cpuset", "0"], &[]), "1 1\n", "of a mask it takes the minimum");
    assert_eq!(shown(&["--cpus", "2"], &["env", "CGPROC_CPUS=1"]), "1 1\n", "said in so many words");
}
