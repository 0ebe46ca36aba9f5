//! Files about CPUs.

use super::{lines, number, shown, words};
use calc::cpus::CpuSet;

/// A line of a CPU in `/proc/stat`, or of all of them.
struct CpuLine<'t> {
    name: &'t [u8],
    columns: Vec<u64>,
}

/// The lines of `/proc/stat` that begin with `cpu`, and the others; `None` if a kernel would not write such a text.
fn parted(text: &[u8]) -> Option<(Vec<CpuLine<'_>>, Vec<&[u8]>)> {
    let (of_cpus, others): (Vec<_>, Vec<_>) = lines(text)?.into_iter().partition(|line| line.starts_with(b"cpu"));
    let mut parsed = Vec::new();
    for line in of_cpus {
        let (name, columns) = line.split_at(line.iter().position(|byte| *byte == b' ')?);
        let columns = if parsed.is_empty() { columns.strip_prefix(b"  ")? } else { columns.strip_prefix(b" ")? };
        let columns: Vec<u64> = columns.split(|byte| *byte == b' ').map(number).collect::<Option<_>>()?;
        // More than any machine has been busy for, and few enough that a sum of them fits.
        if columns.len() < 4 || columns.iter().any(|column| *column >> 52 != 0) {
            return None;
        }
        parsed.push(CpuLine { name, columns });
    }
    let width = parsed.first()?.columns.len();
    let numbers: Vec<_> = parsed[1..].iter().map(|line| number(&line.name[3..])).collect::<Option<_>>()?;
    let is_sorted = numbers.windows(2).all(|pair| pair[0] < pair[1]);
    let is_of_kernel = parsed[0].name == b"cpu" && is_sorted && parsed.iter().all(|line| line.columns.len() == width);
    is_of_kernel.then_some((parsed, others))
}

/// The kernel's lines, with one for each CPU of the view. In each column, they add up to the first line,
/// unless the process was shown other CPUs before.
pub(crate) fn stat(kernels: &[u8], answer: &[u8], online: &CpuSet, adds_up: bool) {
    let Some((own, own_others)) = parted(kernels) else { return };
    // A machine that says of no time of a CPU has it offline.
    if online.iter().any(|cpu| own.iter().all(|line| number(&line.name[3..]) != Some(cpu))) {
        return;
    }
    let Some((all, others)) = parted(answer) else {
        let is_long = answer.split(|byte| !byte.is_ascii_digit()).any(|number| number.len() > 15);
        assert!(is_long, "no text of the kernel's: {}", shown(answer));
        return;
    };
    let width = own[0].columns.len();
    assert!(all.iter().all(|line| line.columns.len() == width), "other columns: {}", shown(answer));
    let numbers = all[1..].iter().map(|line| number(&line.name[3..]).expect("a number"));
    assert!(numbers.eq(online.iter()), "other CPUs than the view's: {}", shown(answer));
    for column in 0..width {
        let sum: u64 = all[1..].iter().map(|line| line.columns[column]).sum();
        let total = all[0].columns[column];
        assert!(sum == total || !adds_up, "column {column} of {}", shown(answer));
    }
    let names = |others: &[&[u8]]| -> Vec<Vec<u8>> {
        others.iter().map(|line| words(line).next().unwrap_or_default().to_vec()).collect()
    };
    assert_eq!(names(&others), names(&own_others), "other lines than the kernel's");
}

/// In no line does a column run backwards, from one text that the same process is shown to the next.
pub(crate) fn continues(before: &[u8], after: &[u8]) {
    let (Some((before, _)), Some((after, _))) = (parted(before), parted(after)) else { return };
    for line in &before {
        let Some(later) = after.iter().find(|later| later.name == line.name) else { continue };
        // User, nice, system, idle.
        for (column, (was, is)) in line.columns.iter().zip(&later.columns).enumerate().take(4) {
            assert!(was <= is, "column {column} of {} runs back from {was} to {is}", shown(line.name));
        }
    }
}

/// Two times with two decimals; age is never 0.
pub(crate) fn uptime(answer: &[u8]) {
    let fields: Vec<_> = answer.strip_suffix(b"\n").unwrap_or_default().split(|byte| *byte == b' ').collect();
    let ticks = |field: &[u8]| {
        let (whole, hundredths) = field.split_at_checked(field.len().checked_sub(3)?)?;
        let hundredths = number(hundredths.strip_prefix(b".")?)?;
        Some(u128::from(number(whole)?) * 100 + u128::from(hundredths))
    };
    let times: Vec<_> = fields.iter().map(|field| ticks(field)).collect();
    assert!(matches!(times[..], [Some(1..), Some(_)]), "{}", shown(answer));
}

/// Blocks of lines, each of which begins with `processor`; `None` if the text has another form.
fn processors(text: &[u8]) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    for block in
        text.strip_suffix(b"\n\n")?.split(|byte| *byte == b'\n').collect::<Vec<_>>().split(|line| line.is_empty())
    {
        let (first, rest) = block.split_first()?;
        numbers.push(number(first.strip_prefix(b"processor\t: ")?)?);
        if rest
            .iter()
            .any(|line| [&b"processor"[..], b"cpu number", b"# processors"].iter().any(|key| line.starts_with(key)))
        {
            return None;
        }
    }
    Some(numbers)
}

/// A block for each CPU of the view, if the kernel has one for each.
pub(crate) fn cpuinfo(kernels: &[u8], answer: &[u8], online: &CpuSet) {
    assert!(!answer.is_empty() && answer.len() <= kernels.len() + 20 * kernels.len() / 10, "{}", shown(answer));
    let Some(own) = processors(kernels) else { return };
    if own.windows(2).all(|pair| pair[0] < pair[1]) {
        let shown_ones = processors(answer).unwrap_or_else(|| panic!("another form: {}", shown(answer)));
        assert!(shown_ones.iter().copied().eq(online.iter()), "{shown_ones:?}");
    }
}

/// Lines of the kernel's alone, none of them of a CPU out of the view.
pub(crate) fn schedstat(kernels: &[u8], answer: &[u8], online: &CpuSet) {
    let mut own = kernels.split_inclusive(|byte| *byte == b'\n');
    for line in answer.split_inclusive(|byte| *byte == b'\n') {
        assert!(own.any(|own| own == line), "not the kernel's: {}", shown(line));
        let cpu = line.strip_prefix(b"cpu").and_then(|rest| rest.split(|byte| *byte == b' ').next()).and_then(number);
        assert!(cpu.is_none_or(|cpu| online.contains(cpu)) || !line.contains(&b' '), "{}", shown(line));
    }
}

/// The kernel's list without the CPUs out of the view.
pub(crate) fn cpu_list(kernels: &[u8], answer: &[u8], online: &CpuSet) {
    let Some(shown_ones) = set(answer) else { panic!("no list: {}", shown(answer)) };
    let own = kernels.strip_suffix(b"\0").unwrap_or(kernels);
    let Some(own) = set(own) else { return };
    assert!(shown_ones.iter().copied().eq(own.into_iter().filter(|cpu| online.contains(*cpu))), "{}", shown(answer));
}

/// The CPUs of a list: a second reading of the kernel's grammar. `None` if it is not one.
pub(crate) fn set(list: &[u8]) -> Option<Vec<u64>> {
    let list = list.strip_suffix(b"\n").unwrap_or(list);
    let mut all = std::collections::BTreeSet::new();
    for range in list.split(|byte| *byte == b',').filter(|_| !list.is_empty()) {
        let (first, last) = match range.iter().position(|byte| *byte == b'-') {
            Some(at) => (number(&range[..at])?, number(&range[at + 1..])?),
            None => (number(range)?, number(range)?),
        };
        if first > last || last >= 2048 {
            return None;
        }
        all.extend(first..=last);
    }
    Some(all.into_iter().collect())
}

/// The kernel's bitmap in its width, without the bits of CPUs out of the view.
pub(crate) fn cpu_map(kernels: &[u8], answer: &[u8], online: &CpuSet) {
    let own = kernels.strip_suffix(b"\0").unwrap_or(kernels);
    let own = own.strip_suffix(b"\n").unwrap_or(own);
    let answer = answer.strip_suffix(b"\n").unwrap_or_else(|| panic!("no end: {}", shown(answer)));
    assert_eq!(answer.len(), own.len(), "{}", shown(answer));
    let digits =
        |map: &[u8]| -> Vec<u32> { map.iter().rev().filter_map(|byte| char::from(*byte).to_digit(16)).collect() };
    for (place, (own, shown_one)) in digits(own).into_iter().zip(digits(answer)).enumerate() {
        let kept = (0..4).filter(|bit| online.contains(place as u64 * 4 + bit)).fold(0, |mask, bit| mask | 1 << bit);
        assert_eq!(shown_one, own & kept, "digit {place} of {}", shown(answer));
    }
}
