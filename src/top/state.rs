//! What the user chose, and how keys change it.

use super::{
    columns::{COLUMNS, Column, Wanted},
    keys::{Action, action_of, is_interrupt},
    rows::{Choice, Row},
};
use crate::stats::sample::Sample;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::time::Duration;

/// What is on the screen.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Page {
    Table,
    /// The cgroup with this number.
    Details(u64),
    /// The help, from this line on.
    Help(usize),
    /// The columns, with the mark at this one.
    Columns(usize),
}

/// A line that is being typed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prompt {
    pub(super) asked: Asked,
    pub(super) text: String,
    /// What it was before.
    before: String,
}

/// What a line is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Filter,
    Delay,
}

/// What is to be done beside drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// The rows are others, or in another order.
    Arrange,
    /// A look is due.
    Look,
    /// Other cgroups are to be looked at.
    LookAtOthers,
    Redraw,
    Suspend,
    Quit,
}

/// What the user chose.
pub(super) struct State {
    pub(super) choice: Choice,
    pub(super) columns: Wanted,
    pub(super) delay: Duration,
    pub(super) is_paused: bool,
    pub(super) page: Page,
    pub(super) prompt: Option<Prompt>,
    /// Said once in the last line.
    pub(super) message: Option<String>,
    pub(super) rows: Vec<Row>,
    /// The index of the marked row.
    pub(super) at: usize,
    /// The cgroup that the mark stays on; without one, it stays on the first row.
    marked: Option<u64>,
    /// The columns that the last drawing had room for.
    pub(super) shown: Vec<&'static Column>,
    /// How many rows it had room for.
    pub(super) page_rows: usize,
}

impl State {
    /// Nothing is known yet.
    pub(super) fn new(choice: Choice, columns: Wanted, delay: Duration) -> Self {
        let shown = columns.all();
        let (page, rows) = (Page::Table, Vec::new());
        Self {
            choice,
            columns,
            delay,
            is_paused: false,
            page,
            prompt: None,
            message: None,
            rows,
            at: 0,
            marked: None,
            shown,
            page_rows: 1,
        }
    }

    /// Takes new rows, with the mark where it was.
    pub(super) fn take(&mut self, rows: Vec<Row>, sample: &Sample) {
        let id = |row: &Row| sample.cgroups[row.index].id;
        let found = self.marked.and_then(|marked| rows.iter().position(|row| id(row) == marked));
        self.at = match (self.marked, found) {
            (None, _) => 0,
            (_, Some(at)) => at,
            _ => self.at.min(rows.len().saturating_sub(1)),
        };
        if self.marked.is_some() {
            self.marked = rows.get(self.at).map(id);
        }
        self.rows = rows;
    }

    /// Does what the key means.
    pub(super) fn press(&mut self, key: KeyEvent, sample: &Sample) -> Effect {
        self.message = None;
        if self.prompt.is_some() && key.kind != KeyEventKind::Release {
            return if is_interrupt(key) { Effect::Quit } else { self.type_into_prompt(key) };
        }
        let Some(action) = action_of(key) else { return Effect::None };
        match action {
            Action::Quit if self.page == Page::Table || is_interrupt(key) => Effect::Quit,
            Action::Redraw => Effect::Redraw,
            Action::Suspend => Effect::Suspend,
            Action::Pause if !matches!(self.page, Page::Columns(_)) => {
                self.is_paused ^= true;
                if self.is_paused { Effect::None } else { Effect::Look }
            }
            _ => match self.page {
                Page::Table => self.act_in_table(action, sample),
                Page::Details(_) => self.act_in_details(action),
                Page::Help(line) => self.act_in_help(action, line),
                Page::Columns(at) => self.act_in_columns(action, key, at),
            },
        }
    }

    fn act_in_table(&mut self, action: Action, sample: &Sample) -> Effect {
        match action {
            Action::Help => self.page = Page::Help(0),
            Action::Columns => self.page = Page::Columns(0),
            Action::Filter => self.ask(Asked::Filter, self.choice.filter.clone()),
            Action::Delay => self.ask(Asked::Delay, String::new()),
            Action::Open => {
                let row = self.rows.get(self.at);
                self.page = row.map_or(Page::Table, |row| Page::Details(sample.cgroups[row.index].id));
            }
            Action::Up => self.mark(self.at.saturating_sub(1), sample),
            Action::Down => self.mark(self.at + 1, sample),
            Action::PageUp => self.mark(self.at.saturating_sub(self.page_rows), sample),
            Action::PageDown => self.mark(self.at + self.page_rows, sample),
            Action::First => (self.at, self.marked) = (0, None),
            Action::Last => self.mark(usize::MAX, sample),
            _ => return self.choose(action),
        }
        Effect::None
    }

    /// What changes the rows.
    fn choose(&mut self, action: Action) -> Effect {
        match action {
            Action::SortLeft => self.sort_beside(-1),
            Action::SortRight => self.sort_beside(1),
            Action::SortBy(key) => self.sort_by(Column::named(key)),
            Action::Reverse => self.choice.is_reversed ^= true,
            Action::Back if !self.choice.filter.is_empty() => self.choice.filter.clear(),
            Action::Tree => {
                self.choice.is_tree ^= true;
                return Effect::LookAtOthers;
            }
            Action::All => {
                self.choice.is_all ^= true;
                return Effect::LookAtOthers;
            }
            _ => return Effect::None,
        }
        Effect::Arrange
    }

    fn act_in_details(&mut self, action: Action) -> Effect {
        if matches!(action, Action::Back | Action::Quit | Action::Open) {
            self.page = Page::Table;
        } else if action == Action::Help {
            self.page = Page::Help(0);
        }
        Effect::None
    }

    fn act_in_help(&mut self, action: Action, line: usize) -> Effect {
        self.page = match action {
            Action::Up => Page::Help(line.saturating_sub(1)),
            Action::Down => Page::Help(line.saturating_add(1)),
            Action::PageUp => Page::Help(line.saturating_sub(self.page_rows)),
            Action::PageDown => Page::Help(line.saturating_add(self.page_rows)),
            Action::First => Page::Help(0),
            Action::Last => Page::Help(usize::MAX),
            Action::Back | Action::Quit | Action::Help | Action::Open => Page::Table,
            _ => return Effect::None,
        };
        Effect::None
    }

    fn act_in_columns(&mut self, action: Action, key: KeyEvent, at: usize) -> Effect {
        let last = COLUMNS.len() - 1;
        match action {
            // As in top: s sorts, d shows or hides.
            Action::Delay if key.code == KeyCode::Char('s') => {
                self.sort_by(COLUMNS.get(at));
                return Effect::Arrange;
            }
            Action::Delay | Action::Open | Action::Pause => self.columns.toggle(&COLUMNS[at]),
            Action::Up => self.page = Page::Columns(at.saturating_sub(1)),
            Action::Down => self.page = Page::Columns((at + 1).min(last)),
            Action::PageUp => self.page = Page::Columns(at.saturating_sub(self.page_rows)),
            Action::PageDown => self.page = Page::Columns((at + self.page_rows).min(last)),
            Action::First => self.page = Page::Columns(0),
            Action::Last => self.page = Page::Columns(last),
            Action::Back | Action::Quit | Action::Columns => self.page = Page::Table,
            Action::Help => self.page = Page::Help(0),
            _ => {}
        }
        Effect::None
    }

    fn mark(&mut self, at: usize, sample: &Sample) {
        self.at = at.min(self.rows.len().saturating_sub(1));
        self.marked = self.rows.get(self.at).map(|row| sample.cgroups[row.index].id);
    }

    /// Sorts by the column `step` to the right of the one that rows are sorted by.
    fn sort_beside(&mut self, step: isize) {
        let now = self.shown.iter().position(|column| *column == self.choice.sorted_by);
        let next = now.and_then(|now| now.checked_add_signed(step)).unwrap_or(0);
        self.sort_by(self.shown.get(next).copied());
    }

    fn sort_by(&mut self, column: Option<&'static Column>) {
        let Some(column) = column else { return };
        self.choice.sorted_by = column;
        if !self.columns.has(column) {
            self.columns.toggle(column);
        }
    }

    fn ask(&mut self, asked: Asked, before: String) {
        self.prompt = Some(Prompt { asked, text: before.clone(), before });
    }

    fn type_into_prompt(&mut self, key: KeyEvent) -> Effect {
        const LONGEST: usize = 200;
        let Some(prompt) = &mut self.prompt else { return Effect::None };
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return self.answer(),
            KeyCode::Esc => {
                prompt.text.clone_from(&prompt.before);
                return self.answer();
            }
            KeyCode::Char('u') if has_control => prompt.text.clear(),
            KeyCode::Char(c) if !has_control && prompt.text.len() < LONGEST => prompt.text.push(c),
            KeyCode::Backspace => drop(prompt.text.pop()),
            _ => {}
        }
        if prompt.asked == Asked::Filter {
            self.choice.filter = prompt.text.to_lowercase();
            return Effect::Arrange;
        }
        Effect::None
    }

    fn answer(&mut self) -> Effect {
        let Some(Prompt { asked, text, .. }) = self.prompt.take() else { return Effect::None };
        match asked {
            Asked::Filter => self.choice.filter = text.to_lowercase(),
            Asked::Delay if text.is_empty() => {}
            Asked::Delay => match super::seconds(&text) {
                Ok(delay) => self.delay = delay,
                Err(error) => self.message = Some(format!("{}: {error}", super::text::shown(&text))),
            },
        }
        Effect::Arrange
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        stats::Rates,
        top::rows::{arranged, tests},
    };

    pub(in crate::top) fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    pub(in crate::top) fn state(sample: &Sample) -> State {
        let mut state = State::new(tests::choice(), Wanted::usual(), Duration::from_secs(2));
        arrange(&mut state, sample);
        state
    }

    fn arrange(state: &mut State, sample: &Sample) {
        let rows = arranged(sample, &Rates::default(), &state.choice);
        state.take(rows, sample);
    }

    fn typed(state: &mut State, text: &str, sample: &Sample) {
        for c in text.chars() {
            state.press(key(KeyCode::Char(c)), sample);
        }
    }

    #[test]
    fn the_mark_stays_on_its_cgroup() {
        let mut sample = tests::sample();
        let mut state = state(&sample);
        state.press(key(KeyCode::Down), &sample);
        assert_eq!(sample.cgroups[state.rows[state.at].index].id, 1);
        state.choice.is_reversed = true;
        arrange(&mut state, &sample);
        assert_eq!(sample.cgroups[state.rows[state.at].index].id, 1);
        // What is marked goes, and so does all but one of the rest.
        sample.cgroups = vec![tests::cgroup(9, "/new", None, 1)];
        arrange(&mut state, &sample);
        assert_eq!((state.at, state.marked), (0, Some(9)));
        sample.cgroups.clear();
        arrange(&mut state, &sample);
        assert_eq!(state.press(key(KeyCode::Enter), &sample), Effect::None);
        assert_eq!((state.at, state.marked, &state.page), (0, None, &Page::Table));
    }

    #[test]
    fn without_a_mark_the_first_row_is_it() {
        let sample = tests::sample();
        let mut state = state(&sample);
        state.choice.is_reversed = true;
        arrange(&mut state, &sample);
        assert_eq!(state.at, 0);
        state.press(key(KeyCode::End), &sample);
        assert_eq!(state.at, 5);
        state.press(key(KeyCode::Home), &sample);
        assert_eq!((state.at, state.marked), (0, None));
    }

    #[test]
    fn a_filter_counts_as_it_is_typed() {
        let sample = tests::sample();
        let mut state = state(&sample);
        typed(&mut state, "/Wq", &sample);
        assert_eq!(state.choice.filter, "wq");
        state.press(key(KeyCode::Backspace), &sample);
        assert_eq!(state.press(key(KeyCode::Enter), &sample), Effect::Arrange);
        assert_eq!((state.choice.filter.as_str(), &state.prompt), ("w", &None));
        typed(&mut state, "/x", &sample);
        state.press(key(KeyCode::Esc), &sample);
        assert_eq!(state.choice.filter, "w");
        state.press(key(KeyCode::Esc), &sample);
        assert_eq!(state.choice.filter, "");
    }

    #[test]
    fn a_delay_is_a_number_of_seconds() {
        let sample = tests::sample();
        let mut state = state(&sample);
        typed(&mut state, "d0.5", &sample);
        state.press(key(KeyCode::Enter), &sample);
        assert_eq!(state.delay, Duration::from_millis(500));
        typed(&mut state, "dx", &sample);
        state.press(key(KeyCode::Enter), &sample);
        assert_eq!(state.delay, Duration::from_millis(500));
        assert!(state.message.is_some());
    }

    #[test]
    fn columns_are_chosen_and_sorted_by() {
        let sample = tests::sample();
        let mut state = state(&sample);
        let cpu = Column::named("cpu").unwrap();
        typed(&mut state, "<", &sample);
        assert_eq!(state.choice.sorted_by.key, "throttled");
        typed(&mut state, "PF", &sample);
        assert_eq!((state.choice.sorted_by, &state.page), (cpu, &Page::Columns(0)));
        state.press(key(KeyCode::End), &sample);
        state.press(key(KeyCode::Enter), &sample);
        typed(&mut state, "sq", &sample);
        assert_eq!((state.choice.sorted_by.key, &state.page), ("oom", &Page::Table));
        assert!(state.columns.has(state.choice.sorted_by));
    }

    #[test]
    fn q_leaves_what_is_open_first() {
        let sample = tests::sample();
        let mut state = state(&sample);
        typed(&mut state, "h", &sample);
        assert_eq!(state.press(key(KeyCode::Char('q')), &sample), Effect::None);
        assert_eq!(state.press(key(KeyCode::Char('q')), &sample), Effect::Quit);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        typed(&mut state, "/", &sample);
        assert_eq!(state.press(interrupt, &sample), Effect::Quit);
    }
}
