//! The definitions after ours: what `dlsym(RTLD_NEXT, …)` would say, without dlsym.
//!
//! dlsym may allocate, and old libcs keep it in a library that a program need not have. `dl_iterate_phdr` is in every
//! libc; the rest is reading the hash tables of the objects that the loader put behind ours.

use crate::{HOOKED_NAMES, Hooked};
use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering::*};

/// Symbols that we call but do not hook. Their slots follow those of the hook table.
#[derive(Clone, Copy)]
#[repr(usize)]
pub(crate) enum Needed {
    Syscall = Hooked::Count as usize,
    ErrnoLocation,
    Fileno,
    Fflush,
    Dirfd,
    Closedir,
    Fclose,
    Free,
    Globfree,
    GnuGetLibcVersion,
    Getauxval,
    Environ,
    Count,
}

const NEEDED_NAMES: &str = "syscall\0__errno_location\0fileno\0fflush\0dirfd\0closedir\0fclose\0free\0globfree\0gnu_get_libc_version\0getauxval\0environ\0";

/// The slot of libc's `syscall`, whose thunk is in assembly.
pub(crate) const SYSCALL: usize = Needed::Syscall as usize;

const COUNT: usize = Needed::Count as usize;

/// The definitions, null where there is none or none is known yet.
pub(crate) static SLOTS: [AtomicPtr<()>; COUNT] = [const { AtomicPtr::new(core::ptr::null_mut()) }; COUNT];

/// Set when [`SLOTS`] is complete. Threads that meet in the first hook all resolve, to the same values: no one waits.
static RESOLVED: AtomicU8 = AtomicU8::new(0);

/// A symbol to look for: where its name starts and ends in the names' text, its hash in both forms.
#[derive(Clone, Copy)]
struct Wanted {
    name: &'static [u8],
    gnu_hash: u32,
    sysv_hash: u32,
}

/// The name of each slot with its NUL, and its hashes, made by the compiler.
struct Names {
    starts: [u16; COUNT + 1],
    gnu_hashes: [u32; COUNT],
    sysv_hashes: [u32; COUNT],
}

const LENGTH: usize = HOOKED_NAMES.len() + NEEDED_NAMES.len();

static TEXT: [u8; LENGTH] = {
    let (hooked, needed) = (HOOKED_NAMES.as_bytes(), NEEDED_NAMES.as_bytes());
    let mut text = [0; LENGTH];
    let mut at = 0;
    while at < LENGTH {
        text[at] = if at < hooked.len() { hooked[at] } else { needed[at - hooked.len()] };
        at += 1;
    }
    text
};

static NAMES: Names = {
    let mut names = Names { starts: [0; COUNT + 1], gnu_hashes: [5381; COUNT], sysv_hashes: [0; COUNT] };
    let (mut at, mut slot) = (0, 0);
    while at < LENGTH {
        let byte = TEXT[at] as u32;
        at += 1;
        if byte == 0 {
            slot += 1;
            names.starts[slot] = at as u16;
            continue;
        }
        names.gnu_hashes[slot] = names.gnu_hashes[slot].wrapping_mul(33).wrapping_add(byte);
        let hash = (names.sysv_hashes[slot] << 4).wrapping_add(byte);
        let high = hash & 0xf000_0000;
        names.sysv_hashes[slot] = (hash ^ (high >> 24)) & !high;
    }
    assert!(slot == COUNT, "the names and the slots must agree");
    names
};

impl Wanted {
    fn of(slot: usize) -> Option<Self> {
        let start = *NAMES.starts.get(slot)? as usize;
        let end = *NAMES.starts.get(slot.wrapping_add(1))? as usize;
        Some(Self {
            name: TEXT.get(start..end)?,
            gnu_hash: *NAMES.gnu_hashes.get(slot)?,
            sysv_hash: *NAMES.sysv_hashes.get(slot)?,
        })
    }
}

/// The definition of slot `slot` after ours.
#[inline]
pub(crate) fn of(slot: usize) -> Option<*const ()> {
    let next = SLOTS.get(slot)?.load(Relaxed);
    if !next.is_null() {
        return Some(next);
    }
    resolved(slot)
}

/// The definition of a symbol that we call but do not hook, as the function type `F`.
///
/// # Safety
/// `F` must be the C function type of that symbol.
#[inline]
pub(crate) unsafe fn needed<F: Copy>(symbol: Needed) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*const ()>()) };
    let next = of(symbol as usize)?;
    // SAFETY: by the caller's promise, and of the same size.
    Some(unsafe { core::mem::transmute_copy::<*const (), F>(&next) })
}

#[cold]
fn resolved(slot: usize) -> Option<*const ()> {
    if RESOLVED.load(Acquire) == 0 {
        resolve_all()?;
        RESOLVED.store(1, Release);
    }
    let next = SLOTS.get(slot)?.load(Relaxed);
    if next.is_null() { None } else { Some(next) }
}

unsafe extern "C" {
    /// The slot of arch's weak `dl_iterate_phdr`.
    static cgproc_dl_iterate_phdr: AtomicPtr<()>;
}

type Callback = unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int;
type DlIteratePhdr = unsafe extern "C" fn(Callback, *mut c_void) -> c_int;

fn resolve_all() -> Option<()> {
    // SAFETY: a plain word that the loader relocated before anything of the program ran.
    let iterate = unsafe { cgproc_dl_iterate_phdr.load(Relaxed) };
    if iterate.is_null() {
        return None;
    }
    let mut passed_ourselves = false;
    // SAFETY: the type is dl_iterate_phdr's; the callback uses the pointer as what it is, while this frame lives.
    unsafe {
        let iterate: DlIteratePhdr = core::mem::transmute(iterate);
        iterate(visit, (&raw mut passed_ourselves).cast());
    }
    share_slots_with_64();
    Some(())
}

/// musl from 1.2.4 on has `open64` and its like for relocations only, not for look-ups: there the base name serves.
fn share_slots_with_64() {
    for (slot, empty) in SLOTS.iter().enumerate() {
        if !empty.load(Relaxed).is_null() {
            continue;
        }
        let Some(base) = Wanted::of(slot).and_then(|wanted| wanted.name.strip_suffix(b"64\0")) else { continue };
        let same = |other: &usize| Wanted::of(*other).is_some_and(|w| w.name.strip_suffix(b"\0") == Some(base));
        if let Some(found) = (0..COUNT).find(same).and_then(|other| SLOTS.get(other)) {
            empty.store(found.load(Relaxed), Relaxed);
        }
    }
}

/// Looks into one object for what is still missing.
unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: the loader's own structure, and resolve_all's flag.
    let (info, passed_ourselves) = unsafe { (&*info, &mut *data.cast::<bool>()) };
    let Some(object) = Object::of(info) else { return 0 };
    // A copy relocation puts `environ` into the program itself, which comes before us.
    fill(&object, Needed::Environ as usize);
    if *passed_ourselves {
        for slot in 0..COUNT {
            fill(&object, slot);
        }
    } else {
        *passed_ourselves = object.holds(&raw const SLOTS as usize);
    }
    0
}

fn fill(object: &Object, slot: usize) {
    let Some(place) = SLOTS.get(slot) else { return };
    if !place.load(Relaxed).is_null() {
        return;
    }
    if let Some(found) = Wanted::of(slot).and_then(|wanted| object.find(&wanted)) {
        place.store(found as *mut (), Relaxed);
    }
}

/// The dynamic symbols of a loaded object.
struct Object {
    base: usize,
    first: usize,
    end: usize,
    symbols: *const Symbol,
    strings: *const u8,
    versions: *const u16,
    gnu_hash: *const u32,
    sysv_hash: *const u32,
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
struct Dynamic {
    tag: usize,
    value: usize,
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_HASH: usize = 4;
const DT_STRTAB: usize = 5;
const DT_SYMTAB: usize = 6;
const DT_GNU_HASH: usize = 0x6fff_fef5;
const DT_VERSYM: usize = 0x6fff_fff0;
const STT_OBJECT: u8 = 1;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;
/// In a version number: not the default version of the symbol.
const HIDDEN: u16 = 0x8000;

impl Object {
    fn of(info: &libc::dl_phdr_info) -> Option<Self> {
        let base = info.dlpi_addr as usize;
        // SAFETY: the loader says that there are so many program headers at that place.
        let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize) };
        let mut object = Self {
            base,
            first: usize::MAX,
            end: 0,
            symbols: core::ptr::null(),
            strings: core::ptr::null(),
            versions: core::ptr::null(),
            gnu_hash: core::ptr::null(),
            sysv_hash: core::ptr::null(),
        };
        let mut dynamic = core::ptr::null::<Dynamic>();
        for header in headers {
            let start = base.wrapping_add(header.p_vaddr as usize);
            match header.p_type {
                PT_LOAD => {
                    object.first = object.first.min(start);
                    object.end = object.end.max(start.wrapping_add(header.p_memsz as usize));
                }
                PT_DYNAMIC => dynamic = start as *const Dynamic,
                _ => {}
            }
        }
        if dynamic.is_null() {
            return None;
        }
        // SAFETY: PT_DYNAMIC of a loaded object, which a DT_NULL ends.
        unsafe { object.read_dynamic(dynamic) };
        (!object.symbols.is_null() && !object.strings.is_null()).then_some(object)
    }

    /// # Safety
    /// `entry` is the start of a dynamic section that ends in DT_NULL.
    unsafe fn read_dynamic(&mut self, mut entry: *const Dynamic) {
        loop {
            // SAFETY: by the caller's promise, up to and with DT_NULL.
            let Dynamic { tag, value } = unsafe { entry.read() };
            // glibc relocates these addresses in place, musl and the vdso do not; some vdsos are linked at an address
            // above everything that a process can map.
            let at = if self.holds(value) { value } else { self.base.wrapping_add(value) };
            match tag {
                0 => return,
                DT_SYMTAB => self.symbols = at as *const Symbol,
                DT_STRTAB => self.strings = at as *const u8,
                DT_VERSYM => self.versions = at as *const u16,
                DT_GNU_HASH => self.gnu_hash = at as *const u32,
                DT_HASH => self.sysv_hash = at as *const u32,
                _ => {}
            }
            entry = entry.wrapping_add(1);
        }
    }

    fn holds(&self, address: usize) -> bool {
        (self.first..self.end).contains(&address)
    }

    /// The address of the symbol, where this object defines it.
    fn find(&self, wanted: &Wanted) -> Option<usize> {
        // SAFETY: tables of a loaded object, in the layout that the ELF specification gives them.
        unsafe { if self.gnu_hash.is_null() { self.find_by_sysv_hash(wanted) } else { self.find_by_gnu_hash(wanted) } }
    }

    /// # Safety
    /// `gnu_hash` must be a DT_GNU_HASH table.
    unsafe fn find_by_gnu_hash(&self, wanted: &Wanted) -> Option<usize> {
        let word = |index: usize| -> u32 {
            // SAFETY: indices below are those that the table's header announces.
            unsafe { self.gnu_hash.wrapping_add(index).read() }
        };
        let (buckets, first, filter_words, shift) = (word(0), word(1), word(2), word(3));
        let hash = wanted.gnu_hash;
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
                && let Some(found) = self.defined(index, wanted.name)
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
    /// `sysv_hash`, where not null, must be a DT_HASH table.
    unsafe fn find_by_sysv_hash(&self, wanted: &Wanted) -> Option<usize> {
        if self.sysv_hash.is_null() {
            return None;
        }
        let word = |index: usize| -> u32 {
            // SAFETY: indices below are those that the table's header announces.
            unsafe { self.sysv_hash.wrapping_add(index).read() }
        };
        let buckets = word(0);
        let mut index = word(2usize.wrapping_add(wanted.sysv_hash.checked_rem(buckets)? as usize));
        while index != 0 {
            if let Some(found) = self.defined(index, wanted.name) {
                return Some(found);
            }
            index = word(2usize.wrapping_add(buckets as usize).wrapping_add(index as usize));
        }
        None
    }

    /// The address of symbol `index` if it is `name`, defined, and of the default version.
    fn defined(&self, index: u32, name: &[u8]) -> Option<usize> {
        let index = index as usize;
        // SAFETY: an index out of the object's own hash table.
        let symbol = unsafe { &*self.symbols.wrapping_add(index) };
        // SAFETY: parallel to the symbols, where it exists.
        let hidden = !self.versions.is_null() && unsafe { self.versions.wrapping_add(index).read() } & HIDDEN != 0;
        // SAFETY: names end in NUL.
        if symbol.section == 0 || hidden || !unsafe { is(self.strings.wrapping_add(symbol.name as usize), name) } {
            return None;
        }
        let address = self.base.wrapping_add(symbol.value);
        match symbol.info & 0xf {
            STT_OBJECT | STT_FUNC => Some(address),
            STT_GNU_IFUNC => {
                // SAFETY: an IFUNC's address is its resolver, which takes nothing we must give on this machine.
                let resolver = unsafe { core::mem::transmute::<usize, extern "C" fn() -> usize>(address) };
                Some(resolver())
            }
            _ => None,
        }
    }
}

/// Whether the string at `at` is `name`, the NUL included.
///
/// # Safety
/// `at` is a NUL-terminated string.
unsafe fn is(at: *const u8, name: &[u8]) -> bool {
    // SAFETY: never past the NUL: a difference ends the comparison, and `name` ends in NUL.
    name.iter().enumerate().all(|(index, byte)| unsafe { at.wrapping_add(index).read() } == *byte)
}

/// Sets the program's errno and gives −1: the one place where we refuse.
pub(crate) fn refuse(errno: c_int) -> c_int {
    type ErrnoLocation = unsafe extern "C" fn() -> *mut c_int;
    // SAFETY: both libcs have this function of this type; its result is the thread's errno.
    unsafe {
        if let Some(location) = needed::<ErrnoLocation>(Needed::ErrnoLocation) {
            *location() = errno;
        }
    }
    -1
}

/// A raw result in libc's form: −1 with errno set, or the value.
pub(crate) fn as_libc(result: isize) -> isize {
    if result < 0 { refuse(result.wrapping_neg() as c_int) as isize } else { result }
}

/// The program's `environ`, null where it is not there yet.
pub(crate) fn environ() -> *const *const c_char {
    match of(Needed::Environ as usize) {
        // SAFETY: the slot holds the address of the variable.
        Some(variable) => unsafe { variable.cast::<*const *const c_char>().read_volatile() },
        None => core::ptr::null(),
    }
}
