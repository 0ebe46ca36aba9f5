//! What the loader itself found for us, in the order in which it finds what the program names.
//!
//! A weak reference each: where nobody has the symbol, its slot is null. The slots lie in .data, so that their relocations are
//! in the one writable page.

use core::ffi::c_int;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

macro_rules! given {
    ($($name:literal $symbol:literal = $slot:ident: $what:literal;)*) => {
        core::arch::global_asm!(
            ".pushsection .data.cgproc_given,\"aw\",@progbits",
            ".balign 8",
            $(
                concat!(".weak ", $symbol),
                concat!(".hidden ", $name),
                concat!(".globl ", $name),
                concat!($name, ": .quad ", $symbol),
            )*
            ".popsection",
        );

        unsafe extern "C" {
            $(#[doc = $what] #[link_name = $name] static $slot: AtomicPtr<()>;)*
        }
    };
}

given! {
    "cgproc_dl_iterate_phdr" "dl_iterate_phdr" = DL_ITERATE_PHDR: "Shows the objects, under the loader's lock.";
    "cgproc_r_debug" "_r_debug" = R_DEBUG: "glibc's structure for debuggers.";
    "cgproc_dl_debug_addr" "_dl_debug_addr" = DL_DEBUG_ADDR: "musl's pointer to such a structure.";
    "cgproc_environ" "environ" = ENVIRON: "The program's variable, into which a copy relocation may have moved libc's.";
    "cgproc_free" "free" = FREE: "What gives back memory of the `malloc` that libc itself calls: the program's first.";
}

fn slot(slot: &AtomicPtr<()>) -> Option<super::Definition> {
    super::Definition::new(slot.load(Relaxed))
}

/// `dl_iterate_phdr`
pub(super) type DlIteratePhdr = unsafe extern "C" fn(
    unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut core::ffi::c_void) -> c_int,
    *mut core::ffi::c_void,
) -> c_int;

/// `dl_iterate_phdr`, where there is one.
pub(super) fn dl_iterate_phdr() -> Option<DlIteratePhdr> {
    // SAFETY: a word that the loader wrote before anything of the program ran; the function has this type.
    unsafe { slot(&DL_ITERATE_PHDR).map(|function| core::mem::transmute::<super::Definition, DlIteratePhdr>(function)) }
}

/// Where the loader keeps what it tells debuggers.
pub(super) fn debugger_interface<T>() -> Option<*const T> {
    // SAFETY: words that the loader wrote; musl's symbol is the pointer itself.
    unsafe {
        match slot(&R_DEBUG) {
            Some(structure) => Some(structure.as_ptr().cast_const().cast()),
            None => slot(&DL_DEBUG_ADDR).map(|pointer| pointer.cast::<*const T>().read()),
        }
    }
}

/// The address of the variable `environ`.
pub(super) fn environ<T>() -> Option<*const T> {
    // SAFETY: a word that the loader wrote.
    unsafe { slot(&ENVIRON).map(|variable| variable.as_ptr().cast_const().cast()) }
}

/// `free`
pub(crate) type Free = unsafe extern "C" fn(*mut core::ffi::c_void);

/// The `free` that the program's own calls find.
pub(crate) fn free() -> Option<Free> {
    // SAFETY: as for `dl_iterate_phdr`.
    unsafe { slot(&FREE).map(|function| core::mem::transmute::<super::Definition, Free>(function)) }
}
