//! What other processes can do to an observer that has an owner's rights.

use crate::{bed, harness::out};
use std::process::Command;

#[test]
fn doctor_names_a_process_whose_name_is_no_text() {
    // In a pid namespace with few processes, because only some of many are named.
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

/// Tells the kernel that its environment is 512 MiB of its memory, beginning with CGPROC=off.
const VAST_ENVIRONMENT: &str = r#"
import ctypes, mmap, struct, time
libc = ctypes.CDLL(None, use_errno=True)
vast = mmap.mmap(-1, 512 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
vast[:11] = b"CGPROC=off\0"
begin = ctypes.addressof(ctypes.c_char.from_buffer(vast))
stat = open("/proc/self/stat").read().rpartition(")")[2].split()
field = lambda number: int(stat[number - 3])
libc.sbrk.restype = ctypes.c_void_p
told = struct.pack(
    "=11QQIi", field(26), field(27), field(45), field(46), field(47), libc.sbrk(0), field(28), field(48), field(49),
    begin, begin + (512 << 20), 0, 0, -1)
PR_SET_MM, PR_SET_MM_MAP = 35, 14
done = libc.prctl(PR_SET_MM, PR_SET_MM_MAP, ctypes.c_char_p(told), ctypes.c_ulong(len(told)), ctypes.c_ulong(0))
assert done == 0, ctypes.get_errno()
open(b"/proc/self/comm", "w").write("vast")
time.sleep(600)
"#;

#[test]
fn doctor_reads_no_more_than_a_program_can_be_started_with() {
    // Doctor may use 256 MiB of address space; an environment of 512 MiB does not fit.
    let script = format!(
        "mount -t proc proc /proc
         LD_PRELOAD=$CGPROC_OBJECT /usr/bin/python3 -c \"$VAST_ENVIRONMENT\" &
         until grep -qs vast /proc/$!/comm; do kill -0 $! || exit 9; sleep 0.05; done
         ulimit -v 262144; {} doctor",
        bed::command().display()
    );
    let mut command = Command::new("unshare");
    command.args(["-mpf", "--kill-child", "sh", "-c", &script]).env_remove("LD_PRELOAD");
    command.env("CGPROC_OBJECT", bed::object()).env("VAST_ENVIRONMENT", VAST_ENVIRONMENT);
    let output = command.output().expect("unshare");
    let text = out(&output);
    let line = text.lines().find(|line| line.contains("vast")).unwrap_or_else(|| panic!("{output:?}"));
    assert!(line.contains("CGPROC=off"), "{text}");
}
