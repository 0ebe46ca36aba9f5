//! What each key does. The help is made from this table.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Quit,
    Help,
    SortBy(&'static str),
    SortLeft,
    SortRight,
    Reverse,
    Columns,
    Filter,
    Tree,
    All,
    Open,
    Back,
    Pause,
    Delay,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Redraw,
    Suspend,
}

/// Keys with one meaning.
pub(super) struct Keys {
    /// As the help has them.
    pub(super) names: &'static str,
    pub(super) about: &'static str,
    codes: &'static [KeyCode],
    is_with_control: bool,
    action: Action,
}

/// All keys, in the help's order.
pub(super) static KEYS: [Keys; 24] = [
    keys("q, F10", "quit", &[KeyCode::Char('q'), KeyCode::Char('Q'), KeyCode::F(10)], Action::Quit),
    keys("h, ?, F1", "this help", &[KeyCode::Char('h'), KeyCode::Char('?'), KeyCode::F(1)], Action::Help),
    keys("Up, k", "the row above", &[KeyCode::Up, KeyCode::Char('k')], Action::Up),
    keys("Down, j", "the row below", &[KeyCode::Down, KeyCode::Char('j')], Action::Down),
    keys("PgUp", "a page up", &[KeyCode::PageUp], Action::PageUp),
    keys("PgDn", "a page down", &[KeyCode::PageDown], Action::PageDown),
    keys("Home, g", "the first row", &[KeyCode::Home, KeyCode::Char('g')], Action::First),
    keys("End, G", "the last row", &[KeyCode::End, KeyCode::Char('G')], Action::Last),
    keys("Enter", "details: history, limits and who set them", &[KeyCode::Enter], Action::Open),
    keys("Esc", "back; in the table, end the filter", &[KeyCode::Esc], Action::Back),
    keys("<", "sort by the column to the left", &[KeyCode::Char('<')], Action::SortLeft),
    keys(">", "sort by the column to the right", &[KeyCode::Char('>')], Action::SortRight),
    keys("P", "sort by CPU time", &[KeyCode::Char('P')], Action::SortBy("cpu")),
    keys("M", "sort by memory", &[KeyCode::Char('M')], Action::SortBy("mem")),
    keys("L", "sort by load", &[KeyCode::Char('L')], Action::SortBy("load1")),
    keys("r, R", "the other way round", &[KeyCode::Char('r'), KeyCode::Char('R')], Action::Reverse),
    keys("F, f, F2", "choose columns", &[KeyCode::Char('F'), KeyCode::Char('f'), KeyCode::F(2)], Action::Columns),
    keys("/, F4", "only names and paths with a text", &[KeyCode::Char('/'), KeyCode::F(4)], Action::Filter),
    keys("t, F5", "tree or list", &[KeyCode::Char('t'), KeyCode::F(5)], Action::Tree),
    keys("a", "all cgroups, or containers alone", &[KeyCode::Char('a')], Action::All),
    keys("Space", "pause, or go on", &[KeyCode::Char(' ')], Action::Pause),
    keys("d, s", "seconds from one sample to the next", &[KeyCode::Char('d'), KeyCode::Char('s')], Action::Delay),
    with_control("Ctrl-L", "draw the screen anew", &[KeyCode::Char('l')], Action::Redraw),
    with_control("Ctrl-Z", "stop; fg goes on", &[KeyCode::Char('z')], Action::Suspend),
];

const fn keys(names: &'static str, about: &'static str, codes: &'static [KeyCode], action: Action) -> Keys {
    Keys { names, about, codes, is_with_control: false, action }
}

const fn with_control(names: &'static str, about: &'static str, codes: &'static [KeyCode], action: Action) -> Keys {
    Keys { names, about, codes, is_with_control: true, action }
}

/// What this key does.
pub(super) fn action_of(event: KeyEvent) -> Option<Action> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    if is_interrupt(event) {
        return Some(Action::Quit);
    }
    let is_with_control = event.modifiers.contains(KeyModifiers::CONTROL);
    let is_meant = |keys: &&Keys| keys.codes.contains(&event.code) && keys.is_with_control == is_with_control;
    KEYS.iter().find(is_meant).map(|keys| keys.action)
}

/// Ctrl-C ends the program from everywhere, as it would without us.
pub(super) fn is_interrupt(event: KeyEvent) -> bool {
    event.code == KeyCode::Char('c') && event.modifiers.contains(KeyModifiers::CONTROL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings() {
        let all = || KEYS.iter().flat_map(|keys| keys.codes.iter().map(|code| (*code, keys.is_with_control)));
        for key in all() {
            assert_eq!(all().filter(|other| *other == key).count(), 1, "{key:?}");
        }
    }

    #[test]
    fn keys_are_found() {
        let of = |code, modifiers| action_of(KeyEvent::new(code, modifiers));
        assert_eq!(of(KeyCode::Char('q'), KeyModifiers::NONE), Some(Action::Quit));
        assert_eq!(of(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(of(KeyCode::Char('F'), KeyModifiers::SHIFT), Some(Action::Columns));
        assert_eq!(of(KeyCode::Char('l'), KeyModifiers::CONTROL), Some(Action::Redraw));
        assert_eq!(of(KeyCode::Char('l'), KeyModifiers::NONE), None);
        assert_eq!(of(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
    }
}
