//! `cgproc sampler`: the sampler as a service.

use super::{Board, Sampler, TakenOver, neighbours::Neighbours, rights, roots};
use crate::{
    failure::{Failure, say},
    host::{descriptors, notify, signals},
};
use anyhow::{Result, bail};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::{AsFd, OwnedFd},
    time::Timespec,
};
use sd_notify::NotifyState;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// The options on the command line.
pub(crate) struct SamplerOptions {
    /// The board's path.
    pub(crate) board: PathBuf,
    /// The time between two samples.
    pub(crate) interval: Duration,
    /// Whether to exit after the first sample.
    pub(crate) once: bool,
    /// Whether to measure what containers use on disk.
    pub(crate) disk: bool,
}

/// Publishes until a signal ends it.
pub(crate) fn run(options: &SamplerOptions) -> Result<u8, Failure> {
    descriptors::hold_closed_standard_descriptors();
    let ending = signals::ending()?;
    rights::give_up(options.disk);
    let board = Board::create(&options.board)?;
    let mut sampler = Sampler::new(board, roots::mounted()?, options.interval)?;
    if options.disk {
        sampler.measure_disk(options.interval)?;
    }
    let mut neighbours = Neighbours::of(&sampler);
    neighbours.seek(&mut sampler)?;
    if sampler.has_nothing() {
        return Err(no_cgroups().into());
    }
    if options.once {
        return Ok(sampler.tick().map(|()| 0)?);
    }
    serve(&mut sampler, &mut neighbours, &ending)?;
    notify::tell(NotifyState::Stopping);
    Ok(sampler.end().map(|()| 0)?)
}

fn no_cgroups() -> anyhow::Error {
    anyhow::anyhow!("no cgroups are mounted here: mount them, or run in the host's mount namespace")
}

/// Samples and publishes until there is a signal.
fn serve(sampler: &mut Sampler, neighbours: &mut Neighbours, ending: &OwnedFd) -> Result<()> {
    let mut trouble = String::new();
    let mut is_ready = false;
    let mut watchdog = Watchdog::new();
    loop {
        let done = neighbours.seek(sampler).and_then(|()| sampler.tick());
        let is_done = done.is_ok();
        complain(done, &mut trouble)?;
        if is_done && !is_ready {
            notify::tell(NotifyState::Ready);
            is_ready = true;
        }
        watchdog.feed();
        if wait(sampler, ending, watchdog.pause()) {
            return Ok(());
        }
    }
}

/// Reports an error, once until a different one occurs. Only another sampler in our place ends us.
fn complain(done: Result<()>, trouble: &mut String) -> Result<()> {
    let message = match done {
        Err(error) if error.is::<TakenOver>() => bail!(error),
        Err(error) => format!("{error:#}"),
        Ok(()) => String::new(),
    };
    if !message.is_empty() && message != *trouble {
        say(&message);
    }
    *trouble = message;
    Ok(())
}

/// Waits until there is something to do; `true` if that is to end.
pub(super) fn wait(sampler: &Sampler, ending: &OwnedFd, longest: Duration) -> bool {
    // A limit on the work if somebody creates cgroups without end.
    const BREATH: Duration = Duration::from_millis(10);
    let pause = sampler.pause().min(longest);
    let mut waiting = vec![PollFd::new(ending, PollFlags::IN)];
    if is_readable(&mut waiting, BREATH.min(pause)) {
        return true;
    }
    let news = sampler.news();
    waiting.extend(news.as_ref().map(|news| PollFd::from_borrowed_fd(news.as_fd(), PollFlags::IN)));
    is_readable(&mut waiting, pause.saturating_sub(BREATH)) && waiting[0].revents().contains(PollFlags::IN)
}

fn is_readable(waiting: &mut [PollFd<'_>], timeout: Duration) -> bool {
    let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
    poll(waiting, Some(&timeout)).is_ok_and(|ready| ready > 0)
}

/// Tells the service manager that we are alive, if it wants to know.
struct Watchdog {
    period: Option<Duration>,
    fed: Instant,
}

impl Watchdog {
    fn new() -> Self {
        Self { period: sd_notify::watchdog_enabled().map(|longest| longest / 2), fed: Instant::now() }
    }

    fn pause(&self) -> Duration {
        self.period.map_or(Duration::MAX, |period| period.saturating_sub(self.fed.elapsed()))
    }

    fn feed(&mut self) {
        if self.period.is_some_and(|period| self.fed.elapsed() >= period) {
            notify::tell(NotifyState::Watchdog);
            self.fed = Instant::now();
        }
    }
}
