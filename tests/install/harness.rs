//! Roots that a test may change, removed together with the test's own mounts.

use crate::bed;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// Where the library goes by default.
pub(crate) const LIBRARY: &str = "/usr/lib/libcgproc.so";

/// Runs a test in a thread with its own mounts: what it starts sees them too, and nobody else does.
pub(crate) fn privately(test: impl FnOnce() + Send + 'static) {
    let own = || {
        // SAFETY: it only detaches this thread from the mounts and the working directory that it shares with others.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNS) }, 0, "unshare: {}", std::io::Error::last_os_error());
        sh("mount --make-rprivate /");
        test();
    };
    std::thread::spawn(own).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// A file system to install into, on its own mount.
pub(crate) struct Root {
    home: PathBuf,
    path: PathBuf,
}

impl Root {
    /// A userland of the set-up; the original stays untouched.
    pub(crate) fn over(name: &str) -> Self {
        let lower = bed::cache().join("roots").join(name);
        assert!(lower.with_extension("done").exists(), "{} is missing: tests/bed/setup roots", lower.display());
        let root = Self::empty();
        let home = root.home.display();
        sh(&format!(
            "mkdir {home}/upper {home}/work && mount -t overlay -o lowerdir={},upperdir={home}/upper,workdir={home}/work \
             overlay {home}/root",
            lower.display()
        ));
        root
    }

    /// Only the directories that every image has.
    pub(crate) fn bare() -> Self {
        let root = Self::empty();
        sh(&format!("cd {} && mkdir -p etc usr/lib lib64 lib app proc sys", root.path.display()));
        root
    }

    fn empty() -> Self {
        let home = named("root");
        sh(&format!("mkdir {0} && mount -t tmpfs -o mode=755 tmpfs {0} && mkdir {0}/root", home.display()));
        let path = home.join("root");
        Self { home, path }
    }

    /// A root with one program, and only what it needs of the C library of `release`.
    pub(crate) fn of_one_program(release: &str) -> Self {
        let root = Self::bare();
        let glibc = bed::cache().join("roots").join(release).join("usr/lib/x86_64-linux-gnu");
        root.put_program(&glibc.join("ld-linux-x86-64.so.2"), "/lib64/ld-linux-x86-64.so.2");
        for library in ["libc.so.6", "libpthread.so.0"] {
            root.put_program(&glibc.join(library), &format!("/usr/lib/{library}"));
        }
        root.put_program(&bed::programs().join("runtime-glibc"), "/app/probe");
        root
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    pub(crate) fn top(&self) -> &Path {
        &self.path
    }

    /// Writes a file in the root.
    pub(crate) fn put(&self, path: &str, contents: &[u8]) {
        fs::write(self.at(path), contents).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Copies a program of this machine into the root.
    pub(crate) fn put_program(&self, from: &Path, path: &str) {
        sh(&format!("install -m755 -D {} {}", from.display(), self.at(path).display()));
    }

    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.at(path).symlink_metadata().is_ok()
    }

    /// The command `cgproc install --root ... ARGUMENTS`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(bed::command());
        command.args(["install", "--root"]).arg(&self.path).args(arguments);
        command.env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").stdin(Stdio::null());
        command
    }

    /// Runs it; it must succeed. Returns what it prints.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("cgproc");
        assert!(output.status.success(), "{arguments:?}: {}", err(&output));
        assert_eq!(err(&output), "", "{arguments:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs it; it must fail and leave everything as it was. Returns the reason it gives.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let before = self.state();
        let output = self.command(arguments).output().expect("cgproc");
        assert_eq!(output.status.code(), Some(125), "{arguments:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
        self.is_as(&before, &err(&output));
        err(&output)
    }

    /// Every file of the root: mode, owner, size, modification time, link target, checksum. The size of a
    /// directory is left out, because the file system decides it.
    pub(crate) fn state(&self) -> String {
        let root = self.path.display();
        sh(&format!(
            "cd {root} && find . -xdev -type d -printf '%p %y %m %U:%G %T@\\n' -o -printf '%p %y %m %U:%G %s %T@ %l\\n' | \
             sort && \
             find . -xdev -type f -print0 | sort -z | xargs -0 cksum"
        ))
    }

    /// Fails the test if anything has changed, and says what.
    pub(crate) fn is_as(&self, before: &str, why: &str) {
        same(before, &self.state(), why);
    }

    /// What a program of the root prints in a container of 512 MiB and one CPU, with /proc and /sys mounted.
    pub(crate) fn contained(&self, program: &str) -> bed::Outcome {
        CONTAINER.run(&self.entering("", program), None, bed::PATIENCE_SEC)
    }

    /// The same, with environment variables.
    pub(crate) fn contained_with(&self, variables: &str, program: &str) -> bed::Outcome {
        CONTAINER.run(&self.entering(variables, program), None, bed::PATIENCE_SEC)
    }

    /// A script for a container. A static program enters the root, because a variable that names a library of the root
    /// would mean nothing to a dynamic one.
    pub(crate) fn entering(&self, variables: &str, program: &str) -> String {
        let root = self.path.display();
        let busybox = bed::cache().join("busybox-static/bin/busybox");
        assert!(busybox.exists(), "{} is missing: tests/bed/setup busybox", busybox.display());
        let mounts = format!("mount -t proc proc {root}/proc && mount --rbind /sys {root}/sys");
        format!("{mounts} && exec env {variables} {} chroot {root} {program}", busybox.display())
    }

    /// The version that its own ldd reports.
    pub(crate) fn libc_version(&self) -> String {
        let text = bed::sh(&format!("chroot {} /usr/bin/ldd --version", self.path.display()));
        let version = text.lines().next().and_then(|line| line.rsplit(' ').next()).expect("a version");
        format!("glibc {version}")
    }

    /// Whether a program of the root starts with an empty environment, without complaints.
    pub(crate) fn starts(&self, program: &str) -> Result<(), String> {
        let output =
            Command::new("/usr/sbin/chroot").arg(&self.path).arg(program).env_clear().output().expect("chroot");
        let is_well = output.status.success() && output.stderr.is_empty();
        if is_well { Ok(()) } else { Err(format!("{program}: {output:?}")) }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let home = self.home.display();
        // Killed processes may not have gone yet.
        sh(&format!("cd / && umount -l -R {home} && rmdir {home}"));
    }
}

/// One CPU and half a gibibyte.
pub(crate) const CONTAINER: bed::Container = bed::Container { quota_usec: Some(100_000), ..bed::PLAIN };

/// Runs a shell script that must succeed; returns what it prints.
pub(crate) fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().expect("sh");
    assert!(output.status.success(), "{script}: {}", err(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A path that nobody else uses.
fn named(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("cgproc-test-{}-{number}-{name}", std::process::id()))
}

/// A file for one test, removed when dropped.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// A file with these contents, readable by all.
    pub(crate) fn file(name: &str, contents: &[u8]) -> Self {
        let path = named(name);
        fs::write(&path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        Self(path)
    }

    /// A library compiled from this source.
    pub(crate) fn library(name: &str, source: &str) -> Self {
        let code = Self::file(&format!("{name}.c"), source.as_bytes());
        let path = code.0.with_extension("so");
        sh(&format!("gcc -shared -fPIC -o {} {}", path.display(), code.0.display()));
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Fails the test if two states of a root differ, and says how.
pub(crate) fn same(before: &str, after: &str, why: &str) {
    let lacking = |of: &str, in_: &str| {
        let known: std::collections::HashSet<&str> = in_.lines().collect();
        of.lines().filter(|line| !known.contains(line)).take(9).map(|line| format!("\n{line}")).collect::<String>()
    };
    assert!(before.lines().count() > 3, "nothing was compared");
    assert!(before == after, "{why}\nwas:{}\nis:{}", lacking(before, after), lacking(after, before));
}
