//! Figures as text, short enough for a column. Sizes are in powers of 1024.

/// What a column's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Not a number: the cgroup's name.
    Name,
    /// CPUs, loads: two decimals.
    Decimal,
    /// A share, shown in percent; 1 is all.
    Share,
    Percent,
    Bytes,
    Count,
    /// Seconds.
    Age,
}

impl Unit {
    /// How wide a column is.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Name => 12,
            Self::Decimal | Self::Bytes | Self::Count => 6,
            Self::Share | Self::Percent | Self::Age => 5,
        }
    }

    /// The number in this unit.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::Name => String::new(),
            Self::Decimal => decimal(value),
            Self::Share => percent(100.0 * value),
            Self::Percent => percent(value),
            Self::Bytes => bytes(value),
            Self::Count => count(value),
            Self::Age => age(value),
        }
    }
}

/// With as many decimals as five digits leave room for.
fn decimal(value: f64) -> String {
    match value {
        ..999.5 => format!("{value:.2}"),
        ..9999.5 => format!("{value:.1}"),
        _ => count(value),
    }
}

fn percent(value: f64) -> String {
    if value < 999.95 { format!("{value:.1}") } else { count(value) }
}

/// An amount of memory with three digits: 512M, 1.50G.
pub(super) fn bytes(value: f64) -> String {
    let mut value = value;
    if value < 1023.5 {
        return format!("{value:.0}");
    }
    for unit in ["K", "M", "G", "T", "P"] {
        value /= 1024.0;
        match value {
            ..9.995 => return format!("{value:.2}{unit}"),
            ..99.95 => return format!("{value:.1}{unit}"),
            ..1023.5 => return format!("{value:.0}{unit}"),
            _ => {}
        }
    }
    format!("{value:.0}P")
}

/// Up to five digits, then in thousands.
fn count(value: f64) -> String {
    match value {
        ..99_999.5 => format!("{value:.0}"),
        ..9_999_500.0 => format!("{:.0}k", value / 1e3),
        ..9_999_500_000.0 => format!("{:.0}m", value / 1e6),
        _ => format!("{value:.0e}"),
    }
}

/// In the largest unit of which there are at least two.
fn age(seconds: f64) -> String {
    const STEPS: [(f64, char); 4] = [(2.0 * 365.0 * 86400.0, 'y'), (2.0 * 86400.0, 'd'), (7200.0, 'h'), (120.0, 'm')];
    match STEPS.into_iter().find(|(from, _)| seconds >= *from) {
        Some((from, unit)) => format!("{:.0}{unit}", (2.0 * seconds / from).floor()),
        None => format!("{:.0}s", seconds.floor()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_fit_into_their_columns() {
        let units = [Unit::Decimal, Unit::Share, Unit::Percent, Unit::Bytes, Unit::Count, Unit::Age];
        for unit in units {
            for value in [0.0, 0.004, 9.996, 99.96, 999.6, 1023.6, 9999.6, 99_999.6, 1e6, 1_048_575.9, 9.9996e6] {
                let text = unit.text(value);
                assert!(text.len() <= unit.width(), "{value} as {unit:?} is {text}");
            }
        }
        assert_eq!(Unit::Bytes.text(u64::MAX as f64).len(), 6);
    }

    #[test]
    fn figures_are_read_at_a_glance() {
        for (unit, value, expected) in [
            (Unit::Bytes, 0.0, "0"),
            (Unit::Bytes, 1023.0, "1023"),
            (Unit::Bytes, 1024.0, "1.00K"),
            (Unit::Bytes, 512.0 * 1024.0 * 1024.0, "512M"),
            (Unit::Bytes, 1023.9 * 1024.0, "1.00M"),
            (Unit::Bytes, 1.5 * 1024.0 * 1024.0 * 1024.0, "1.50G"),
            (Unit::Decimal, 1.5, "1.50"),
            (Unit::Decimal, 1234.5, "1234.5"),
            (Unit::Share, 0.5, "50.0"),
            (Unit::Percent, 100.0, "100.0"),
            (Unit::Count, 123_456.0, "123k"),
            (Unit::Age, 119.9, "119s"),
            (Unit::Age, 120.0, "2m"),
            (Unit::Age, 7200.0, "2h"),
            (Unit::Age, 3.5 * 86400.0, "3d"),
            (Unit::Age, 800.0 * 86400.0, "2y"),
        ] {
            assert_eq!(unit.text(value), expected);
        }
    }
}
