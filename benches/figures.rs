//! What is measured: a table, a row, a column, and the quartiles. Each part tells its figures on standard output, from
//! this kernel or from the booted one; who runs the parts collects them in `target/benches`.

use crate::{bed, containers::target};
use std::{fs, path::PathBuf};

/// The first quartile, the median, the third quartile, in the unit of the table (page/tables.rs).
pub(crate) type Quartiles = [f64; 3];

/// One cell of a table.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// `v1` or `v2`, with what the machine is.
    pub(crate) kernel: String,
    pub(crate) table: String,
    pub(crate) row: String,
    pub(crate) column: String,
    pub(crate) quartiles: Quartiles,
}

/// What a line with a figure begins with.
const MARK: &str = "figure\t";

/// The cgroup version of this kernel, as figures have it.
pub(crate) fn kernel() -> &'static str {
    match bed::version() {
        bed::Version::V1 => "v1",
        bed::Version::V2 => "v2",
    }
}

/// Tells a figure to who runs this part.
pub(crate) fn tell(table: &str, row: &str, column: &str, [first, median, third]: Quartiles) {
    println!("{MARK}{}\t{table}\t{row}\t{column}\t{first}\t{median}\t{third}", kernel());
}

/// Tells a figure that was measured once.
pub(crate) fn tell_one(table: &str, row: &str, column: &str, value: f64) {
    tell(table, row, column, [value; 3]);
}

/// The quartiles of what was measured.
pub(crate) fn quartiles(values: &[f64]) -> Quartiles {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| sorted[sorted.len() * quarter / 4])
}

impl Figure {
    pub(crate) fn median(&self) -> f64 {
        self.quartiles[1]
    }

    /// The figure in a line that [`tell`] printed.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.strip_prefix(MARK)?.split('\t').collect();
        let [kernel, table, row, column, numbers @ ..] = fields.as_slice() else { return None };
        let numbers: Vec<f64> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
        let [kernel, table, row, column] = [kernel, table, row, column].map(|field| (*field).to_owned());
        Some(Self { kernel, table, row, column, quartiles: numbers.try_into().ok()? })
    }

    fn line(&self) -> String {
        let Self { kernel, table, row, column, quartiles: [first, median, third] } = self;
        format!("{MARK}{kernel}\t{table}\t{row}\t{column}\t{first}\t{median}\t{third}\n")
    }
}

/// Where the figures of a part are kept, on one kernel.
fn file(part: &str, is_here: bool) -> PathBuf {
    target().join("benches").join(format!("{part}-{}", if is_here { "here" } else { "booted" }))
}

/// Keeps the figures of a part until it runs again.
pub(crate) fn keep(part: &str, is_here: bool, figures: &[Figure]) {
    let file = file(part, is_here);
    fs::create_dir_all(file.parent().expect("a directory")).expect("target/benches");
    fs::write(&file, figures.iter().map(Figure::line).collect::<String>()).expect("the figures");
}

/// The figures of all parts, as far as they ran.
pub(crate) fn kept(parts: &[&str]) -> Vec<Figure> {
    let files = parts.iter().flat_map(|part| [true, false].map(|is_here| file(part, is_here)));
    let texts = files.filter_map(|file| fs::read_to_string(file).ok());
    texts.flat_map(|text| text.lines().filter_map(Figure::of_line).collect::<Vec<_>>()).collect()
}
