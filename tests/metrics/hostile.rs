//! Clients that mean no good, and cgroups that come and go: the sampler publishes, others are answered, memory is bounded.

use crate::{
    bed::{self, Findings},
    boards::{self, published_usec},
    exporter::{Exporter, value},
    groups::Group,
    processes::{Place, until},
};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// What hostile clients may cost in all, in KiB: texts, connections and their buffers.
const MOST_KIB: u64 = 16 << 10;

/// Other tests make cgroups too, so the text is bounded.
const OPTIONS: [&str; 4] = ["--interval", "0.2", "--metrics-cgroups=all", "--metrics-max-series=2000"];

/// Lets this process have as many descriptors as it may: other tests of it need some too.
fn raise_descriptors() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a limit that outlives them.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}

/// Opens connections until it cannot, begins on each what `words` says, and reads nothing.
fn crowd(address: SocketAddr, count: usize, words: &[&[u8]]) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for index in 0..count {
        let Ok(mut stream) = TcpStream::connect(address) else { continue };
        stream.set_nonblocking(true).expect("a mode");
        let _ = stream.write(words[index % words.len()]);
        crowd.push(stream);
    }
    crowd
}

/// Ends what goes on meanwhile, also if a check fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How many of a process's descriptors are sockets.
fn sockets(pid: i32) -> usize {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    let targets = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

#[test]
fn a_thousand_connections_keep_nobody_waiting() {
    raise_descriptors();
    let mut findings = Findings::default();
    let exporter = Exporter::start(&OPTIONS);
    let pid = exporter.sampler.process.pid();
    let answered = || exporter.get("/metrics", "").status == 200;
    assert!(answered());
    let (before, memory) = (sockets(pid), bed::status_figure(pid, "VmHWM:"));
    let long = vec![b'x'; 1 << 20];
    let headers = [&b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: "[..], &long].concat();
    let kinds: [&[u8]; 6] = [
        b"",
        b"GET /met",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\nx",
        b"\x16\x03\x01",
        &headers,
    ];
    let mut open = Vec::new();
    for _ in 0..4 {
        open.extend(crowd(exporter.address, 250, &kinds));
        let begun = published_usec(&exporter.place.board());
        until("the sampler publishes", || published_usec(&exporter.place.board()) > begun);
        let counted = sockets(pid);
        findings.check(counted <= before + 80, || format!("{counted} sockets, before {before}"));
        findings.check(answered(), || "a good client is not answered".to_owned());
    }
    let most = bed::status_figure(pid, "VmHWM:");
    findings.check(most < memory + MOST_KIB, || format!("{most} KiB, before {memory}"));
    println!("{} connections: at most {most} KiB, before {memory}", open.len());
    drop(open);
    until("they are gone", || sockets(pid) <= before + 5);
    findings.conclude("a thousand connections");
}

/// The sampler keeps files open, as many as it may: clients take none of those that a sample needs.
#[test]
fn clients_leave_the_sampler_its_descriptors() {
    const MOST: &str = "--nofile=400:400";
    let place = Place::new();
    let groups: Vec<Group> = (0..100).map(|_| Group::new()).collect();
    let sampler = boards::sampler(&place.board(), &[&["--metrics", "0"][..], &OPTIONS].concat());
    let mut bounded = Command::new("prlimit");
    bounded.arg(MOST).arg(sampler.get_program()).args(sampler.get_args());
    bounded.env_remove("LD_PRELOAD").env_remove("CGPROC_BOARD");
    let exporter = Exporter::started(bounded, place);
    exporter.has("cgproc_threads", &groups[0].path);
    let another = Group::new();
    let is_found = || {
        // Each time a new crowd, since each connection has its time.
        let crowd = crowd(exporter.address, 64, &[b""]);
        let answer = exporter.get("/metrics", "");
        drop(crowd);
        answer.status == 200 && value(&answer.body, "cgproc_load1", &another.path).is_some()
    };
    bed::until_but("a new cgroup is found", is_found, || exporter.sampler.log());
}

/// Clients that ask again and again, and read slowly or not at all.
#[test]
fn slow_readers_hold_no_texts() {
    let exporter = Exporter::start(&OPTIONS);
    let _groups: Vec<Group> = (0..20).map(|_| Group::new()).collect();
    let pid = exporter.sampler.process.pid();
    assert!(exporter.text().contains("\ncgproc_cgroups "));
    let memory = bed::status_figure(pid, "VmHWM:");
    let requests: [&[u8]; 2] = [
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n",
    ];
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let ending = Ending(&is_over);
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for mut stream in crowd(exporter.address, 30, &requests) {
                        let _ = stream.read(&mut [0; 100]);
                    }
                }
            });
        }
        for _ in 0..5 {
            let begun = published_usec(&exporter.place.board());
            until("the sampler publishes", || published_usec(&exporter.place.board()) > begun);
            until("a good client is answered", || {
                exporter.ask("GET / HTTP/1.0\r\n\r\n").is_ok_and(|it| it.status == 200)
            });
        }
        drop(ending);
    });
    let most = bed::status_figure(pid, "VmHWM:");
    assert!(most < memory + MOST_KIB, "{most} KiB, before {memory}");
}

/// `CGPROC_SCRAPES`: how many, and then how late the samples were, which nothing here judges.
#[test]
fn scrapes_while_cgroups_come_and_go_cost_no_memory() {
    let scrapes: u64 = std::env::var("CGPROC_SCRAPES").map_or(300, |it| it.parse().expect("a number"));
    let exporter = Exporter::start(&["--interval", "0.5", "--metrics-cgroups=all", "--metrics-max-series=5000"]);
    let pid = exporter.sampler.process.pid();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let ending = Ending(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let groups: Vec<Group> = (0..10).map(|_| Group::new()).collect();
                let inner = groups[0].below("inner");
                drop(inner);
            }
        });
        let late = scope.spawn(|| lateness_usec(&exporter, &is_over));
        let mut resident = Vec::new();
        for index in 0..scrapes {
            assert!(exporter.text().contains("\ncgproc_cgroups "));
            if index == scrapes / 4 || index + 1 == scrapes {
                resident.push(bed::status_figure(pid, "VmRSS:"));
            }
        }
        drop(ending);
        let mut late = late.join().expect("the board's times");
        late.sort_unstable();
        println!(
            "{scrapes} scrapes: resident {resident:?} KiB; {} samples, the latest ones by {:?} us",
            late.len(),
            late.iter().rev().take(5).collect::<Vec<_>>()
        );
        assert!(resident[1] < resident[0] + 4096, "{resident:?} KiB");
    });
}

/// By how much each publication came later than the interval after the one before.
fn lateness_usec(exporter: &Exporter, is_over: &AtomicBool) -> Vec<u64> {
    const INTERVAL_USEC: u64 = 500_000;
    let (mut late, mut last) = (Vec::new(), None);
    while !is_over.load(Ordering::Relaxed) {
        let now = published_usec(&exporter.place.board());
        if let (Some(before), Some(now)) = (last, now)
            && now > before
        {
            late.push((now - before).saturating_sub(INTERVAL_USEC));
        }
        last = now.or(last);
        crate::processes::sleep(0.005);
    }
    late
}
