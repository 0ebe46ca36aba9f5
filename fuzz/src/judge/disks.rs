//! `/proc/diskstats` and a device's `stat`, `/proc/vmstat`, `/proc/loadavg`, `threads-max`.

use super::{lines, number, shown, words};

/// The kernel's lines with its devices and as many columns.
pub(crate) fn diskstats(kernels: &[u8], answer: &[u8]) {
    let (own, all) = (kernels.split(|byte| *byte == b'\n'), answer.split(|byte| *byte == b'\n'));
    assert_eq!(own.clone().count(), all.clone().count(), "other lines than the kernel's: {}", shown(answer));
    for (own, line) in own.zip(all) {
        assert!(words(own).take(3).eq(words(line).take(3)), "{} for {}", shown(line), shown(own));
        assert_eq!(words(own).count(), words(line).count(), "{} for {}", shown(line), shown(own));
    }
}

/// As many columns as the kernel has.
pub(crate) fn block_stat(kernels: &[u8], answer: &[u8]) {
    assert_eq!(answer.iter().filter(|byte| **byte == b'\n').count(), 1, "{}", shown(answer));
    let own = kernels.strip_suffix(b"\n").unwrap_or(kernels);
    assert_eq!(words(own).count(), words(answer.strip_suffix(b"\n").unwrap_or_default()).count(), "{}", shown(answer));
}

/// The kernel's lines, in its order, each with a number.
pub(crate) fn vmstat(kernels: &[u8], answer: &[u8]) {
    let (own, all) = (kernels.split(|byte| *byte == b'\n'), answer.split(|byte| *byte == b'\n'));
    assert_eq!(own.clone().count(), all.clone().count(), "other lines than the kernel's: {}", shown(answer));
    for (own, line) in own.zip(all) {
        let name = |line: &[u8]| line.split(|byte| *byte == b' ').next().map(<[u8]>::to_vec);
        assert_eq!(name(own), name(line));
        let has_number = |line: &[u8]| line.rsplit(|byte| *byte == b' ').next().and_then(number).is_some();
        assert!(!has_number(own) || has_number(line), "{} for {}", shown(line), shown(own));
    }
}

/// Three averages, at least one running thread, no fewer threads than run, the kernel's last process.
pub(crate) fn loadavg(kernels: &[u8], answer: &[u8]) {
    let fields: Vec<_> = lines(answer).unwrap_or_default().concat();
    let fields: Vec<_> = fields.split(|byte| *byte == b' ').collect();
    let [one, five, fifteen, threads, last_pid] = fields[..] else { panic!("{}", shown(answer)) };
    for average in [one, five, fifteen] {
        let (whole, hundredths) = average.split_at(average.len().saturating_sub(3));
        let is_average = number(whole).is_some() && hundredths.strip_prefix(b".").and_then(number).is_some();
        assert!(is_average, "{}", shown(answer));
    }
    let mut threads = threads.split(|byte| *byte == b'/').map(|count| number(count).expect("a number"));
    let (running, all) = (threads.next(), threads.next());
    assert!(Some(1) <= running && running <= all, "{}", shown(answer));
    let own = kernels.strip_suffix(b"\n").unwrap_or(kernels);
    assert_eq!(Some(last_pid), own.rsplit(|byte| *byte == b' ').next());
}

/// A number from 1 to one less than the kernel's.
pub(crate) fn threads_max(kernels: &[u8], answer: &[u8]) {
    let [own, limit] = [kernels, answer].map(|text| text.strip_suffix(b"\n").and_then(number));
    assert!(Some(1) <= limit && (own.is_none() || limit < own), "{}", shown(answer));
}
