//! The gate of the object: it is loaded into every process of a container, so what it asks of them is checked to the letter.

mod bed;
mod form;

use form::{Form, Machine};
use object::elf;

fn the_object() -> Form {
    let machine = Machine { number: elf::EM_X86_64, relative: elf::R_X86_64_RELATIVE, most_bytes: 104 * 1024 };
    Form::of(&bed::object(), machine)
}

#[test]
fn it_refers_to_one_name_weakly() {
    the_object().refers_to_one_name_weakly();
}

#[test]
fn it_exports_the_hooks_and_nothing_else() {
    the_object().exports_the_hooks_and_nothing_else();
}

#[test]
fn it_needs_no_library_and_runs_nothing_when_loaded() {
    the_object().needs_no_library_and_runs_nothing_when_loaded();
}

#[test]
fn it_is_two_segments_without_thread_storage() {
    the_object().is_two_segments_without_thread_storage();
}

#[test]
fn its_relocations_are_relative_and_in_the_writable_segment() {
    the_object().its_relocations_are_relative_and_in_the_writable_segment();
}

#[test]
fn it_is_small() {
    the_object().is_small();
}

#[test]
fn it_has_no_path_to_a_panic() {
    the_object().has_no_path_to_a_panic();
}

/// glibc from 2.12 and musl from 1.1.9 on, most of which cannot be had here: what their loaders do not know, they pass over
/// (DT_RELR: nothing is relocated), or they end the program for it (another OS's ABI, kinds of symbols and relocations).
#[test]
fn it_has_only_what_the_oldest_loaders_know() {
    let bytes = bytes();
    let (head, _) = header(&bytes);
    assert_eq!((head.e_ident().os_abi, head.e_ident().abi_version), (elf::ELFOSABI_NONE, 0));
    let tags = dynamic_tags(&bytes);
    let known = [
        [elf::DT_NULL, elf::DT_SONAME, elf::DT_STRTAB, elf::DT_STRSZ, elf::DT_SYMTAB, elf::DT_SYMENT],
        [elf::DT_RELA, elf::DT_RELASZ, elf::DT_RELAENT, elf::DT_RELACOUNT, elf::DT_FLAGS, elf::DT_FLAGS_1],
        [elf::DT_GNU_HASH, elf::DT_HASH, elf::DT_PLTGOT, elf::DT_DEBUG, elf::DT_SYMBOLIC, elf::DT_BIND_NOW],
    ];
    let known = known.concat().into_iter().map(i64::from).collect();
    let unknown: Vec<_> = tags.difference(&known).map(|tag| format!("{tag:#x}")).collect();
    assert_eq!(unknown, [""; 0], "tags of the dynamic section");
    assert!([elf::DT_GNU_HASH, elf::DT_HASH].iter().any(|tag| tags.contains(&i64::from(*tag))), "no table of names");
    let kinds: BTreeSet<_> = segments(&bytes).iter().map(|segment| segment.kind).collect();
    assert_eq!(kinds, BTreeSet::from([elf::PT_LOAD, elf::PT_DYNAMIC, elf::PT_GNU_STACK]));
    // Upper half: how a name is bound; lower half: what it is.
    let is_later = |info: u8| info >> 4 > elf::STB_WEAK || info & 15 > elf::STT_FUNC;
    let later = symbols(|s| matches!(s.flags(), object::SymbolFlags::Elf { st_info, .. } if is_later(st_info)));
    assert_eq!(later, BTreeSet::new(), "indirect functions, unique names, thread storage");
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let absolute = [elf::R_X86_64_64, elf::R_X86_64_RELATIVE, elf::R_AARCH64_ABS64, elf::R_AARCH64_RELATIVE];
    for (offset, relocation) in file.dynamic_relocations().expect("relocations") {
        let RelocationFlags::Elf { r_type } = relocation.flags() else { panic!("{relocation:?}") };
        assert!(absolute.contains(&r_type), "{offset:#x}: {relocation:?}");
    }
}
