//! Another version of the library is installed while programs run with the previous one, and another C library below
//! them all.

use crate::{
    bed,
    harness::{CONTAINER, LIBRARY, Root, Scratch, privately},
};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::MetadataExt as _,
    process::{Child, Stdio},
};

/// A shell in a container that opens a file by itself for each line of its input.
struct Reader {
    shell: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Reader {
    fn new(root: &Root, variables: &str) -> Self {
        let loop_ = "echo ready; while read file; do while read -r line; do case $line in *cgproc*|MemTotal*) echo \"$line\"; break; esac; \
                     done <$file; done";
        let script = root.entering("", &format!("/usr/bin/env -i {variables} /bin/bash -c '{loop_}'"));
        let mut command = CONTAINER.script(&script, None, bed::PATIENCE_SEC);
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a container");
        let mut lines = BufReader::new(shell.stdout.take().expect("a pipe")).lines();
        assert_eq!(lines.next().expect("a line").expect("text"), "ready");
        Self { shell, lines }
    }

    /// The first line of a file that names the total of memory, or the library.
    fn line(&mut self, file: &str) -> String {
        writeln!(self.shell.stdin.as_mut().expect("a pipe"), "{file}").expect("written");
        self.lines.next().expect("a line").expect("text")
    }

    fn ended(mut self) {
        drop(self.shell.stdin.take());
        assert!(self.shell.wait().expect("its status").success());
    }
}

#[test]
fn programs_that_run_keep_theirs() {
    privately(|| {
        let root = Root::over("debian-12");
        root.done(&[]);
        let before = root.at(LIBRARY).metadata().expect("the library").ino();
        let mut running = Reader::new(&root, "");
        let total = running.line("/proc/meminfo");
        assert_eq!(total.split_whitespace().nth(1), Some("524288"), "{total}");
        assert!(running.line("/proc/self/maps").ends_with(LIBRARY));
        let object = fs::read(bed::object()).expect("the object");
        let other = Scratch::file("upgrade-libcgproc.so", &[&object[..], b"another version"].concat());
        let printed = root.done(&["--object", other.path()]);
        assert!(printed.contains(&format!("put: {LIBRARY}, the library, in place of what was there")), "{printed}");
        assert_ne!(root.at(LIBRARY).metadata().expect("the library").ino(), before);
        assert_eq!(fs::read(root.at(LIBRARY)).expect("it").len(), object.len() + b"another version".len());
        assert_eq!(running.line("/proc/meminfo"), total);
        assert!(running.line("/proc/self/maps").ends_with(" (deleted)"));
        assert_eq!(root.contained("/usr/bin/env -i /usr/bin/nproc").text.trim(), "1");
        root.done(&["--uninstall"]);
        assert_eq!(running.line("/proc/meminfo"), total);
        running.ended();
    });
}

/// What a program looks up for the first time, it finds in its memory: the file of that path is another by then.
#[test]
fn programs_whose_c_library_is_replaced() {
    privately(|| {
        let root = Root::over("debian-12");
        root.done(&[]);
        let mut running = Reader::new(&root, "CGPROC_MEMORY=256M");
        let newer = bed::cache().join("roots/debian-13/usr/lib/x86_64-linux-gnu");
        for name in ["libc.so.6", "ld-linux-x86-64.so.2"] {
            let path = format!("/usr/lib/x86_64-linux-gnu/{name}");
            let before = root.at(&path).metadata().expect("the C library").ino();
            root.put_program(&newer.join(name), &format!("{path}.new"));
            fs::rename(root.at(&format!("{path}.new")), root.at(&path)).expect("it is put in place");
            assert_ne!(root.at(&path).metadata().expect("the C library").ino(), before);
        }
        let total = running.line("/proc/meminfo");
        assert_eq!(total.split_whitespace().nth(1), Some("262144"), "by its variable: {total}");
        assert!(running.line("/proc/self/maps").ends_with(LIBRARY));
        assert_eq!(root.contained("/usr/bin/env -i /usr/bin/nproc").text.trim(), "1", "programs with the new one");
        running.ended();
    });
}
