//! The objects of the process, in the order in which the loader searches them for a symbol.
//!
//! All objects in the loader's list up to libc and the loader's own entry were there when the program began. They are
//! never unloaded or moved, so they may be read without a lock, whatever other threads, or the parent of a vfork
//! child, load meanwhile. Later objects are appended.

use super::{
    given, needed,
    object::{Dynamic, Object},
};
use core::{
    ffi::{c_char, c_int, c_void},
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Called with an object, whether it comes after ours, and the slot that is looked for.
type Look = fn(&Object, bool, usize);

unsafe extern "C" {
    /// Our own dynamic section, under the linker's name for it.
    #[link_name = "_DYNAMIC"]
    static OUR_DYNAMIC: [Dynamic; 0];
}

/// The progress of a walk.
struct Walk {
    look: Look,
    slot: usize,
    passed_ours: bool,
    passed_libc: bool,
    passed_loader: bool,
}

impl Walk {
    /// Takes the next object. `dynamic` is null if the object has no such section.
    ///
    /// # Safety
    /// That of [`Object::new`].
    unsafe fn take(&mut self, base: usize, span: Range<usize>, dynamic: *const Dynamic, is_loader: bool) {
        self.passed_loader |= is_loader;
        if dynamic == (&raw const OUR_DYNAMIC).cast() {
            self.passed_ours = true;
        } else if !dynamic.is_null()
            // SAFETY: the caller guarantees it.
            && let Some(object) = unsafe { Object::new(base, span, dynamic, is_loader) }
        {
            self.passed_libc |= self.passed_ours && object.libc().is_some();
            (self.look)(&object, self.passed_ours, self.slot);
        }
    }

    fn is_done(&self) -> bool {
        self.passed_libc && self.passed_loader
    }
}

// ---- by the list that the loader keeps for debuggers

/// `struct link_map` of <link.h>
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const c_char,
    dynamic: *const Dynamic,
    next: *const LinkMap,
}

/// `struct r_debug` of <link.h>
#[repr(C)]
struct Debug {
    version: c_int,
    first: *const LinkMap,
    breakpoint: usize,
    state: c_int,
    loader_base: usize,
}

/// Shows `look`, for `slot`, the objects that were there when the program began. Returns whether they are all: libc and
/// the loader were among them. `None` if no loader has a list.
pub(super) fn visit(look: Look, slot: usize) -> Option<bool> {
    // SAFETY: the loader's own structure, in the memory of an object that stays.
    let (mut at, loader_base) = unsafe {
        let debug = given::debugger_interface::<Debug>()?.as_ref()?;
        (debug.first, debug.loader_base)
    };
    if at.is_null() {
        return None;
    }
    let mut walk = Walk { look, slot, passed_ours: false, passed_libc: false, passed_loader: false };
    while !at.is_null() && !walk.is_done() {
        // SAFETY: an entry of the list that was there when the program began.
        unsafe {
            let LinkMap { base, dynamic, next, .. } = at.read();
            // The list does not say where an object ends. No process has an address in the upper half; some vdsos are
            // linked there.
            walk.take(base, base..isize::MAX as usize, dynamic, base == loader_base);
            at = next;
        }
    }
    Some(walk.is_done())
}

// ---- what was loaded since, by the loader under its lock

pub(super) type Callback = unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int;

/// An object's address range, and its dynamic section; null if it has none.
///
/// # Safety
/// `info` comes from the loader.
unsafe fn extent(info: &libc::dl_phdr_info) -> (Range<usize>, *const Dynamic) {
    // SAFETY: the caller guarantees that the headers are there.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize) };
    let mut span = Range { start: usize::MAX, end: 0 };
    let mut dynamic = core::ptr::null();
    for header in headers {
        let start = (info.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
        match header.p_type {
            libc::PT_LOAD => {
                span.start = span.start.min(start);
                span.end = span.end.max(start.wrapping_add(header.p_memsz as usize));
            }
            libc::PT_DYNAMIC => dynamic = start as *const Dynamic,
            _ => {}
        }
    }
    (span, dynamic)
}

struct Later {
    walk: Walk,
    loads: &'static AtomicU64,
    has_begun: bool,
}

/// Shows `look` all objects, unless none was loaded since this function last set `loads`.
pub(super) fn visit_loaded(loads: &'static AtomicU64, look: Look) -> Option<()> {
    let walk = Walk { look, slot: 0, passed_ours: false, passed_libc: false, passed_loader: false };
    let mut later = Later { walk, loads, has_begun: false };
    // SAFETY: the callback uses the pointer with its real type, while this frame lives.
    unsafe { needed::dl_iterate_phdr()?(Some(step), (&raw mut later).cast()) };
    Some(())
}

unsafe extern "C" fn step(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: the loader's own structure and our own walk; the loader holds the object while we look.
    unsafe {
        let (info, later) = (&*info, &mut *data.cast::<Later>());
        if !later.has_begun && later.loads.swap(info.dlpi_adds, Relaxed) == info.dlpi_adds {
            return 1;
        }
        later.has_begun = true;
        let (span, dynamic) = extent(info);
        later.walk.take(info.dlpi_addr as usize, span, dynamic, false);
        0
    }
}
