//! The gate of the object: it is loaded into every process of a container, so what it asks of them is checked to the letter.

mod bed;

use object::elf::{self, FileHeader64};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSymbol as _, RelocationFlags, RelocationTarget};
use std::collections::BTreeSet;
use std::fs;

const SIZE_CAP: usize = 104 * 1024;

fn bytes() -> Vec<u8> {
    fs::read(bed::object()).expect("the object")
}

struct Segment {
    kind: u32,
    flags: u32,
    address: u64,
    size: u64,
}

fn segments(bytes: &[u8]) -> Vec<Segment> {
    let (header, endian) = header(bytes);
    let segment = |p: &elf::ProgramHeader64<Endianness>| Segment {
        kind: p.p_type(endian),
        flags: p.p_flags(endian),
        address: p.p_vaddr(endian),
        size: p.p_memsz(endian),
    };
    header.program_headers(endian, bytes).expect("program headers").iter().map(segment).collect()
}

fn header(bytes: &[u8]) -> (&FileHeader64<Endianness>, Endianness) {
    let header = FileHeader64::<Endianness>::parse(bytes).expect("an ELF file");
    (header, header.endian().expect("its byte order"))
}

/// The tags of the dynamic section.
fn dynamic_tags(bytes: &[u8]) -> BTreeSet<i64> {
    let (header, endian) = header(bytes);
    let segments = header.program_headers(endian, bytes).expect("program headers");
    let dynamic = segments.iter().find_map(|s| s.dynamic(endian, bytes).ok().flatten()).expect("a dynamic section");
    dynamic.iter().filter_map(|entry| i64::try_from(entry.d_tag(endian)).ok()).collect()
}

fn symbols(is_wanted: impl Fn(&object::Symbol) -> bool) -> BTreeSet<String> {
    let bytes = bytes();
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let names = file.dynamic_symbols().filter(|s| is_wanted(s)).map(|s| s.name().expect("a name").to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// One name per line.
fn list(path: &str) -> BTreeSet<String> {
    let path = bed::repository(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The names in the first column of the tables of docs/hooks.md, up to that of what is not hooked.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(bed::repository("docs/hooks.md")).expect("docs/hooks.md");
    let hooked = text.split("## Not hooked").next().expect("a part");
    let rows = hooked.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let names = rows.flat_map(|cell| cell.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn difference(left: &BTreeSet<String>, right: &BTreeSet<String>) -> Vec<String> {
    left.symmetric_difference(right).cloned().collect()
}

/// A strong reference would stop every program of a container whose libc lacks the name.
#[test]
fn it_refers_to_one_name_weakly() {
    assert_eq!(symbols(|s| s.is_undefined()), BTreeSet::from(["dl_iterate_phdr".to_owned()]));
    assert_eq!(symbols(|s| s.is_undefined() && !s.is_weak()), BTreeSet::new());
}

/// Anything else that it exports would take the place of a function in a stranger's program.
#[test]
fn it_exports_the_hooks_and_nothing_else() {
    let exports = symbols(|s| s.is_definition());
    assert_eq!(difference(&exports, &list("shim/exports.txt")), [""; 0], "against shim/exports.txt");
    assert_eq!(difference(&exports, &documented()), [""; 0], "against docs/hooks.md");
}

#[test]
fn it_needs_no_library_and_runs_nothing_when_loaded() {
    let tags = dynamic_tags(&bytes());
    let refused = [
        ("NEEDED", elf::DT_NEEDED),
        ("INIT", elf::DT_INIT),
        ("FINI", elf::DT_FINI),
        ("INIT_ARRAY", elf::DT_INIT_ARRAY),
        ("FINI_ARRAY", elf::DT_FINI_ARRAY),
        ("TEXTREL", elf::DT_TEXTREL),
        ("VERNEED", elf::DT_VERNEED),
        ("RUNPATH", elf::DT_RUNPATH),
        ("RPATH", elf::DT_RPATH),
    ];
    for (name, tag) in refused {
        assert!(!tags.contains(&i64::from(tag)), "DT_{name}");
    }
}

#[test]
fn it_is_two_segments_without_thread_storage() {
    let segments = segments(&bytes());
    let count = |kind| segments.iter().filter(|s| s.kind == kind).count();
    assert_eq!(count(elf::PT_LOAD), 2);
    assert_eq!(count(elf::PT_TLS), 0);
    assert_eq!(count(elf::PT_INTERP), 0);
    assert_eq!(count(elf::PT_GNU_RELRO), 0, "each costs an mprotect in every exec");
    let stack: Vec<_> = segments.iter().filter(|s| s.kind == elf::PT_GNU_STACK).map(|s| s.flags).collect();
    assert_eq!(stack, [elf::PF_R | elf::PF_W], "GNU_STACK must be there and not be executable");
    assert!(segments.iter().all(|s| s.flags & (elf::PF_W | elf::PF_X) != elf::PF_W | elf::PF_X), "writable code");
}

/// Relative ones need no look-up; the weak reference's is the one that does.
#[test]
fn its_relocations_are_relative_and_in_the_writable_segment() {
    let bytes = bytes();
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let writable = segments(&bytes).into_iter().find(|s| s.kind == elf::PT_LOAD && s.flags & elf::PF_W != 0);
    let writable = writable.expect("a writable segment");
    let mut by_name = Vec::new();
    for (offset, relocation) in file.dynamic_relocations().expect("relocations") {
        assert!(offset >= writable.address && offset - writable.address < writable.size, "{offset:#x}: {relocation:?}");
        let RelocationFlags::Elf { r_type } = relocation.flags() else { panic!("{relocation:?}") };
        if [elf::R_X86_64_RELATIVE, elf::R_AARCH64_RELATIVE].contains(&r_type) {
            continue;
        }
        let RelocationTarget::Symbol(index) = relocation.target() else { panic!("{relocation:?}") };
        let table = file.dynamic_symbol_table().expect("a symbol table");
        by_name.push(
            object::ObjectSymbolTable::symbol_by_index(&table, index)
                .expect("a symbol")
                .name()
                .expect("a name")
                .to_owned(),
        );
    }
    assert_eq!(by_name, ["dl_iterate_phdr"]);
}

#[test]
fn it_is_small() {
    let size = bytes().len();
    println!("the object: {size} bytes");
    assert!(size <= SIZE_CAP, "{size} bytes, the cap is {SIZE_CAP}");
}

/// Words that only the path to a panic needs: its messages, and the source files' names in its locations.
#[test]
fn it_has_no_path_to_a_panic() {
    let bytes = bytes();
    let text = String::from_utf8_lossy(&bytes);
    let words = [
        "panicked at",
        "attempt to",
        "out of bounds",
        "out of range",
        "unwrap()",
        "core::panicking",
        ".rs\0",
        "/src/",
        "RUST_BACKTRACE",
    ];
    for word in words {
        assert!(!text.contains(word), "{word:?} is in the object");
    }
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
