//! The help: all keys and all columns.

use super::{
    super::{columns::COLUMNS, keys::KEYS, state::State, style::Styles},
    bar, rows_of,
};
use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};

/// Draws the help from `line` on.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, line: usize, state: &mut State, styles: Styles) {
    let room = usize::from(area.width);
    let keys = KEYS.iter().map(|keys| entry(keys.names, keys.about, 10));
    let columns = COLUMNS.iter().map(|column| entry(column.title, column.about, 10));
    let mut lines = vec![bar("KEYS", room, styles.titles())];
    lines.extend(keys);
    lines.push(bar("COLUMNS", room, styles.titles()));
    lines.extend(columns);
    lines.push(Line::raw("Sizes are in powers of 1024. - stands for what is not known."));
    let rows = rows_of(area);
    let first = line.min(lines.len().saturating_sub(rows));
    state.page_rows = rows.max(1);
    state.page = super::Page::Help(first);
    frame.render_widget(Paragraph::new(lines.split_off(first)), area);
}

fn entry(name: &str, about: &str, room: usize) -> Line<'static> {
    Line::raw(format!("{name:<room$} {about}"))
}
