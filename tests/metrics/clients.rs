//! What clients are told.

use crate::{bed::Findings, exporter::Exporter, processes::until};
use std::fs;

#[test]
fn each_request_has_its_answer() {
    let mut findings = Findings::default();
    let exporter = Exporter::start(&[]);
    let mut ask = |request: &str, status: u16, words: &[&str]| {
        let answer = exporter.ask(request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
        let said = format!("{}\n\n{}", answer.head, answer.body);
        let is_right = answer.status == status && words.iter().all(|word| said.contains(word));
        findings.check(is_right, || format!("{request:?}: {}", &said[..said.len().min(500)]));
        answer
    };
    let text = "content-type: text/plain; version=0.0.4; charset=utf-8\r\n";
    ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200, &[text, "vary: accept", "cgproc_build_info{version="]);
    ask("GET /metrics HTTP/1.0\r\n\r\n", 200, &[text]);
    ask("GET /metrics?name[]=x HTTP/1.1\r\nHost: x\r\n\r\n", 200, &[text]);
    ask("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n", 200, &[text]);
    let head = ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200, &["content-length: "]);
    assert!(head.body.is_empty(), "{}", head.body);
    ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, &["/metrics\n"]);
    ask("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", 200, &["publishes"]);
    ask("GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404, &["see /metrics"]);
    ask("GET /metrics/../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404, &[]);
    ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405, &["allow: get, head"]);
    ask("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405, &[]);
    ask("GET /metrics HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", 400, &[]);
    ask("\0\0\0\r\n\r\n", 400, &[]);
    let long = "y".repeat(40 << 10);
    ask(&format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"), 431, &[]);
    ask(&format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 431, &[]);
    findings.conclude("answers");
}

#[test]
fn health_is_the_boards() {
    let exporter = Exporter::start(&["--interval", "3600"]);
    let health = || exporter.get("/-/healthy", "").status;
    let believed = || crate::exporter::plain(&exporter.text(), "cgproc_board_believed");
    assert_eq!((health(), believed()), (200, Some(1.0)));
    // The sampler may put a new one there at any moment: when others make cgroups.
    let is_missed = || {
        let _ = fs::remove_file(exporter.place.board());
        let is_unhealthy = health() == 503;
        let text = exporter.text();
        let is_told = crate::exporter::plain(&text, "cgproc_board_believed") == Some(0.0);
        is_unhealthy && is_told && !text.contains("cgproc_sampler_last_publication")
    };
    until("the board is missed", is_missed);
}
