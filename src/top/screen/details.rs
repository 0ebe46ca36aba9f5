//! The details of a cgroup: what it did lately, and its limits with who set each.

use super::{
    super::{
        columns::Column,
        data::{Data, Details},
        history::GRAPHS,
        name,
        rows::seen,
        style::Styles,
        text::{cut, cut_end, left, shown},
    },
    bar, rows_of,
};
use crate::stats::sample::Container;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::{Paragraph, RenderDirection, Sparkline},
};

/// The least height of a graph with its title.
const GRAPH_ROWS: usize = 3;

/// From how many columns on graphs stand side by side.
const WIDE: u16 = 100;

/// Draws the details.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, data: &Data, styles: Styles) {
    let Some(details) = &data.details else { return };
    let room = usize::from(area.width);
    let limits = limit_lines(details, styles, room);
    let head = head_lines(data, details, styles, room);
    // Without room for everything, the limits keep at least half.
    let left_over = rows_of(area).saturating_sub(head.len());
    let for_limits = limits.len().min(left_over.saturating_sub(GRAPH_ROWS).max(left_over / 2));
    let lengths = [head.len(), left_over - for_limits, for_limits];
    let parts = lengths.map(|length| Constraint::Length(u16::try_from(length).unwrap_or(u16::MAX)));
    let [top, middle, bottom] = Layout::vertical(parts).areas(area);
    frame.render_widget(Paragraph::new(head), top);
    draw_graphs(frame, middle, data, details, styles);
    frame.render_widget(Paragraph::new(limits), bottom);
}

/// Its name, its path, who made it.
fn head_lines(data: &Data, details: &Details, styles: Styles, room: usize) -> Vec<Line<'static>> {
    let cgroup = &details.cgroup;
    let mut lines = vec![bar(&details.name(), room, styles.titles())];
    if details.is_gone {
        lines.push(Line::styled(cut_end("GONE: this is what was seen of it", room), styles.loud()));
    }
    lines.push(Line::raw(cut(&name::path(&cgroup.path), room)));
    let mut known: Vec<String> = cgroup.container.iter().map(made_by).collect();
    if let Some(index) = data.index_of(details.id) {
        let seen = seen(&data.sample, &data.rates, index);
        let figure = |key: &str| Column::named(key).map(|column| column.text(&seen)).unwrap_or_default();
        known.push(format!("processes {}, threads {}, age {}", figure("procs"), figure("pids"), figure("age")));
    }
    lines.push(Line::raw(cut_end(&known.join(", "), room)));
    lines
}

fn made_by(container: &Container) -> String {
    format!("{} {}", name::of_engine(container.engine), shown(&container.id))
}

fn limit_lines(details: &Details, styles: Styles, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled(left("LIMIT                   SET BY", room), styles.heading())];
    let instead = match &details.limits {
        None => "not known: it is gone, or its path is too long",
        Some(limits) if limits.is_empty() => "none: it can have all of the machine",
        Some(_) => "",
    };
    if !instead.is_empty() {
        lines.push(Line::raw(cut_end(instead, room)));
    }
    for [name, value, setter] in details.limits.iter().flatten() {
        let what = format!("{name:<12} {value:<10}");
        let rest = room.saturating_sub(what.len() + 1);
        lines.push(Line::raw(cut(&format!("{what} {}", cut(setter, rest)), room)));
    }
    lines
}

fn draw_graphs(frame: &mut Frame<'_>, area: Rect, data: &Data, details: &Details, styles: Styles) {
    let side_by_side = if area.width >= WIDE { 2 } else { 1 };
    let known = GRAPHS.iter().filter_map(|key| {
        let figures = data.history.of(details.id, key);
        let is_known = figures.iter().any(Option::is_some);
        is_known.then_some(Column::named(key)?).map(|column| (column, figures))
    });
    let graphs: Vec<_> = known.collect();
    let lines = (rows_of(area) / GRAPH_ROWS).min(graphs.len().div_ceil(side_by_side)).max(1);
    let rows = Layout::vertical(vec![Constraint::Fill(1); lines]).split(area);
    let in_order = rows.iter().flat_map(|row| {
        let cells = Layout::horizontal(vec![Constraint::Fill(1); side_by_side]).spacing(2).split(*row);
        cells.to_vec()
    });
    for (cell, (column, figures)) in in_order.zip(&graphs) {
        draw_graph(frame, cell, column, figures, styles);
    }
}

/// A graph, the newest sample at its right edge. Its words and its scale are about the samples that fit.
fn draw_graph(frame: &mut Frame<'_>, area: Rect, column: &Column, figures: &[Option<f64>], styles: Styles) {
    const STEPS: f64 = 1e6;
    let [title, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let figures = &figures[figures.len().saturating_sub(usize::from(body.width))..];
    let highest = figures.iter().flatten().copied().fold(0.0, f64::max);
    let now = figures.last().copied().flatten().map_or_else(|| "-".to_owned(), |figure| column.unit.text(figure));
    let words = format!("{} {now}, highest {}, of {} samples", column.title, column.unit.text(highest), figures.len());
    frame.render_widget(
        Paragraph::new(Line::styled(cut_end(&words, usize::from(title.width)), styles.heading())),
        title,
    );
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to STEPS")]
    let step = |figure: f64| if highest > 0.0 { (figure / highest * STEPS) as u64 } else { 0 };
    let newest_first = figures.iter().rev().map(|figure| figure.map(step));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number")]
    let graph = Sparkline::default().data(newest_first).max(STEPS as u64).direction(RenderDirection::RightToLeft);
    frame.render_widget(graph.style(styles.graph()), body);
}
