//! A root's files that are costly to read, or that anybody may have written; and what needs no rights.

use crate::harness::{LIBRARY, Root, err, privately, sh};
use std::{fs, process::Command};

#[test]
fn a_loaders_file_without_end() {
    privately(|| {
        const LENGTH: u64 = 3_000_000_000;
        let root = Root::over("debian-11");
        let file = root.at("/etc/ld.so.preload");
        fs::File::create(&file).and_then(|file| file.set_len(LENGTH)).expect("a sparse file");
        for arguments in [&[][..], &["--dry-run"], &["--no-preload"], &["--uninstall"], &["--uninstall", "--dry-run"]] {
            let command = root.command(arguments);
            // Less than a tenth of the root's size.
            let mut bounded = Command::new("prlimit");
            bounded.arg("--as=268435456").arg(command.get_program()).args(command.get_args());
            let output = bounded.env("CGPROC_OBJECT", crate::bed::object()).output().expect("prlimit");
            assert_eq!(output.status.code(), Some(125), "{arguments:?}: {output:?}");
            let why = err(&output);
            assert!(
                why.contains("/etc/ld.so.preload of ") && why.contains("it has more than 8 MiB"),
                "{arguments:?}: {why}"
            );
            assert_eq!(fs::metadata(&file).expect("the file").len(), LENGTH, "{arguments:?}");
            assert!(!root.has(LIBRARY) && !root.has("/etc/cgproc.conf"), "{arguments:?}");
        }
    });
}

#[test]
fn a_loaders_file_that_anybody_may_have_written() {
    privately(|| {
        let root = Root::over("debian-11");
        root.put("/etc/ld.so.preload", b"# somebody's\n");
        for mode in ["666", "620", "602"] {
            sh(&format!("chmod {mode} {}", root.at("/etc/ld.so.preload").display()));
            let why = root.refused(&[]);
            let words = format!("others than its owner may write to it (mode {mode})");
            assert!(why.contains("/etc/ld.so.preload of ") && why.contains(&words), "{why}");
        }
    });
}

#[test]
fn a_rehearsed_removal_writes_nothing() {
    privately(|| {
        let root = Root::over("debian-11");
        root.done(&[]);
        sh(&format!("mount -o remount,ro {}", root.top().display()));
        let printed = root.done(&["--uninstall", "--dry-run"]);
        assert!(printed.contains(&format!("removed: {LIBRARY}")), "{printed}");
    });
}
