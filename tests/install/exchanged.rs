//! Programs start while their C library, our library and its entry come, change and go. `CGPROC_TEST_EXECS` sets how many
//! start at least; the default takes seconds.

use crate::{
    bed,
    harness::{LIBRARY, Root, Scratch, privately, sh},
};
use std::{
    fs,
    process::{Child, Command, Stdio},
};

/// Shells that start programs side by side.
const SHELLS: usize = 2;

/// How often everything is exchanged at least.
const ROUNDS: usize = 4;

fn execs() -> usize {
    let wanted = std::env::var("CGPROC_TEST_EXECS").ok().map(|text| text.parse().expect("CGPROC_TEST_EXECS"));
    wanted.unwrap_or(1000)
}

/// Where a shell of the root says what failed, and at the end how many programs it started.
fn said_in(shell: usize) -> String {
    format!("/var/tmp/said-{shell}")
}

/// A shell that is ended, whatever becomes of the test.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts programs of the root, until there were enough and the root has the file /over.
fn shell(root: &Root, number: usize) -> Shell {
    let script = format!(
        "exec >{} 2>&1; n=0\n\
         until [ $n -ge {} ] && [ -e /over ]; do\n\
           for it in /bin/true /usr/bin/nproc '/usr/bin/id -u'; do\n\
             seen=$($it) || echo \"$it: status $?: $seen\"\n\
             n=$((n + 1))\n\
           done\n\
         done; echo started $n",
        said_in(number),
        execs().div_ceil(SHELLS),
    );
    let mut command = Command::new("/usr/sbin/chroot");
    command.arg(root.top()).args(["/bin/sh", "-c", &script]).env_clear().stdin(Stdio::null());
    Shell(command.spawn().expect("chroot"))
}

/// Puts the same files of the C library in place once more, each by a rename, as a package manager does.
fn exchange_c_library(root: &Root) {
    for name in ["libc.so.6", "ld-linux-x86-64.so.2"] {
        let path = root.at(&format!("/usr/lib/x86_64-linux-gnu/{name}")).display().to_string();
        sh(&format!("cp -p {path} {path}.new && mv {path}.new {path}"));
    }
}

/// Another version of our library, the C library, no entry and no library, and both again.
fn exchange(root: &Root, other: &Scratch) {
    root.done(&["--object", other.path()]);
    exchange_c_library(root);
    root.done(&["--uninstall"]);
    exchange_c_library(root);
    root.done(&[]);
}

/// A program that had read the entry before it was removed, and opened the library after that, is told so by its
/// loader, and runs.
fn has_missed_it(line: &str) -> bool {
    line == format!(
        "ERROR: ld.so: object '{LIBRARY}' from /etc/ld.so.preload cannot be preloaded (cannot open shared object file): \
         ignored."
    )
}

#[test]
fn programs_that_start_meanwhile() {
    privately(|| {
        let root = Root::over("debian-12");
        root.done(&[]);
        let object = fs::read(bed::object()).expect("the object");
        let other = Scratch::file("exchanged-libcgproc.so", &[&object[..], b"another version"].concat());
        let mut shells: Vec<_> = (0..SHELLS).map(|number| shell(&root, number)).collect();
        let mut rounds = 0;
        while shells.iter_mut().any(|shell| shell.0.try_wait().expect("its status").is_none()) {
            exchange(&root, &other);
            rounds += 1;
            if rounds == ROUNDS {
                root.put("/over", b"");
            }
        }
        let (mut started, mut missed, mut failed) = (0, 0, Vec::new());
        for number in 0..SHELLS {
            for line in root.text(&said_in(number)).lines() {
                match line.strip_prefix("started ") {
                    Some(count) => started += count.parse::<usize>().expect("a number"),
                    None if has_missed_it(line) => missed += 1,
                    None => failed.push(line.to_owned()),
                }
            }
        }
        println!("{started} programs started in {rounds} rounds: {} failed, {missed} missed the library", failed.len());
        assert!(started >= execs(), "{started} of {}", execs());
        assert_eq!(failed, [""; 0]);
        // Each shell has one program at a time, which is between the two steps of its loader.
        assert!(missed <= SHELLS * rounds, "{missed} missed it in {rounds} rounds");
    });
}
