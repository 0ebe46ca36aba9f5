//! The hooks, in files named after the man page of what they hook.
//!
//! Each takes `next`, the definition after ours, and the caller's arguments. Its safety is that of the libc function.

pub(crate) mod cpus;
pub(crate) mod directory;
pub(crate) mod disk;
pub(crate) mod loadavg;
pub(crate) mod open;
pub(crate) mod seek;
pub(crate) mod stat;
pub(crate) mod stdio;
pub(crate) mod syscall;
pub(crate) mod sysinfo;

/// Makes the system call that a missing next would make, with the result in libc's form.
///
/// # Safety
/// That of the system call.
#[inline(always)]
pub(crate) unsafe fn by_kernel(number: libc::c_long, args: [usize; 6]) -> isize {
    /// Takes the arguments in the registers in which most callers have them already.
    #[cold]
    #[inline(never)]
    unsafe fn call(a: usize, b: usize, c: usize, d: usize, e: usize, f: usize, number: libc::c_long) -> isize {
        // SAFETY: the caller guarantees it.
        crate::next::as_libc(unsafe { crate::arch::syscall(number, [a, b, c, d, e, f]) })
    }
    let [a, b, c, d, e, f] = args;
    // SAFETY: the caller guarantees it.
    unsafe { call(a, b, c, d, e, f, number) }
}

/// Stand-ins for functions that no libc behind ours has: system calls of the same arguments, each at most six words.
macro_rules! stand_ins {
    ($($name:ident($($arg:ident: $type:ty),*) -> $ret:ty = $number:ident($($word:expr),*);)*) => {
        $(pub(crate) unsafe extern "C" fn $name($($arg: $type),*) -> $ret {
            // SAFETY: the caller's arguments, which the kernel checks.
            unsafe { $crate::hooks::by_kernel(libc::$number, $crate::hooks::words([$($word as usize),*])) as $ret }
        })*
    };
}
use stand_ins;

/// The arguments of a system call that takes fewer than six.
#[inline(always)]
fn words<const N: usize>(given: [usize; N]) -> [usize; 6] {
    let word = |index| given.get(index).map_or(0, |word| *word);
    [word(0), word(1), word(2), word(3), word(4), word(5)]
}
