//! Descriptors: none is the object's own, so nobody inherits it, and nobody can close it.

use crate::{is_left_alone, without_and_with};

/// A program that asks in every way, counts its descriptors, hands them on, closes them all, and does it again.
const ASKS: &str = "
import os, subprocess
kept = open('/proc/uptime')
for turn in range(2):
    os.cpu_count(), os.sched_getaffinity(0), os.sysconf('SC_PHYS_PAGES'), os.listdir('/sys/devices/system/cpu')
    for path in '/proc/meminfo', '/proc/stat', '/proc/cpuinfo', '/sys/devices/system/cpu/online':
        with open(path) as it: it.read(), it.seek(0), it.read()
    print('its own', sorted(os.listdir('/proc/self/fd'), key=int), flush=True)
    subprocess.run(['ls', '-x', '/proc/self/fd'], close_fds=False)
    os.closerange(3, 4096)
";

#[test]
fn a_program_that_hands_on_and_closes_every_descriptor() {
    let pairs = without_and_with(&[format!("LD_PRELOAD=$preload python3 -c {}", crate::quoted(ASKS))]);
    is_left_alone("the program", &pairs[0]);
    assert_eq!((pairs[0][0].text.matches("its own").count(), pairs[0][0].status), (2, 0), "{}", pairs[0][0].text);
}
