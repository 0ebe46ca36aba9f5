//! The live table: looks, draws, and does what keys and signals say.

use super::{
    TopOptions,
    data::{Data, Details},
    events::{self, Event, Events},
    looks::Looks,
    rows::arranged,
    state::{Effect, Page, State},
    terminal::Screen,
};
use crate::{see::explain, settings::Settings};
use anyhow::{Context, Result};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How soon a look follows the first of some cgroups: rates need two.
const FIRST_RATES: Duration = Duration::from_millis(100);

/// A live table.
///
/// First of all, the terminal is given back; then nothing is written any more, and the rest may take its time to end.
struct Live {
    screen: Screen,
    events: Events,
    looks: Looks,
    data: Data,
    state: State,
    /// How many more looks there are with rates; `None`: as many as wanted.
    left: Option<u64>,
    next: Instant,
    /// When there is a look out of turn, for the rates of cgroups that are new to the table.
    between: Option<Instant>,
}

/// Shows the table until the user has seen enough.
pub(super) fn run(options: TopOptions) -> Result<()> {
    // Before any thread starts that would take the signals.
    let events = Events::all().context("waiting for keys")?;
    let mut looks = Looks::open(&options.board, options.cgroup.as_deref())?;
    let mut data = Data::default();
    let mut state = State::new(options.choice, options.columns, options.delay);
    data.take(looks.look(&state.choice));
    state.take(arranged(&data.sample, &data.rates, &state.choice), &data.sample);
    let mut screen = Screen::enter().context("terminal")?;
    screen.draw(&data, &mut state).context("terminal")?;
    let next = Instant::now() + FIRST_RATES.min(state.delay);
    looks.follow_load();
    Live { screen, events, looks, data, state, left: options.count, next, between: None }.go()
}

impl Live {
    fn go(mut self) -> Result<()> {
        loop {
            if !self.state.is_paused && Instant::now() >= self.next {
                self.look();
                if self.left == Some(0) {
                    return Ok(());
                }
            }
            if self.between.take_if(|between| Instant::now() >= *between).is_some() {
                self.data.take_between(self.looks.look(&self.state.choice));
                self.arrange();
            }
            self.screen.draw(&self.data, &mut self.state).context("terminal")?;
            match self.events.next(self.pause()) {
                None | Some(Event::Resized) => {}
                Some(Event::End) => return Ok(()),
                Some(Event::Continued) => self.screen.take_again().context("terminal")?,
                Some(Event::Stop) => self.stop()?,
                Some(Event::Key(key)) => {
                    let effect = self.state.press(key, &self.data.sample);
                    if effect == Effect::Quit {
                        return Ok(());
                    }
                    self.apply(effect)?;
                }
            }
        }
    }

    fn pause(&self) -> Duration {
        const LONG: Duration = Duration::from_secs(3600);
        let until = |then: Instant| then.saturating_duration_since(Instant::now());
        let next = if self.state.is_paused { LONG } else { until(self.next) };
        self.between.map_or(next, |between| next.min(until(between)))
    }

    fn look(&mut self) {
        self.looks.follow_load();
        self.data.take(self.looks.look(&self.state.choice));
        (self.data.load_from, self.data.is_load_ours) = self.looks.load_from();
        self.arrange();
        self.next = Instant::now() + self.state.delay;
        self.left = self.left.map(|left| left.saturating_sub(1));
    }

    /// Looks at other cgroups than before, and soon again. Neither counts as one that was asked for.
    fn look_at_others(&mut self) {
        self.data.take_others(self.looks.look(&self.state.choice));
        self.arrange();
        let between = Instant::now() + FIRST_RATES.min(self.state.delay);
        self.between = Some(between);
        // Not so soon after that, either.
        self.next = self.next.max(between + FIRST_RATES.min(self.state.delay));
    }

    fn arrange(&mut self) {
        let rows = arranged(&self.data.sample, &self.data.rates, &self.state.choice);
        self.state.take(rows, &self.data.sample);
        self.look_closer();
    }

    fn apply(&mut self, effect: Effect) -> Result<()> {
        match effect {
            Effect::None | Effect::Quit => self.look_closer(),
            Effect::Arrange => {
                self.next = self.next.min(Instant::now() + self.state.delay);
                self.arrange();
            }
            Effect::Look => self.look(),
            Effect::LookAtOthers => self.look_at_others(),
            Effect::Redraw => self.screen.clear().context("terminal")?,
            Effect::Suspend => events::ask_to_stop(),
        }
        Ok(())
    }

    /// Gives the terminal back and stops, until somebody continues us.
    fn stop(&mut self) -> Result<()> {
        super::terminal::restore();
        events::stop();
        self.screen.take_again().context("terminal")
    }

    /// Updates the details, if they are shown.
    fn look_closer(&mut self) {
        let Page::Details(id) = self.state.page else {
            self.data.details = None;
            return;
        };
        let index = self.data.index_of(id);
        match (index, &mut self.data.details) {
            (Some(index), _) => {
                let cgroup = self.data.sample.cgroups[index].clone();
                let limits = self.limits(&cgroup.path);
                self.data.details = Some(Details { id, cgroup, limits, is_gone: false });
            }
            (None, Some(details)) if details.id == id => details.is_gone = true,
            (None, _) => self.data.details = Some(Details { id, is_gone: true, ..Details::default() }),
        }
    }

    /// The limits that apply to a cgroup, with who set each, as `explain` has them; `None` if they are not known.
    fn limits(&self, cgroup: &Path) -> Option<Vec<[String; 3]>> {
        let mut settings = Settings::of_environment().ok()?;
        settings.board = self.looks.board().to_owned();
        let limits = explain::limits_below_mounts(cgroup, &settings)?;
        Some(limits.into_iter().map(|limit| [limit.name, limit.value, super::text::shown(&limit.imposer)]).collect())
    }
}
