//! Memory that faults or is refused: handlers that ask, and filters of memory that is written and executed.

use crate::probes::{self, Libc, quoted};
use crate::{preloaded, shows_the_container, without_and_with};

/// The handler is called once for each fault, and answered like the program, which it may leave by a jump: nothing is
/// held in a hook that a jump leaves.
#[test]
fn a_handler_of_bus_errors_that_asks() {
    for libc in Libc::ALL {
        let program = probes::program(libc, "faults");
        let pairs = without_and_with(&[preloaded(&program, "beside"), preloaded(&program, "within")]);
        assert_eq!(pairs[0][0].text, "read 0, handled 1, saw kernel", "{libc:?}");
        assert_eq!(
            pairs[1][0].text.matches("handled 1, saw kernel, then kernel").count(),
            3,
            "{libc:?}: {}",
            pairs[1][0].text
        );
        shows_the_container(&format!("{libc:?}, beside"), &pairs[0]);
        shows_the_container(&format!("{libc:?}, within"), &pairs[1]);
    }
}

/// Under the filter of systemd's `MemoryDenyWriteExecute=`, programs load the object and are answered.
#[test]
fn a_service_whose_memory_may_not_be_written_and_executed() {
    let filter = quoted(&probes::program(Libc::Glibc, "denied").to_string_lossy());
    for libc in Libc::ALL {
        let (seen, results) = probes::figures(&probes::SMALL, libc, |object, figures| {
            let run = |preload: &str| probes::Case {
                title: "filtered".into(),
                command: format!("{filter} env LD_PRELOAD={preload} {}", figures.display()),
            };
            vec![run(""), run(&object.display().to_string())]
        });
        assert_eq!((&results[0].text, results[0].status), (&seen.kernels, 0), "{libc:?}, without the object");
        assert_eq!((&results[1].text, results[1].status), (&seen.containers, 0), "{libc:?}");
    }
}
