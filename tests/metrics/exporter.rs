//! Samplers that serve metrics, and requests to them.

use crate::{
    boards::{Sampler, sampler},
    processes::{Place, until},
};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
};

/// A sampler with its exporter, on a port that the kernel chose.
pub(crate) struct Exporter {
    pub(crate) sampler: Sampler,
    pub(crate) address: SocketAddr,
    pub(crate) place: Place,
}

impl Exporter {
    /// Starts one with these options, and waits until it publishes.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_in(Place::new(), options)
    }

    pub(crate) fn start_in(place: Place, options: &[&str]) -> Self {
        let command = sampler(&place.board(), &[&["--metrics", "0"], options].concat());
        Self::started(command, place)
    }

    /// The same by a command for the board of `place`, with the option for the metrics.
    pub(crate) fn started(command: Command, place: Place) -> Self {
        let sampler = Sampler::start_by(&place, command);
        let log = sampler.log();
        let url = log.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = url.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no address: {log}"));
        Self { sampler, address, place }
    }

    /// The metrics in Prometheus's form.
    pub(crate) fn text(&self) -> String {
        let answer = self.get("/metrics", "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// The answer to a request with these further header lines.
    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).expect("an answer")
    }

    /// The answer to a text.
    pub(crate) fn ask(&self, request: &str) -> io::Result<Answer> {
        Answer::of(TcpStream::connect(self.address)?, request)
    }

    /// The value of a series of the cgroup with this path, as it is now.
    pub(crate) fn value(&self, metric: &str, path: &str) -> Option<f64> {
        value(&self.text(), metric, path)
    }

    /// Waits for a series of a cgroup.
    pub(crate) fn has(&self, metric: &str, path: &str) {
        until(&format!("{metric} of {path}"), || self.value(metric, path).is_some());
    }
}

/// The value of a series of the cgroup with this path.
pub(crate) fn value(text: &str, metric: &str, path: &str) -> Option<f64> {
    let begins = format!("{metric}{{id=\"/{path}\"");
    let line = text.lines().find(|line| line.starts_with(&begins))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// The value of a metric without labels.
pub(crate) fn plain(text: &str, metric: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.parse().ok())
}

/// What the exporter said.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The answer to `request`, until the other end closes. It may do so before it has read all of the request, which
    /// looks like an error, after the answer.
    pub(crate) fn of(mut stream: impl Read + Write, request: &str) -> io::Result<Self> {
        let written = stream.write_all(request.as_bytes());
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        if bytes.is_empty() {
            written.and(read)?;
        }
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no answer: {head:?}")))?;
        Ok(Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
    }
}
