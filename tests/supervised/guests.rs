//! The supervisor belongs to root, and the supervised programs to others. It lends no rights, waits for nobody, and
//! changes nothing that the program could not change itself.

use crate::{
    bed,
    bed::Version,
    harness::{Started, cgproc, children, directory, err, out, tempfile},
    program::{KIB, LIMITS, busybox, comm, compiled, machines_kib, supervisors, told, who_answers},
};
use rustix::fs::inotify;
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    mem::MaybeUninit,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

/// A user without any rights.
const GUEST: u32 = 12345;

/// Words that make a program run as that user.
const AS_GUEST: [&str; 6] = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"];

/// A directory of that user's, laid out like a cgroup of 64 MiB, and a file that only root can read.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let home = tempfile();
        let place = Self(home);
        fs::create_dir(&place.0).expect("a directory");
        fs::set_permissions(&place.0, fs::Permissions::from_mode(0o755)).expect("made readable");
        fs::write(place.secret(), "roots own text\n").expect("written");
        fs::set_permissions(place.secret(), fs::Permissions::from_mode(0o600)).expect("closed");
        fs::create_dir(place.cgroup()).expect("a directory");
        for (name, text) in [
            ("cgroup.procs", ""),
            ("memory.max", "67108864\n"),
            ("memory.current", "4096\n"),
            ("memory.stat", "anon 4096\nfile 0\n"),
        ] {
            fs::write(place.cgroup().join(name), text).expect("written");
            chown(place.cgroup().join(name), Some(GUEST), Some(GUEST)).expect("given away");
        }
        chown(place.cgroup(), Some(GUEST), Some(GUEST)).expect("given away");
        place
    }

    fn secret(&self) -> PathBuf {
        self.0.join("secret")
    }

    fn cgroup(&self) -> PathBuf {
        self.0.join("cgroup")
    }

    fn variable(&self) -> String {
        format!("CGPROC_CGROUP={}", self.cgroup().display())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a supervised program to its end; taking a minute means that it hangs.
fn fate(program: &[&str]) -> Output {
    let mut command = std::process::Command::new("timeout");
    command.args(["-k", "2", "60"]).arg(bed::command()).args(["run", "--static"]).args(LIMITS).arg("--").args(program);
    command.env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").stdin(Stdio::null());
    command.output().expect("cgproc")
}

/// The total that busybox reads when started by these words.
fn total_under(words: &[&str]) -> String {
    let busybox = busybox();
    let output = fate(&[words, &[&busybox, "awk", "/^MemTotal:/ {print $2}", "/proc/meminfo"]].concat());
    assert!(output.status.success(), "{words:?}: {}", err(&output));
    out(&output).trim().to_owned()
}

#[test]
fn cgroups_are_named_by_those_who_have_our_rights_and_our_files() {
    let place = Place::new();
    let named = ["env", &place.variable()];
    assert_eq!(total_under(&named), "65536", "root's program may name one");
    for words in [
        &AS_GUEST[..],
        &["setpriv", "--inh-caps=-all", "--bounding-set=-sys_admin"],
        &["unshare", "--user", "--map-root-user"],
        &["unshare", "--mount"],
    ] {
        assert_eq!(total_under(&[words, &named].concat()), KIB.to_string(), "{words:?}");
    }
}

#[test]
fn a_file_that_is_roots_alone_stays_so() {
    let place = Place::new();
    for name in ["cpu", "memory", "io"] {
        symlink(place.secret(), place.cgroup().join(format!("{name}.pressure"))).expect("a link");
    }
    let (variable, busybox) = (place.variable(), busybox());
    let files = ["/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io"];
    for words in [&AS_GUEST[..], &[]] {
        let output = fate(&[words, &["env", &variable, &busybox, "cat"], &files].concat());
        assert!(!out(&output).contains("roots own"), "{words:?}: {}", out(&output));
        assert_ne!(output.status.code(), Some(124), "{words:?}: it hangs");
    }
    // The same through a hard link, for a program of root's.
    fs::remove_file(place.cgroup().join("memory.pressure")).expect("removed");
    fs::hard_link(place.secret(), place.cgroup().join("memory.pressure")).expect("another name");
    let output = fate(&["env", &variable, &busybox, "cat", "/proc/pressure/memory"]);
    assert!(!out(&output).contains("roots own"), "{}", out(&output));
}

#[test]
fn what_never_ends_is_not_waited_for() {
    for (kind, script) in [
        ("a pipe", "for n in memory.pressure memory.max memory.stat; do rm -f $n; mkfifo $n; done"),
        ("zeros", "for n in memory.pressure memory.max memory.stat; do rm -f $n; ln -s /dev/zero $n; done"),
        ("a long file", "for n in memory.pressure memory.max memory.stat; do rm -f $n; truncate -s 3G $n; done"),
    ] {
        let place = Place::new();
        bed::sh(&format!("cd {}; {script}", place.cgroup().display()));
        // Root's program names the directory. The program after it is root's too, but names nothing.
        let program = format!(
            "{} {2} cat /proc/pressure/memory /proc/meminfo >/dev/null 2>&1; {} awk '/^MemTotal:/ {{print $2}}' /proc/meminfo",
            place.variable(),
            busybox(),
            busybox()
        );
        let output = fate(&["sh", "-c", &program]);
        assert_eq!((out(&output).trim(), output.status.code()), (&*KIB.to_string(), Some(0)), "{kind}: {output:?}");
    }
}

#[test]
fn an_environment_of_any_size_takes_no_room() {
    const MIB: u64 = 1024;
    let (guest, mib) = (compiled("guest"), MIB.to_string());
    let program = [&["run", "--static"], &LIMITS[..], &["--", &guest, "environment", &mib]].concat();
    let mut run = Started::new(cgproc(&program).stdin(Stdio::piped()).stdout(Stdio::piped()));
    let line = run.line();
    assert_eq!(bed::figure(&line, "MemTotal:"), Some(KIB), "{line}");
    let status = |pid: i32| fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let all = supervisors(run.pid()).into_iter().map(|pid| bed::figure(&status(pid), "VmHWM:").expect("VmHWM"));
    let most_kib: u64 = all.sum();
    assert!(most_kib < (MIB << 10) / 8, "{most_kib} kB for an environment of {MIB} MiB");
    run.0.stdin.take().expect("a pipe").write_all(b"\n").expect("written");
    assert!(run.ended().success());
}

/// Notices when somebody opens a file.
struct Watch(rustix::fd::OwnedFd);

impl Watch {
    fn on(path: &Path) -> Self {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).expect("inotify");
        inotify::add_watch(&watch, path, inotify::WatchFlags::OPEN).expect("a watch");
        Self(watch)
    }

    fn has_seen(&self) -> bool {
        let mut room = [MaybeUninit::uninit(); 512];
        inotify::Reader::new(&self.0, &mut room).next().is_ok()
    }
}

#[test]
fn what_is_none_of_ours_is_not_opened() {
    let place = Place::new();
    fs::copy(compiled("guest"), place.0.join("guest")).expect("a copy");
    let watch = Watch::on(&place.secret());
    fs::read(place.secret()).expect("read");
    assert!(watch.has_seen(), "the watch sees");
    // In the user's own root, a file with a name like an answer's.
    let script = format!(
        "set -e; mount -t tmpfs none /mnt; cd /mnt; mkdir -p old 'memfd:/proc'; cp {0}/guest .; \
         : >'memfd:/proc/meminfo (deleted)'; mount --bind {0}/secret 'memfd:/proc/meminfo (deleted)'; \
         pivot_root . old; exec /guest seeks '/memfd:/proc/meminfo (deleted)'",
        place.0.display()
    );
    let output = fate(&[&AS_GUEST[..], &["unshare", "-Urm", "sh", "-c", &script]].concat());
    assert_eq!(out(&output), "sought\n", "{output:?}");
    assert!(!watch.has_seen(), "opened by an answer's name");
    let board = format!("CGPROC_BOARD={}", place.secret().display());
    let output = fate(&[&AS_GUEST[..], &["env", &board, &busybox(), "cat", "/proc/loadavg"]].concat());
    assert!(output.status.success(), "{}", err(&output));
    assert!(!watch.has_seen(), "opened as a board");
}

/// PROGRAM's output after guests have made `number` calls with memory whose bytes take `msec`, or never come (0).
fn after_calls(call: &str, number: u32, msec: u32, program: &[&str]) -> String {
    let mount = tempfile();
    fs::create_dir(&mount).expect("a directory");
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "timeout", "-k", "2", "60"]).arg(bed::command()).args(["run", "--static"]).args(LIMITS);
    let numbers = [GUEST, number, msec].map(|it| it.to_string());
    command.arg("--").arg(compiled("keeps-back")).arg(&mount).arg(call).args(numbers).args(program);
    command.env("CGPROC_OBJECT", bed::object()).env_remove("LD_PRELOAD").stdin(Stdio::null());
    let output = command.output().expect("cgproc");
    fs::remove_dir(&mount).expect("removed");
    assert!(output.status.success(), "{call}: {output:?}");
    out(&output)
}

#[test]
fn who_keeps_his_memory_back_holds_nobody_up() {
    let busybox = busybox();
    let total = [&busybox, "awk", "/^MemTotal:/ {print $2}", "/proc/meminfo"];
    for call in ["path", "how", "figures", "mask"] {
        assert_eq!(after_calls(call, 1, 0, &total).trim(), KIB.to_string(), "{call}");
    }
}

#[test]
fn who_does_that_again_and_again_is_not_looked_at() {
    let total = format!("{} awk '/^MemTotal:/ {{print $2}}' /proc/meminfo", busybox());
    let as_guest = format!("{} {total}", AS_GUEST.join(" "));
    let as_another = as_guest.replace(&GUEST.to_string(), "12346");
    let seen = format!("{KIB}\n{KIB}\n{KIB}\n");
    let out = format!("{KIB}\n{}\n{KIB}\n", machines_kib());
    let script = format!("{total}; {as_guest}; {as_another}");
    // Twenty seconds of waiting are tolerated; a call whose bytes never come counts two.
    let trials = [(9, 0, &seen), (11, 0, &out), (30, 800, &out)];
    std::thread::scope(|scope| {
        let told = trials.map(|(number, msec, expected)| {
            let script = &script;
            let told = scope.spawn(move || after_calls("path", number, msec, &["/bin/sh", "-c", script]));
            (number, msec, expected, told)
        });
        for (number, msec, expected, told) in told {
            let told = told.join().expect("what it said");
            assert_eq!(&told, expected, "{number} calls of {msec} ms: root, the guest, another");
        }
    });
}

#[test]
fn what_open_answers_take_has_a_budget() {
    const BUDGET_BYTES: u64 = 32 << 20;
    let count = 12_000;
    let text = told(&LIMITS, &[&compiled("guest"), "holds", &count.to_string(), "/proc/vmstat"]);
    let said = |name: &str| bed::figure(&text, name).unwrap_or_else(|| panic!("{name}: {text}"));
    assert_eq!(said("opened"), count, "the others are the kernel's own");
    // At least a page for each.
    assert!((1000..BUDGET_BYTES / 4096).contains(&said("answered")), "{text}");
    assert_eq!(said("then"), 1, "once they are closed");
}

#[test]
fn answers_have_the_programs_limits() {
    let limits = ["--memory", "300M", "--cpus", "0.5", "--pids", "40"];
    let busybox = busybox();
    let waits = [&["run", "--static"], &limits[..], &["--", &busybox, "cat"]].concat();
    let mut run = Started::new(cgproc(&waits).stdin(Stdio::piped()));
    let answers = who_answers(run.pid());
    let of = |controller: &str, pid: i32, file: &str| {
        let memberships = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its cgroups");
        let path = directory(controller, &memberships).join(file);
        (fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())), path)
    };
    let [memory, cpu, tasks] = match bed::version() {
        Version::V1 => ["memory.limit_in_bytes", "cpu.cfs_quota_us", "tasks"],
        Version::V2 => ["memory.max", "cpu.max", "cgroup.threads"],
    };
    let program = || children(run.pid()).into_iter().find(|pid| comm(*pid) == "busybox");
    bed::until("the program", || program().is_some());
    let program = program().expect("the program");
    bed::until("its place", || of("memory", answers, tasks).0.lines().any(|line| line == answers.to_string()));
    let ((quota, theirs), (its_quota, own)) = (of("cpu", answers, cpu), of("cpu", program, cpu));
    assert_eq!(quota, its_quota);
    assert_ne!(theirs, own, "one limit for both would be smaller than what was asked for");
    assert_eq!(of("memory", answers, memory).0.trim(), (32 << 20).to_string());
    assert_eq!(of("pids", program, "pids.current").0.trim(), "1", "it is not one of the program's processes");
    let name = format!("cgproc-run-{}", run.pid());
    let rows = out(&cgproc(&["top", "-b", "-n", "1", "--filter", &name]).output().expect("top"));
    let names = rows.lines().filter_map(|row| row.split_whitespace().next());
    // On version 1, a row for each path that it has in the hierarchies.
    let named: BTreeSet<_> = names.filter(|it| *it == name || it.starts_with(&format!("{name}-"))).collect();
    assert_eq!(named, BTreeSet::from([name.as_str()]), "the program's is a row, that of its answers is none: {rows}");
    drop(run.0.stdin.take());
    assert!(run.ended().success());
    assert!(!theirs.exists() && !own.exists(), "both are gone with it");
}

#[test]
fn memory_that_may_not_be_written_is_not() {
    let guest = compiled("guest");
    let native = std::process::Command::new(&guest).arg("protected").output().expect("guest");
    let native = out(&native);
    assert_eq!(native.matches("Bad address as it was").count(), 6, "{native}");
    assert_eq!(told(&LIMITS, &[&guest, "protected"]), native);
}

#[test]
fn an_answer_is_composed_again_for_who_asked_alone() {
    let (place, busybox, kib) = (Place::new(), busybox(), KIB.to_string());
    let guest = place.0.join("guest");
    let copied = std::process::Command::new("install").args(["-m755", &compiled("guest")]).arg(&guest).status();
    assert!(copied.expect("install").success());
    // After the clock tick in which it was composed, and through an inherited descriptor. busybox has its own setpriv.
    let again = format!("sleep 0.2; /usr/bin/env {{}} CGPROC_MEMORY=64M {} seeks /proc/self/fd/3", guest.display());
    let script = |by: &str| {
        let again = again.replace("{}", by);
        format!("exec 3</proc/meminfo; {again}; {busybox} stat -Lc %u /proc/self/fd/3; {busybox} cat <&3")
    };
    let told = |words: &[&str], by: &str| {
        let output = fate(&[words, &[&busybox, "sh", "-c", &script(by)]].concat());
        assert!(output.status.success(), "{by}: {output:?}");
        let text = out(&output);
        let owner = text.lines().nth(1).expect("a line").to_owned();
        (owner, bed::figure(&text, "MemTotal:").expect("MemTotal").to_string())
    };
    assert_eq!(
        told(&[], &[&AS_GUEST.join(" "), " env"].concat()),
        ("0".into(), kib),
        "root's, and a guest inherits it"
    );
    for (words, owner) in [(&[][..], "0"), (&AS_GUEST, "12345")] {
        assert_eq!(told(words, ""), (owner.into(), "65536".into()), "one's own");
    }
}
