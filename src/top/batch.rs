//! The table or JSON on standard output, for files, pipes and programs.

use super::{
    TopOptions,
    data::Data,
    events::{Event, Events},
    json,
    looks::Looks,
    rows::{Row, arranged, seen},
    table::{Layout, longest_name},
};
use crate::output;
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// How long after the look that is not printed the first sample is taken, unless samples are more frequent: ten of the
/// kernel's usual periods of a quota, as far fewer say little about how often it runs out.
const FIRST: Duration = Duration::from_secs(1);

/// Prints as many samples as are asked for. Each has what happened since the one before; the first, since a look that
/// is not printed.
pub(super) fn run(options: &TopOptions) -> Result<()> {
    let is_one = options.count == Some(1);
    // A single sample is over before there is anything to end.
    let events = if is_one { None } else { Some(Events::ending().context("waiting for signals")?) };
    let mut looks = Looks::open(&options.board, options.cgroup.as_deref())?;
    let mut data = Data::default();
    data.take(looks.look(&options.choice));
    let mut next = Instant::now() + FIRST.min(options.delay);
    if !is_one {
        looks.follow_load();
    }
    let mut printed = 0;
    while options.count.is_none_or(|count| printed < count) {
        if is_ended(events.as_ref(), next) {
            break;
        }
        next = Instant::now() + options.delay;
        if !is_one {
            looks.follow_load();
        }
        data.take(looks.look(&options.choice));
        let rows = arranged(&data.sample, &data.rates, &options.choice);
        if printed > 0 && !options.is_json {
            output::put(b"\n")?;
        }
        let text = if options.is_json { json::line(&data, &rows)? } else { table(&data, &rows, options) };
        output::put(text.as_bytes())?;
        printed += 1;
    }
    // Nothing more is written.
    drop(events);
    Ok(())
}

/// Waits until `then`, which may be over; whether we are to end before.
fn is_ended(events: Option<&Events>, then: Instant) -> bool {
    loop {
        let rest = then.saturating_duration_since(Instant::now());
        match events {
            Some(events) if events.next(rest) == Some(Event::End) => return true,
            None => std::thread::sleep(rest),
            Some(_) => {}
        }
        if rest == Duration::ZERO {
            return false;
        }
    }
}

/// The table; without a width, as wide as it has to be.
fn table(data: &Data, rows: &[Row], options: &TopOptions) -> String {
    /// How long names may be without a width.
    const LONGEST: usize = 64;
    let longest = longest_name(rows).min(LONGEST);
    let room = options.width.unwrap_or(usize::MAX);
    let columns = match options.width {
        Some(width) => options.columns.fitting(options.choice.sorted_by, longest, width),
        None => options.columns.all(),
    };
    let layout = Layout::new(columns, longest, room);
    let mut text = line(&layout.titles());
    for row in rows {
        text += &line(&layout.row(row, &seen(&data.sample, &data.rates, row.index)));
    }
    text
}

fn line<C>(cells: &[(C, String)]) -> String {
    let text: String = cells.iter().map(|(_, text)| text.as_str()).collect();
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::events::tests::noted;

    #[test]
    fn the_end_is_heard_of_however_late_samples_are() {
        let late = Instant::now();
        let (_send, ending) = noted(&[Event::End]);
        assert!(is_ended(Some(&ending), late));
        let (_send, quiet) = noted(&[]);
        assert!(!is_ended(Some(&quiet), late) && !is_ended(None, late));
    }
}
