//! The unwind tables that the unwinder gets to see: ours, and no others.
//!
//! The unwinder asks libc which object has the tables for an address. It only has to get out of our own frames, so this
//! definition, which no other object sees, answers in libc's place: libc's takes a lock if it is older than 2.35, and a
//! newer one would be needed to start.

use libc::{Elf64_Ehdr, Elf64_Phdr};
use std::ffi::{c_int, c_void};

unsafe extern "C" {
    /// The beginning and the end of this library in memory; the linker defines them.
    static __ehdr_start: Elf64_Ehdr;
    static _end: u8;
}

/// `struct dl_find_object` of <dlfcn.h>, as it is on the machines that we build for.
#[repr(C)]
struct Found {
    flags: u64,
    map_start: *const c_void,
    map_end: *const c_void,
    link_map: *const c_void,
    /// The section `.eh_frame_hdr`.
    eh_frame: *const c_void,
}

/// Whether there is code of ours.
pub(crate) fn are_for(address: usize) -> bool {
    ((&raw const __ehdr_start) as usize..(&raw const _end) as usize).contains(&address)
}

std::arch::global_asm!(
    ".globl _dl_find_object",
    ".hidden _dl_find_object",
    ".type _dl_find_object, %function",
    "_dl_find_object:",
    #[cfg(target_arch = "x86_64")]
    "jmp {find}",
    #[cfg(target_arch = "aarch64")]
    "b {find}",
    find = sym find,
);

unsafe extern "C" fn find(address: *const c_void, found: *mut Found) -> c_int {
    if !are_for(address as usize) {
        return -1;
    }
    let Some(eh_frame) = header() else { return -1 };
    let [start, end] = [(&raw const __ehdr_start).cast(), (&raw const _end).cast()];
    // SAFETY: the unwinder's.
    unsafe { found.write(Found { flags: 0, map_start: start, map_end: end, link_map: std::ptr::null(), eh_frame }) };
    0
}

/// The section `.eh_frame_hdr`, by the program headers.
fn header() -> Option<*const c_void> {
    let start = &raw const __ehdr_start;
    // SAFETY: the loader has mapped the headers with the library, and nothing writes to them.
    unsafe {
        let headers = start.byte_add((*start).e_phoff as usize).cast::<Elf64_Phdr>();
        let headers = std::slice::from_raw_parts(headers, usize::from((*start).e_phnum));
        let tables = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
        Some(start.byte_add(tables.p_vaddr as usize).cast())
    }
}
