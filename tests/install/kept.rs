//! What the root had before stays: other entries, comments, modes, an administrator's settings.

use crate::{
    bed,
    harness::{LIBRARY, Root, Scratch, privately, sh},
};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
};

#[test]
fn other_entries_and_the_files_mode() {
    privately(|| {
        let root = Root::over("debian-12");
        let other = Scratch::library("other", "int other;");
        root.put_program(&other.0, "/opt/other.so");
        let text = "# what was here before\n/opt/other.so";
        root.put("/etc/ld.so.preload", text.as_bytes());
        let file = root.at("/etc/ld.so.preload");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).expect("its mode");
        chown(&file, Some(7), Some(8)).expect("its owner");
        root.done(&[]);
        assert_eq!(root.text("/etc/ld.so.preload"), format!("{text}\n{LIBRARY}\n"));
        let it = file.metadata().expect("the file");
        // Every program must be able to read it.
        assert_eq!((it.mode() & 0o7777, it.uid(), it.gid()), (0o644, 7, 8));
        let maps = root.contained("/usr/bin/env -i /bin/cat /proc/self/maps").text;
        assert!(maps.contains("/opt/other.so") && maps.contains(LIBRARY), "{maps}");
        root.done(&["--uninstall"]);
        assert_eq!(root.text("/etc/ld.so.preload"), format!("{text}\n"));
        let it = file.metadata().expect("the file");
        assert_eq!((it.mode() & 0o7777, it.uid(), it.gid()), (0o644, 7, 8));
    });
}

#[test]
fn an_administrators_settings() {
    privately(|| {
        let root = Root::over("debian-12");
        root.put("/etc/cgproc.conf", b"CGPROC_CPUS=2\n");
        let printed = root.done(&[]);
        assert!(printed.contains("there already: /etc/cgproc.conf"), "{printed}");
        assert_eq!(root.text("/etc/cgproc.conf"), "CGPROC_CPUS=2\n");
        let printed = root.done(&["--uninstall"]);
        assert!(printed.contains("kept: /etc/cgproc.conf, which was edited"), "{printed}");
        assert_eq!(root.text("/etc/cgproc.conf"), "CGPROC_CPUS=2\n");
    });
}

#[test]
fn another_place_for_the_library() {
    privately(|| {
        let root = Root::over("debian-12");
        sh(&format!("mkdir -p {}", root.at("/opt/view").display()));
        let to = ["--to", "/opt/view/libcgproc.so"];
        root.done(&to);
        assert_eq!(root.text("/etc/ld.so.preload"), "/opt/view/libcgproc.so\n");
        assert_eq!(root.contained("/usr/bin/env -i /usr/bin/nproc").text.trim(), "1");
        let why = root.refused(&[]);
        assert!(why.contains("already names /opt/view/libcgproc.so: use --to"), "{why}");
        let uninstall = [&["--uninstall"], &to[..]].concat();
        root.done(&uninstall);
        assert!(!root.has("/opt/view/libcgproc.so") && !root.has("/etc/ld.so.preload"));
        fs::remove_dir(root.at("/opt/view")).expect("an empty directory");
        assert!(root.done(&uninstall).contains("not there: /opt/view/libcgproc.so"));
    });
}

#[test]
fn without_an_entry_where_none_is_wanted() {
    privately(|| {
        let root = Root::over("debian-12");
        let printed = root.done(&["--no-preload"]);
        assert!(printed.contains(&format!("ENV LD_PRELOAD={LIBRARY}")), "{printed}");
        assert!(root.has(LIBRARY) && !root.has("/etc/ld.so.preload"), "{printed}");
        root.done(&[]);
        assert_eq!(root.text("/etc/ld.so.preload"), format!("{LIBRARY}\n"));
    });
}

#[test]
fn a_rehearsal_changes_nothing() {
    privately(|| {
        let root = Root::over("debian-12");
        let before = root.state();
        let printed = root.done(&["--dry-run"]);
        assert!(printed.starts_with("nothing is changed; this would be done:\nnot tried: --dry-run "), "{printed}");
        root.is_as(&before, "a rehearsal");
        root.done(&[]);
        let installed = root.state();
        let printed = root.done(&["--uninstall", "--dry-run"]);
        assert!(printed.contains(&format!("removed: {LIBRARY}")), "{printed}");
        root.is_as(&installed, "a rehearsal of the removal");
    });
}

/// `cgproc uninstall` says and does what `cgproc install --uninstall` does.
#[test]
fn removal_is_a_command_too() {
    privately(|| {
        let root = Root::over("debian-12");
        root.done(&[]);
        let installed = root.state();
        let uninstall = |arguments: &[&str]| {
            let mut command = std::process::Command::new(bed::command());
            let output =
                command.args(["uninstall", "--root"]).arg(root.top()).args(arguments).output().expect("cgproc");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        assert_eq!(uninstall(&["--dry-run"]), root.done(&["--uninstall", "--dry-run"]));
        root.is_as(&installed, "a rehearsal of the removal");
        assert!(uninstall(&["--to", "/opt/libcgproc.so"]).contains("not there: /opt/libcgproc.so"));
        assert!(root.has(LIBRARY) && root.has("/etc/ld.so.preload"));
        assert!(uninstall(&[]).contains(&format!("removed: {LIBRARY}")));
        assert!(!root.has(LIBRARY) && !root.has("/etc/ld.so.preload") && !root.has("/etc/cgproc.conf"));
    });
}

/// Removing a library that stops every program needs no program of the root.
#[test]
fn removing_mends_what_somebody_broke() {
    privately(|| {
        let root = Root::over("debian-11");
        root.done(&[]);
        let dying = "__attribute__((constructor)) static void die(void) { *(volatile int *)0 = 0; }";
        root.put_program(&Scratch::library("dying", dying).0, LIBRARY);
        assert!(root.starts("/bin/true").is_err());
        let why = root.refused(&[]);
        assert!(why.contains("even without the library, /bin/sh of ") && why.contains("signal 11"), "{why}");
        root.done(&["--uninstall"]);
        assert_eq!(root.starts("/bin/true"), Ok(()));
        root.done(&[]);
        assert_eq!(root.starts("/bin/true"), Ok(()));
    });
}

/// The running system is a root too; here it is one that a process has for itself.
#[test]
fn from_within() {
    privately(|| {
        let root = Root::over("debian-12");
        root.put_program(&bed::command(), "/usr/local/bin/cgproc");
        root.put_program(&bed::object(), "/usr/local/bin/libcgproc.so");
        let before = root.state();
        let why = sh(&format!("chroot {} cgproc install 2>&1 || :", root.top().display()));
        assert!(why.contains("/proc is not mounted here"), "{why}");
        root.is_as(&before, &why);
        let outcome = root.contained("/usr/bin/env -i /usr/local/bin/cgproc install");
        assert_eq!(outcome.status, Some(0), "{}", outcome.text);
        assert_eq!(root.text("/etc/ld.so.preload"), format!("{LIBRARY}\n"));
        assert_eq!(root.contained("/usr/bin/env -i /usr/bin/nproc").text.trim(), "1");
    });
}

/// Roots without the command's own C library, or with an older one.
#[test]
fn from_within_by_a_static_command() {
    privately(|| {
        for (userland, its_file) in [("debian-11", true), ("musl", false)] {
            let root = Root::over(userland);
            sh(&format!("mkdir -p {}", root.at("/usr/lib").display()));
            root.put_program(&bed::static_command(), "/opt/cgproc");
            root.put_program(&bed::object(), "/opt/libcgproc.so");
            let outcome = root.contained("/opt/cgproc install");
            assert_eq!(outcome.status, Some(0), "{userland}: {}", outcome.text);
            assert!(root.has(LIBRARY) && root.has("/etc/ld.so.preload") == its_file, "{userland}: {}", outcome.text);
            let variable = if its_file { String::new() } else { format!("LD_PRELOAD={LIBRARY}") };
            assert_eq!(root.contained_with(&variable, "/usr/bin/nproc").text.trim(), "1", "{userland}");
        }
    });
}
