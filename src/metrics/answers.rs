//! What the exporter says to a request.

use super::{
    accept::Form,
    look::Looker,
    text::{self, Exposition},
};
use crate::see::board_state;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue, VARY},
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// For how long one look serves everybody who asks.
const SHARED_FOR: Duration = Duration::from_secs(1);

pub(super) type Answer = Response<Full<Bytes>>;

/// The last look, and its texts, which all who ask within [`SHARED_FOR`] share.
pub(super) struct Texts {
    looker: Looker,
    last: Option<Last>,
    /// How many looks there have been.
    looks: u64,
}

struct Last {
    at: Instant,
    exposition: Arc<Exposition>,
    /// In each form that somebody has asked for.
    written: Vec<(Form, Bytes)>,
}

impl Texts {
    pub(super) fn new(looker: Looker) -> Self {
        Self { looker, last: None, looks: 0 }
    }

    /// Takes looks that nobody sees. The first one keeps nothing, and the second opens what the later ones read again.
    pub(super) fn prepare(&mut self) {
        for _ in 0..2 {
            drop(self.looker.look());
        }
    }

    /// The number of the look that serves whoever asks now. A new one is taken if the last has grown old.
    pub(super) fn renewed(&mut self) -> u64 {
        if self.last.as_ref().is_none_or(|last| last.at.elapsed() >= SHARED_FOR) {
            // Before the next one needs as much memory.
            self.last = None;
            let exposition = Arc::new(self.looker.look());
            self.last = Some(Last { at: Instant::now(), exposition, written: Vec::new() });
            self.looks += 1;
        }
        self.looks
    }

    /// The text of the last look.
    fn text(&mut self, form: Form) -> Bytes {
        let Some(last) = &mut self.last else { return Bytes::new() };
        if let Some((_, text)) = last.written.iter().find(|(of, _)| *of == form) {
            return text.clone();
        }
        let text = Bytes::from(text::write(Arc::clone(&last.exposition), form));
        last.written.push((form, text.clone()));
        text
    }
}

/// Whether a request is for the metrics.
pub(super) fn is_scrape<B>(request: &Request<B>) -> bool {
    request.uri().path() == "/metrics" && is_read(request)
}

fn is_read<B>(request: &Request<B>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// The metrics.
pub(super) fn scrape(texts: &mut Texts, headers: &HeaderMap) -> Answer {
    let accept: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|it| it.to_str().ok()).collect();
    let form = Form::wanted(&accept.join(","));
    let mut answer = answer(StatusCode::OK, texts.text(form), form.content_type());
    answer.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    answer
}

/// The answer to any other request.
pub(super) fn other<B>(request: &Request<B>, board: &Path) -> Answer {
    const INDEX: &str = concat!("cgproc ", env!("CARGO_PKG_VERSION"), "\n/metrics\n/-/healthy\n");
    if !is_read(request) {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".to_owned());
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match request.uri().path() {
        "/" => plain(StatusCode::OK, INDEX.to_owned()),
        "/-/healthy" => match board_state::check(board) {
            Ok(()) => plain(StatusCode::OK, "the sampler publishes\n".to_owned()),
            Err(fault) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("the board: {fault}\n")),
        },
        _ => plain(StatusCode::NOT_FOUND, "see /metrics\n".to_owned()),
    }
}

fn plain(status: StatusCode, text: String) -> Answer {
    answer(status, text.into(), "text/plain; charset=utf-8")
}

fn answer(status: StatusCode, body: Bytes, content_type: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
