//! What looking costs: `cgproc top` and a scrape of the metrics, over 10, 100 and 1,000 cgroups. CPU time is the
//! commands' own, as the kernel counts it; each figure is the median of several.

use crate::{
    bed,
    boards::Sampler,
    figures,
    groups::Group,
    length,
    processes::{Place, sleep},
};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How often each is measured.
fn times() -> usize {
    length::of(3, 7)
}

/// How many more looks one of two runs of top has than the other.
const LOOKS: u32 = 10;

/// Longer than an exporter answers with what it has.
const BETWEEN_SCRAPES: f64 = 1.3;

pub(crate) fn run() {
    for count in length::of(vec![10, 1000], vec![10, 100, 1000, 10_000]) {
        let top = Group::new();
        let engine = top.below("docker");
        let groups: Vec<Group> = (0..count).map(|index| engine.below(&format!("{index:064x}"))).collect();
        let place = Place::new();
        let sampler = Sampler::start(&place, &["--metrics", "0"]);
        let board = place.board();
        let row = format!("{count} cgroups");
        let tell = |column: &str, value: f64| figures::tell_one("stats", &row, column, value);
        tell("a look", median(|| a_look(&board)));
        tell("until the first table", median(|| milliseconds(started(&board).0)));
        tell("its CPU time", median(|| milliseconds(started(&board).1)));
        tell(
            "cgproc metrics",
            median(|| milliseconds(cpu_of(cgproc(&board, &["metrics", "--max-series", "1000000"])))),
        );
        tell("a scrape", a_scrape(&sampler));
        sampler.end(libc::SIGTERM);
        drop(groups);
    }
}

fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let mut all: Vec<f64> = (0..times()).map(|_| measure()).collect();
    all.sort_by(f64::total_cmp);
    all[times() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn cgproc(board: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(bed::command());
    command.args(arguments).arg("--board").arg(board).env_remove("LD_PRELOAD").stdin(Stdio::null());
    command
}

/// The CPU time of a command until it ends.
fn cpu_of(mut command: Command) -> Duration {
    let before = childrens_time();
    let status = command.stdout(Stdio::null()).status().expect("cgproc");
    assert!(status.success(), "{status}");
    childrens_time() - before
}

/// The CPU time of children that have ended.
fn childrens_time() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` has room for the structure, which the call fills, and is valid when it is all zero.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let time = |it: libc::timeval| {
        Duration::new(it.tv_sec.unsigned_abs(), u32::try_from(it.tv_usec * 1000).expect("less than a second"))
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// What one more look costs: the difference of two runs.
fn a_look(board: &Path) -> f64 {
    let looks = |count: u32| {
        let count = count.to_string();
        cpu_of(cgproc(board, &["top", "-b", "-d", "0.1", "-n", &count]))
    };
    let (few, many) = (looks(2), looks(2 + LOOKS));
    milliseconds(many.saturating_sub(few)) / f64::from(LOOKS)
}

/// The time until the first line of a table, and the CPU time of a `top` of one table.
fn started(board: &Path) -> (Duration, Duration) {
    let before = childrens_time();
    let begun = Instant::now();
    let mut child = cgproc(board, &["top", "-b", "-n", "1"]).stdout(Stdio::piped()).spawn().expect("cgproc");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut String::new()).expect("a line");
    let elapsed = begun.elapsed();
    output.read_to_end(&mut Vec::new()).expect("the rest");
    assert!(child.wait().expect("its status").success());
    (elapsed, childrens_time() - before)
}

/// The CPU time of a scrape: what a sampler uses while it is scraped, without what it uses alone.
fn a_scrape(sampler: &Sampler) -> f64 {
    let log = sampler.log();
    let address = log.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    let used = |act: &dyn Fn()| {
        let before = ticks(sampler.process.pid());
        for _ in 0..times() {
            act();
            sleep(BETWEEN_SCRAPES);
        }
        (ticks(sampler.process.pid()) - before) as f64 * 10.0 / times() as f64
    };
    scrape(address);
    let alone = used(&|| {});
    used(&|| scrape(address)) - alone
}

fn scrape(address: &str) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

/// The CPU time of a process, in hundredths of a second.
fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("its stat");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    [11, 12].iter().map(|index| fields[*index].parse::<u64>().expect("ticks")).sum()
}
