//! A value as a user would write it, for messages.

use super::switches;
use calc::{
    answer::Answer,
    settings::{Answered, CpuCount, MemoryLimit, Value},
};

/// The value's text, which its key would parse to the same value.
pub(super) fn of(value: &Value<'_>) -> String {
    let either = |is_other: bool, [other, usual]: [&str; 2]| if is_other { other } else { usual }.to_owned();
    match *value {
        Value::Off(off) => either(off, ["off", "on"]),
        Value::HostUptime(host) => either(host, ["host", "container"]),
        Value::KernelAffinity(kernel) => either(kernel, ["kernel", "container"]),
        Value::ContainerBtime(container) => either(container, ["container", "host"]),
        Value::Files(answered) => files(answered),
        Value::Cpus(CpuCount::ByQuota) => "quota".to_owned(),
        Value::Cpus(CpuCount::ByWeight) => "weight".to_owned(),
        Value::Cpus(CpuCount::Milli(milli)) => (milli as f64 / 1000.0).to_string(),
        Value::Memory(MemoryLimit::Max) => "max".to_owned(),
        Value::Memory(MemoryLimit::High) => "high".to_owned(),
        Value::Memory(MemoryLimit::Bytes(bytes)) | Value::Disk(bytes) => size(bytes),
        Value::Cgroup(path) | Value::Board(path) | Value::Debug(path) => String::from_utf8_lossy(path).into_owned(),
    }
}

/// In the largest unit that leaves no remainder.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match UNITS.into_iter().find(|(unit, _)| bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

fn files(answered: Answered) -> String {
    let is_among = |name: &&'static str| {
        let named = Answered::parse(name.as_bytes());
        named.is_some_and(|named| Answer::ALL.into_iter().any(|answer| named.has(answer) && answered.has(answer)))
    };
    switches().into_iter().filter(is_among).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use calc::settings::Key;

    #[test]
    fn what_is_written_is_what_was_read() {
        for (key, text) in [
            (Key::Switch, "off"),
            (Key::Files, "meminfo,diskstats,pressure"),
            (Key::Files, ""),
            (Key::Cpus, "1.5"),
            (Key::Cpus, "weight"),
            (Key::Cpus, "quota"),
            (Key::Memory, "512M"),
            (Key::Memory, "1048577"),
            (Key::Memory, "high"),
            (Key::Memory, "max"),
            (Key::Disk, "10G"),
            (Key::Cgroup, "/docker/4f1e"),
            (Key::Board, "/run/b"),
            (Key::Uptime, "host"),
            (Key::Btime, "container"),
            (Key::Affinity, "kernel"),
            (Key::Debug, "notes"),
        ] {
            assert_eq!(of(&key.parse(text.as_bytes()).unwrap()), text);
        }
    }
}
