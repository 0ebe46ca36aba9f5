//! What other processes may do to who looks at them with an owner's rights.

use crate::bed;
use crate::harness::out;
use std::process::Command;

#[test]
fn doctor_names_a_process_whose_name_is_no_text() {
    // In a pid namespace with few others: of many only some are named.
    let script = format!(
        "mount -t proc proc /proc
         /usr/bin/python3 -c \"import ctypes, time; ctypes.CDLL(None).prctl(15, b'odd\\xff\\xfe'); time.sleep(600)\" &
         until grep -qs odd /proc/$!/comm; do sleep 0.05; done
         {} doctor",
        bed::command().display()
    );
    let mut command = Command::new("unshare");
    command.args(["-mpf", "--kill-child", "sh", "-c", &script]).env_remove("LD_PRELOAD");
    let text = out(&command.env("CGPROC_OBJECT", bed::object()).output().expect("unshare"));
    assert!(text.contains("odd\u{fffd}\u{fffd}"), "{text}");
}
