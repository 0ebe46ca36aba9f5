//! A figure's value and its unit.

use std::fmt;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Kib,
    Cpus,
    /// Not a number: a list of CPUs.
    List,
    Sec,
    Msec,
    Usec,
    Threads,
    Percent,
    Sectors,
    Pages,
    Events,
    /// Not a number: a directory.
    Path,
}

impl Unit {
    /// The unit's name, as used at the end of `--json` keys.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Kib => "kib",
            Self::Cpus => "cpus",
            Self::List => "list",
            Self::Sec => "sec",
            Self::Msec => "msec",
            Self::Usec => "usec",
            Self::Threads => "threads",
            Self::Percent => "percent",
            Self::Sectors => "sectors",
            Self::Pages => "pages",
            Self::Events => "events",
            Self::Path => "path",
        }
    }
}

/// A value without its unit.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub(super) enum Value {
    Whole(u64),
    Decimal(f64),
    Text(String),
}

/// A value with its unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    pub(super) value: Value,
    pub(super) unit: Unit,
}

impl Quantity {
    pub(super) fn whole(value: u64, unit: Unit) -> Self {
        Self { value: Value::Whole(value), unit }
    }

    pub(super) fn decimal(value: f64, unit: Unit) -> Self {
        Self { value: Value::Decimal(value), unit }
    }

    pub(super) fn text(value: &str, unit: Unit) -> Self {
        Self { value: Value::Text(value.trim().to_owned()), unit }
    }

    /// Its bytes, if it is an amount of memory.
    pub(super) fn bytes(&self) -> Option<u64> {
        match (&self.value, self.unit) {
            (Value::Whole(bytes), Unit::Bytes) => Some(*bytes),
            (Value::Whole(kib), Unit::Kib) => kib.checked_mul(1024),
            _ => None,
        }
    }

    /// The number, if it is a whole one: of an amount of memory, its bytes.
    pub(super) fn number(&self) -> Option<u64> {
        match self.value {
            Value::Whole(number) => Some(self.bytes().unwrap_or(number)),
            _ => None,
        }
    }

    /// Rounded, and in at most 11 characters unless the number is too large for that.
    pub(super) fn brief(&self) -> String {
        const MOST: usize = 11;
        match (&self.value, self.unit) {
            (Value::Text(text), _) if text.chars().count() > MOST => text.chars().take(MOST - 1).chain(['…']).collect(),
            (Value::Decimal(sec), Unit::Sec) if *sec >= 1e6 => format!("{sec:.0} s"),
            (value, Unit::Sec) => format!("{value} s"),
            (value, Unit::Percent) => format!("{value} %"),
            (value, Unit::Threads) => value.to_string(),
            _ => self.to_string(),
        }
    }

    /// In full precision.
    pub(super) fn exact(&self) -> String {
        match (&self.value, self.unit) {
            (Value::Text(text), _) => text.clone(),
            (Value::Whole(1), unit) => format!("1 {}", unit.name().trim_end_matches('s')),
            (value, unit) => format!("{value} {}", unit.name()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(to),
            Self::Decimal(number) => write!(to, "{number:.2}"),
            Self::Text(text) => to.pad(text),
        }
    }
}

/// Rounded, for reading at a glance.
impl fmt::Display for Quantity {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes() {
            Some(bytes) => to.pad(&with_prefix(bytes)),
            None => to.pad(&self.exact()),
        }
    }
}

/// An amount of memory, in the largest unit that leaves a digit before the decimal point.
fn with_prefix(bytes: u64) -> String {
    const STEPS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match STEPS.into_iter().find(|(_, shift)| bytes >> shift > 0) {
        None => format!("{bytes} B"),
        Some((name, shift)) => format!("{:.1} {name}", bytes as f64 / (1_u64 << shift) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_at_a_glance() {
        for (bytes, expected) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (536_870_912, "512.0 MiB"), (3 << 39, "1.5 TiB")]
        {
            assert_eq!(Quantity::whole(bytes, Unit::Bytes).to_string(), expected);
        }
        assert_eq!(Quantity::whole(524_288, Unit::Kib).to_string(), "512.0 MiB");
        assert_eq!(Quantity::whole(1, Unit::Cpus).to_string(), "1 cpu");
        assert_eq!(Quantity::decimal(1.5, Unit::Cpus).to_string(), "1.50 cpus");
        assert_eq!(Quantity::text("0-3\n", Unit::List).to_string(), "0-3");
    }

    #[test]
    fn on_a_page_they_are_short() {
        for (quantity, expected) in [
            (Quantity::whole(524_288, Unit::Kib), "512.0 MiB"),
            (Quantity::decimal(1.5, Unit::Cpus), "1.50 cpus"),
            (Quantity::decimal(653.951, Unit::Sec), "653.95 s"),
            (Quantity::decimal(12_345_678.9, Unit::Sec), "12345679 s"),
            (Quantity::decimal(100.0, Unit::Percent), "100.00 %"),
            (Quantity::decimal(15.54, Unit::Threads), "15.54"),
            (Quantity::text("0-3,8-11", Unit::List), "0-3,8-11"),
            (Quantity::text("0,2,4,6,8,10", Unit::List), "0,2,4,6,8,…"),
        ] {
            assert_eq!(quantity.brief(), expected);
        }
    }
}
