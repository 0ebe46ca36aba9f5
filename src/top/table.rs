//! The table as text: its titles and its rows, in the same form on a screen and in a file.

use super::{
    columns::{Column, Seen, widths},
    rows::Row,
    text::{left, right, width},
};

/// The columns that are shown, and how wide each is.
pub(super) struct Layout {
    columns: Vec<&'static Column>,
    widths: Vec<usize>,
}

/// How far each level of a tree is moved to the right.
const STEP: usize = 2;

impl Layout {
    /// A layout of these columns in lines of `room`, in which the longest name has `longest`.
    pub(super) fn new(columns: Vec<&'static Column>, longest: usize, room: usize) -> Self {
        let widths = widths(&columns, longest, room);
        Self { columns, widths }
    }

    /// The titles, each as wide as its column, with what separates it from the one before.
    pub(super) fn titles(&self) -> Vec<(&'static Column, String)> {
        self.cells(|column| if column.is_name() { "NAME".to_owned() } else { column.title.to_owned() })
    }

    /// A row, in the same form.
    pub(super) fn row(&self, row: &Row, seen: &Seen<'_>) -> Vec<(&'static Column, String)> {
        self.cells(|column| if column.is_name() { self.name(row) } else { column.text(seen) })
    }

    /// The row's name, moved to the right by its depth as far as there is room.
    fn name(&self, row: &Row) -> String {
        let room = self.columns.iter().zip(&self.widths).find(|(column, _)| column.is_name()).map_or(0, |(_, it)| *it);
        let indent = indent(row).min(room / 2);
        format!("{}{}", " ".repeat(indent), super::text::cut(&row.name, room - indent))
    }

    fn cells(&self, text: impl Fn(&'static Column) -> String) -> Vec<(&'static Column, String)> {
        let in_column = |(at, (column, width)): (usize, (&&'static Column, &usize))| {
            let text = text(column);
            let text = if column.is_name() { left(&text, *width) } else { right(&text, *width) };
            (*column, if at == 0 { text } else { format!(" {text}") })
        };
        self.columns.iter().zip(&self.widths).enumerate().map(in_column).collect()
    }
}

fn indent(row: &Row) -> usize {
    row.depth.saturating_mul(STEP)
}

/// The width of the longest name of the rows, with what moves it to the right.
pub(super) fn longest_name(rows: &[Row]) -> usize {
    rows.iter().map(|row| width(&row.name).saturating_add(indent(row))).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        stats::Rates,
        top::{
            columns::Wanted,
            rows::{arranged, seen, tests},
        },
    };

    #[test]
    fn rows_stand_below_their_titles() {
        let (sample, rates) = (tests::sample(), Rates::default());
        let rows = arranged(&sample, &rates, &tests::choice());
        let columns = ["mem", "mem%"].map(|key| Column::named(key).unwrap());
        let layout = Layout::new(Wanted::chosen(&columns).all(), longest_name(&rows), 30);
        let text = |cells: Vec<(&Column, String)>| cells.into_iter().map(|(_, text)| text).collect::<String>();
        assert_eq!(text(layout.titles()), "NAME              MEM  %MEM");
        let last = rows.last().unwrap();
        assert_eq!(text(layout.row(last, &seen(&sample, &rates, last.index))), "/b.slice/plain  1.00M   0.1");
    }

    #[test]
    fn a_deep_row_keeps_half_of_its_name() {
        let layout = Layout::new(Wanted::chosen(&[]).all(), 20, 20);
        let row = Row { index: 0, depth: 1000, name: "inner".into() };
        assert_eq!(layout.name(&row), format!("{}inner", " ".repeat(10)));
    }
}
