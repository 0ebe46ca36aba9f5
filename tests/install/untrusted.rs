//! A root of somebody whom nobody trusts: its loader is its own code.

use crate::bed;
use crate::harness::{LIBRARY, Root, Scratch, err, privately, sh};
use std::fs;
use std::process::Command;

/// A loader that does what it can: leaves files where it may, in its root and outside, and a process; and says what it is.
const LOADER: &str = r#"
#include <sys/syscall.h>
#include <linux/capability.h>
#include <fcntl.h>
static long call(long n, long a, long b, long c) {
    long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"((long)0) : "rcx", "r11", "memory"); return r;
}
static void say(const char *text) { long n = 0; while (text[n]) n++; call(SYS_write, 2, (long)text, n); }
static void leave(const char *path) { call(SYS_open, (long)path, O_CREAT | O_WRONLY, 0600); }
__attribute__((force_align_arg_pointer)) void _start(void) {
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct caps[2] = {{0}};
    call(SYS_capget, (long)&head, (long)caps, 0);
    say(caps[0].effective || caps[1].effective ? "has rights" : "has no rights");
    say(call(SYS_getpid, 0, 0, 0) == 1 ? ", is alone" : ", is among others");
    leave("/inside");
    call(SYS_mkdir, (long)"/tmp/x", 0700, 0);
    call(SYS_chroot, (long)"/tmp/x", 0, 0);
    for (int i = 0; i < 64; i++) call(SYS_chdir, (long)"..", 0, 0);
    call(SYS_chroot, (long)".", 0, 0);
    leave(MARK);
    if (call(SYS_fork, 0, 0, 0) == 0) {
        call(SYS_prctl, 15, (long)NAME, 0);
        for (;;) call(SYS_pause, 0, 0, 0);
    }
    call(SYS_exit_group, 3, 0, 0);
}
"#;

/// A root with that loader.
struct Untrusted {
    root: Root,
    mark: Scratch,
    name: String,
}

impl Untrusted {
    fn new(what: &str) -> Self {
        let root = Root::bare();
        let mark = Scratch::file("mark", b"");
        fs::remove_file(&mark.0).expect("removed");
        // A process's name has 15 bytes.
        let name = format!("{what}{}", std::process::id());
        let code = Scratch::file("loader.c", LOADER.as_bytes());
        let program = Scratch::file("program.c", b"int main(void) { return 0; }\n");
        sh(&format!(
            "mkdir -p {top}/bin {top}/tmp && gcc -static -nostdlib -no-pie -fno-stack-protector -O1 '-DMARK=\"{}\"' \
             '-DNAME=\"{name}\"' -o {top}/lib64/ld-evil.so {} && gcc -o {top}/bin/sh {} -Wl,--dynamic-linker=/lib64/ld-evil.so",
            mark.path(),
            code.path(),
            program.path(),
            top = root.top().display(),
        ));
        Self { root, mark, name }
    }

    /// It has not written in its root either.
    fn is_untouched(&self) {
        assert!(!self.root.has("/inside") && !self.root.has("/tmp/x"), "a file in the root");
        self.is_contained();
    }

    /// Nothing of it has come outside, and nothing is left.
    fn is_contained(&self) {
        assert!(!self.mark.0.exists(), "a file outside of the root");
        // What was killed goes in its own time.
        bed::sh(&format!(
            "for i in $(seq 100); do grep -qsx {} /proc/[0-9]*/comm || break; sleep 0.1; done",
            self.name
        ));
        assert_eq!(bed::sh(&format!("grep -lsx {} /proc/[0-9]*/comm", self.name)), "", "processes");
    }
}

impl Drop for Untrusted {
    fn drop(&mut self) {
        let left = bed::sh(&format!("grep -lsx {} /proc/[0-9]*/comm | cut -d / -f 3", self.name));
        for pid in left.lines().filter_map(|pid| pid.parse().ok()) {
            // SAFETY: a signal to a process that this test's loader has left.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

#[test]
fn its_loader_has_no_rights() {
    privately(|| {
        let untrusted = Untrusted::new("evil");
        let why = untrusted.root.refused(&[]);
        assert!(why.contains("has no rights, is alone") && why.contains("ended with status 3"), "{why}");
        untrusted.is_untouched();
    });
}

/// A container, where no namespaces can be made, is one more wall around the root.
#[test]
fn its_loader_has_no_rights_in_a_chroot() {
    privately(|| {
        let untrusted = Untrusted::new("evilc");
        let script = format!(
            "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set -sys_admin --inh-caps -all \
             env CGPROC_OBJECT={} {} install --root {} 2>&1 || :",
            bed::object().display(),
            bed::command().display(),
            untrusted.root.top().display(),
        );
        let why = bed::sh(&format!("unshare --user --map-root-user sh -c '{script}'"));
        assert!(why.contains("has no rights, is among others") && why.contains("ended with status 3"), "{why}");
        untrusted.is_contained();
    });
}

#[test]
fn nothing_of_it_is_executed_unasked() {
    privately(|| {
        let untrusted = Untrusted::new("evild");
        for option in ["--dry-run", "--no-preload"] {
            let command = untrusted.root.command(&[option]);
            let calls = Scratch::file("calls", b"");
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-e", "trace=execve,execveat", "-o", calls.path()]).arg(command.get_program());
            let output = strace.args(command.get_args()).env("CGPROC_OBJECT", bed::object()).output().expect("strace");
            assert!(output.status.success(), "{option}: {}", err(&output));
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(printed.contains(&format!("not tried: {option} executes nothing of the root")), "{printed}");
            let calls = fs::read_to_string(&calls.0).expect("the calls");
            assert_eq!(calls.lines().count(), 1, "{option}: {calls}");
            untrusted.is_untouched();
        }
        assert!(untrusted.root.has(LIBRARY));
    });
}
