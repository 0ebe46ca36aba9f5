//! Programs in circumstances in which a preloaded library may do harm.

use crate::{
    Programs, both, built,
    listener::{Listener, command, faults, listen, text},
    succeed,
};
use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, net::UnixDatagram},
    path::{Path, PathBuf},
    process::Command,
};
use witness_event::{Event, LONGEST, Moment};

/// Runs `asks WAY`, which judges by itself whether all was as it would be without the witness.
fn ask(way: &str) -> Vec<Event<'static>> {
    let (output, events) = listen(Programs::get().path("asks"), &[way], &both());
    assert!(output.status.success(), "{way}: {}: {}", output.status, text(&output.stderr));
    assert_eq!(faults(&events), Vec::<String>::new(), "{way}");
    events
}

fn pids_that_opened_meminfo(events: &[Event]) -> BTreeSet<i32> {
    let opened = |event: &&Event| event.moment == Moment::Leave && *event.argument == *b"/proc/meminfo";
    events.iter().filter(opened).map(|event| event.pid).collect()
}

#[test]
fn a_hundred_forked_children_are_seen() {
    assert_eq!(pids_that_opened_meminfo(&ask("forks")).len(), 101);
}

#[test]
fn a_hundred_vforked_children_are_seen() {
    assert_eq!(pids_that_opened_meminfo(&ask("vforks")).len(), 101);
}

#[test]
fn descriptors_have_the_numbers_that_they_would_have() {
    ask("descriptors");
}

#[test]
fn results_and_errors_are_unchanged() {
    let events = ask("errors");
    let failed = |event: &&Event| event.outcome.as_ref().is_some_and(|outcome| outcome.errno == libc_enoent());
    assert_eq!(events.iter().filter(failed).count(), 2, "{events:#?}");
}

fn libc_enoent() -> i32 {
    std::io::Error::from(std::io::ErrorKind::NotFound).raw_os_error().unwrap_or(2)
}

#[test]
fn signal_handlers_on_small_stacks_are_seen() {
    assert!(ask("handlers").len() > 200);
}

#[test]
fn threads_are_seen() {
    let events = ask("threads");
    let tids: BTreeSet<i32> =
        events.iter().filter(|event| event.moment == Moment::Leave).map(|event| event.tid).collect();
    assert_eq!(tids.len(), 8);
    assert_eq!(events.iter().filter(|event| event.moment == Moment::Leave).count(), 8 * 200);
}

#[test]
fn a_sandbox_is_told_of_and_then_respected() {
    let events = ask("sandbox");
    let moments: Vec<Moment> = events.iter().map(|event| event.moment).collect();
    assert_eq!(moments, [Moment::Start, Moment::Enter, Moment::Leave, Moment::Unfit], "{events:#?}");
}

/// The witness alone: what the library does about sandboxes is its own tests' matter.
#[test]
fn a_sandbox_that_allows_little_kills_nobody_for_the_witness() {
    let (output, events) = listen(Programs::get().path("asks"), &["allows"], &[built("libcgproc_witness.so")]);
    assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
    let last = events.last().expect("events");
    assert_eq!((last.moment, &*last.function), (Moment::Unfit, &b""[..]), "all functions: {events:#?}");
}

#[test]
fn paths_are_told_as_the_kernel_takes_them() {
    let entered = |event: &&Event| event.moment == Moment::Enter;
    let asked: Vec<String> = ask("relative").iter().filter(entered).map(|event| text(&event.argument)).collect();
    let cpus = "/sys/devices/system/cpu";
    let online = format!("{cpus}/online");
    assert_eq!(asked, ["/proc/meminfo", "/proc/uptime", cpus, &online, "/proc/loadavg", "/proc/stat"]);
}

#[test]
fn entries_of_a_directory_are_counted() {
    let directory = "/sys/devices/system/cpu";
    let (_, events) = listen("ls", &["-a", directory], &[built("libcgproc_witness.so")]);
    assert_eq!(faults(&events), Vec::<String>::new());
    let end = events.iter().find(|event| *event.function == *b"readdir" && event.outcome.is_some()).expect("the end");
    // With the directory itself and the one above.
    let expected = fs::read_dir(directory).expect("the directory").count() + 2;
    let got = text(&end.outcome.as_ref().expect("it has one").got);
    assert_eq!((text(&end.argument), got), (directory.to_owned(), format!("entries={expected}")));
}

#[test]
fn the_kernels_own_file_is_told_as_such() {
    let (_, events) = listen(Programs::get().path("asks"), &["look"], &[built("libcgproc_witness.so")]);
    let got = events.iter().find_map(|event| event.outcome.as_ref()).expect("an outcome").got.clone();
    assert_eq!(text(&got), "/proc/meminfo");
}

/// Its callers wait while it asks about the machine: a hook that allocates would wait for itself.
#[test]
fn allocators_may_ask() {
    let library = |name: &str| PathBuf::from("/usr/lib").join(format!("{}-linux-gnu/{name}", std::env::consts::ARCH));
    let allocators = [
        Programs::get().path("own-malloc.so"),
        library("libjemalloc.so.2"),
        library("libtcmalloc_minimal.so.4"),
        library("libmimalloc.so.2.0"),
    ];
    for allocator in allocators {
        assert!(allocator.exists(), "{} is missing", allocator.display());
        for place in 0..3 {
            let mut objects = both();
            objects.insert(place, allocator.clone());
            for program in ["free", "sort"] {
                let (output, events) = listen(program, &["--version"], &objects);
                assert!(output.status.success(), "{objects:?}: {program}: {}", output.status);
                assert_eq!(faults(&events), Vec::<String>::new(), "{objects:?}: {program}");
                let start = events.iter().filter(|event| event.moment == Moment::Start).count();
                assert_eq!(start, 1, "{objects:?}: {program}");
            }
            let (output, events) = listen("free", &[], &objects);
            assert!(output.status.success(), "{objects:?}: {}", text(&output.stderr));
            assert_eq!(pids_that_opened_meminfo(&events).len(), 1, "{objects:?}");
        }
    }
}

#[test]
fn static_programs_are_not_seen() {
    let (output, events) = listen(Programs::get().path("asks-static"), &["look"], &both());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(events, []);
}

/// musl's loader ends a program whose preloaded library it cannot load, but not if the library is missing, and it takes
/// `$PLATFORM` as it stands there.
#[test]
fn programs_with_musl_are_not_seen_if_platform_is_in_the_path() {
    let programs = Programs::get();
    succeed(
        Command::new("musl-gcc")
            .args(["-O1", "-o"])
            .arg(programs.path("musl-looks"))
            .arg(crate::source("tests/musl-looks.c")),
    );
    let directory = tempfile::tempdir().expect("a directory");
    // What glibc may put there: packaging/layout.
    for platform in [std::env::consts::ARCH, "haswell", "xeon_phi"] {
        fs::create_dir(directory.path().join(platform)).expect("a directory");
        let link = directory.path().join(platform).join("libcgproc_witness.so");
        std::os::unix::fs::symlink(built("libcgproc_witness.so"), link).expect("a link");
    }
    let objects = [directory.path().join("$PLATFORM/libcgproc_witness.so"), built("libcgproc.so")];
    let (output, events) = listen("cat", &["/proc/meminfo"], &objects);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(pids_that_opened_meminfo(&events).len(), 1, "{events:#?}");
    let (output, events) = listen(programs.path("musl-looks"), &[], &objects);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let of_env = |event: &Event| event.comm.as_bytes() != b"musl-looks";
    assert!(events.iter().all(of_env), "{events:#?}");
}

/// The loader leaves the witness out, and an old one that does not is told nothing by the environment.
#[test]
fn programs_with_more_rights_than_their_user_are_not_seen() {
    let nobody = 65534;
    let program = Programs::get().path("asks-of-nobody");
    fs::copy(Programs::get().path("asks"), &program).expect("a copy");
    // The right to enter the directory, for whoever the program becomes.
    fs::set_permissions(program.parent().expect("a directory"), Permissions::from_mode(0o711)).expect("its mode");
    std::os::unix::fs::chown(&program, Some(nobody), Some(nobody)).expect("this test needs root");
    fs::set_permissions(&program, Permissions::from_mode(0o6755)).expect("its mode");
    let (output, events) = listen(&program, &["look"], &both());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(events, []);
}

#[test]
fn programs_that_become_another_user_are_seen() {
    let (output, events) =
        listen("setpriv", &["--reuid=65534", "--regid=65534", "--clear-groups", "cat", "/proc/meminfo"], &readable());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(pids_that_opened_meminfo(&events).len(), 1, "{events:#?}");
}

/// Copies that everybody may read.
fn readable() -> Vec<PathBuf> {
    let programs = Programs::get();
    fs::set_permissions(programs.directory.path(), Permissions::from_mode(0o711)).expect("its mode");
    let copy = |object: &PathBuf| {
        let to = programs.path("").join(object.file_name().expect("a name"));
        fs::copy(object, &to).expect("a copy");
        to
    };
    both().iter().map(copy).collect()
}

#[test]
fn without_a_reader_programs_run() {
    let program = Programs::get().path("asks");
    let away = Programs::get().path("no-such-socket");
    let long = Path::new("/").join("x".repeat(4000));
    for socket in [away.as_path(), Path::new(""), Path::new("/"), &long] {
        succeed(command(&program, &both(), socket.as_os_str()).arg("errors"));
    }
    succeed(Command::new("env").arg(format!("LD_PRELOAD={}", crate::preload(&both()))).arg(&program).arg("errors"));
}

/// A reader that does not read: the program goes on after a short wait, and the events that are missing are counted.
#[test]
fn a_full_queue_does_not_hold_a_program_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    // 1,600 calls: waiting for each would take the rest of the time that there is.
    succeed(command(Programs::get().path("asks"), &both(), path.as_os_str()).arg("threads"));
    socket.set_nonblocking(true).expect("no waiting");
    let mut datagram = [0; LONGEST];
    let mut queued = 0;
    while let Ok(len) = socket.recv(&mut datagram) {
        let event = Event::read(&datagram[..len]).expect("an event");
        assert_eq!(event.lost, 0, "the queue was never emptied: {event:?}");
        queued += 1;
    }
    assert!(queued > 0 && queued < 3200, "{queued} of 3,201 events fitted");
}

#[test]
fn lost_events_are_counted() {
    let listener = Listener::new();
    let script = "import os, sys\n\
                  away = sys.argv[1] + '.away'\n\
                  os.rename(sys.argv[1], away)\n\
                  for _ in range(3): open('/proc/meminfo').close()\n\
                  os.rename(away, sys.argv[1])\n\
                  child = os.fork()\n\
                  if child == 0: open('/proc/loadavg').close(); os._exit(0)\n\
                  os.waitpid(child, 0)\n\
                  open('/proc/uptime').close()\n";
    let path = listener.path();
    let output =
        command("python3", &both(), path.as_os_str()).args(["-c", script]).arg(&path).output().expect("python");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let events = listener.end();
    let next = events.iter().find(|event| event.argument.as_bytes() == b"/proc/uptime").expect("an event");
    assert_eq!(next.lost, 6, "{events:#?}");
    let childs = events.iter().filter(|event| event.argument.as_bytes() == b"/proc/loadavg");
    assert_eq!(childs.map(|event| event.lost).collect::<Vec<_>>(), [0, 0], "they are its parent's: {events:#?}");
}

/// Bytes of a field.
trait AsBytes {
    fn as_bytes(&self) -> &[u8];
}

impl AsBytes for std::borrow::Cow<'_, [u8]> {
    fn as_bytes(&self) -> &[u8] {
        std::ffi::OsStr::from_bytes(self).as_bytes()
    }
}
