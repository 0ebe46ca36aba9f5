//! `cgproc nri`: the plugin as a service, which begins again whenever the engine has gone.

use super::{
    adjustment::Giver,
    session::{Lost, Name, Session, timeout},
};
use crate::{
    failure::{Failure, line, say},
    host::{descriptors, notify, rights, signals},
    inject::{
        choice::{Rules, View},
        layout::Host,
    },
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    thread::CapabilitySet,
};
use sd_notify::NotifyState;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// The options on the command line.
pub(crate) struct NriOptions {
    /// The engine's socket.
    pub(crate) socket: PathBuf,
    /// The plugin's name, and its place among others, two digits.
    pub(crate) name: String,
    pub(crate) index: String,
    /// Where the library and the board are on the host.
    pub(crate) host: Host,
    /// Patterns of namespaces whose containers need not ask.
    pub(crate) namespaces: Vec<String>,
}

/// Gives containers the view until a signal ends it.
pub(crate) fn run(options: NriOptions) -> Result<u8, Failure> {
    descriptors::hold_closed_standard_descriptors();
    let ending = signals::ending()?;
    // The socket belongs to whose rights we have, and what is mounted is looked at from outside.
    rights::keep(CapabilitySet::empty());
    let NriOptions { socket, name, index, host, namespaces } = options;
    let giver = Giver { host, rules: Rules { view: View::On, namespaces } };
    let mut service = Service { socket, name: Name { name, index }, giver, trouble: None, is_ready: false };
    let mut pause = Pause::default();
    loop {
        let begun = Instant::now();
        match service.talk(&ending) {
            Ok(()) => break,
            Err(lost) => service.complain(&lost),
        }
        if is_ended_within(pause.after(begun.elapsed()), &ending) {
            break;
        }
    }
    notify::tell(NotifyState::Stopping);
    Ok(0)
}

struct Service {
    socket: PathBuf,
    name: Name,
    giver: Giver,
    /// What was reported since the last engine was there.
    trouble: Option<String>,
    is_ready: bool,
}

impl Service {
    /// Talks to the engine until one of us ends it; it is no failure if that is a signal.
    fn talk(&mut self, ending: &OwnedFd) -> Result<(), Lost> {
        let mut session = Session::begin(&self.socket, &self.name, &self.giver)?;
        let mut is_known = false;
        while session.step(ending)? {
            if !is_known && let Some(engine) = session.engine() {
                is_known = true;
                self.trouble = None;
                let Self { socket, .. } = self;
                report(&format!("{}: registered with {engine}", socket.display()), &mut self.is_ready);
            }
        }
        Ok(())
    }

    /// Says why there is no engine: once, although we try again and again.
    fn complain(&mut self, lost: &Lost) {
        let message = format!("{}: {lost}; trying again", self.socket.display());
        let is_known = match lost {
            // An engine that has gone has no socket.
            Lost::Socket(_) => self.trouble.is_some(),
            _ => self.trouble.as_ref() == Some(&message),
        };
        if !is_known {
            report(&message, &mut self.is_ready);
            self.trouble = Some(message);
        }
    }
}

/// Says something, to the service manager as well. We are ready once we have found the engine or have found that there is
/// none: nothing at a machine's start should wait for an engine that is not used there.
fn report(message: &str, is_ready: &mut bool) {
    // An engine's own words may be of any length.
    const LONGEST: usize = 300;
    let message: String = line(message).chars().take(LONGEST).collect();
    say(&message);
    notify::tell(NotifyState::Status(&message));
    if !std::mem::replace(is_ready, true) {
        notify::tell(NotifyState::Ready);
    }
}

/// The time until the next attempt.
#[derive(Default)]
struct Pause(Duration);

impl Pause {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(2);

    /// The pause after a conversation that lasted so long: each is longer than the one before, up to a limit, as long
    /// as no conversation lasts.
    fn after(&mut self, lasted: Duration) -> Duration {
        let longer = if lasted > Self::LONGEST { Duration::ZERO } else { self.0.saturating_mul(2) };
        self.0 = longer.clamp(Self::SHORTEST, Self::LONGEST);
        self.0
    }
}

fn is_ended_within(pause: Duration, ending: &OwnedFd) -> bool {
    poll(&mut [PollFd::new(ending, PollFlags::IN)], Some(&timeout(pause))).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_a_conversation_lasts() {
        let mut pause = Pause::default();
        let pauses: Vec<_> = (0..7).map(|_| pause.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(pause.after(Duration::from_secs(3)).as_millis(), 100);
    }
}
