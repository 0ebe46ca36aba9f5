//! Which object of a program makes a call, by the address of the instruction and the kernel's list of mappings.

use super::target::{Mapping, Target};
use crate::host::kernel::Kernel;
use calc::source::{Files, Source};

/// Where a call comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The path of the object with the instruction, or the kernel's name for the mapping, such as `[vdso]`; empty for
    /// memory that no file is behind, such as what a compiler within the program made.
    pub(crate) object: Vec<u8>,
    /// The instruction is in a C library or its loader.
    pub(crate) is_libc: bool,
    /// The instruction is in the preloaded library or in the witness.
    pub(crate) is_library: bool,
    /// The preloaded library is in the program's memory.
    pub(crate) has_library: bool,
    /// So is the witness, and what it sends arrives.
    pub(crate) has_witness: bool,
    /// Some C library is.
    pub(crate) has_libc: bool,
}

/// The caller of the call that `target` makes at `instruction`. If the list cannot be read, or is too long, it is taken
/// for a libc in a program that nobody else witnesses: the only caller of which nothing more is said.
pub(super) fn caller(target: Target<'_>, instruction: u64) -> Caller {
    let read = || Some(of_list(&mut Kernel.open(&target.c_file("maps"))?, instruction));
    let unknown = || Caller { is_libc: true, has_libc: true, has_library: true, ..Caller::default() };
    target.touching(read).flatten().unwrap_or_else(unknown)
}

/// Reads the list piece by piece; `None` if it, or a line, is longer than any that is read.
fn of_list(maps: &mut impl Source, instruction: u64) -> Option<Caller> {
    let mut caller = Caller::default();
    let mut text = [0; 8192];
    let mut len = 0;
    let mut left = MOST_MAPS;
    while let Some(read) = maps.read(&mut text[len..]).filter(|read| *read > 0) {
        len += read;
        left = left.checked_sub(read)?;
        let end = text[..len].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if end == 0 && len == text.len() {
            return None;
        }
        caller.learn(&text[..end], instruction);
        text.copy_within(end..len, 0);
        len -= end;
    }
    Some(caller)
}

impl Caller {
    /// Learns from some lines of the list.
    fn learn(&mut self, maps: &[u8], instruction: u64) {
        for mapping in maps.split(|byte| *byte == b'\n').filter_map(Mapping::parse) {
            self.has_library |= mapping.is_ours() && !mapping.is_witness();
            self.has_witness |= mapping.is_witness();
            self.has_libc |= mapping.is_of_libc() && !mapping.is_ours();
            if mapping.holds(instruction) {
                self.object = mapping.path().to_vec();
                self.is_library = mapping.is_ours();
                self.is_libc = mapping.is_of_libc() && !mapping.is_ours();
            }
        }
    }
}

/// The most that is read of a list of mappings, which a program can make as long as the kernel allows: more than a
/// program has that was not made for it.
const MOST_MAPS: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &[u8] = b"400000-401000 r-xp 00000000 fe:00 12                         /usr/bin/a program\n\
        7e00-7e10 r-xp 00000000 fe:00 12 /usr/lib/cgproc/libcgproc.so\n\
        7e20-7e30 r-xp 00000000 fe:00 12 /usr/lib/cgproc/libcgproc_witness.so\n\
        7f00-7fff r-xp 00000000 fe:00 12 /usr/lib/libc.so.6\n9000-9100 rwxp 00000000 00:00 0\n\
        9200-9300 r-xp 00000000 00:00 0                          [vdso]\n";

    #[test]
    fn objects_by_the_instruction() {
        let of = |instruction| of_list(&mut Text(MAPS), instruction).unwrap();
        assert_eq!(of(0x40_0500).object, b"/usr/bin/a program");
        assert!(of(0x7e01).is_library && of(0x7e21).is_library && of(0x7f01).is_libc && !of(0x7e01).is_libc);
        assert_eq!((of(0x9001).object, of(0x9201).object), (Vec::new(), b"[vdso]".to_vec()));
        assert!([of(1), of(0x9001)].iter().all(|it| it.has_library && it.has_witness && it.has_libc));
        assert_eq!(of_list(&mut Text(b""), 1), Some(Caller::default()));
    }

    #[test]
    fn long_lists_are_read_to_a_bound() {
        let many = "10000-20000 rw-p 00000000 00:00 0\n".repeat((1 << 20) / 34);
        let long = [many.as_bytes(), MAPS].concat();
        assert!(of_list(&mut Text(&long), 0x7f01).unwrap().is_libc, "beyond half a MiB");
        assert_eq!(of_list(&mut Text(many.repeat(9).as_bytes()), 1), None);
        assert_eq!(of_list(&mut Text(&[b'x'; 10_000]), 1), None);
    }

    /// A list in memory.
    struct Text<'t>(&'t [u8]);

    impl Source for Text<'_> {
        fn read(&mut self, into: &mut [u8]) -> Option<usize> {
            let (read, rest) = self.0.split_at(self.0.len().min(into.len()));
            into[..read.len()].copy_from_slice(read);
            self.0 = rest;
            Some(read.len())
        }

        fn rewind(&mut self) {}
    }
}
