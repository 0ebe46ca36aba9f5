//! The sampler as a service: its end and next start, a second one, and what it reports to whoever started it.

use crate::{
    bed::{self, Findings},
    boards::{Sampler, load, published_usec, sampler, slot},
    groups::{Group, load_key},
    harness::{AWAIT_GO, FREE, Running, busy},
    processes::{PATIENCE, Place, now_usec, until},
};
use calc::{board::Block, load::averages_after};
use std::{
    fmt, fs,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::{MetadataExt as _, PermissionsExt as _},
            net::{SocketAddr, UnixDatagram},
        },
    },
    process::{Command, Output},
};

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn averages_outlive_the_sampler() {
    bed::log_machine();
    let mut findings = Findings::default();
    let place = Place::new();
    let group = Group::new();
    let _busy = busy(4, 0, Some(&group));
    let key = load_key(&group.path).expect("a key");
    let mut process = Sampler::start(&place, &[]);
    let mut rounds = vec![(libc::SIGTERM, 1400), (libc::SIGKILL, 800)];
    while let Some((signal, least)) = rounds.pop() {
        let one = || load(&place.board(), key).map_or(0, |load| load.averages[0]);
        until("an average", || one() > least);
        let last = slot(&place.board(), key);
        let status = process.end(signal);
        let right = status.success() == (signal == libc::SIGTERM);
        findings.check(right, || format!("{status} after signal {signal}"));
        let before = slot(&place.board(), key);
        if before.is_none() && last.is_none_or(|last| last.published().void_after_usec <= now_usec()) {
            // We came too late: nobody believes it any more.
            rounds.push((signal, least));
            process = Sampler::start(&place, &[]);
            continue;
        }
        findings.check(before.is_some(), || format!("nothing to be believed after signal {signal}"));
        process = Sampler::start(&place, &[]);
        until("the load is counted again", || load(&place.board(), key).is_some_and(|load| load.running == 4));
        let after = slot(&place.board(), key);
        // The load continues: no average has fallen, or risen by more than the ticks between the two allow.
        let both = before.zip(after).map(|(before, after)| Restart { before, after });
        findings.check(both.as_ref().is_some_and(Restart::has_grown), || format!("signal {signal}: {both:?}"));
        findings.check(both.as_ref().is_some_and(Restart::is_bounded), || format!("signal {signal}: {both:?}"));
    }
    findings.conclude("restarts");
}

/// What was published about four running threads, before and after a restart.
struct Restart {
    before: Block,
    after: Block,
}

impl Restart {
    fn averages(&self) -> [[u32; 3]; 2] {
        [&self.before, &self.after].map(|slot| slot.load().map_or([0; 3], |load| load.averages))
    }

    fn usec(&self) -> u64 {
        self.after.published().realtime_usec - self.before.published().realtime_usec
    }

    fn has_grown(&self) -> bool {
        let [before, after] = self.averages();
        before[0] > 0 && (0..3).all(|at| before[at] <= after[at])
    }

    fn is_bounded(&self) -> bool {
        let [before, after] = self.averages();
        let ticks = u32::try_from(self.usec() / 5_000_000 + 1).expect("ticks");
        let most = (0..ticks).fold(before, |averages, _| averages_after(averages, 4, 1));
        (0..3).all(|at| after[at] <= most[at])
    }
}

impl fmt::Debug for Restart {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{:?} in {} us", self.averages(), self.usec())
    }
}

#[test]
fn a_second_sampler_is_refused() {
    let place = Place::new();
    let first = Sampler::start(&place, &[]);
    let second = sampler(&place.board(), &[]).output().expect("cgproc");
    println!("{}", err(&second).trim());
    assert!(!second.status.success(), "two samplers on one board");
    assert!(err(&second).starts_with("cgproc: "), "{}", err(&second));
    assert!(err(&second).contains(&*place.board().to_string_lossy()), "{}", err(&second));
    assert_eq!(err(&second).lines().count(), 1, "{}", err(&second));
    let begun = now_usec();
    until("the first one continues", || published_usec(&place.board()).is_some_and(|moment| moment > begun));
    assert!(first.end(libc::SIGTERM).success());
}

#[test]
fn once_is_one_publication() {
    let place = Place::new();
    let group = Group::new();
    let _busy = busy(2, 1, Some(&group));
    let key = load_key(&group.path).expect("a key");
    let counted = || {
        let output = sampler(&place.board(), &["--once"]).output().expect("cgproc");
        assert!(output.status.success(), "{}", err(&output));
        load(&place.board(), key).is_some_and(|load| (load.running, load.blocked) == (2, 1) && load.threads >= 5)
    };
    // The first sample may not find all threads yet.
    until("the threads are counted", counted);
    let file = fs::metadata(place.board()).expect("the board");
    assert_eq!(file.mode() & 0o7777, 0o644, "who may read and write the board");
    assert!(slot(&place.board(), key).is_some_and(|slot| slot.published().void_after_usec > now_usec()));
}

#[test]
fn whoever_started_it_is_told() {
    let place = Place::new();
    let path = place.file("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    is_told(&place, &socket, &path.to_string_lossy());
}

#[test]
fn whoever_started_it_is_told_by_an_abstract_socket() {
    let place = Place::new();
    let name = format!("cgproc-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    is_told(&place, &UnixDatagram::bind_addr(&address).expect("a socket"), &format!("@{name}"));
}

fn is_told(place: &Place, socket: &UnixDatagram, address: &str) {
    socket.set_read_timeout(Some(PATIENCE)).expect("a time");
    let mut command = sampler(&place.board(), &[]);
    command.env("NOTIFY_SOCKET", address);
    let sampler = Sampler::start_by(place, command);
    wait_for("READY=1", socket);
    assert!(published_usec(&place.board()).is_some(), "ready before it has published");
    sampler.process.signal(libc::SIGTERM);
    wait_for("STOPPING=1", socket);
}

fn wait_for(state: &str, socket: &UnixDatagram) {
    let mut text = [0; 4096];
    loop {
        let count = socket.recv(&mut text).unwrap_or_else(|e| panic!("{state}: {e}"));
        let said = String::from_utf8_lossy(&text[..count]);
        if said.lines().any(|line| line == state) {
            return;
        }
    }
}

#[test]
fn what_it_cannot_do_is_said() {
    let place = Place::new();
    let command = place.file("cgproc");
    assert!(
        Command::new("install").arg("-m755").args([&bed::command(), &command]).status().expect("install").success()
    );
    let missing = place.file("missing").join("deeper").join("board");
    let plain = place.file("plain");
    fs::write(&plain, "no directory").expect("a file");
    fs::set_permissions(place.file(""), fs::Permissions::from_mode(0o755)).expect("readable");
    let mut unprivileged = Command::new("setpriv");
    unprivileged.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]).arg(&command);
    unprivileged.args(["sampler", "--once", "--board"]).arg(place.board());
    let cases = [
        ("a file in the way", sampler(&plain.join("board"), &["--once"]), plain.clone()),
        ("no right to write", unprivileged, place.board().with_file_name("")),
        ("no interval", sampler(&missing, &["--interval", "0"]), "interval".into()),
    ];
    for (name, mut command, named) in cases {
        let output = command.output().expect("cgproc");
        println!("{name}: {}", err(&output).trim());
        assert!(!output.status.success(), "{name}: succeeded");
        assert!(err(&output).contains(named.to_string_lossy().trim_end_matches('/')), "{name}: {}", err(&output));
    }
}

/// A container goes, and its number may be reused: its slot is given up at once.
#[test]
fn a_slot_is_given_up_with_its_cgroup() {
    let place = Place::new();
    let _sampler = Sampler::start(&place, &["--interval", "1"]);
    let container = Running::start(&FREE, &place, AWAIT_GO, bed::PATIENCE_SEC);
    let key = container.key();
    until("a slot", || slot(&place.board(), key).is_some());
    container.go();
    container.whole();
    until("no slot", || slot(&place.board(), key).is_none());
}
