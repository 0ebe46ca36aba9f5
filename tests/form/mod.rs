//! What the object demands of every process that loads it, checked to the letter. It is the same on every machine
//! except for the machine's own numbers.

use crate::bed;
use object::{
    Endianness, Object as _, ObjectSymbol as _, ObjectSymbolTable as _, RelocationFlags, RelocationTarget, SymbolFlags,
    elf::{self, FileHeader64},
    read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _},
};
use std::{collections::BTreeSet, fs, path::Path};

/// What differs between machines.
pub(crate) struct Machine {
    pub(crate) number: u16,
    /// The type of relocation that needs no look-up.
    pub(crate) relative: u32,
    pub(crate) most_bytes: usize,
}

/// An object and the machine that it was built for.
pub(crate) struct Form {
    bytes: Vec<u8>,
    machine: Machine,
}

/// Tags of the dynamic section that every loader knows.
const KNOWN_TAGS: [u32; 18] = [
    elf::DT_NULL,
    elf::DT_SONAME,
    elf::DT_STRTAB,
    elf::DT_STRSZ,
    elf::DT_SYMTAB,
    elf::DT_SYMENT,
    elf::DT_RELA,
    elf::DT_RELASZ,
    elf::DT_RELAENT,
    elf::DT_RELACOUNT,
    elf::DT_FLAGS,
    elf::DT_FLAGS_1,
    elf::DT_GNU_HASH,
    elf::DT_HASH,
    elf::DT_PLTGOT,
    elf::DT_DEBUG,
    elf::DT_SYMBOLIC,
    elf::DT_BIND_NOW,
];

/// Relocations that need no look-up: the addresses of some functions, and what memchr uses to choose its own.
const MOST_RELATIVE: usize = 6;

/// A page of memory: the smallest on any machine.
const PAGE_BYTES: u64 = 4096;

/// What the loader looks up for it (shim/src/next/given.rs).
const GIVEN: [&str; 2] = ["_dl_debug_addr", "_r_debug"];

struct Segment {
    kind: u32,
    flags: u32,
    address: u64,
    size: u64,
}

/// One name per line.
pub(crate) fn list(path: &str) -> BTreeSet<String> {
    let path = bed::repository(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The names in the first column of the tables of docs/hooks.md, up to the section on what is not hooked.
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

impl Form {
    pub(crate) fn of(path: &Path, machine: Machine) -> Self {
        let form = Self { bytes: fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())), machine };
        let (header, endian) = form.header();
        assert_eq!(header.e_machine.get(endian), form.machine.number, "{}", path.display());
        form
    }

    fn header(&self) -> (&FileHeader64<Endianness>, Endianness) {
        let header = FileHeader64::<Endianness>::parse(&*self.bytes).expect("an ELF file");
        (header, header.endian().expect("its byte order"))
    }

    fn file(&self) -> object::File<'_> {
        object::File::parse(&*self.bytes).expect("an ELF file")
    }

    fn segments(&self) -> Vec<Segment> {
        let (header, endian) = self.header();
        let segment = |p: &elf::ProgramHeader64<Endianness>| Segment {
            kind: p.p_type(endian),
            flags: p.p_flags(endian),
            address: p.p_vaddr(endian),
            size: p.p_memsz(endian),
        };
        header.program_headers(endian, &*self.bytes).expect("program headers").iter().map(segment).collect()
    }

    /// The tags of the dynamic section.
    fn dynamic_tags(&self) -> BTreeSet<i64> {
        let (header, endian) = self.header();
        let segments = header.program_headers(endian, &*self.bytes).expect("program headers");
        let mut sections = segments.iter().filter_map(|s| s.dynamic(endian, &*self.bytes).ok().flatten());
        let dynamic = sections.next().expect("a dynamic section");
        dynamic.iter().filter_map(|entry| i64::try_from(entry.d_tag(endian)).ok()).collect()
    }

    fn symbols(&self, is_wanted: impl Fn(&object::Symbol) -> bool) -> BTreeSet<String> {
        let file = self.file();
        let names = file.dynamic_symbols().filter(|s| is_wanted(s)).map(|s| s.name().expect("a name").to_owned());
        names.filter(|name| !name.is_empty()).collect()
    }

    /// With a strong reference, no program would start in a container whose libc lacks the name.
    pub(crate) fn refers_to_two_names_weakly(&self) {
        assert_eq!(self.symbols(|s| s.is_undefined()), BTreeSet::from(GIVEN.map(str::to_owned)));
        assert_eq!(self.symbols(|s| s.is_undefined() && !s.is_weak()), BTreeSet::new());
    }

    /// Any other exported name would replace a function in a stranger's program.
    pub(crate) fn exports_the_hooks_and_nothing_else(&self) {
        let exports = self.symbols(|s| s.is_definition());
        assert_eq!(difference(&exports, &list("shim/exports.txt")), [""; 0], "against shim/exports.txt");
        assert_eq!(difference(&exports, &documented()), [""; 0], "against docs/hooks.md");
    }

    pub(crate) fn needs_no_library_and_runs_nothing_when_loaded(&self) {
        let tags = self.dynamic_tags();
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

    pub(crate) fn is_two_segments_without_thread_storage(&self) {
        let segments = self.segments();
        let count = |kind| segments.iter().filter(|s| s.kind == kind).count();
        assert_eq!(count(elf::PT_LOAD), 2);
        assert_eq!(count(elf::PT_TLS), 0);
        assert_eq!(count(elf::PT_INTERP), 0);
        assert_eq!(count(elf::PT_GNU_RELRO), 0, "each costs an mprotect in every exec");
        let stack: Vec<_> = segments.iter().filter(|s| s.kind == elf::PT_GNU_STACK).map(|s| s.flags).collect();
        assert_eq!(stack, [elf::PF_R | elf::PF_W], "GNU_STACK must be there and not be executable");
        assert!(segments.iter().all(|s| s.flags & (elf::PF_W | elf::PF_X) != elf::PF_W | elf::PF_X), "writable code");
    }

    /// Relative relocations need no look-up; the two weak references do. Tables have none.
    pub(crate) fn its_relocations_are_relative_and_in_the_writable_segment(&self) {
        let file = self.file();
        let mut segments = self.segments().into_iter();
        let writable = segments.find(|s| s.kind == elf::PT_LOAD && s.flags & elf::PF_W != 0);
        let writable = writable.expect("a writable segment");
        let table = file.dynamic_symbol_table().expect("a symbol table");
        let mut by_name = Vec::new();
        for (offset, relocation) in file.dynamic_relocations().expect("relocations") {
            let is_inside = offset >= writable.address && offset - writable.address < writable.size;
            assert!(is_inside, "{offset:#x}: {relocation:?}");
            let RelocationFlags::Elf { r_type } = relocation.flags() else { panic!("{relocation:?}") };
            if r_type == self.machine.relative {
                continue;
            }
            let RelocationTarget::Symbol(index) = relocation.target() else { panic!("{relocation:?}") };
            by_name.push(table.symbol_by_index(index).expect("a symbol").name().expect("a name").to_owned());
        }
        by_name.sort();
        assert_eq!(by_name, GIVEN);
        let relative = file.dynamic_relocations().expect("relocations").count() - by_name.len();
        println!("relative relocations: {relative}");
        assert!(relative <= MOST_RELATIVE, "{relative} relative relocations, the cap is {MOST_RELATIVE}");
    }

    /// A second page would be one more mapping in every exec.
    pub(crate) fn writes_in_one_page(&self) {
        let mut segments = self.segments().into_iter();
        let writable = segments.find(|s| s.kind == elf::PT_LOAD && s.flags & elf::PF_W != 0);
        let writable = writable.expect("a writable segment");
        let end = writable.address % PAGE_BYTES + writable.size;
        println!("of the writable page: {end} bytes of {PAGE_BYTES}");
        assert!(end <= PAGE_BYTES, "the writable data ends {end} bytes into a page of {PAGE_BYTES}");
    }

    /// glibc from 2.12 and musl from 1.1.9 on, most of which cannot be obtained here. What their loaders do not know,
    /// they ignore (DT_RELR: nothing is relocated), or they end the program for it (another OS's ABI, kinds of symbols
    /// and relocations).
    pub(crate) fn has_only_what_the_oldest_loaders_know(&self) {
        let (header, _) = self.header();
        assert_eq!((header.e_ident().os_abi, header.e_ident().abi_version), (elf::ELFOSABI_NONE, 0));
        let tags = self.dynamic_tags();
        let known = KNOWN_TAGS.into_iter().map(i64::from).collect();
        let unknown: Vec<_> = tags.difference(&known).map(|tag| format!("{tag:#x}")).collect();
        assert_eq!(unknown, [""; 0], "tags of the dynamic section");
        assert!(
            [elf::DT_GNU_HASH, elf::DT_HASH].iter().any(|tag| tags.contains(&i64::from(*tag))),
            "no table of names"
        );
        let kinds: BTreeSet<_> = self.segments().iter().map(|segment| segment.kind).collect();
        assert_eq!(kinds, BTreeSet::from([elf::PT_LOAD, elf::PT_DYNAMIC, elf::PT_GNU_STACK]));
        // Upper half: the symbol's binding; lower half: its type.
        let is_later = |info: u8| info >> 4 > elf::STB_WEAK || info & 15 > elf::STT_FUNC;
        let later = self.symbols(|s| matches!(s.flags(), SymbolFlags::Elf { st_info, .. } if is_later(st_info)));
        assert_eq!(later, BTreeSet::new(), "indirect functions, unique names, thread storage");
        let absolute = [elf::R_X86_64_64, elf::R_AARCH64_ABS64, self.machine.relative];
        for (offset, relocation) in self.file().dynamic_relocations().expect("relocations") {
            let RelocationFlags::Elf { r_type } = relocation.flags() else { panic!("{relocation:?}") };
            assert!(absolute.contains(&r_type), "{offset:#x}: {relocation:?}");
        }
    }

    pub(crate) fn is_small(&self) {
        let (size, most) = (self.bytes.len(), self.machine.most_bytes);
        println!("the object: {size} bytes");
        assert!(size <= most, "{size} bytes, the cap is {most}");
    }

    /// Words that only a panic path needs: its messages, and source file names in its locations.
    pub(crate) fn has_no_path_to_a_panic(&self) {
        let text = String::from_utf8_lossy(&self.bytes);
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
}
