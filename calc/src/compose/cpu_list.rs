//! CPU lists under `/sys/devices/system/cpu`.

use crate::{
    cpus::CpuSet,
    text::{Sink, Text},
};

/// A CPU list: `/sys/devices/system/cpu/online`, `present`.
pub fn cpu_list<S: Sink>(online: &CpuSet, out: &mut Text<'_, S>) -> Option<()> {
    let mut cpus = online.iter();
    let mut upcoming = cpus.next();
    while let Some(first) = upcoming {
        let mut last = first;
        upcoming = cpus.next();
        while let Some(next) = upcoming
            && next == last.saturating_add(1)
        {
            last = next;
            upcoming = cpus.next();
        }
        out.number(first)?;
        if last > first {
            out.bytes(b"-")?;
            out.number(last)?;
        }
        out.bytes(if upcoming.is_some() { b"," } else { b"" })?;
    }
    out.bytes(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::composed;

    #[test]
    fn lists_are_in_the_kernels_form() {
        for list in ["0", "0-3", "0,2", "3-5,7", "0-1,63-64,2046-2047", "1-2,4-5,7", ""] {
            let cpus = CpuSet::parse(list.as_bytes()).unwrap();
            assert_eq!(composed(|out| cpu_list(&cpus, out)).unwrap(), std::format!("{list}\n"));
        }
    }
}
