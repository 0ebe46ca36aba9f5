//! The two lines above the table: what is shown, and how.

use super::super::{data::Data, state::State, style::Styles, text::cut_end, units};
use crate::stats::sample::Sample;
use ratatui::text::{Line, Span};

/// Both lines, in `room` columns.
pub(super) fn lines(data: &Data, state: &State, styles: Styles, room: usize) -> [Line<'static>; 2] {
    let what = joined(&[counted(data, state), machine(&data.sample), left_out(&data.sample)]);
    let mut first = vec![Span::raw(cut_end(&what, room))];
    let rest = room.saturating_sub(first[0].width() + 2);
    if !data.load_from.is_empty() && rest > 0 {
        let style = if data.is_load_ours { styles.loud() } else { Default::default() };
        first.push(Span::raw("  "));
        first.push(Span::styled(cut_end(&data.load_from, rest), style));
    }
    let how = cut_end(&how(state), room);
    let second = if state.is_paused { Line::styled(how, styles.loud()) } else { Line::raw(how) };
    [Line::from(first), second]
}

fn joined(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
}

fn counted(data: &Data, state: &State) -> String {
    let rows = state.rows.len();
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let containers = data.containers();
    if rows == containers {
        plural(rows, "container")
    } else {
        format!("{}, {}", plural(rows, "row"), plural(containers, "container"))
    }
}

fn machine(sample: &Sample) -> String {
    let machine = sample.machine;
    format!("{} CPUs, {}", machine.cpus, units::bytes(machine.memory_bytes as f64))
}

fn left_out(sample: &Sample) -> String {
    match sample.left_out {
        0 => String::new(),
        count => format!("{count} cgroups left out"),
    }
}

/// The order, the filter, and what else the user chose.
fn how(state: &State) -> String {
    let choice = &state.choice;
    let paused = if state.is_paused { "PAUSED" } else { "" };
    let reversed = if choice.is_reversed { ", reversed" } else { "" };
    let filter = if choice.filter.is_empty() {
        String::new()
    } else {
        format!("filter {}", super::super::text::shown(&choice.filter))
    };
    let form = match (choice.is_tree, choice.is_all) {
        (true, true) => "tree of all cgroups",
        (true, false) => "tree of containers",
        (false, true) => "all cgroups",
        (false, false) => "",
    };
    joined(&[
        paused.to_owned(),
        format!("by {}{reversed}", choice.sorted_by.title),
        filter,
        form.to_owned(),
        format!("every {} s", state.delay.as_secs_f64()),
    ])
}
