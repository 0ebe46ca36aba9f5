//! Killed at any moment, an installation leaves a root whose programs start, and in which no entry names a missing
//! library.

use crate::{
    bed,
    harness::{LIBRARY, Root, Scratch, privately, sh},
};
use std::{fs, process::Command};

/// Two libraries, one of which an installation replaces with the other.
struct Versions {
    all: [Vec<u8>; 2],
    other: Scratch,
}

impl Versions {
    fn new() -> Self {
        let first = fs::read(bed::object()).expect("the object");
        // Nobody reads what follows the last section.
        let second = [&first[..], b"another version"].concat();
        let other = Scratch::file("other-libcgproc.so", &second);
        Self { all: [first, second], other }
    }

    /// Installing, installing another version, removing.
    fn steps(&self) -> [Vec<&str>; 3] {
        [vec![], vec!["--object", self.other.path()], vec!["--uninstall"]]
    }

    /// What must happen before a step to give it something to do.
    fn before(arguments: &[&str]) -> Vec<&'static str> {
        if arguments.is_empty() { vec!["--uninstall"] } else { Vec::new() }
    }
}

/// The root works and is consistent.
fn is_whole(root: &Root, versions: &Versions, when: &str) {
    assert_eq!(root.starts("/bin/true"), Ok(()), "{when}");
    if root.has("/etc/ld.so.preload") {
        assert_eq!(root.text("/etc/ld.so.preload"), format!("{LIBRARY}\n"), "{when}");
        let library = fs::read(root.at(LIBRARY)).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert!(versions.all.contains(&library), "{when}: neither the one library nor the other");
    }
}

/// Everything is as if nothing had ever been interrupted.
fn is_mended(root: &Root) {
    root.done(&[]);
    let left = sh(&format!("find {} -xdev -name '*cgproc-*'", root.top().display()));
    assert_eq!(left, "", "left behind");
    assert_eq!(root.contained("/usr/bin/env -i /usr/bin/nproc").text.trim(), "1");
}

#[test]
fn at_random_moments() {
    const TIMES: u32 = 100;
    privately(|| {
        let root = Root::over("debian-12");
        let versions = Versions::new();
        let begun = std::time::Instant::now();
        root.done(&[]);
        let mut whole = begun.elapsed();
        let mut moments = Moments(whole.as_nanos().try_into().unwrap_or(1));
        let (mut killed, mut step) = (0, 0);
        while killed < TIMES {
            let arguments = &versions.steps()[step % 3];
            let mut running = root.command(arguments).stdout(std::process::Stdio::null()).spawn().expect("cgproc");
            std::thread::sleep(whole.mul_f64(moments.next()));
            let _ = running.kill();
            let is_killed = running.wait().expect("its status").code().is_none();
            killed += u32::from(is_killed);
            if !is_killed {
                // The first run may have been slow, and all kills since then too late.
                whole = whole.mul_f64(0.9);
            }
            // A second run of a step finds what the first has left.
            step += usize::from(!is_killed || killed % 2 == 0);
            is_whole(&root, &versions, &format!("{arguments:?}, killed {killed} times"));
        }
        is_mended(&root);
    });
}

/// Killed before each system call that changes something, one by one.
#[test]
fn before_every_change() {
    const CALLS: &str = "write,fchmod,fchown,fsync,linkat,renameat,unlinkat,utimensat";
    privately(|| {
        let root = Root::over("debian-12");
        let versions = Versions::new();
        let mut killed = 0;
        for arguments in versions.steps() {
            for call in CALLS.split(',') {
                root.done(&Versions::before(&arguments));
                let mut count = 0;
                loop {
                    count += 1;
                    let command = root.command(&arguments);
                    let mut strace = Command::new("timeout");
                    let patience = bed::PATIENCE_SEC.to_string();
                    strace.args([&*patience, "strace", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
                    strace.args(["-e", &format!("inject={call}:signal=KILL:when={count}")]);
                    strace.args(command.get_args().fold(vec![command.get_program()], |mut all, it| {
                        all.push(it);
                        all
                    }));
                    let output = strace.env("CGPROC_OBJECT", bed::object()).output().expect("strace");
                    is_whole(&root, &versions, &format!("{arguments:?}, {call} {count}"));
                    if output.status.success() {
                        break;
                    }
                    killed += 1;
                    assert!(count < 100, "{call}: {output:?}");
                }
            }
        }
        println!("killed {killed} times");
        assert!(killed >= 40, "{killed} times");
        is_mended(&root);
    });
}

/// Fractions of one; the same seed gives the same ones.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 33).unwrap_or(0)) / f64::from(u32::MAX >> 1)
    }
}
