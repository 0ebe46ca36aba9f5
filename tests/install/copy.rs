//! `--copy-to`: the library's directory for containers, put there by an image that has nothing but the command.

use crate::{
    bed,
    harness::{Root, Scratch, err, privately, sh},
};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::Path,
    process::{Command, Output, Stdio},
};

/// An image with the command alone, and beside it the library and the empty object.
fn image() -> Root {
    let root = Root::bare();
    root.put_program(&bed::static_command(), "/cgproc");
    root.put_program(&bed::object(), "/libcgproc.so");
    sh(&format!("{} {}", bed::repository("shim/stub/build").display(), root.at("/i686").display()));
    fs::create_dir(root.at("/target")).expect("a directory");
    sh(&format!("mount -t proc proc {}", root.at("/proc").display()));
    root
}

/// What its command says, as an init container runs it.
fn copied(root: &Root, arguments: &[&str]) -> Output {
    let mut command = Command::new("/usr/sbin/chroot");
    command.arg(root.top()).args(["/cgproc", "install", "--copy-to", "/target"]).args(arguments);
    command.env_clear().stdin(Stdio::null()).output().expect("chroot")
}

fn done(root: &Root, arguments: &[&str]) -> String {
    let output = copied(root, arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn an_image_with_nothing_else_puts_the_whole_directory() {
    privately(|| {
        let root = image();
        let said = done(&root, &[]);
        assert_eq!(said.matches("put: /target/").count(), 3, "{said}");
        let listed = sh(&format!("cd {} && find . -printf '%p %y %m %l\\n' | sort", root.at("/target").display()));
        let expected = "\
            . d 755 \n\
            ./haswell l 777 x86_64\n\
            ./i386 l 777 i686\n\
            ./i486 l 777 i686\n\
            ./i586 l 777 i686\n\
            ./i686 d 755 \n\
            ./i686/libcgproc.so f 644 \n\
            ./ld.so.preload f 644 \n\
            ./libcgproc.so f 644 \n\
            ./x86_64 d 755 \n\
            ./x86_64/libcgproc.so l 777 ../libcgproc.so\n\
            ./xeon_phi l 777 x86_64\n";
        assert_eq!(listed, expected);
        for (copy, original) in
            [("/target/libcgproc.so", bed::object()), ("/target/i686/libcgproc.so", root.at("/i686/libcgproc.so"))]
        {
            assert!(fs::read(root.at(copy)).expect("the copy") == fs::read(original).expect("the original"), "{copy}");
        }
        assert_eq!(root.text("/target/ld.so.preload"), "/usr/lib/cgproc/$PLATFORM/libcgproc.so\n");
        // Once more: nothing changes.
        let before = root.state();
        let said = done(&root, &[]);
        assert_eq!(said.matches("there already: /target/").count(), 3, "{said}");
        root.is_as(&before, "copied twice");
    });
}

/// The two make the same directory.
#[test]
fn it_is_the_directory_of_the_packages() {
    privately(|| {
        let root = image();
        done(&root, &[]);
        let packaged = root.at("/packaged");
        sh(&format!(
            "{} {} {}",
            bed::repository("packaging/layout").display(),
            bed::object().display(),
            packaged.display()
        ));
        let tree = |top: &Path| {
            let script = "find . -printf '%p %y %m %l\n' | sort && find . -type f -exec sha256sum {} + | sort";
            sh(&format!("cd {} && {script}", top.display()))
        };
        assert_eq!(tree(&root.at("/target")), tree(&packaged));
    });
}

/// The containers of a host have the directory mounted while another version comes.
#[test]
fn what_runs_keeps_the_old_library_and_new_programs_have_the_new_one() {
    privately(|| {
        let root = image();
        done(&root, &[]);
        let library = root.at("/target/libcgproc.so");
        let preloaded = |program: &str| {
            let mut command = Command::new(program);
            command.env("LD_PRELOAD", &library).stdin(Stdio::piped()).stdout(Stdio::piped());
            command
        };
        let old = library.metadata().expect("the library").ino();
        let mut running = preloaded("cat").spawn().expect("cat");
        let maps = || fs::read_to_string(format!("/proc/{}/maps", running.id())).expect("its maps");
        bed::until("cat has it", || maps().contains(&*library.to_string_lossy()));
        let object = fs::read(bed::object()).expect("the object");
        root.put("/other.so", &[&object[..], b"another version"].concat());
        let preload = root.at("/target/ld.so.preload");
        let text = preload.metadata().expect("the file").ino();
        let said = done(&root, &["--object", "/other.so"]);
        assert!(said.contains("put: /target/libcgproc.so, the library, in place of what was there"), "{said}");
        assert_ne!(library.metadata().expect("the library").ino(), old);
        // A container's mount of the file shows the old one for ever.
        assert_eq!(preload.metadata().expect("the file").ino(), text);
        let line = maps().lines().find(|line| line.contains("libcgproc.so")).expect("a line").to_owned();
        assert!(line.contains(&format!(" {old} ")) && line.ends_with("(deleted)"), "{line}");
        drop(running.stdin.take());
        assert!(running.wait().expect("its status").success());
        let new = preloaded("/bin/cat").arg("/proc/self/maps").output().expect("cat");
        let new = String::from_utf8_lossy(&new.stdout).into_owned();
        assert!(new.contains(&format!(" {} ", library.metadata().expect("the library").ino())), "{new}");
    });
}

type Put = fn(&Root);

/// What may be in the place of a copy: its name, how it comes there, and what is said about it.
const FOREIGN: [(&str, Put, &str); 7] = [
    ("a text", |root| root.put("/target/libcgproc.so", b"text"), "what is there is no library"),
    (
        "a directory",
        |root| fs::create_dir(root.at("/target/libcgproc.so")).expect("a directory"),
        "it is not a regular file",
    ),
    ("a file", |root| root.put("/target/haswell", b"text"), "what is there is no symbolic link"),
    (
        "a link",
        |root| symlink("/etc/cgproc.conf", root.at("/target/ld.so.preload")).expect("a link"),
        "it is a symbolic link, which is not followed",
    ),
    (
        "a list of others",
        |root| root.put("/target/ld.so.preload", b"/usr/lib/libcgproc.so\n/usr/lib/libfaketime.so.1\n"),
        "/ld.so.preload of /target: it names /usr/lib/libfaketime.so.1: remove it first",
    ),
    (
        "a link to elsewhere",
        |root| symlink("/opt/intel", root.at("/target/haswell")).expect("a link"),
        "/haswell of /target: it leads to /opt/intel: remove it first",
    ),
    (
        "a file for a directory",
        |root| root.put("/target/i686", b"text"),
        "/i686 of /target: what is there is no directory: remove it first",
    ),
];

#[test]
fn what_is_not_ours_stays_and_no_link_leads_out() {
    privately(|| {
        for (what, put, words) in FOREIGN {
            let root = image();
            put(&root);
            let state =
                || sh(&format!("cd {} && find etc target -printf '%p %i %s %l\\n' | sort", root.top().display()));
            let there = state();
            let output = copied(&root, &[]);
            assert_eq!(output.status.code(), Some(125), "{what}: {output:?}");
            assert!(err(&output).contains(words), "{what}: {output:?}");
            // Nothing came either, not even what would come first.
            assert_eq!(state(), there, "{what}");
        }
        // A link that leads out of the directory leads back into it.
        let root = image();
        symlink("/etc", root.at("/target/x86_64")).expect("a link");
        assert_eq!(copied(&root, &[]).status.code(), Some(125));
        assert_eq!(fs::read_dir(root.at("/etc")).expect("a directory").count(), 0);
    });
}

#[test]
fn what_an_older_copy_left_is_replaced() {
    privately(|| {
        let root = image();
        root.put("/target/ld.so.preload", b"");
        symlink("i686", root.at("/target/haswell")).expect("a link");
        done(&root, &[]);
        assert_eq!(fs::read_link(root.at("/target/haswell")).expect("a link").to_str(), Some("x86_64"));
    });
}

#[test]
fn a_library_that_is_none_is_not_copied() {
    privately(|| {
        let root = image();
        root.put("/none.so", b"text");
        let output = copied(&root, &["--object", "/none.so"]);
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        assert!(err(&output).contains("/none.so is no library"), "{output:?}");
        assert_eq!(fs::read_dir(root.at("/target")).expect("a directory").count(), 0);
        let scratch = Scratch::file("target", b"");
        let output =
            Command::new(bed::command()).args(["install", "--copy-to", scratch.path()]).output().expect("cgproc");
        assert!(err(&output).contains("Not a directory"), "{output:?}");
    });
}
