//! Filters of system calls that are in place before a program starts, as systemd installs them for services. The program
//! did not install them, so the object answers: with calls that every service may make.

use crate::{
    bed, is_left_alone,
    probes::{self, Case, Libc, SMALL, quoted},
    without_and_with,
};

/// Runs `figures` under a filter: the object must be loaded, and answer.
fn is_answered_under(filter: &str) {
    let service = quoted(&probes::program(Libc::Glibc, "service").to_string_lossy());
    for libc in Libc::ALL {
        let (seen, results) = probes::figures(&SMALL, libc, |object, figures| {
            let run = |preload: &str| Case {
                title: filter.to_owned(),
                command: format!("{service} {filter} env LD_PRELOAD={preload} {}", figures.display()),
            };
            vec![run(""), run(&object.display().to_string())]
        });
        assert_eq!((&results[0].text, results[0].status), (&seen.kernels, 0), "{libc:?}, without the object");
        assert_eq!((&results[1].text, results[1].status), (&seen.containers, 0), "{libc:?}");
    }
}

/// `MemoryDenyWriteExecute=yes`
#[test]
fn a_service_whose_memory_may_not_be_written_and_executed() {
    is_answered_under("memory");
}

/// The numbers of a group of systemd's, separated by commas. Names that this machine does not have are left out.
fn numbers(group: &str) -> String {
    let script = format!(
        r#"names() {{
            systemd-analyze --no-pager syscall-filter "$1" | while read -r name; do
                case $name in "$1" | '#'* | '') ;; @*) names "$name" ;; *) echo "$name" ;; esac
            done
        }}
        {{ echo '#include <sys/syscall.h>'; names {group} | sort -u | sed 's/.*/CALL SYS_&/'; }} |
            gcc -E -P - | sed -n 's/^CALL \([0-9]*\)$/\1/p' | paste -sd,"#
    );
    let numbers = bed::sh(&script).trim().to_owned();
    assert!(numbers.split(',').count() > 100, "{group}: {numbers}");
    numbers
}

/// `SystemCallFilter=@system-service`, which is what systemd recommends. Every call that is answered ends as it does
/// without the object.
#[test]
fn a_service_that_may_make_the_usual_calls_only() {
    let filter = format!("calls {}", numbers("@system-service"));
    is_answered_under(&filter);
    let service = quoted(&probes::program(Libc::Glibc, "service").to_string_lossy());
    for libc in Libc::ALL {
        let commands = probes::WITH_ROWS.map(|probe| {
            let program = probes::program(libc, probe).display().to_string();
            let each = format!(
                "for symbol in $({program}); do LD_PRELOAD=$preload {program} answer $symbol >answer; echo $symbol $?; done"
            );
            format!("export preload; {service} {filter} sh -c {}", quoted(&each))
        });
        for (probe, pair) in probes::WITH_ROWS.iter().zip(without_and_with(&commands)) {
            assert!(!pair[0].text.contains(KILLED), "{libc:?}, without the object: {}", pair[0].text);
            is_left_alone(&format!("{probe} on {libc:?}"), &pair);
        }
    }
}

/// A shell's status of a program that SIGSYS killed.
const KILLED: &str = " 159";
