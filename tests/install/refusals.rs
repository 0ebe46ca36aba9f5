//! What would stop programs or not reach them is refused, and the root stays as it was: every file, mode and time.

use crate::{
    bed,
    harness::{LIBRARY, Root, Scratch, privately, sh},
};
use std::{fs, os::unix::fs::symlink, path::Path};

/// An installation that must be refused with these words, as docs/reach.md records.
fn refused(root: &Root, what: &str, arguments: &[&str], words: &[&str]) {
    refused_saying(root, what, arguments, words);
    let said = words.last().expect("words").trim_end_matches(": ");
    bed::note_reach("refusals", "debian-11", &root.libc_version(), what, &format!("{said}; all as it was"));
}

fn refused_saying(root: &Root, what: &str, arguments: &[&str], words: &[&str]) {
    let why = root.refused(arguments);
    let is_said = words.iter().all(|word| why.contains(word));
    assert!(is_said, "{what}: {words:?} in {why}");
    assert!(why.contains(" was left as it is: ") && why.lines().count() == 1, "{what}: {why}");
    assert_eq!(root.starts("/bin/true"), Ok(()), "{what}");
}

#[test]
fn files_that_are_no_library_for_here() {
    privately(|| {
        let root = Root::over("debian-11");
        let object = fs::read(bed::object()).expect("the object");
        let mut other_machine = object.clone();
        other_machine[18] = 183;
        let mut narrow = object.clone();
        (narrow[4], narrow[18]) = (1, 3);
        // Loaders read nothing behind the headers and the last byte that they promise.
        let loaded = object.len() * 3 / 4;
        let cases: [(&str, &[u8], &str); 6] = [
            ("another machine's", &other_machine, "is for another processor (ELF machine 183)"),
            ("32 bits", &narrow, "is for 32 bits"),
            ("truncated in its headers", &object[..100], "is cut short"),
            ("truncated behind them", &object[..loaded], "is cut short"),
            ("a text", b"#!/bin/sh\nexit 0\n", "is no library"),
            ("nothing", b"", "is no library"),
        ];
        for (what, bytes, words) in cases {
            let file = Scratch::file("libcgproc.so", bytes);
            refused(&root, what, &["--object", file.path()], &[file.path(), words]);
        }
        refused(&root, "no such file", &["--object", "/nowhere.so"], &["/nowhere.so", "No such file"]);
        refused(&root, "a directory", &["--object", "/etc"], &["/etc is not a regular file"]);
    });
}

/// Files that pass every check of the file itself: only a program of the root reveals them.
#[test]
fn libraries_that_a_loader_does_not_take() {
    privately(|| {
        let root = Root::over("debian-11");
        let versioned = "extern int f(void) __asm__(\"f\"); __asm__(\".symver f, pthread_create@GLIBC_2.34\");\n\
                         int call(void) { return f(); }";
        let missing = "extern int nobody_has_this(void); int call(void) { return nobody_has_this(); }";
        let dying = "__attribute__((constructor)) static void die(void) { *(volatile int *)0 = 0; }";
        let leaving = "#include <unistd.h>\n__attribute__((constructor)) static void leave(void) { _exit(0); }";
        let cases = [
            ("a version that it lacks", versioned, "`GLIBC_2.34' not found"),
            ("a function that nobody has", missing, "nobody_has_this"),
            ("dying as it is loaded", dying, "was killed by signal 11"),
            ("ending the program with success", leaving, "ended with status 0"),
        ];
        for (what, source, words) in cases {
            let library = Scratch::library("refused", source);
            refused(&root, what, &["--object", library.path()], &["/bin/sh of ", words]);
        }
        // A program is not a library, although it is an ELF file.
        refused(&root, "a program", &["--object", "/bin/ls"], &["its loader did not take it", "cannot be preloaded"]);
    });
}

#[test]
fn places_that_programs_do_not_reach() {
    privately(|| {
        let root = Root::over("debian-11");
        sh(&format!("mkdir -m 700 {0}/opt/closed && mkdir {0}/opt/closed/open", root.top().display()));
        let to = ["--to", "/opt/closed/open/libcgproc.so"];
        refused(&root, "a closed directory", &to, &["/opt/closed of ", "not every user may enter it (mode 700)"]);
        refused(&root, "a missing directory", &["--to", "/none/libcgproc.so"], &["/none of ", "No such file"]);
        for to in ["/opt/a b/libcgproc.so", "/opt/libother.so", "opt/libcgproc.so", "/opt/../libcgproc.so"] {
            refused_saying(&root, "a path that is none", &["--to", to], &[to]);
        }
        let noexec = root.at("/opt/noexec");
        sh(&format!("mkdir {0} && mount -t tmpfs -o noexec,mode=755 tmpfs {0}", noexec.display()));
        refused(&root, "a noexec mount", &["--to", "/opt/noexec/libcgproc.so"], &["failed to map segment"]);
        assert_eq!(fs::read_dir(&noexec).expect("the mount").count(), 0);
        sh(&format!("umount {0} && rmdir {0} && mkdir {1}", noexec.display(), root.at(LIBRARY).display()));
        refused(&root, "a directory in its place", &[], &["/usr/lib/libcgproc.so of ", "it is not a regular file"]);
    });
}

#[test]
fn roots_that_cannot_be_written_or_tried() {
    privately(|| {
        let root = Root::over("debian-11");
        let top = root.top().display().to_string();
        sh(&format!("mount -o remount,ro {top}"));
        refused(&root, "a read-only root", &[], &["Read-only file system"]);
        sh(&format!("mount -o remount,rw {top} && mount --bind {top} {top} && mount -o remount,bind,noexec {top}"));
        let why = root.refused(&[]);
        assert!(why.contains("/bin/sh of ") && why.contains("a noexec mount?"), "{why}");
        sh(&format!("umount {top}"));
    });
}

#[test]
fn a_full_disk() {
    privately(|| {
        let root = Root::of_one_program("debian-11");
        sh(&format!("cp {}/*.so.? {}", root.at("/usr/lib").display(), root.at("/lib").display()));
        let lib = root.at("/usr/lib").display().to_string();
        let etc = root.at("/etc").display().to_string();
        // The pages that are left below /usr/lib and /etc. The library takes these, each other file one.
        let library = fs::metadata(bed::object()).expect("the library").len().div_ceil(4096);
        let all = library + 4;
        for (left_in_lib, left_in_etc) in [(0, 2), (library - 6, 2), (library, 0), (library, 1), (library, 2)] {
            for (directory, left) in [(&lib, left_in_lib), (&etc, left_in_etc)] {
                sh(&format!(
                    "mount -t tmpfs -o mode=755,size={}K tmpfs {directory} && \
                     dd if=/dev/zero of={directory}/full bs=4096 count={} 2>/dev/null",
                    all * 4,
                    all - left
                ));
            }
            if (left_in_lib, left_in_etc) == (library, 2) {
                root.done(&[]);
            } else {
                let why = root.refused(&[]);
                assert!(why.contains("No space left on device"), "{left_in_lib} {left_in_etc}: {why}");
            }
            sh(&format!("umount {lib} {etc}"));
        }
    });
}

#[test]
fn files_that_lead_elsewhere() {
    privately(|| {
        let root = Root::over("debian-11");
        let outside = Scratch::file("outside", b"not yours\n");
        for target in [outside.path(), "../../../../../../etc/ld.so.preload", "list"] {
            symlink(target, root.at("/etc/ld.so.preload")).expect("a link");
            let words = ["/etc/ld.so.preload of ", "it is a symbolic link"];
            refused_saying(&root, "a link for the loader's file", &[], &words);
            fs::remove_file(root.at("/etc/ld.so.preload")).expect("removed");
        }
        symlink(outside.path(), root.at(LIBRARY)).expect("a link");
        refused(&root, "a link for the library", &[], &["/usr/lib/libcgproc.so of ", "it is a symbolic link"]);
        fs::remove_file(root.at(LIBRARY)).expect("removed");
        // A link to a directory is followed as the root's own programs follow it.
        let inside = outside.0.parent().expect("a directory");
        symlink(inside, root.at("/opt/out")).expect("a link");
        root.done(&["--to", "/opt/out/libcgproc.so", "--no-preload"]);
        assert!(root.at(&format!("{}/libcgproc.so", inside.display())).exists());
        assert_eq!(fs::read(&outside.0).expect("the file"), b"not yours\n");
        assert!(!Path::new(&inside.join("libcgproc.so")).exists());
    });
}

#[test]
fn a_root_of_another_machine() {
    privately(|| {
        let root = Root::bare();
        let mut program = fs::read("/bin/ls").expect("a program");
        program[18] = 183;
        fs::create_dir(root.at("/bin")).expect("a directory");
        let there = Scratch::file("ls", &program);
        root.put_program(&there.0, "/bin/ls");
        let why = root.refused(&[]);
        assert!(
            why.contains("/bin/ls of ")
                && why.contains("is for a different processor than the library (ELF machine 183)"),
            "{why}"
        );
    });
}

/// The loader is told of another file: all is well until the last check, and then the old library must come back.
#[test]
fn a_loader_that_reads_another_file() {
    privately(|| {
        let root = Root::over("debian-11");
        let loader = root.at("/usr/lib/x86_64-linux-gnu/ld-2.31.so");
        sh(&format!("sed -i s,/etc/ld.so.preload,/etc/ld.so.nothing, {}", loader.display()));
        root.put(LIBRARY, b"\x7fELF an older library");
        let words = ["an empty environment: /bin/sh of ", "its loader did not take it"];
        refused(&root, "an entry that nobody reads", &[], &words);
        assert_eq!(root.text(LIBRARY), "\x7fELF an older library");
    });
}

/// A preload list that nobody ever writes (a FIFO): every program waits for it, with the library or without.
#[test]
fn a_root_whose_programs_hang() {
    privately(|| {
        let root = Root::over("debian-11");
        sh(&format!("mkfifo -m 644 {}", root.at("/etc/never").display()));
        root.put("/etc/ld.so.preload", b"/etc/never\n");
        let why = root.refused(&[]);
        assert!(why.contains("cannot be tried there (a program of it has not started within 10 seconds)"), "{why}");
    });
}

/// Without the right to enter the root, nothing can be tried, and nothing untried is preloaded; only the files can be
/// put there.
#[test]
fn nobody_who_may_not_try() {
    privately(|| {
        let root = Root::over("debian-11");
        let before = root.state();
        let without_rights = |arguments: &str| {
            let script = format!(
                "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set -sys_chroot,-sys_admin --inh-caps -all \
                 env CGPROC_OBJECT={} {} install --root {} {arguments} 2>&1 || :",
                bed::object().display(),
                bed::command().display(),
                root.top().display(),
            );
            bed::sh(&format!("unshare --user --map-root-user sh -c '{script}'"))
        };
        let why = without_rights("");
        assert!(why.contains("the library cannot be tried there (no right to enter it: "), "{why}");
        assert!(why.contains("see --no-preload"), "{why}");
        root.is_as(&before, &why);
        let printed = without_rights("--no-preload");
        assert!(printed.contains("not tried: --no-preload executes nothing of the root"), "{printed}");
        assert!(root.has(LIBRARY) && !root.has("/etc/ld.so.preload"), "{printed}");
    });
}

/// In a user namespace, any user can enter a directory of their own.
#[test]
fn ones_own_directory_needs_no_rights() {
    privately(|| {
        let root = Root::of_one_program("debian-12");
        root.put_program(&bed::command(), "/app/cgproc");
        root.put_program(&bed::object(), "/app/libcgproc.so");
        let top = root.top().display();
        let user = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all";
        let install = format!("{user} {top}/app/cgproc install --root {top} 2>&1");
        let why = bed::sh(&install);
        assert!(why.contains("Permission denied"), "{why}");
        sh(&format!("chown -R 65534:65534 {top}"));
        let printed = bed::sh(&install);
        assert!(printed.contains("tried: ") && root.has("/etc/ld.so.preload"), "{printed}");
    });
}

/// A library whose initialisation raises the very signal that tells the trial about the program's first instruction.
#[test]
fn a_library_that_traps() {
    privately(|| {
        let root = Root::over("debian-12");
        let trap =
            Scratch::library("libtrap", "__attribute__((constructor)) static void c(void) { __builtin_trap(); }");
        let int3 = "__attribute__((constructor)) static void c(void) { __asm__ volatile(\"int3\"); }";
        let int3 = Scratch::library("libint3", int3);
        for library in [trap, int3] {
            let why = root.refused(&["--object", library.path()]);
            assert!(why.contains("was killed by signal"), "{why}");
            // The same if there already is an entry, because it would preload the untried file.
            root.done(&[]);
            let why = root.refused(&["--object", library.path()]);
            assert!(why.contains("was killed by signal"), "{why}");
            let why = root.refused(&["--object", library.path(), "--no-preload"]);
            assert!(why.contains("a library put there must be tried, so leave out --no-preload"), "{why}");
            assert_eq!(root.starts("/bin/true"), Ok(()));
            root.done(&["--uninstall"]);
        }
    });
}

/// The new library lacks what the old one has, and the old one is loaded too while both are tried.
#[test]
fn a_library_that_leans_on_the_one_before() {
    privately(|| {
        let root = Root::over("debian-12");
        let old = Scratch::library("libold", "void old_helper(void) {}");
        let new =
            Scratch::library("libnew", "void old_helper(void); int getpagesize(void) { old_helper(); return 4096; }");
        root.done(&["--object", old.path()]);
        let why = root.refused(&["--object", new.path()]);
        assert!(why.contains("old_helper"), "{why}");
        assert_eq!(root.starts("/bin/cat"), Ok(()));
    });
}

/// Neither a child that keeps the pipe open, nor a timer that never expires.
#[test]
fn a_library_that_does_not_come_to_an_end() {
    privately(|| {
        let root = Root::over("debian-12");
        let name = format!("left{}", std::process::id());
        let child = format!(
            "#include <unistd.h>\n#include <sys/prctl.h>\n__attribute__((constructor)) static void c(void) \
             {{ if (!fork()) {{ prctl(PR_SET_NAME, \"{name}\"); sleep(600); _exit(0); }} }}"
        );
        let timer = "#include <sys/time.h>\n#include <signal.h>\n#include <unistd.h>\nstatic void h(int n) { (void)n; }\n\
                     __attribute__((constructor)) static void c(void) { struct itimerval t = {{0, 50000}, {0, 50000}};\n\
                     signal(SIGALRM, h); setitimer(ITIMER_REAL, &t, 0); for (;;) pause(); }";
        let child = Scratch::library("libchild", &child);
        let timer = Scratch::library("libtimer", timer);
        let why = root.refused(&["--object", timer.path()]);
        assert!(why.contains("has not started within 10 seconds"), "{why}");
        root.done(&["--object", child.path()]);
        // Nobody waited for them, and they have ended with the programs.
        bed::until("the trial's children end", || bed::sh(&format!("grep -lsx {name} /proc/[0-9]*/comm")).is_empty());
    });
}

#[test]
fn other_ways_to_the_same_place() {
    privately(|| {
        let root = Root::over("debian-12");
        for to in ["/usr//lib/libcgproc.so", "/usr/./lib/libcgproc.so", "/usr/lib/libcgproc.so/"] {
            let why = root.refused(&["--to", to]);
            assert!(why.contains("write it as /usr/lib/libcgproc.so"), "{why}");
        }
        root.done(&[]);
        // On Debian, /lib is a link to /usr/lib.
        let why = root.refused(&["--uninstall", "--to", "/lib/libcgproc.so"]);
        assert!(why.contains("use --to /usr/lib/libcgproc.so"), "{why}");
        root.done(&["--uninstall"]);
        // A link through a directory that not every user may enter.
        sh(&format!(
            "cd {} && mkdir -p opt/private/l && chmod 700 opt/private && ln -s private/l opt/way",
            root.top().display()
        ));
        let why = root.refused(&["--to", "/opt/way/libcgproc.so"]);
        assert!(why.contains("not every user may enter it (mode 700)"), "{why}");
    });
}

#[test]
fn a_program_that_was_to_be_tried() {
    privately(|| {
        let root = Root::over("debian-12");
        root.put_program(&bed::programs().join("gomp"), "/opt/app");
        let why = root.refused(&["--program", "/opt/app"]);
        assert!(why.contains("/opt/app") && why.contains("libgomp"), "{why}");
    });
}

#[test]
fn an_output_that_nobody_can_read() {
    privately(|| {
        let root = Root::over("debian-12");
        let before = root.state();
        let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
        let output = root.command(&[]).stdout(full).output().expect("cgproc");
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        root.is_as(&before, "installed, and nobody told");
    });
}
