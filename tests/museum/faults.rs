//! Memory that faults, and handlers that ask.

use crate::{
    preloaded,
    probes::{self, Libc},
    shows_the_container, without_and_with,
};

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
