//! The dynamic symbols of a loaded object, found by its hash tables (System V ABI; `DT_GNU_HASH` as GNU ld writes it).

use super::Wanted;
use crate::{Hooked, arch};
use core::{ops::Range, ptr::null};

/// The dynamic symbols of a loaded object.
pub(super) struct Object {
    base: usize,
    /// Its address range, as far as known.
    span: Range<usize>,
    symbols: *const Symbol,
    strings: *const u8,
    versions: *const u16,
    gnu_hash: *const u32,
    sysv_hash: *const u32,
    libc: Option<Libc>,
    stays: bool,
}

/// The C libraries of whose internals we know something.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Libc {
    Glibc = 1,
    Musl,
}

/// `Elf64_Sym`
#[repr(C)]
struct Symbol {
    name: u32,
    info: u8,
    other: u8,
    section: u16,
    value: usize,
    size: u64,
}

/// `Elf64_Dyn`
#[repr(C)]
pub(super) struct Dynamic {
    pub(super) tag: usize,
    pub(super) value: usize,
}

const DT_HASH: usize = 4;
const DT_STRTAB: usize = 5;
const DT_SYMTAB: usize = 6;
const DT_SONAME: usize = 14;
const DT_GNU_HASH: usize = 0x6fff_fef5;
const DT_VERSYM: usize = 0x6fff_fff0;
const DT_FLAGS_1: usize = 0x6fff_fffb;
/// In DT_FLAGS_1: it is never unloaded.
const DF_1_NODELETE: usize = 8;
const STT_NOTYPE: u8 = 0;
const STT_OBJECT: u8 = 1;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;
/// In a version number: not the symbol's default version.
const HIDDEN: u16 = 0x8000;

impl Object {
    /// An object loaded at `base` above its own addresses, with its dynamic section at `dynamic` and its address range
    /// `span`.
    ///
    /// # Safety
    /// `dynamic` is the dynamic section of an object that the loader has loaded: it ends in DT_NULL, and the tables
    /// that it names are sound. The loader itself reads them for every symbol of the program, without bounds as we do.
    pub(super) unsafe fn new(
        base: usize,
        span: Range<usize>,
        mut dynamic: *const Dynamic,
        is_loader: bool,
    ) -> Option<Self> {
        let mut object = Self {
            base,
            span,
            symbols: null(),
            strings: null(),
            versions: null(),
            gnu_hash: null(),
            sysv_hash: null(),
            libc: None,
            stays: false,
        };
        let mut name = 0;
        loop {
            // SAFETY: the caller guarantees it, up to and including DT_NULL.
            let Dynamic { tag, value } = unsafe { dynamic.read() };
            let at = object.address(value);
            match tag {
                0 => break,
                DT_SYMTAB => object.symbols = at as *const Symbol,
                DT_STRTAB => object.strings = at as *const u8,
                DT_VERSYM => object.versions = at as *const u16,
                DT_GNU_HASH => object.gnu_hash = at as *const u32,
                DT_HASH => object.sysv_hash = at as *const u32,
                DT_SONAME => name = value,
                DT_FLAGS_1 => object.stays = value & DF_1_NODELETE != 0,
                _ => {}
            }
            dynamic = dynamic.wrapping_add(1);
        }
        if object.symbols.is_null() || object.strings.is_null() {
            return None;
        }
        object.libc = object.known_libc(name, is_loader);
        Some(object)
    }

    /// Which libc this is. A symbol would not tell, because gcompat has glibc's on musl. The loader itself knows glibc
    /// by this name. musl is its own loader; glibc's loader has no `glob`.
    fn known_libc(&self, name: usize, is_loader: bool) -> Option<Libc> {
        // SAFETY: an offset from the object itself; names end in NUL.
        if name != 0 && unsafe { is(self.strings.wrapping_add(name), b"libc.so.6\0") } {
            return Some(Libc::Glibc);
        }
        (is_loader && self.find(&Wanted::of(Hooked::glob as usize)?).is_some()).then_some(Libc::Musl)
    }

    /// Which libc this is, if it is one that we know.
    pub(super) fn libc(&self) -> Option<Libc> {
        self.libc
    }

    /// Whether it is never unloaded.
    pub(super) fn stays(&self) -> bool {
        self.stays
    }

    /// The address meant in the dynamic section: glibc relocates it in place, musl and the vdso do not, and some vdsos
    /// are linked at an address above everything that a process can map.
    fn address(&self, value: usize) -> usize {
        if self.span.contains(&value) { value } else { self.base.wrapping_add(value) }
    }

    /// The address of the symbol, if this object defines it.
    pub(super) fn find(&self, wanted: &Wanted) -> Option<usize> {
        // SAFETY: tables of a loaded object, in the layout of the ELF specification.
        unsafe { if self.gnu_hash.is_null() { self.find_by_sysv_hash(wanted) } else { self.find_by_gnu_hash(wanted) } }
    }

    /// # Safety
    /// `gnu_hash` must be a DT_GNU_HASH table.
    unsafe fn find_by_gnu_hash(&self, wanted: &Wanted) -> Option<usize> {
        let word = |index: usize| -> u32 {
            // SAFETY: the indices below are within the bounds in the table's header.
            unsafe { self.gnu_hash.wrapping_add(index).read() }
        };
        let (buckets, first, filter_words, shift) = (word(0), word(1), word(2), word(3));
        let hash = wanted.gnu_hash();
        let filter = self.gnu_hash.wrapping_add(4).cast::<u64>();
        let which = (hash / 64).checked_rem(filter_words)?;
        // SAFETY: one of the filter's words.
        let bits = unsafe { filter.wrapping_add(which as usize).read() };
        if bits >> (hash % 64) & bits >> (hash.checked_shr(shift)? % 64) & 1 == 0 {
            return None;
        }
        let bucket = 4usize.wrapping_add((filter_words as usize).wrapping_mul(2));
        let chain = bucket.wrapping_add(buckets as usize);
        let mut index = word(bucket.wrapping_add(hash.checked_rem(buckets)? as usize));
        if index < first {
            return None;
        }
        loop {
            let entry = word(chain.wrapping_add(index.wrapping_sub(first) as usize));
            if entry | 1 == hash | 1
                && let Some(found) = self.defined(index, wanted)
            {
                return Some(found);
            }
            if entry & 1 == 1 {
                return None;
            }
            index = index.wrapping_add(1);
        }
    }

    /// # Safety
    /// `sysv_hash` must be a DT_HASH table or null.
    unsafe fn find_by_sysv_hash(&self, wanted: &Wanted) -> Option<usize> {
        if self.sysv_hash.is_null() {
            return None;
        }
        let word = |index: usize| -> u32 {
            // SAFETY: the indices below are within the bounds in the table's header.
            unsafe { self.sysv_hash.wrapping_add(index).read() }
        };
        let buckets = word(0);
        let mut index = word(2usize.wrapping_add(wanted.sysv_hash().checked_rem(buckets)? as usize));
        while index != 0 {
            if let Some(found) = self.defined(index, wanted) {
                return Some(found);
            }
            index = word(2usize.wrapping_add(buckets as usize).wrapping_add(index as usize));
        }
        None
    }

    /// The address of symbol `index`, if it is `wanted`, defined, and of the default version.
    fn defined(&self, index: u32, wanted: &Wanted) -> Option<usize> {
        let index = index as usize;
        // SAFETY: an index from the object's own hash table.
        let symbol = unsafe { &*self.symbols.wrapping_add(index) };
        // SAFETY: parallel to the symbols, if it exists.
        let hidden = !self.versions.is_null() && unsafe { self.versions.wrapping_add(index).read() } & HIDDEN != 0;
        // SAFETY: names end in NUL.
        if symbol.section == 0 || hidden || !unsafe { is(self.strings.wrapping_add(symbol.name as usize), wanted.name) }
        {
            return None;
        }
        let address = self.base.wrapping_add(symbol.value);
        match symbol.info & 0xf {
            // Never data for a function that we call.
            STT_FUNC if !wanted.is_variable => Some(address),
            STT_OBJECT if wanted.is_variable => Some(address),
            // In a program written in assembly; the loader requires no type.
            STT_NOTYPE if wanted.is_first_of_all => Some(address),
            // SAFETY: an IFUNC's address is its resolver.
            STT_GNU_IFUNC if !wanted.is_variable => Some(unsafe { arch::definition_by(address) }),
            _ => None,
        }
    }
}

/// Whether the string at `at` is `name`, including the NUL.
///
/// # Safety
/// `at` is a NUL-terminated string.
unsafe fn is(at: *const u8, name: &[u8]) -> bool {
    // SAFETY: never past the NUL: the comparison ends at a difference, and `name` ends in NUL.
    name.iter().enumerate().all(|(index, byte)| unsafe { at.wrapping_add(index).read() } == *byte)
}
