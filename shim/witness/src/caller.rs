//! Whose code calls a hook.

use crate::{asked::link, tables, text::Text};
use once_cell::race::OnceNonZeroUsize;
use std::{
    ffi::{CStr, c_char, c_int, c_void},
    num::NonZeroUsize,
};

/// Frames of our own above the program's; there are about six.
const FRAMES: usize = 32;

/// The code that called the hook in which we are.
pub(crate) struct Caller {
    object: *const c_char,
    /// Of the object in memory.
    base: usize,
    address: usize,
}

unsafe extern "C" {
    fn _Unwind_Backtrace(visit: extern "C" fn(*mut c_void, *mut c_void) -> c_int, data: *mut c_void) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

impl Caller {
    /// redhook's exports do not say to where they return, so the stack is unwound: through our own frames alone, whose
    /// tables we have. `None` if the code belongs to no object: a compiler has made it at run time.
    #[inline(never)]
    pub(crate) fn of_this_hook() -> Option<Self> {
        let mut found = Search { frames: 0, address: 0 };
        // SAFETY: the function gets back the search that it is given here.
        unsafe { _Unwind_Backtrace(visit, (&raw mut found).cast()) };
        // The instruction before the one to which it returns: a call may be the last of an object.
        let about = object_at(found.address.checked_sub(1)?)?;
        Some(Self { object: about.dli_fname, base: about.dli_fbase as usize, address: found.address })
    }

    /// The offset of the instruction after the call.
    pub(crate) fn offset(&self) -> u64 {
        (self.address - self.base) as u64
    }

    /// The object's file. What the loader calls the program is what the program is told to be called, so it is asked
    /// for by its link.
    pub(crate) fn put_object<const N: usize>(&self, to: &mut Text<N>) {
        if Some(self.base) == program() {
            link(c"/proc/self/exe", to);
        } else if !self.object.is_null() {
            // SAFETY: the loader's; the object stays as long as its code waits for our return.
            to.put(unsafe { CStr::from_ptr(self.object) }.to_bytes());
        }
    }
}

struct Search {
    frames: usize,
    address: usize,
}

extern "C" fn visit(frame: *mut c_void, search: *mut c_void) -> c_int {
    const GO_ON: c_int = 0;
    const STOP: c_int = 4; // _URC_NORMAL_STOP
    // SAFETY: the search that `of_this_hook` has given, and a frame of the unwinder's.
    let (search, address) = unsafe { (&mut *search.cast::<Search>(), _Unwind_GetIP(frame)) };
    search.frames += 1;
    if search.frames > FRAMES {
        return STOP;
    }
    if tables::are_for(address) {
        return GO_ON;
    }
    search.address = address;
    STOP
}

fn object_at(address: usize) -> Option<libc::Dl_info> {
    // SAFETY: the structure is plain; the loader compares the address, and does not follow it.
    unsafe {
        let mut about: libc::Dl_info = std::mem::zeroed();
        (libc::dladdr(address as *const c_void, &raw mut about) != 0).then_some(about)
    }
}

/// Where the program itself is in memory.
fn program() -> Option<usize> {
    static BASE: OnceNonZeroUsize = OnceNonZeroUsize::new();
    BASE.get_or_try_init(|| {
        // SAFETY: the kernel's record of the start.
        let headers = unsafe { libc::getauxval(libc::AT_PHDR) } as usize;
        object_at(headers).and_then(|about| NonZeroUsize::new(about.dli_fbase as usize)).ok_or(())
    })
    .ok()
    .map(NonZeroUsize::get)
}
