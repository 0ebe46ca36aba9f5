//! Where the exporter listens, and what it says if it cannot.

use crate::{
    bed,
    boards::{Sampler, sampler},
    exporter::{Answer, Exporter},
    processes::{Place, Started},
};
use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::Path,
    process::{Command, Output},
};

const REQUEST: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// A sampler with these options must fail with status 125 and one line with these words.
fn is_refused(place: &Place, options: &[&str], words: &[&str]) {
    let output = sampler(&place.board(), options).output().expect("cgproc");
    is_refusal(&output, words);
    assert!(!place.board().exists(), "{options:?}: it has published");
}

fn is_refusal(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    let is_right = output.status.code() == Some(125) && words.iter().all(|word| said.contains(word));
    assert!(is_right, "{}: {said}, not {words:?}", output.status);
}

#[test]
fn what_cannot_be_listened_to_is_said() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    is_refused(&place, &["--metrics", &address], &[&address, "Address already in use"]);
    let port = address.rsplit(':').next().expect("a port");
    is_refused(&place, &["--metrics", port], &[&address, "Address already in use"]);
    is_refused(&place, &["--metrics", "192.0.2.1:9753"], &["192.0.2.1:9753", "Cannot assign"]);
    is_refused(&place, &["--metrics", "localhost:9753"], &["localhost:9753", "PORT"]);
    is_refused(&place, &["--metrics", "unix:socket"], &["absolute"]);
    is_refused(&place, &["--metrics", "unix:/missing/socket"], &["unix:/missing/socket", "No such file"]);
    is_refused(&place, &["--metrics-max-series", "5"], &["--metrics <ADDR>"]);
    let notes = place.file("notes");
    fs::write(&notes, "what I must not forget").expect("notes");
    let address = format!("unix:{}", notes.display());
    is_refused(&place, &["--metrics", &address], &[&address, "something else is there"]);
    assert_eq!(fs::read_to_string(&notes).expect("notes"), "what I must not forget");
}

#[test]
fn two_samplers_share_no_port() {
    let first = Exporter::start(&[]);
    let place = Place::new();
    let address = first.address.to_string();
    is_refused(&place, &["--metrics", &address], &[&address, "Address already in use"]);
    // Of the same board, the second is refused, and the first goes on.
    let output = sampler(&first.place.board(), &["--metrics", "0"]).output().expect("cgproc");
    is_refusal(&output, &["another sampler publishes here"]);
    let second = Exporter::start(&[]);
    assert!(first.text().contains("cgproc_board_believed 1\n") && second.text().contains("cgproc_board_believed 1\n"));
}

fn is_answered(path: &Path) -> bool {
    let answer = UnixStream::connect(path).and_then(|stream| Answer::of(stream, REQUEST));
    answer.is_ok_and(|it| it.status == 200 && it.body.contains("cgproc_board_believed 1\n"))
}

#[test]
fn a_socket_comes_and_goes_with_the_sampler() {
    let place = Place::new();
    let path = place.file("socket");
    let option = format!("unix:{}", path.display());
    let start = || Sampler::start(&place, &["--metrics", &option]);
    let first = start();
    assert!(is_answered(&path), "{}", first.log());
    assert_eq!(fs::metadata(&path).expect("the socket").mode() & 0o7777, 0o660);
    let other = Place::new();
    is_refused(&other, &["--metrics", &option], &[&option, "another process listens there"]);
    // One that is killed leaves its socket, and the next one takes its place.
    first.end(libc::SIGKILL);
    assert!(path.exists() && !is_answered(&path));
    let second = start();
    assert!(is_answered(&path));
    assert!(second.end(libc::SIGTERM).success());
    assert!(!path.exists(), "the socket stays");
}

/// An ordinary user has metrics of what is readable for everybody.
#[test]
fn an_ordinary_user_may() {
    let place = Place::new();
    let command = place.file("cgproc");
    let copied = Command::new("install").arg("-m755").args([&bed::command(), &command]).status();
    assert!(copied.expect("install").success());
    fs::set_permissions(place.file(""), fs::Permissions::from_mode(0o777)).expect("writable");
    let path = place.file("socket");
    let mut user = Command::new("setpriv");
    user.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]).arg(&command);
    user.args(["sampler", "--metrics-cgroups=all", "--metrics"]).arg(format!("unix:{}", path.display()));
    user.arg("--board").arg(place.board()).env_remove("CGPROC_BOARD");
    let log = fs::File::create(place.file("log")).expect("a log");
    let _sampler = Started::quietly(user.stderr(log));
    let answer = || UnixStream::connect(&path).and_then(|stream| Answer::of(stream, REQUEST)).ok();
    bed::until_but(
        "a user's metrics",
        || answer().is_some_and(|it| it.status == 200 && it.body.contains("\ncgproc_cpu_usage_seconds_total{id=\"/")),
        || fs::read_to_string(place.file("log")).unwrap_or_default(),
    );
}
