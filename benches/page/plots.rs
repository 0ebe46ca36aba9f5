//! The pictures, as SVG.

use super::tables::{distinct, median};
use crate::figures::Figure;
use plotters::{
    coord::{combinators::LogCoord, types::RangedCoordf64},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::path::Path;

/// A picture that was drawn, and the table that it belongs to.
pub(crate) struct Picture {
    pub(crate) table: &'static str,
    pub(crate) file: String,
    pub(crate) title: String,
}

/// A logarithmic scale across, a plain one down.
type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A line of a picture, or bars of one colour.
struct Series<'f> {
    name: &'f str,
    points: Vec<(f64, f64)>,
}

const COLOURS: [RGBColor; 5] = [
    RGBColor(120, 120, 120),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
];

/// Draws all pictures for which there are figures.
pub(crate) fn draw(figures: &[Figure], directory: &Path) -> Vec<Picture> {
    let mut pictures = Vec::new();
    for kernel in ["v1", "v2"] {
        let of = |table: &str| figures.iter().filter(|it| it.kernel == kernel && it.table == table).collect::<Vec<_>>();
        let mut keep = |table: &'static str, what: &str, title: String, draw: &dyn Fn(&Path, &str) -> Drawn| {
            let file = format!("{what}-{kernel}.svg");
            draw(&directory.join(&file), &title).unwrap_or_else(|error| panic!("{file}: {error}"));
            pictures.push(Picture { table, file, title });
        };
        let files = of("files");
        if !files.is_empty() {
            let title = format!("Open, read and close of an answered file, µs, cgroup {kernel}");
            keep("files", "files", title, &|path, title| bars(path, title, &files, 1e3));
        }
        for (table, row, x, title) in LINES {
            let series = series(&of(table), row);
            if series.iter().any(|series| series.points.len() > 1) {
                let title = format!("{title}, cgroup {kernel}");
                keep(table, table, title, &|path, title| lines(path, title, x, &series));
            }
        }
    }
    pictures
}

/// Tables whose rows are points of a line: the table, what the rows begin with, the axis, the title.
const LINES: [(&str, &str, &str, &str); 4] = [
    ("threads", "/proc/meminfo, ", "threads", "/proc/meminfo by several threads, µs that pass for each"),
    ("nesting", "/proc/meminfo, ", "cgroups deep", "/proc/meminfo of a nested container, µs"),
    ("texts", "/proc/stat, ", "CPUs", "Composing /proc/stat, µs"),
    ("sampler", "", "cgroups", "The sampler and lxcfs -l, idle, CPU seconds a minute"),
];

/// The columns of rows that begin with `row` and go on with a number.
fn series<'f>(figures: &[&'f Figure], row: &str) -> Vec<Series<'f>> {
    let columns = distinct(figures.iter().map(|it| it.column.as_str()));
    let is_shown = |column: &&str| {
        !["difference", "bytes"].contains(column) && !column.starts_with("MiB") && !column.ends_with(", s")
    };
    let shown = columns.into_iter().filter(is_shown);
    let scale = if row.is_empty() { 1.0 } else { 1e3 };
    let all = shown.map(|name| {
        let is_plain = |row: &str| !row.ends_with("runnable") && !row.ends_with(" active");
        let own = figures.iter().filter(|it| it.column == name && is_plain(&it.row));
        let point = |it: &&&Figure| {
            let number = it.row.strip_prefix(row)?.split(' ').next()?;
            Some((number.parse().ok()?, it.median() / scale))
        };
        let mut points: Vec<(f64, f64)> = own.filter_map(|it| point(&it)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series { name, points }
    });
    all.filter(|series| !series.points.is_empty()).collect()
}

/// The least and the most of some values, with a little room.
fn range(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
    least * 0.7..most * 1.4
}

fn colour(name: &str, index: usize) -> RGBColor {
    match name {
        "kernel" => COLOURS[0],
        "ours" => COLOURS[1],
        "lxcfs" | "lxcfs 5" => COLOURS[2],
        "lxcfs 7" => COLOURS[3],
        _ => COLOURS[index % COLOURS.len()],
    }
}

/// Lines over a logarithmic scale in both directions.
fn lines(path: &Path, title: &str, x: &str, all: &[Series<'_>]) -> Drawn {
    let area = SVGBackend::new(path, (720, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let points = || all.iter().flat_map(|series| &series.points);
    let (across, mut up) = (range(points().map(|point| point.0)), range(points().map(|point| point.1)));
    // Room for the names.
    up.end *= 4.0;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(60)
        .build_cartesian_2d(across.log_scale(), up.log_scale())?;
    let plain = |value: &f64| value.to_string();
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(x).light_line_style(TRANSPARENT).x_label_formatter(&plain).y_label_formatter(&plain).draw()?;
    for (index, series) in all.iter().enumerate() {
        let colour = colour(series.name, index);
        let line = LineSeries::new(series.points.iter().copied(), colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)?
            .label(series.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}

/// The columns with bars: the kernel's, ours, each lxcfs.
fn compared(figures: &[Figure]) -> Vec<&str> {
    let mut columns = distinct(figures.iter().map(|it| it.column.as_str()));
    columns.retain(|column| *column != "difference");
    columns.sort_by_key(|column| (*column != "kernel", *column != "ours", *column));
    columns
}

/// A group of bars for each row that has a kernel's time, over a logarithmic scale.
fn bars(path: &Path, title: &str, figures: &[&Figure], per_unit: f64) -> Drawn {
    const BAR: f64 = 1.0;
    let owned: Vec<Figure> = figures.iter().map(|it| (*it).clone()).collect();
    let (kernel, table) = (&owned[0].kernel, &owned[0].table);
    let rows = distinct(owned.iter().map(|it| it.row.as_str()));
    let rows: Vec<&str> = rows.into_iter().filter(|row| !row.contains(',')).collect();
    let columns = compared(&owned);
    let group = columns.len() as f64 + 1.0;
    let height = (rows.len() as f64 * group * 11.0) as u32 + 90;
    let value = |row: &str, column: &str| median(&owned, kernel, table, row, column).map(|value| value / per_unit);
    let across = range(rows.iter().flat_map(|row| columns.iter().filter_map(|column| value(row, column))));
    let left = across.start;
    let area = SVGBackend::new(path, (760, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(24)
        .y_label_area_size(330)
        .build_cartesian_2d(across.log_scale(), rows.len() as f64 * group..-BAR)?;
    chart.configure_mesh().disable_y_mesh().y_labels(0).light_line_style(TRANSPARENT).draw()?;
    for (index, column) in columns.iter().enumerate() {
        let colour = colour(column, index);
        let bar = |(place, row): (usize, &&str)| {
            let top = place as f64 * group + index as f64 * BAR;
            Some(Rectangle::new([(left, top), (value(row, column)?, top + BAR)], colour.filled()))
        };
        chart
            .draw_series(rows.iter().enumerate().filter_map(bar))?
            .label(*column)
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 10, y + 4)], colour.filled()));
    }
    name_groups(&mut chart, &rows, left, group, &("sans-serif", 12).into_text_style(&area))?;
    let mut names = chart.configure_series_labels();
    names
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}

/// Writes each group's name left of its bars.
fn name_groups<DB: DrawingBackend>(
    chart: &mut Chart<'_, DB>,
    rows: &[&str],
    left: f64,
    group: f64,
    style: &TextStyle<'_>,
) -> Result<(), Box<dyn std::error::Error>>
where
    DB::ErrorType: 'static,
{
    let style = style.pos(Pos::new(HPos::Right, VPos::Center));
    let name = |(place, row): (usize, &&str)| {
        Text::new(format!("{row}  "), (left, place as f64 * group + (group - 1.0) / 2.0), style.clone())
    };
    chart.draw_series(rows.iter().enumerate().map(name))?;
    Ok(())
}
