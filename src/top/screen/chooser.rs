//! The choice of columns.

use super::{
    super::{columns::COLUMNS, state::State, style::Styles, text::left},
    bar, first_shown, rows_of,
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};

/// Draws all columns, with the mark at one of them.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, at: usize, state: &mut State, styles: Styles) {
    let [title, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let room = usize::from(area.width);
    let rows = rows_of(body);
    state.page_rows = rows.max(1);
    let lines = COLUMNS.iter().enumerate().map(|(index, column)| {
        let is_shown = if state.columns.has(column) { "[x]" } else { "[ ]" };
        let order = if column == state.choice.sorted_by { "sorted by" } else { "" };
        let text = format!("{is_shown} {:<7} {:<9} {order:<10}{}", column.title, column.key, column.about);
        let style = if index == at { styles.marked() } else { Default::default() };
        Line::styled(left(&text, room), style)
    });
    let first = first_shown(at, rows, COLUMNS.len());
    frame.render_widget(Paragraph::new(bar("COLUMNS", room, styles.titles())), title);
    frame.render_widget(Paragraph::new(lines.skip(first).take(rows).collect::<Vec<_>>()), body);
}
