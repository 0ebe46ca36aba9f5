//! Draws what is known, as the user wants to see it.

mod chooser;
mod details;
mod header;
mod help;
mod list;

use super::{
    data::Data,
    state::{Asked, Page, Prompt, State},
    style::Styles,
    text::{cut_end, width},
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

/// Draws everything. Notes in `state` what there was room for.
pub(super) fn draw(frame: &mut Frame<'_>, data: &Data, state: &mut State, styles: Styles) {
    let area = frame.area();
    let [page, last] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(area);
    match state.page {
        Page::Table => list::draw(frame, page, data, state, styles),
        Page::Details(_) => details::draw(frame, page, data, styles),
        Page::Help(line) => help::draw(frame, page, line, state, styles),
        Page::Columns(at) => chooser::draw(frame, page, at, state, styles),
    }
    let line = last_line(state, styles, usize::from(last.width));
    frame.render_widget(Paragraph::new(line), last);
    if let Some(prompt) = &state.prompt {
        let end = u16::try_from(width(&asked(prompt))).unwrap_or(u16::MAX);
        frame.set_cursor_position((last.x.saturating_add(end).min(last.right().saturating_sub(1)), last.y));
    }
}

/// What is typed, what went wrong, or the most important keys.
fn last_line(state: &State, styles: Styles, room: usize) -> Line<'static> {
    if let Some(prompt) = &state.prompt {
        return Line::raw(end_of(&asked(prompt), room));
    }
    if let Some(message) = &state.message {
        return Line::styled(cut_end(message, room), styles.loud());
    }
    let keys = match state.page {
        Page::Table => {
            &["q quit", "h help", "Enter details", "/ filter", "< > sort", "r reverse", "t tree", "a all", "F columns"]
                [..]
        }
        Page::Details(_) => &["Esc back", "Space pause", "h help"],
        Page::Help(_) => &["Esc back", "Up Down"],
        Page::Columns(_) => &["Esc back", "Space show or hide", "s sort by it"],
    };
    let mut line = String::new();
    for key in keys {
        let longer = if line.is_empty() { (*key).to_owned() } else { format!("{line}   {key}") };
        if width(&longer) > room {
            break;
        }
        line = longer;
    }
    Line::raw(line)
}

fn asked(prompt: &Prompt) -> String {
    let question = match prompt.asked {
        Asked::Filter => "filter: ",
        Asked::Delay => "seconds from one sample to the next: ",
    };
    format!("{question}{}", super::text::shown(&prompt.text))
}

/// The end of a line that is typed.
fn end_of(text: &str, room: usize) -> String {
    let mut rest = text.chars();
    while width(rest.as_str()) >= room.max(1) && rest.next().is_some() {}
    rest.as_str().to_owned()
}

/// A line of `room` columns that is stressed as a whole.
fn bar(text: &str, room: usize, style: ratatui::style::Style) -> Line<'static> {
    Line::from(Span::styled(super::text::left(text, room), style))
}

/// The first of `count` lines to be shown if `rows` fit and the one at `at` has to be seen.
fn first_shown(at: usize, rows: usize, count: usize) -> usize {
    let rows = rows.max(1);
    // The mark stays in the middle, except at the ends.
    at.saturating_sub(rows / 2).min(count.saturating_sub(rows))
}

/// The rows of an area.
fn rows_of(area: Rect) -> usize {
    usize::from(area.height)
}

#[cfg(test)]
mod tests;
