//! Lists and bitmaps of CPUs that share something: a core, a cache, a package, a node.

use super::cpu_list;
use crate::{
    cpus::{CpuSet, MAX_CPUS},
    scan,
    source::{self, Source},
    text::{self, Sink, Text},
};

/// A list of CPUs (`3,7-8`, `bitmap_print_to_pagebuf`): the kernel's, narrowed to the view. An empty list is an empty
/// line, as for a node without CPUs.
pub fn cpu_list_within<S: Sink>(
    online: &CpuSet,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let mut shown = CpuSet::EMPTY;
    shown.read(host, scratch)?;
    shown.keep(online);
    cpu_list(&shown, out)
}

/// CPUs in a hexadecimal digit, and digits in a group.
const CPUS_OF_DIGIT: usize = 4;
const DIGITS_OF_GROUP: usize = 8;

/// A bitmap of CPUs in the kernel's form and width, with the bits of CPUs outside the view cleared
/// (`00000001,80000000`: groups of eight digits, the most significant first, which may be shorter).
pub fn cpu_map_within<S: Sink>(
    online: &CpuSet,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let map = scan::without_end(source::read_whole(host, scratch)?);
    let mut left = map.iter().filter(|byte| **byte != b',').count();
    if left == 0 || left > MAX_CPUS / CPUS_OF_DIGIT {
        return None;
    }
    for byte in map {
        let shown = match byte {
            b',' if left > 0 && left % DIGITS_OF_GROUP == 0 => b',',
            digit => {
                left = left.checked_sub(1)?;
                text::hexadecimal_digit(scan::hexadecimal_digit(*digit)? & online.digit(left))
            }
        };
        out.bytes(&[shown])?;
    }
    out.bytes(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};
    use proptest::prelude::*;
    use std::{
        collections::BTreeSet,
        format,
        string::{String, ToString},
        vec::Vec,
    };

    fn list(view: &str, host: &str) -> Option<String> {
        let online = CpuSet::parse(view.as_bytes()).unwrap();
        composed(|out| cpu_list_within(&online, &mut Bytes::new(host), out, &mut [0; 768]))
    }

    fn map(view: &str, host: &str) -> Option<String> {
        let online = CpuSet::parse(view.as_bytes()).unwrap();
        composed(|out| cpu_map_within(&online, &mut Bytes::new(host), out, &mut [0; 768]))
    }

    #[test]
    fn lists_are_cut_to_the_view() {
        assert_eq!(list("0-3", "2,130\n").unwrap(), "2\n");
        assert_eq!(list("2-9", "0-3,8-15\n").unwrap(), "2-3,8-9\n");
        assert_eq!(list("0-3", "4-7\n").unwrap(), "\n");
        assert_eq!(list("0-3", "\n").unwrap(), "\n");
        assert_eq!(list("0-3", "2-5\n\0").unwrap(), "2-3\n");
    }

    #[test]
    fn a_list_may_be_longer_than_the_buffer() {
        let even: Vec<_> = (0..MAX_CPUS).step_by(2).map(|cpu| cpu.to_string()).collect();
        assert_eq!(
            list("1-5,2000-2047", &even.join(",")).unwrap(),
            "2,4,".to_string() + &even[1000..].join(",") + "\n"
        );
    }

    #[test]
    fn maps_keep_their_width() {
        assert_eq!(map("0-3", "ff\n").unwrap(), "0f\n");
        assert_eq!(map("1", "3\n").unwrap(), "2\n");
        assert_eq!(map("1", "3\n\0").unwrap(), "2\n");
        assert_eq!(map("31-32", "00000001,80000000\n").unwrap(), "00000001,80000000\n");
        assert_eq!(map("32", "3,ffffffff,ffffffff\n").unwrap(), "0,00000001,00000000\n");
        assert_eq!(map("9", "f,00000000\n").unwrap(), "0,00000000\n");
    }

    #[test]
    fn as_many_cpus_as_we_know() {
        let full = ["ffffffff"; MAX_CPUS / 32].join(",");
        assert_eq!(map("0-2047", &format!("{full}\n")).unwrap(), format!("{full}\n"));
        assert_eq!(map("0-2047", &format!("1,{full}\n")), None);
    }

    #[test]
    fn another_form_is_doubt() {
        for text in ["", "\n", "F\n", "0x3\n", "1 2\n", "ffff,ffff\n", "-\n", "ff,\n"] {
            assert_eq!(map("0", text), None, "{text:?}");
        }
        for text in ["a\n", "0-\n", "0-2:1/2\n", "4096\n"] {
            assert_eq!(list("0", text), None, "{text:?}");
        }
    }

    fn listed(cpus: &BTreeSet<u64>) -> String {
        cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// The kernel's form of a bitmap of `width` bits.
    fn mapped(cpus: &BTreeSet<u64>, width: u64) -> String {
        let digit = |index| (0..4).filter(|bit| cpus.contains(&(4 * index + bit))).map(|bit| 1 << bit).sum::<u8>();
        let digits = (0..width.div_ceil(4)).rev();
        let text: String = digits
            .map(|index| format!("{:x}{}", digit(index), if index % 8 == 0 && index > 0 { "," } else { "" }))
            .collect();
        text + "\n"
    }

    proptest! {
        #[test]
        fn subsets_are_intersections(
            view in prop::collection::btree_set(0_u64..300, 1..40), host in prop::collection::btree_set(0_u64..300, 0..60), more in 0_u64..1748,
        ) {
            let both: BTreeSet<u64> = view.intersection(&host).copied().collect();
            let width = 300 + more;
            prop_assert_eq!(map(&listed(&view), &mapped(&host, width)).unwrap(), mapped(&both, width));
            let shown = list(&listed(&view), &listed(&host)).unwrap();
            prop_assert!(CpuSet::parse(shown.as_bytes()).unwrap().iter().eq(both));
        }

        #[test]
        fn any_text_is_judged(host in prop::collection::vec(any::<u8>(), 0..900)) {
            let online = CpuSet::parse(b"0-9").unwrap();
            let _ = composed(|out| cpu_list_within(&online, &mut Bytes::new(&host), out, &mut [0; 768]));
            let _ = composed(|out| cpu_map_within(&online, &mut Bytes::new(&host), out, &mut [0; 768]));
        }
    }
}
