//! The table.

use super::{
    super::{
        columns::Seen,
        data::Data,
        rows::{Row, seen},
        state::State,
        style::Styles,
        table::{Layout as Columns, longest_name},
    },
    first_shown, header, rows_of,
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::Paragraph,
};

/// Draws the table with its header.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, data: &Data, state: &mut State, styles: Styles) {
    let parts = [Constraint::Length(2), Constraint::Length(1), Constraint::Min(0)];
    let [header, titles, body] = Layout::vertical(parts).areas(area);
    let room = usize::from(area.width);
    let longest = longest_name(&state.rows);
    state.shown = state.columns.fitting(state.choice.sorted_by, longest, room);
    state.page_rows = rows_of(body).max(1);
    let columns = Columns::new(state.shown.clone(), longest, room);
    frame.render_widget(Paragraph::new(header::lines(data, state, styles, room).to_vec()), header);
    frame.render_widget(Paragraph::new(title_line(&columns, state, styles)).style(styles.titles()), titles);
    let first = first_shown(state.at, rows_of(body), state.rows.len());
    let shown = state.rows.iter().enumerate().skip(first).take(rows_of(body));
    let lines = shown.map(|(at, row)| {
        let seen = seen(&data.sample, &data.rates, row.index);
        let line = row_line(&columns, row, &seen, styles);
        if at == state.at { line.style(styles.marked()) } else { line }
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), body);
    if state.rows.is_empty() {
        frame.render_widget(Paragraph::new(nothing(state)), body);
    }
}

/// Why there is no row.
fn nothing(state: &State) -> &'static str {
    match (state.choice.filter.is_empty(), state.choice.is_all) {
        (false, _) => "none matches the filter (Esc ends it)",
        (true, false) => "no containers (a: all cgroups)",
        (true, true) => "no cgroups",
    }
}

fn title_line(columns: &Columns, state: &State, styles: Styles) -> Line<'static> {
    let spans = columns.titles().into_iter().map(|(column, text)| {
        let is_sorted_by = column == state.choice.sorted_by;
        Span::styled(text, if is_sorted_by { styles.sorted_by() } else { Style::new() })
    });
    Line::from(spans.collect::<Vec<_>>())
}

fn row_line(columns: &Columns, row: &Row, seen: &Seen<'_>, styles: Styles) -> Line<'static> {
    let spans = columns.row(row, seen).into_iter().map(|(column, text)| {
        let style = styles.figure(column, column.value(seen));
        Span::styled(text, style)
    });
    Line::from(spans.collect::<Vec<_>>())
}
