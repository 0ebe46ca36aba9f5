//! Which object of a program makes a call, by the address of the instruction and the kernel's list of mappings.

use super::target::{MOST_MAPS, Mapping, Target};
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

/// The caller of the call that `target` makes at `instruction`. Reads a bounded part of the list.
pub(super) fn caller(target: Target<'_>, instruction: u64) -> Caller {
    let maps = target.touching(|| Kernel.open(&target.c_file("maps")).map(|mut maps| beginning(&mut maps)));
    of_mappings(&maps.unwrap_or_default(), instruction)
}

fn beginning(maps: &mut impl Source) -> Vec<u8> {
    let mut text = vec![0; MOST_MAPS];
    let mut len = 0;
    while let Some(read) = maps.read(&mut text[len..]).filter(|read| *read > 0) {
        len += read;
    }
    text.truncate(len);
    text
}

fn of_mappings(maps: &[u8], instruction: u64) -> Caller {
    let mut caller = Caller::default();
    for mapping in maps.split(|byte| *byte == b'\n').filter_map(Mapping::parse) {
        caller.has_library |= mapping.is_ours() && !mapping.is_witness();
        caller.has_witness |= mapping.is_witness();
        caller.has_libc |= mapping.is_of_libc() && !mapping.is_ours();
        if mapping.holds(instruction) {
            caller.object = mapping.path().to_vec();
            caller.is_library = mapping.is_ours();
            caller.is_libc = mapping.is_of_libc() && !mapping.is_ours();
        }
    }
    caller
}

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
        let of = |instruction| of_mappings(MAPS, instruction);
        assert_eq!(of(0x40_0500).object, b"/usr/bin/a program");
        assert!(of(0x7e01).is_library && of(0x7e21).is_library && of(0x7f01).is_libc && !of(0x7e01).is_libc);
        assert_eq!((of(0x9001).object, of(0x9201).object), (Vec::new(), b"[vdso]".to_vec()));
        assert!([of(1), of(0x9001)].iter().all(|it| it.has_library && it.has_witness && it.has_libc));
        let none = of_mappings(b"", 1);
        assert_eq!(none, Caller::default());
    }
}
