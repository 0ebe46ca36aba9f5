//! The object's classifier of paths: its own file, with what it asks of the kernel and of its settings put in its place.
//! Each module here has the name and the functions of the object's that the classifier uses. The descriptor's directory
//! and the answers of the kernel come from the input.

/// Where a string ends.
pub(crate) mod arch {
    /// # Safety
    /// `string` is a NUL-terminated string.
    pub(crate) unsafe fn end_of(string: *const u8) -> *const u8 {
        // SAFETY: the caller guarantees it.
        string.wrapping_add(unsafe { libc::strlen(string.cast()) })
    }
}

/// The path of a descriptor, which nobody opens here.
pub(crate) mod link {
    use core::ffi::{CStr, c_int};

    pub(crate) fn of(fd: c_int, buffer: &mut [u8; 32]) -> Option<&CStr> {
        calc::path::join(buffer, &[b"/proc/self/fd/", fd.to_string().as_bytes()])
    }
}

/// Everything is answered.
pub(crate) mod options {
    pub(crate) fn off() -> bool {
        false
    }
}

/// A container with the CPUs 0 and 1 and the memory block 8.
pub(crate) mod scope {
    use calc::{capacity::Capacity, cpus::CpuSet, view::cpu::Cpus};

    pub(crate) const BLOCK: u64 = 8;

    pub(crate) fn online() -> CpuSet {
        CpuSet::parse(b"0-1").expect("a list")
    }

    pub(crate) fn with_cpus<T>(use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T> {
        let capacity = Capacity { quota_usec: 2, period_usec: 1 };
        use_it(&Cpus { count: 2, online: online(), capacity, counted_depth: 0 })
    }

    pub(crate) fn first_block() -> Option<u64> {
        Some(BLOCK)
    }
}

/// Every link leads to the input's first line.
pub(crate) mod sys {
    use core::ffi::{CStr, c_int};
    use std::cell::RefCell;

    thread_local! {
        /// What a link leads to.
        pub(crate) static TARGET: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) struct Fd;

    impl Fd {
        pub(crate) fn number(&self) -> c_int {
            3
        }
    }

    pub(crate) fn open_at(_: c_int, _: &CStr, _: c_int) -> Option<Fd> {
        Some(Fd)
    }

    /// As the kernel does: cut to the room. The object takes a path that fills the room for one that does not fit.
    pub(crate) fn readlink<'b>(_: &CStr, into: &'b mut [u8]) -> Option<&'b [u8]> {
        TARGET.with_borrow(|target| {
            let len = target.len();
            if len >= into.len() {
                return None;
            }
            into[..len].copy_from_slice(target);
            into.get(..len)
        })
    }
}

#[expect(dead_code, reason = "the object's own file, of which the targets call a part")]
#[path = "../../shim/src/path.rs"]
pub(crate) mod path;
