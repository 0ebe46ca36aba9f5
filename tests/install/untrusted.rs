//! A root that belongs to somebody untrusted: its loader is that person's code.

use crate::{
    bed,
    harness::{LIBRARY, Root, Scratch, err, privately, sh},
};
use std::{
    fs,
    io::Read as _,
    os::unix::{fs::OpenOptionsExt as _, net::UnixListener},
    process::Command,
};

/// A loader that does what it can: leaves files in its root and outside, leaves processes, talks to whatever it finds,
/// and reports the rights it has.
const LOADER: &str = r#"
#include <sys/syscall.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <fcntl.h>
static long call(long n, long a, long b, long c) {
    register long d __asm__("r10") = 0; register long e __asm__("r8") = 0; long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e) : "rcx", "r11", "memory"); return r;
}
static void say(const char *text) { long n = 0; while (text[n]) n++; call(SYS_write, 2, (long)text, n); }
static void leave(const char *path) { call(SYS_open, (long)path, O_CREAT | O_WRONLY, 0600); }
__attribute__((force_align_arg_pointer)) void _start(void) {
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct caps[2] = {{0}};
    call(SYS_capget, (long)&head, (long)caps, 0);
    say(caps[0].effective || caps[1].effective ? "has rights" : "has no rights");
    say(call(SYS_getpid, 0, 0, 0) == 1 ? ", is alone" : ", is among others");
    static struct sockaddr_un listening = {AF_UNIX, "/run/inner/socket"};
    long to = call(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    say(call(SYS_connect, to, (long)&listening, sizeof listening) == 0 ? ", is connected" : ", is not connected");
    say(call(SYS_write, call(SYS_open, (long)"/run/inner/pipe", O_WRONLY | O_NONBLOCK, 0), (long)"evil", 4) > 0
        ? ", is heard" : ", is not heard");
    say(call(SYS_open, (long)"/etc/secret", O_RDONLY, 0) >= 0 ? ", reads all" : ", reads what is for all");
    leave("/inside");
    call(SYS_mkdir, (long)"/tmp/x", 0700, 0);
    call(SYS_chroot, (long)"/tmp/x", 0, 0);
    for (int i = 0; i < 64; i++) call(SYS_chdir, (long)"..", 0, 0);
    call(SYS_chroot, (long)".", 0, 0);
    leave(MARK);
    const long untraced = 0x00800000, signal = 17;
    if (call(SYS_fork, 0, 0, 0) == 0 || call(SYS_clone, untraced | signal, 0, 0) == 0) {
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
        // A process name has at most 15 bytes.
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

    /// A socket, a pipe and a file of root's, on a mount below its root.
    fn with_roots_own(self) -> (Self, UnixListener, fs::File) {
        let top = self.root.top().display().to_string();
        let run = self.root.at("/run/inner");
        sh(&format!(
            "mkdir -p {run} && mount -t tmpfs -o mode=755 tmpfs {run} && mkfifo -m 600 {run}/pipe && \
             install -m 600 /dev/null {top}/etc/secret",
            run = run.display()
        ));
        let listener = UnixListener::bind(run.join("socket")).expect("a socket");
        sh(&format!("chmod 600 {}/socket", run.display()));
        listener.set_nonblocking(true).expect("it does not wait");
        let mut pipe = fs::File::options();
        let pipe = pipe.read(true).custom_flags(libc::O_NONBLOCK).open(run.join("pipe")).expect("a pipe");
        (self, listener, pipe)
    }

    /// The loader has not written in its own root either.
    fn is_untouched(&self) {
        assert!(!self.root.has("/inside") && !self.root.has("/tmp/x"), "a file in the root");
        self.is_contained();
    }

    /// Nothing of it has escaped, and nothing is left.
    fn is_contained(&self) {
        assert!(!self.mark.0.exists(), "a file outside of the root");
        // Killed processes take their time to go.
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
            // SAFETY: it signals a process that this test's loader has left behind.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

/// Nobody has connected, and nothing has come through the pipe.
fn is_unheard((listener, mut pipe): (UnixListener, fs::File)) {
    assert_eq!(listener.accept().err().map(|error| error.kind()), Some(std::io::ErrorKind::WouldBlock), "connected");
    let mut heard = Vec::new();
    let _ = pipe.read_to_end(&mut heard);
    assert_eq!(heard, b"");
}

/// What the loader says if it has none of root's rights.
const NOBODY: &str = ", is not connected, is not heard, reads what is for all";

#[test]
fn its_loader_has_no_rights() {
    privately(|| {
        let (untrusted, listener, pipe) = Untrusted::new("evil").with_roots_own();
        let why = untrusted.root.refused(&[]);
        let is_so = why.contains(&format!("has no rights, is alone{NOBODY}")) && why.contains("ended with status 3");
        assert!(is_so, "{why}");
        untrusted.is_untouched();
        is_unheard((listener, pipe));
    });
}

/// A container in which no namespaces can be made is itself one more wall around the root.
#[test]
fn its_loader_has_no_rights_in_a_chroot() {
    privately(|| {
        // In a user namespace with one user, root is that user.
        let one = "unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"' sh \
                   setpriv --bounding-set -sys_admin --inh-caps -all";
        // As container engines start their containers.
        let many = "setpriv --bounding-set -sys_admin,-sys_ptrace --inh-caps -all";
        for (what, enter, words) in [("evilo", one, ", is not connected"), ("evilm", many, NOBODY)] {
            let (untrusted, listener, pipe) = Untrusted::new(what).with_roots_own();
            let why = bed::sh(&format!(
                "{enter} env CGPROC_OBJECT={} {} install --root {} 2>&1 || :",
                bed::object().display(),
                bed::command().display(),
                untrusted.root.top().display(),
            ));
            untrusted.is_contained();
            let is_so =
                why.contains(&format!("has no rights, is among others{words}")) && why.contains("ended with status 3");
            assert!(is_so, "{enter}: {why}");
            if words == NOBODY {
                is_unheard((listener, pipe));
            }
        }
    });
}

/// A program that starts another one without mount_setattr(2), as before Linux 5.12.
const OLDER: &str = r#"
#include <errno.h>
#include <stddef.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
int main(int argc, char **argv) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount_setattr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) || execv(argv[1], argv + 1);
}
"#;

/// What cannot be sealed is not visible: here, a world-writable directory on its own mount.
#[test]
fn an_older_kernels_loader_has_no_mount_below() {
    privately(|| {
        let untrusted = Untrusted::new("evilk");
        let tmp = untrusted.root.at("/tmp");
        sh(&format!("mount -t tmpfs -o mode=1777 tmpfs {}", tmp.display()));
        let older = Scratch::file("older", b"");
        let code = Scratch::file("older.c", OLDER.as_bytes());
        sh(&format!("gcc -o {} {}", older.path(), code.path()));
        let command = untrusted.root.command(&[]);
        let mut under = Command::new(&older.0);
        under.arg(command.get_program()).args(command.get_args()).env("CGPROC_OBJECT", bed::object());
        let output = under.env_remove("LD_PRELOAD").output().expect("cgproc");
        assert!(err(&output).contains("has no rights, is alone"), "{}", err(&output));
        untrusted.is_untouched();
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
