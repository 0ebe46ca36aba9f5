//! The figures in texts of /proc and /sys, both ours and the kernel's.

use super::quantity::{Quantity, Unit};
use calc::answer::Answer;

/// A figure's name and its value.
pub(super) type Named = (String, Quantity);

/// The figures in the text of the file at `path`.
pub(super) fn figures(answer: Answer, path: &str, text: &str) -> Vec<Named> {
    match answer {
        Answer::Meminfo => meminfo(text),
        Answer::Stat => stat(text),
        Answer::Cpuinfo => cpuinfo(text),
        Answer::Uptime => numbers(&["uptime", "uptime.idle"], text, Unit::Sec),
        Answer::CpuOnline => online(text),
        Answer::CpuIsolated => vec![("cpus.isolated".to_owned(), Quantity::text(text, Unit::List))],
        Answer::Loadavg => loadavg(text),
        Answer::Diskstats => diskstats(text),
        Answer::Vmstat => vmstat(text),
        _ if answer.is_pressure() => pressure(answer, text),
        Answer::ThreadsMax => numbers(&["threads-max"], text, Unit::Threads),
        Answer::BlockSize => block_size(text),
        Answer::CpuList | Answer::CpuMap => vec![(family_name(path), Quantity::text(text, Unit::List))],
        Answer::NodeMeminfo => node_meminfo(path, text),
        // The others' figures are in these files too, or are the machine's.
        _ => Vec::new(),
    }
}

/// Blank-separated numbers, in the order of `names`.
fn numbers(names: &[&str], text: &str, unit: Unit) -> Vec<Named> {
    let values = text.split_whitespace().map_while(|word| number(word, unit));
    names.iter().map(|name| (*name).to_owned()).zip(values).collect()
}

fn number(word: &str, unit: Unit) -> Option<Quantity> {
    let whole = word.parse().ok().map(|number| Quantity::whole(number, unit));
    whole.or_else(|| word.parse().ok().map(|number| Quantity::decimal(number, unit)))
}

/// `MemTotal:  24684084 kB`, `HugePages_Total:  0`
fn amount(line: &str) -> Option<(&str, Quantity)> {
    let (key, rest) = line.split_once(':')?;
    let (value, unit) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    let unit = if unit == "kB" { Unit::Kib } else { Unit::Pages };
    Some((key, Quantity::whole(value.parse().ok()?, unit)))
}

fn meminfo(text: &str) -> Vec<Named> {
    let lines: Vec<(&str, Quantity)> = text.lines().filter_map(amount).collect();
    let bytes = |key| lines.iter().find(|(known, _)| *known == key)?.1.bytes();
    let swap_used = bytes("SwapTotal").zip(bytes("SwapFree")).map(|(total, free)| total.saturating_sub(free));
    let sums = [
        ("memory.total", bytes("MemTotal")),
        ("memory.free", bytes("MemFree")),
        ("memory.available", bytes("MemAvailable")),
        ("swap.total", bytes("SwapTotal")),
        ("swap.free", bytes("SwapFree")),
        ("swap.used", swap_used),
    ];
    let sums =
        sums.into_iter().filter_map(|(name, bytes)| Some((name.to_owned(), Quantity::whole(bytes?, Unit::Bytes))));
    let own = lines.iter().map(|(key, value)| (format!("meminfo.{key}"), value.clone()));
    sums.chain(own).collect()
}

/// `Node 0 MemTotal:  9267416 kB`
fn node_meminfo(path: &str, text: &str) -> Vec<Named> {
    let node = family_name(path);
    let node = node.strip_suffix(".meminfo").unwrap_or(&node);
    let lines = text.lines().filter_map(|line| amount(line.splitn(3, ' ').nth(2)?));
    lines.map(|(key, value)| (format!("{node}.{key}"), value)).collect()
}

/// `cpu0.core_cpus_list` of `/sys/devices/system/cpu/cpu0/topology/core_cpus_list`.
fn family_name(path: &str) -> String {
    let below = path.strip_prefix("/sys/devices/system/").and_then(|rest| rest.split_once('/'));
    below.map_or(path, |(_, below)| below).replacen("/topology", "", 1).replace('/', ".")
}

fn stat(text: &str) -> Vec<Named> {
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    let column = |at| line("cpu").and_then(|rest| rest.split_whitespace().nth(at)?.parse::<u64>().ok());
    let times = [("time.user", 0), ("time.nice", 1), ("time.system", 2), ("time.idle", 3)];
    let times =
        times.into_iter().filter_map(|(name, at)| Some((name, Quantity::decimal(seconds(column(at)?), Unit::Sec))));
    let counts = [
        ("time.boot", "btime", Unit::Sec),
        ("load.running", "procs_running", Unit::Threads),
        ("load.blocked", "procs_blocked", Unit::Threads),
    ];
    let counts = counts.into_iter().filter_map(|(name, key, unit)| Some((name, number(line(key)?, unit)?)));
    times.chain(counts).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Ticks of 1/100 s (`USER_HZ`).
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / 100.0
}

fn cpuinfo(text: &str) -> Vec<Named> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.split_once(':').filter(|(known, _)| known.trim() == key))?;
        line.1.trim().parse().ok()
    };
    let count = text.lines().filter(|line| line.starts_with("processor")).count();
    let found = [
        ("cpuinfo.processors", u64::try_from(count).ok()),
        ("cpuinfo.siblings", value("siblings")),
        ("cpuinfo.cores", value("cpu cores")),
    ];
    found.into_iter().filter_map(|(name, count)| Some((name.to_owned(), Quantity::whole(count?, Unit::Cpus)))).collect()
}

fn online(text: &str) -> Vec<Named> {
    let count = calc::cpus::CpuSet::parse(text.as_bytes()).map(|set| Quantity::whole(set.count(), Unit::Cpus));
    let list = ("cpus.online".to_owned(), Quantity::text(text, Unit::List));
    count.map(|count| ("cpus.count".to_owned(), count)).into_iter().chain([list]).collect()
}

/// `0.20 0.18 0.12 1/80 11206`
fn loadavg(text: &str) -> Vec<Named> {
    let mut found = numbers(&["load.1min", "load.5min", "load.15min"], text, Unit::Threads);
    let threads = text.split_whitespace().nth(3).and_then(|counts| number(counts.split_once('/')?.1, Unit::Threads));
    found.extend(threads.map(|threads| ("load.threads".to_owned(), threads)));
    found
}

/// The columns after the device's name (`Documentation/admin-guide/iostats.rst`).
const COLUMNS: [(&str, Unit); 17] = [
    ("reads", Unit::Events),
    ("reads_merged", Unit::Events),
    ("read", Unit::Sectors),
    ("read_time", Unit::Msec),
    ("writes", Unit::Events),
    ("writes_merged", Unit::Events),
    ("written", Unit::Sectors),
    ("write_time", Unit::Msec),
    ("in_flight", Unit::Events),
    ("io_time", Unit::Msec),
    ("weighted_io_time", Unit::Msec),
    ("discards", Unit::Events),
    ("discards_merged", Unit::Events),
    ("discarded", Unit::Sectors),
    ("discard_time", Unit::Msec),
    ("flushes", Unit::Events),
    ("flush_time", Unit::Msec),
];

fn diskstats(text: &str) -> Vec<Named> {
    let of_device = |line: &str| {
        let mut words = line.split_whitespace().skip(2);
        let device = words.next()?.to_owned();
        let columns = COLUMNS.into_iter().zip(words.map(str::to_owned).collect::<Vec<_>>());
        let named = move |((column, unit), word): ((&str, Unit), String)| {
            Some((format!("diskstats.{device}.{column}"), number(&word, unit)?))
        };
        Some(columns.filter_map(named).collect::<Vec<_>>())
    };
    text.lines().filter_map(of_device).flatten().collect()
}

fn vmstat(text: &str) -> Vec<Named> {
    let line = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        let unit = match key {
            "pgpgin" | "pgpgout" => Unit::Kib,
            _ if key.starts_with("nr_") => Unit::Pages,
            _ => Unit::Events,
        };
        Some((format!("vmstat.{key}"), number(value, unit)?))
    };
    text.lines().filter_map(line).collect()
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`
/// The figures of `/proc/pressure/io` are `pressure.io.*`.
fn pressure(answer: Answer, text: &str) -> Vec<Named> {
    let path = answer.path().and_then(|path| path.to_str().ok()).unwrap_or_default();
    let name = path.trim_start_matches("/proc/").replace('/', ".");
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let kind = words.next()?.to_owned();
        let part = |(key, value): (&str, &str)| {
            let unit = if key == "total" { Unit::Usec } else { Unit::Percent };
            Some((format!("{name}.{kind}.{key}"), number(value, unit)?))
        };
        Some(words.filter_map(|word| word.split_once('=')).filter_map(part).collect::<Vec<_>>())
    };
    text.lines().filter_map(line).flatten().collect()
}

/// Hexadecimal digits.
fn block_size(text: &str) -> Vec<Named> {
    let bytes = u64::from_str_radix(text.trim(), 16).ok();
    bytes.map(|bytes| ("memory.block".to_owned(), Quantity::whole(bytes, Unit::Bytes))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures as `name=value unit`.
    fn read(answer: Answer, path: &str, text: &str) -> Vec<String> {
        figures(answer, path, text).iter().map(|(name, value)| format!("{name}={}", value.exact())).collect()
    }

    #[test]
    fn memory() {
        let text = "MemTotal:  2048 kB\nSwapTotal:  10 kB\nSwapFree:  4 kB\nHugePages_Total:       3\n";
        let expected = [
            "memory.total=2097152 bytes",
            "swap.total=10240 bytes",
            "swap.free=4096 bytes",
            "swap.used=6144 bytes",
            "meminfo.MemTotal=2048 kib",
            "meminfo.SwapTotal=10 kib",
            "meminfo.SwapFree=4 kib",
            "meminfo.HugePages_Total=3 pages",
        ];
        assert_eq!(read(Answer::Meminfo, "", text), expected);
        let node = "Node 12 MemTotal:   77 kB\n";
        let path = "/sys/devices/system/node/node12/meminfo";
        assert_eq!(read(Answer::NodeMeminfo, path, node), ["node12.MemTotal=77 kib"]);
        assert_eq!(read(Answer::BlockSize, "", "8000000\n"), ["memory.block=134217728 bytes"]);
    }

    #[test]
    fn processors() {
        assert_eq!(read(Answer::CpuOnline, "", "0-2,5\n"), ["cpus.count=4 cpus", "cpus.online=0-2,5"]);
        assert_eq!(read(Answer::CpuIsolated, "", "\n"), ["cpus.isolated="]);
        let info = "processor\t: 3\nsiblings\t: 2\ncpu cores\t: 1\n\nprocessor\t: 5\n";
        let expected = ["cpuinfo.processors=2 cpus", "cpuinfo.siblings=2 cpus", "cpuinfo.cores=1 cpu"];
        assert_eq!(read(Answer::Cpuinfo, "", info), expected);
        let path = "/sys/devices/system/cpu/cpu7/topology/core_cpus_list";
        assert_eq!(read(Answer::CpuList, path, "6-7\n"), ["cpu7.core_cpus_list=6-7"]);
        assert_eq!(read(Answer::CpuList, "/sys/devices/system/node/node0/cpulist", "6\n"), ["node0.cpulist=6"]);
    }

    #[test]
    fn times_and_load() {
        let stat = "cpu  150 0 50 1000 0\ncpu0 1 2 3\nbtime 99\nprocs_running 2\nprocs_blocked 1\n";
        let expected = [
            "time.user=1.50 sec",
            "time.nice=0.00 sec",
            "time.system=0.50 sec",
            "time.idle=10.00 sec",
            "time.boot=99 sec",
            "load.running=2 threads",
            "load.blocked=1 thread",
        ];
        assert_eq!(read(Answer::Stat, "", stat), expected);
        assert_eq!(read(Answer::Uptime, "", "12.50 7.00\n"), ["uptime=12.50 sec", "uptime.idle=7.00 sec"]);
        let load =
            ["load.1min=0.20 threads", "load.5min=0.18 threads", "load.15min=0.12 threads", "load.threads=80 threads"];
        assert_eq!(read(Answer::Loadavg, "", "0.20 0.18 0.12 1/80 11206\n"), load);
        let pressure = ["pressure.io.some.avg10=1.50 percent", "pressure.io.some.total=77 usec"];
        assert_eq!(read(Answer::PressureIo, "", "some avg10=1.50 total=77\n"), pressure);
    }

    #[test]
    fn disks() {
        let text = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n";
        let found = read(Answer::Diskstats, "", text);
        assert_eq!(found.len(), 11);
        assert_eq!(found[2], "diskstats.sda.read=3 sectors");
        let text = "nr_dirty 4\npgpgin 8\npgfault 9\n";
        let expected = ["vmstat.nr_dirty=4 pages", "vmstat.pgpgin=8 kib", "vmstat.pgfault=9 events"];
        assert_eq!(read(Answer::Vmstat, "", text), expected);
    }

    #[test]
    fn garbage_is_no_figure() {
        for answer in Answer::ALL {
            let of_text = [Answer::CpuList, Answer::CpuMap, Answer::CpuOnline, Answer::CpuIsolated, Answer::Cpuinfo];
            if !of_text.contains(&answer) {
                assert_eq!(read(answer, "", "no: such thing\n"), [""; 0], "{answer:?}");
            }
        }
    }
}
