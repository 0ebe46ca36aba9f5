//! The definitions after ours: what `dlsym(RTLD_NEXT, …)` would return, without dlsym.
//!
//! dlsym may allocate, and old libcs have it in a library that a program need not load. So we read the hash tables of
//! the objects that the loader put after ours.
//!
//! Streams and directories that *next* made are used and closed by the definitions after ours, because they are next's
//! own. Allocated memory is not: every libc calls the program's first `malloc`, which may be before ours (`free`).

mod chain;
mod given;
mod object;

pub(crate) use object::Libc;

use crate::{
    HOOKED_NAMES, Hooked,
    declared::{declared, function},
};
use core::{
    ffi::{c_char, c_int, c_ulong, c_void},
    sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering::*, fence},
};
use libc::{DIR, FILE, glob_t, timespec};
use object::Object;

/// The symbols that we call but do not hook. Their slots follow those of the hook table. Those with a type are looked
/// up by functions of the same name, and the type is compared with the `libc` crate's.
macro_rules! needed {
    ($($symbol:ident $(: fn($($type:ty),*) $(-> $ret:ty)?)?;)*) => {
        #[allow(non_camel_case_types, reason = "each is the symbol's own name")]
        #[derive(Clone, Copy)]
        enum Needed {
            $($symbol,)*
            Count,
        }

        impl Needed {
            const fn slot(self) -> usize {
                Hooked::Count as usize + self as usize
            }

            /// Not inlined, to make every call of it smaller.
            #[inline(never)]
            fn definition(self) -> Option<Definition> {
                of(self.slot())
            }
        }

        const NEEDED_NAMES: &str = concat!($(stringify!($symbol), "\0",)*);

        /// The definitions of functions that we call but do not hook.
        pub(crate) mod needed {
            use super::*;
            $($(
                #[inline]
                pub(crate) fn $symbol() -> Option<function!([$($type),*] [] $(-> $ret)?)> {
                    declared!([] $symbol: function!([$($type),*] [] $(-> $ret)?));
                    // SAFETY: both libcs have this function of this type.
                    Needed::$symbol.definition().map(|next| unsafe { core::mem::transmute(next) })
                }
            )?)*
        }
    };
}

needed! {
    // Its thunk is written in assembly.
    syscall;
    __errno_location: fn() -> *mut c_int;
    fileno: fn(*mut FILE) -> c_int;
    fflush: fn(*mut FILE) -> c_int;
    dirfd: fn(*mut DIR) -> c_int;
    closedir: fn(*mut DIR) -> c_int;
    fclose: fn(*mut FILE) -> c_int;
    globfree: fn(*mut glob_t);
    getauxval: fn(c_ulong) -> c_ulong;
    dl_iterate_phdr: fn(Option<chain::Callback>, *mut c_void) -> c_int;
    // Only libc's own: libraries that put another in front of it take locks there, or change the time.
    clock_gettime;
    // Frees memory of the `malloc` that libc itself calls.
    free: fn(*mut c_void);
    // The variable, to which a copy relocation may have moved libc's.
    environ;
}

/// The symbols from here on are looked up like the program's own references: the first of all objects, perhaps before
/// ours.
const FIRST_OF_ALL: usize = Needed::free.slot();

/// The slot of libc's `syscall`.
pub(crate) const SYSCALL: usize = Needed::syscall.slot();

const COUNT: usize = Needed::Count.slot();

/// A symbol's definition, in one register even as an `Option`: every hook asks for it.
pub(crate) type Definition = core::ptr::NonNull<()>;

/// The definitions; null if there is none or it is not known yet.
pub(crate) static SLOTS: [AtomicPtr<()>; COUNT] = [const { AtomicPtr::new(core::ptr::null_mut()) }; COUNT];

/// A symbol to look for.
#[derive(Clone, Copy)]
struct Wanted {
    /// With its final NUL.
    name: &'static [u8],
    is_variable: bool,
    /// Whether to take the first of all objects, instead of the next after ours.
    is_first_of_all: bool,
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

/// Where the name of each slot starts in [`TEXT`], computed by the compiler.
static STARTS: [u16; COUNT + 1] = {
    let mut starts = [0; _];
    let (mut at, mut slot) = (0, 0);
    while at < LENGTH {
        at += 1;
        if TEXT[at - 1] == 0 {
            slot += 1;
            starts[slot] = at as u16;
        }
    }
    assert!(slot == COUNT, "the names and the slots must agree");
    starts
};

impl Wanted {
    /// The name's hash by the ELF specification. Few objects lack the other table.
    fn sysv_hash(&self) -> u32 {
        self.bytes().fold(0, |hash: u32, byte| {
            let hash = (hash << 4).wrapping_add(byte);
            let high = hash & 0xf000_0000;
            (hash ^ (high >> 24)) & !high
        })
    }

    fn of(slot: usize) -> Option<Self> {
        let start = *STARTS.get(slot)? as usize;
        let end = *STARTS.get(slot.wrapping_add(1))? as usize;
        Some(Self {
            name: TEXT.get(start..end)?,
            is_variable: slot == Needed::environ.slot(),
            is_first_of_all: slot >= FIRST_OF_ALL,
        })
    }

    fn bytes(&self) -> impl Iterator<Item = u32> {
        self.name.iter().take_while(|byte| **byte != 0).map(|byte| u32::from(*byte))
    }

    /// The name's hash in DT_GNU_HASH.
    fn gnu_hash(&self) -> u32 {
        self.bytes().fold(5381, |hash: u32, byte| hash.wrapping_mul(33).wrapping_add(byte))
    }
}

/// The definition of slot `slot` after ours.
#[inline(always)]
pub(crate) fn of(slot: usize) -> Option<Definition> {
    match Definition::new(SLOTS.get(slot)?.load(Relaxed)) {
        None => resolved(slot),
        next => next,
    }
}

/// The definition of slot `slot` after ours, or `stand_in` if there is none.
#[inline(always)]
pub(crate) fn of_or(slot: usize, stand_in: *mut ()) -> Definition {
    match SLOTS.get(slot).and_then(|slot| Definition::new(slot.load(Relaxed))) {
        None => resolved_or(slot, stand_in),
        Some(next) => next,
    }
}

/// Keeps the stand-in for what libc itself lacks: programs find our symbol, whether their libc has one or not, and call
/// it as often.
#[cold]
#[inline(never)]
fn resolved_or(slot: usize, stand_in: *mut ()) -> Definition {
    let (found, is_certain) = searched(slot);
    if found.is_none()
        && is_certain
        && let Some(place) = SLOTS.get(slot)
    {
        place.store(stand_in, Relaxed);
    }
    // SAFETY: the address of a function.
    found.unwrap_or(unsafe { Definition::new_unchecked(stand_in) })
}

#[cold]
#[inline(never)]
fn resolved(slot: usize) -> Option<Definition> {
    searched(slot).0
}

/// Looks for one definition, because most programs call only a few of the hooked functions. If several threads look for
/// it, all find the same, and none waits. Returns also whether no later look would find another.
fn searched(slot: usize) -> (Option<Definition>, bool) {
    let (Some(is_certain), Some(place)) = (chain::visit(look_into, slot), SLOTS.get(slot)) else {
        return (None, false);
    };
    if place.load(Relaxed).is_null()
        && let Some(base) = base_of(slot).and_then(of)
    {
        place.store(base.as_ptr(), Relaxed);
    }
    (Definition::new(place.load(Relaxed)), is_certain)
}

/// The slot of `open` for that of `open64`, and so on, which follow each other in the hook table. Since musl 1.2.4, the
/// latter exist only for relocations, not for look-ups.
fn base_of(slot: usize) -> Option<usize> {
    let base = slot.checked_sub(1)?;
    let name = Wanted::of(slot)?.name.strip_suffix(b"64\0")?;
    (Wanted::of(base)?.name.strip_suffix(b"\0") == Some(name)).then_some(base)
}

/// Looks in an object for the definition of `slot`.
fn look_into(object: &Object, is_after_ours: bool, slot: usize) {
    if !is_after_ours && slot < FIRST_OF_ALL || slot == Needed::clock_gettime.slot() && object.libc().is_none() {
        return;
    }
    fill(object, slot);
}

/// Fills an empty slot, if the object has its definition.
fn fill(object: &Object, slot: usize) {
    let Some(place) = SLOTS.get(slot).filter(|place| place.load(Relaxed).is_null()) else { return };
    let Some(found) = Wanted::of(slot).and_then(|wanted| object.find(&wanted)) else { return };
    if slot == Hooked::glob as usize {
        // Before the definition, so that nobody knows that one without its maker.
        MAKER_OF_GLOBS.store(object.libc().map_or(0, |libc| libc as u8), Relaxed);
    }
    place.store(found as *mut (), Release);
}

/// The [`Libc`] whose `glob` is next; 0 if it is another object's.
static MAKER_OF_GLOBS: AtomicU8 = AtomicU8::new(0);

/// The libc whose `glob` is next, if it is one that we know.
pub(crate) fn maker_of_globs() -> Option<Libc> {
    of(Hooked::glob as usize)?;
    fence(Acquire);
    let maker = MAKER_OF_GLOBS.load(Relaxed);
    [Libc::Glibc, Libc::Musl].into_iter().find(|libc| *libc as u8 == maker)
}

/// Functions that glibc before 2.34 has in a separate library, which may come with any library that is loaded later.
const OF_THREADS: [Hooked; 2] = [Hooked::pthread_getaffinity_np, Hooked::pthread_setaffinity_np];

/// Looks again for one of [`OF_THREADS`] that was not found, if an object was loaded since the last look.
#[cold]
#[inline(never)]
pub(crate) fn again(symbol: Hooked) -> Option<Definition> {
    static LOADS: AtomicU64 = AtomicU64::new(0);
    chain::visit_loaded(&LOADS, |object, is_after_ours, _| {
        if is_after_ours && object.stays() {
            for symbol in OF_THREADS {
                fill(object, symbol as usize);
            }
        }
    })?;
    Definition::new(SLOTS.get(symbol as usize)?.load(Relaxed))
}

/// The type of clock_gettime(2).
pub(crate) type ClockGettime = unsafe extern "C" fn(c_int, *mut timespec) -> c_int;

/// libc's own clock_gettime, or `stand_in` if it has none.
pub(crate) fn clock_gettime(stand_in: ClockGettime) -> ClockGettime {
    // SAFETY: both libcs have this function of this type.
    unsafe { core::mem::transmute(of_or(Needed::clock_gettime.slot(), stand_in as *mut ())) }
}

/// Sets the program's errno and returns −1: the only place where we refuse.
pub(crate) fn refuse(errno: c_int) -> c_int {
    if let Some(place) = errno_place() {
        // SAFETY: the thread's own errno.
        unsafe { place.write(errno) };
    }
    -1
}

/// Calls libc for our own purposes: what that leaves in errno does not concern the program.
pub(crate) fn keeping_errno(call: impl FnOnce()) {
    let Some(place) = errno_place() else { return call() };
    // SAFETY: the thread's own errno.
    unsafe {
        let errno = place.read();
        call();
        place.write(errno);
    }
}

fn errno_place() -> Option<*mut c_int> {
    // SAFETY: no arguments.
    needed::__errno_location().map(|location| unsafe { location() })
}

/// A raw result in libc's form: the value, or −1 with errno set.
pub(crate) fn as_libc(result: isize) -> isize {
    if result < 0 { refuse(result.wrapping_neg() as c_int) as isize } else { result }
}

/// The program's `environ`; null if it does not exist yet.
pub(crate) fn environ() -> *const *const c_char {
    // SAFETY: the address of a variable of this type.
    of(Needed::environ.slot()).map_or(core::ptr::null(), |variable| unsafe { variable.cast().read_volatile() })
}
