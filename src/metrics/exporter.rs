//! The exporter: a thread beside the sampler's, which answers HTTP. It shares nothing with the sampler but the board that
//! everybody can read, so nothing that a client does can delay a sample.
//!
//! Clients may be hostile. What they can use up is bounded: connections, the time of each, its headers, how many are
//! accepted in a second, and how many texts are alive. When there is no room, `room` says who makes it: a client that asks
//! and reads at once gets its answer, and only those who do not grow old.

use super::{
    address::Address,
    answers::{self, Answer, Texts},
    listener::{Listener, listen},
    look::{Looker, Source},
    room,
    unix::Socket,
};
use crate::{
    failure::say,
    host::{descriptors, rights, signals},
};
use anyhow::{Context, Result};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::thread::CapabilitySet;
use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    path::PathBuf,
    pin::pin,
    rc::Rc,
    thread,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    runtime,
    task::{AbortHandle, LocalSet, spawn_local},
    time::{Instant, sleep, timeout_at},
};

/// Connections at a time.
const MOST_CONNECTIONS: usize = 64;

// One more, which is accepted before another one is closed.
const _: () =
    assert!((MOST_CONNECTIONS as u64) < descriptors::FOR_CLIENTS, "clients may take the sampler's descriptors");

/// From the beginning of a connection to its answer, and from there to the last byte. The look at the cgroups, for which
/// all wait, does not count.
const LONGEST: Duration = Duration::from_secs(10);

/// The request line and the headers, in bytes.
const MOST_HEADER_BYTES: usize = 16 << 10;

/// After each connection that is accepted.
const BREATH: Duration = Duration::from_millis(1);

/// After a connection could not be accepted, mostly because there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// A running exporter. When it is dropped, the socket's file is removed; the thread ends with the process.
#[derive(Debug)]
pub(crate) struct Exporter {
    #[expect(dead_code, reason = "removes the file when it is dropped")]
    socket: Option<Socket>,
}

/// Listens at `address` with the rights of the moment, and answers from another thread, which gives up all of them.
pub(crate) fn start(address: &Address, source: Source) -> Result<Exporter> {
    descriptors::hold_closed_standard_descriptors();
    // The thread inherits what is blocked: signals are the sampler's to handle.
    signals::ending()?;
    let (listener, socket) = listen(address)?;
    // A port that nobody could know otherwise.
    if matches!(address, Address::Tcp(it) if it.port() == 0) {
        say(format!("metrics at {}", listener.url().unwrap_or_default()));
    }
    let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build().context("metrics")?;
    let looker = Looker::new(source.clone())?;
    let serve = move || {
        signals::survive_broken_pipes();
        rights::keep(CapabilitySet::empty());
        let clients = Rc::new(Clients::new(looker, source.board));
        let _ = LocalSet::new()
            .block_on(&runtime, clients.serve(listener))
            .map_err(|error| say(format!("metrics: {error}")));
    };
    thread::Builder::new().name("metrics".to_owned()).spawn(serve).context("metrics")?;
    Ok(Exporter { socket })
}

/// The clients, and what is said to them.
struct Clients {
    board: PathBuf,
    texts: RefCell<Texts>,
    /// The oldest first.
    connections: RefCell<Vec<Connection>>,
}

struct Connection {
    task: AbortHandle,
    progress: Rc<Progress>,
}

/// How far a connection has come.
#[derive(Default)]
struct Progress {
    has_asked: Cell<bool>,
    /// The look that it reads the text of.
    reads: Cell<Option<u64>>,
}

impl Clients {
    fn new(looker: Looker, board: PathBuf) -> Self {
        Self { board, texts: RefCell::new(Texts::new(looker)), connections: RefCell::default() }
    }

    async fn serve(self: Rc<Self>, listener: Listener) -> std::io::Result<()> {
        self.texts.borrow_mut().prepare();
        match listener {
            Listener::Tcp(listener) => {
                let listener = TcpListener::from_std(listener)?;
                loop {
                    self.clone().admit(listener.accept().await.map(|(stream, _)| stream)).await;
                }
            }
            Listener::Unix(listener) => {
                let listener = UnixListener::from_std(listener)?;
                loop {
                    self.clone().admit(listener.accept().await.map(|(stream, _)| stream)).await;
                }
            }
        }
    }

    /// Begins to answer a connection.
    async fn admit<S>(self: Rc<Self>, stream: std::io::Result<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let Ok(stream) = stream else { return sleep(PAUSE).await };
        let progress = Rc::default();
        let task = spawn_local(Rc::clone(&self).converse(stream, Rc::clone(&progress))).abort_handle();
        self.make_room();
        self.connections.borrow_mut().push(Connection { task, progress });
        sleep(BREATH).await;
    }

    /// Closes a connection if there is no room for another one.
    fn make_room(&self) {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|it| !it.task.is_finished());
        if connections.len() >= MOST_CONNECTIONS {
            let have_asked: Vec<bool> = connections.iter().map(|it| it.progress.has_asked.get()).collect();
            if let Some(index) = room::closed_for_another(&have_asked) {
                connections.remove(index).task.abort();
            }
        }
    }

    /// One request, one answer. Whoever asks again connects again, and is then the youngest.
    async fn converse<S>(self: Rc<Self>, stream: S, progress: Rc<Progress>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = Cell::new(Instant::now() + LONGEST);
        let answer = |request: Request<Incoming>| {
            let answer = self.answer(&request, &progress);
            deadline.set(Instant::now() + LONGEST);
            async { Ok::<_, Infallible>(answer) }
        };
        let mut server = http1::Builder::new();
        server.keep_alive(false).half_close(true).max_buf_size(MOST_HEADER_BYTES);
        server.timer(TokioTimer::new()).header_read_timeout(LONGEST);
        let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service_fn(answer)));
        // A client that breaks off is none of our business.
        while timeout_at(deadline.get(), connection.as_mut()).await.is_err() && deadline.get() > Instant::now() {}
    }

    fn answer(&self, request: &Request<Incoming>, progress: &Progress) -> Answer {
        progress.has_asked.set(true);
        if !answers::is_scrape(request) {
            return answers::other(request, &self.board);
        }
        let mut texts = self.texts.borrow_mut();
        let look = texts.renewed();
        self.give_up_slow_readers(look);
        progress.reads.set(Some(look));
        answers::scrape(&mut texts, request.headers())
    }

    /// Ends the connections that read the oldest looks before this one, if too many are still read.
    fn give_up_slow_readers(&self, look: u64) {
        let connections = self.connections.borrow();
        let reading = || {
            let open = connections.iter().filter(|it| !it.task.is_finished());
            open.filter_map(|it| Some((it, it.progress.reads.get().filter(|read| *read < look)?)))
        };
        let Some(oldest) = room::oldest_kept(reading().map(|(_, read)| read).collect()) else { return };
        reading().filter(|(_, read)| *read < oldest).for_each(|(it, _)| it.task.abort());
    }
}
