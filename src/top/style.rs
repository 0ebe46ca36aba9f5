//! Colours, which only stress what the text says, and none if the user wants none.

use super::columns::Column;
use ratatui::style::{Color, Modifier, Style};

/// How things are stressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Styles {
    has_colours: bool,
}

impl Styles {
    /// As `NO_COLOR` in the environment wants it (no-color.org).
    pub(super) fn of_environment() -> Self {
        Self { has_colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    /// Without colours.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { has_colours: false }
    }

    /// A line of titles.
    pub(super) fn titles(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The title of the column by which rows are sorted.
    pub(super) fn sorted_by(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The marked line.
    pub(super) fn marked(self) -> Style {
        self.titles()
    }

    /// What has to be seen.
    pub(super) fn loud(self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn graph(self) -> Style {
        self.coloured(Color::Green)
    }

    /// A figure: those that mean that there is too little of something are stressed.
    pub(super) fn figure(self, column: &Column, value: Option<f64>) -> Style {
        let Some(value) = value else { return Style::new() };
        match column.key {
            "mem%" if value >= 0.9 => self.alarm(),
            "cpu%" if value >= 0.9 => self.loud(),
            "throttled" if value >= 0.25 => self.loud(),
            "psi-mem" | "psi-io" if value >= 10.0 => self.loud(),
            _ => Style::new(),
        }
    }

    fn alarm(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn coloured(self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }
}
