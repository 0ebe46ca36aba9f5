//! The objects of the process, in the order in which the loader looks for a symbol.

use super::object::{Dynamic, Object};
use crate::{auxv, sys};
use core::ffi::{c_char, c_int, c_void};
use core::ops::Range;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// What is called with every object, and whether it comes after ours.
type Look = fn(&Object, bool);

/// Shows `look` the program, and every object after ours. `None` where no loader tells of any.
pub(super) fn visit(look: Look) -> Option<()> {
    visit_alone(look).or_else(|| visit_by_loader(look))
}

unsafe extern "C" {
    /// The slot of arch's weak `dl_iterate_phdr`.
    static cgproc_dl_iterate_phdr: AtomicPtr<()>;
    /// Our own dynamic section, as the linker calls it.
    #[link_name = "_DYNAMIC"]
    static OUR_DYNAMIC: [Dynamic; 0];
}

fn is_ours(dynamic: *const Dynamic) -> bool {
    dynamic == (&raw const OUR_DYNAMIC).cast()
}

// ---- by the loader, under its lock

type Callback = unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int;
type DlIteratePhdr = unsafe extern "C" fn(Callback, *mut c_void) -> c_int;

struct Walk {
    look: Look,
    passed_ours: bool,
}

fn visit_by_loader(look: Look) -> Option<()> {
    // SAFETY: a plain word that the loader relocated before anything of the program ran.
    let iterate = unsafe { cgproc_dl_iterate_phdr.load(Relaxed) };
    if iterate.is_null() {
        return None;
    }
    let mut walk = Walk { look, passed_ours: false };
    // SAFETY: the type is dl_iterate_phdr's; the callback uses the pointer as what it is, while this frame lives.
    unsafe {
        let iterate: DlIteratePhdr = core::mem::transmute(iterate);
        iterate(step, (&raw mut walk).cast());
    }
    Some(())
}

unsafe extern "C" fn step(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: the loader's own structure and our own walk; the program headers are where the loader says.
    let (walk, base, headers) = unsafe {
        let info = &*info;
        let headers = core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize);
        (&mut *data.cast::<Walk>(), info.dlpi_addr as usize, headers)
    };
    let mut span = Range { start: usize::MAX, end: 0 };
    let mut dynamic = core::ptr::null();
    for header in headers {
        let start = base.wrapping_add(header.p_vaddr as usize);
        match header.p_type {
            libc::PT_LOAD => {
                span.start = span.start.min(start);
                span.end = span.end.max(start.wrapping_add(header.p_memsz as usize));
            }
            libc::PT_DYNAMIC => dynamic = start as *const Dynamic,
            _ => {}
        }
    }
    show(walk, base, span, dynamic);
    0
}

fn show(walk: &mut Walk, base: usize, span: Range<usize>, dynamic: *const Dynamic) {
    if is_ours(dynamic) {
        walk.passed_ours = true;
    } else if !dynamic.is_null()
        // SAFETY: the loader's word for an object that is loaded.
        && let Some(object) = unsafe { Object::new(base, span, dynamic) }
    {
        (walk.look)(&object, walk.passed_ours);
    }
}

// ---- alone: no thread can change the list under us

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
}

/// Walks the list that the loader keeps for debuggers, without its lock: one thread of several may have held that while
/// another forked, and in the child nobody will ever let it go.
fn visit_alone(look: Look) -> Option<()> {
    if !is_alone() {
        return None;
    }
    let debug = debugger_interface()?;
    // SAFETY: what the loader keeps there, for as long as the process lives.
    let Debug { first, state, .. } = unsafe { debug.read() };
    if state != 0 {
        // A signal handler of ours has interrupted the loader.
        return None;
    }
    let vdso = vdso();
    let mut walk = Walk { look, passed_ours: false };
    let mut at = first;
    while !at.is_null() {
        // SAFETY: an element of the list, which nobody changes meanwhile.
        let LinkMap { base, dynamic, next, .. } = unsafe { at.read() };
        let concerns_us = at == first || walk.passed_ours || is_ours(dynamic);
        if concerns_us && !vdso.contains(&(dynamic as usize)) {
            show(&mut walk, base, base..usize::MAX, dynamic);
        }
        at = next;
    }
    Some(())
}

/// Where the kernel's own object lies. Its addresses may say nothing, and nothing that we look for is in it.
fn vdso() -> Range<usize> {
    const AT_SYSINFO_EHDR: usize = 33;
    /// More than any has.
    const SIZE: usize = 1 << 16;
    let start = auxv::value(AT_SYSINFO_EHDR).unwrap_or(0);
    start..start.saturating_add(SIZE)
}

/// Whether the process has one thread: each is a directory.
fn is_alone() -> bool {
    const OF_ONE_THREAD: libc::nlink_t = 3;
    sys::stat(c"/proc/self/task").is_some_and(|stat| stat.st_nlink == OF_ONE_THREAD)
}

const AT_PHDR: usize = 3;
const AT_PHNUM: usize = 5;
const DT_DEBUG: usize = 21;

/// Where the program's dynamic section points a debugger to. `None` for a program that was started by naming its loader:
/// the kernel then knows the loader's headers only.
#[inline(never)]
fn debugger_interface() -> Option<*const Debug> {
    let (at, count) = (auxv::value(AT_PHDR)?, auxv::value(AT_PHNUM)?);
    // SAFETY: the kernel's word for where it put the program's headers.
    let headers = unsafe { core::slice::from_raw_parts(at as *const libc::Elf64_Phdr, count) };
    let of_type = |wanted| headers.iter().find(|header| header.p_type == wanted);
    // A loader, which may have been started by name, has no such header.
    let base = at.wrapping_sub(of_type(libc::PT_PHDR)?.p_vaddr as usize);
    let mut entry = base.wrapping_add(of_type(libc::PT_DYNAMIC)?.p_vaddr as usize) as *const Dynamic;
    loop {
        // SAFETY: the program's dynamic section, up to and with DT_NULL.
        match unsafe { entry.read() } {
            Dynamic { tag: 0, .. } | Dynamic { tag: DT_DEBUG, value: 0 } => return None,
            Dynamic { tag: DT_DEBUG, value } => return Some(value as *const Debug),
            _ => entry = entry.wrapping_add(1),
        }
    }
}
