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
}
