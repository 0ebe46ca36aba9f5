//! What the loader itself found for us: the place of its list of objects, and nothing that the list leads to. The
//! loader looks these up whenever a program starts.
//!
//! They are weak references: if nobody defines the symbol, its slot is null. The slots are in .data, so that their
//! relocations fall into the one writable page.

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
    "cgproc_r_debug" "_r_debug" = R_DEBUG: "glibc's structure for debuggers.";
    "cgproc_dl_debug_addr" "_dl_debug_addr" = DL_DEBUG_ADDR: "musl's pointer to such a structure.";
}

/// Where the loader keeps its information for debuggers.
pub(super) fn debugger_interface<T>() -> Option<*const T> {
    let slot = |slot: &AtomicPtr<()>| super::Definition::new(slot.load(Relaxed));
    // SAFETY: words that the loader wrote before any code of the program ran; musl's symbol is the pointer itself.
    unsafe {
        match slot(&R_DEBUG) {
            Some(structure) => Some(structure.as_ptr().cast_const().cast()),
            None => slot(&DL_DEBUG_ADDR).map(|pointer| pointer.cast::<*const T>().read()),
        }
    }
}
