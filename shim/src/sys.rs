//! The raw system calls that we make ourselves. None goes through libc, none changes errno.
//!
//! Those that fill a structure of the kernel's are not inlined, or it would lie in their callers' frames.

use crate::arch::syscall;
use core::{
    ffi::{CStr, c_int, c_long, c_uint},
    mem::MaybeUninit,
};

/// A descriptor of ours, closed before the hook returns.
pub(crate) struct Fd(c_int);

impl Drop for Fd {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: closes a number that we opened and that nobody else knows.
        unsafe { syscall(libc::SYS_close, [self.0 as usize, 0, 0, 0, 0, 0]) };
    }
}

impl Fd {
    /// The number, which then stays open.
    pub(crate) fn keep(self) -> c_int {
        core::mem::ManuallyDrop::new(self).0
    }

    /// The number.
    pub(crate) fn number(&self) -> c_int {
        self.0
    }
}

fn done(result: isize) -> Option<usize> {
    usize::try_from(result).ok()
}

/// `open(path, flags | O_CLOEXEC)`
pub(crate) fn open(path: &CStr, flags: c_int) -> Option<Fd> {
    open_at(libc::AT_FDCWD, path, flags)
}

/// `openat(dir, path, flags | O_CLOEXEC)`
#[inline(never)]
pub(crate) fn open_at(dir: c_int, path: &CStr, flags: c_int) -> Option<Fd> {
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: the path ends in NUL.
    let fd = unsafe { syscall(libc::SYS_openat, [dir as usize, path.as_ptr() as usize, flags as usize, 0, 0, 0]) };
    done(fd).map(|fd| Fd(fd as c_int))
}

/// `memfd_create(name, MFD_CLOEXEC | flags)`
pub(crate) fn memfd_create(name: &CStr, flags: c_uint) -> Result<Fd, c_int> {
    let flags = flags | libc::MFD_CLOEXEC;
    // SAFETY: the name ends in NUL.
    let fd = unsafe { syscall(libc::SYS_memfd_create, [name.as_ptr() as usize, flags as usize, 0, 0, 0, 0]) };
    done(fd).map(|fd| Fd(fd as c_int)).ok_or(fd as c_int)
}

/// `dup3(from, to, flags)`
pub(crate) fn dup3(from: &Fd, to: c_int, flags: c_int) -> Option<()> {
    // SAFETY: replaces the descriptor that next just gave the program, or an answer of ours.
    done(unsafe { syscall(libc::SYS_dup3, [from.0 as usize, to as usize, flags as usize, 0, 0, 0]) }).map(drop)
}

/// `close(fd)`, for a descriptor that the program is not to have.
pub(crate) fn close(fd: c_int) {
    drop(Fd(fd));
}

/// `pread(fd, into, offset)`
pub(crate) fn pread(fd: c_int, into: &mut [u8], offset: u64) -> Option<usize> {
    // SAFETY: the buffer has this length.
    done(unsafe {
        syscall(libc::SYS_pread64, [fd as usize, into.as_mut_ptr() as usize, into.len(), offset as usize, 0, 0])
    })
}

/// `pwrite(fd, bytes, offset)`
pub(crate) fn pwrite(fd: &Fd, bytes: &[u8], offset: u64) -> Option<usize> {
    // SAFETY: the buffer has this length.
    done(unsafe {
        syscall(libc::SYS_pwrite64, [fd.0 as usize, bytes.as_ptr() as usize, bytes.len(), offset as usize, 0, 0])
    })
}

/// `write(fd, bytes)`
pub(crate) fn write(fd: &Fd, bytes: &[u8]) -> Option<usize> {
    // SAFETY: the buffer has this length.
    done(unsafe { syscall(libc::SYS_write, [fd.0 as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0]) })
}

/// A pipe, through which the kernel copies memory that may not be there.
pub(crate) struct Pipe {
    out: Fd,
    into: Fd,
}

impl Pipe {
    /// `pipe2(O_CLOEXEC | O_NONBLOCK)`
    pub(crate) fn new() -> Option<Self> {
        let mut ends: [c_int; 2] = [0; 2];
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
        // SAFETY: there is room for two numbers.
        done(unsafe { syscall(libc::SYS_pipe2, [ends.as_mut_ptr() as usize, flags as usize, 0, 0, 0, 0]) })?;
        let [out, into] = ends.map(Fd);
        Some(Self { out, into })
    }

    /// Copies the bytes at address `from`, if all can be read. The pipe is empty afterwards.
    pub(crate) fn copy(&self, from: usize, into: &mut [u8]) -> Option<()> {
        let len = into.len();
        // SAFETY: the kernel refuses to read what is not there.
        let written = unsafe { syscall(libc::SYS_write, [self.into.0 as usize, from, len, 0, 0, 0]) };
        // SAFETY: the buffer has this length.
        let read = unsafe { syscall(libc::SYS_read, [self.out.0 as usize, into.as_mut_ptr() as usize, len, 0, 0, 0]) };
        (done(written)? == len && done(read)? == len).then_some(())
    }
}

/// `ftruncate(fd, len)`
pub(crate) fn ftruncate(fd: &Fd, len: u64) -> Option<()> {
    // SAFETY: no pointers.
    done(unsafe { syscall(libc::SYS_ftruncate, [fd.0 as usize, len as usize, 0, 0, 0, 0]) }).map(drop)
}

/// `fchmod(fd, mode)`
pub(crate) fn fchmod(fd: &Fd, mode: c_uint) -> Option<()> {
    // SAFETY: no pointers.
    done(unsafe { syscall(libc::SYS_fchmod, [fd.0 as usize, mode as usize, 0, 0, 0, 0]) }).map(drop)
}

/// `fcntl(fd, command, argument)`
#[inline(never)]
fn fcntl(fd: c_int, command: c_int, argument: c_int) -> Option<c_int> {
    // SAFETY: no pointers.
    done(unsafe { syscall(libc::SYS_fcntl, [fd as usize, command as usize, argument as usize, 0, 0, 0]) })
        .map(|result| result as c_int)
}

/// `fcntl(fd, F_GET_SEALS)`; `None` for a file that is not on a file system in memory.
pub(crate) fn seals(fd: c_int) -> Option<u32> {
    fcntl(fd, libc::F_GET_SEALS, 0).map(|seals| seals as u32)
}

/// `lseek(fd, offset, whence)`, with the kernel's raw result.
pub(crate) fn lseek(fd: c_int, offset: i64, whence: c_int) -> isize {
    // SAFETY: no pointers.
    unsafe { syscall(libc::SYS_lseek, [fd as usize, offset as usize, whence as usize, 0, 0, 0]) }
}

/// `fstat(fd)`
#[inline(never)]
pub(crate) fn fstat(fd: c_int) -> Option<libc::stat> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: the kernel's `struct stat` is libc's on this machine; on success all of it is written.
    unsafe {
        done(syscall(libc::SYS_fstat, [fd as usize, stat.as_mut_ptr() as usize, 0, 0, 0, 0]))?;
        Some(stat.assume_init())
    }
}

/// `fcntl(fd, F_GETFL)`
pub(crate) fn status_flags(fd: c_int) -> Option<c_int> {
    fcntl(fd, libc::F_GETFL, 0)
}

/// `fcntl(fd, F_SETFL, flags)`
pub(crate) fn set_status_flags(fd: &Fd, flags: c_int) {
    let _ = fcntl(fd.0, libc::F_SETFL, flags);
}

/// `fcntl(fd, F_GETFD)`, as open's flag.
pub(crate) fn closes_on_exec(fd: c_int) -> Option<c_int> {
    fcntl(fd, libc::F_GETFD, 0).map(|flags| if flags == 0 { 0 } else { libc::O_CLOEXEC })
}

/// `stat(path)`
pub(crate) fn stat(path: &CStr) -> Option<libc::stat> {
    stat_with(path, 0)
}

/// `lstat(path)`
pub(crate) fn lstat(path: &CStr) -> Option<libc::stat> {
    stat_with(path, libc::AT_SYMLINK_NOFOLLOW)
}

#[inline(never)]
fn stat_with(path: &CStr, flags: c_int) -> Option<libc::stat> {
    let mut stat = MaybeUninit::uninit();
    let (path, to) = (path.as_ptr() as usize, stat.as_mut_ptr() as usize);
    // SAFETY: see `fstat`.
    unsafe {
        done(syscall(libc::SYS_newfstatat, [libc::AT_FDCWD as usize, path, to, flags as usize, 0, 0]))?;
        Some(stat.assume_init())
    }
}

/// `statx(AT_FDCWD, path, 0, mask, to)`
///
/// # Safety
/// `to` must be writable.
pub(crate) unsafe fn statx(path: &CStr, mask: c_uint, to: *mut libc::statx) -> Option<()> {
    let path = path.as_ptr() as usize;
    // SAFETY: the caller guarantees it.
    done(unsafe { syscall(libc::SYS_statx, [libc::AT_FDCWD as usize, path, 0, mask as usize, to as usize, 0]) })
        .map(drop)
}

/// The magic number of the file system that `fd` is on, by `fstatfs(fd)`.
#[inline(never)]
pub(crate) fn file_system(fd: c_int) -> Option<u64> {
    let mut to = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: see `fstat`.
    unsafe {
        done(syscall(libc::SYS_fstatfs, [fd as usize, to.as_mut_ptr() as usize, 0, 0, 0, 0]))?;
        Some(to.assume_init().f_type as u64)
    }
}

/// The magic number of the file system that `path` is on, by `statfs(path)`.
#[inline(never)]
pub(crate) fn file_system_at(path: &CStr) -> Option<u64> {
    let mut to = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the kernel's `struct statfs` is all numbers.
    let to = unsafe { to.assume_init_mut() };
    statfs(path, to)?;
    Some(to.f_type as u64)
}

/// `statfs(path, to)`
pub(crate) fn statfs(path: &CStr, to: &mut libc::statfs) -> Option<()> {
    // SAFETY: there is room for what the kernel writes.
    done(unsafe { syscall(libc::SYS_statfs, [path.as_ptr() as usize, to as *mut libc::statfs as usize, 0, 0, 0, 0]) })
        .map(drop)
}

/// `readlink(path)`, as much as fits; a result that fills `into` may be cut.
#[inline(never)]
pub(crate) fn readlink<'b>(path: &CStr, into: &'b mut [u8]) -> Option<&'b [u8]> {
    let (at, to) = (path.as_ptr() as usize, into.as_mut_ptr() as usize);
    // SAFETY: the buffer has this length.
    let len = done(unsafe { syscall(libc::SYS_readlinkat, [libc::AT_FDCWD as usize, at, to, into.len(), 0, 0]) })?;
    if len < into.len() { into.get(..len) } else { None }
}

/// `sysinfo()`
#[inline(never)]
pub(crate) fn sysinfo() -> Option<libc::sysinfo> {
    let mut to = MaybeUninit::uninit();
    // SAFETY: see `fstat`.
    unsafe {
        done(syscall(libc::SYS_sysinfo, [to.as_mut_ptr() as usize, 0, 0, 0, 0, 0]))?;
        Some(to.assume_init())
    }
}

/// `clock_gettime(clock)`
#[inline(never)]
pub(crate) fn clock(clock: c_int) -> Option<libc::timespec> {
    let mut to = MaybeUninit::uninit();
    // SAFETY: see `fstat`.
    unsafe {
        done(syscall(libc::SYS_clock_gettime, [clock as usize, to.as_mut_ptr() as usize, 0, 0, 0, 0]))?;
        Some(to.assume_init())
    }
}

/// The soft limit of `RLIMIT_FSIZE`: a write beyond it would kill the program with SIGXFSZ.
#[inline(never)]
pub(crate) fn file_size_limit() -> Option<u64> {
    let mut to = MaybeUninit::<libc::rlimit>::uninit();
    let at = to.as_mut_ptr() as usize;
    // SAFETY: see `fstat`.
    unsafe {
        done(syscall(libc::SYS_prlimit64, [0, libc::RLIMIT_FSIZE as usize, 0, at, 0, 0]))?;
        Some(to.assume_init().rlim_cur)
    }
}

/// `sched_getaffinity(pid)`: the size of the kernel's masks in bytes. `None` if they are longer than `mask`.
pub(crate) fn affinity(pid: c_int, mask: &mut [u64]) -> Option<usize> {
    let args = [pid as usize, size_of_val(mask), mask.as_mut_ptr() as usize, 0, 0, 0];
    // SAFETY: the buffer has this length.
    done(unsafe { syscall(libc::SYS_sched_getaffinity, args) }).filter(|len| *len > 0)
}

fn plain(number: c_long) -> c_int {
    // SAFETY: no arguments, cannot fail.
    unsafe { syscall(number, [0; 6]) as c_int }
}

/// `getpid()`
pub(crate) fn getpid() -> c_int {
    plain(libc::SYS_getpid)
}

/// `getppid()`
pub(crate) fn getppid() -> c_int {
    plain(libc::SYS_getppid)
}

/// `gettid()`
pub(crate) fn gettid() -> c_int {
    plain(libc::SYS_gettid)
}

/// `geteuid()`
pub(crate) fn geteuid() -> c_uint {
    plain(libc::SYS_geteuid) as c_uint
}

/// Whether this user namespace is another than the machine's own, whose number is fixed (`PROC_USER_INIT_INO`).
pub(crate) fn is_in_user_namespace() -> bool {
    const INITIAL: u64 = 0xefff_fffd;
    stat(c"/proc/self/ns/user").is_some_and(|namespace| namespace.st_ino != INITIAL)
}

/// Whether two processes share their memory, by `kcmp`; `None` if the kernel does not say.
pub(crate) fn share_memory(one: c_int, other: c_int) -> Option<bool> {
    const KCMP_VM: usize = 1;
    // SAFETY: no pointers.
    done(unsafe { syscall(libc::SYS_kcmp, [one as usize, other as usize, KCMP_VM, 0, 0, 0]) }).map(|order| order == 0)
}

/// Whether the process has only one thread: each has a directory.
pub(crate) fn has_one_thread() -> bool {
    const OF_ONE_THREAD: libc::nlink_t = 3;
    stat(c"/proc/self/task").is_some_and(|stat| stat.st_nlink == OF_ONE_THREAD)
}

/// Whether no other thread or process shares this memory; `None` if the kernel does not say. Unsharing memory that is
/// not shared changes nothing, and unsharing shared memory is refused (`check_unshare_flags`).
pub(crate) fn has_memory_of_its_own() -> Option<bool> {
    const REFUSED: isize = -(libc::EINVAL as isize);
    // SAFETY: no pointers.
    match unsafe { syscall(libc::SYS_unshare, [libc::CLONE_VM as usize, 0, 0, 0, 0, 0]) } {
        0 => Some(true),
        REFUSED => Some(false),
        _ => None,
    }
}

/// The calling thread's name (`comm`), with its final NUL.
pub(crate) fn thread_name() -> Option<[u8; 16]> {
    let mut name = [0; 16];
    // SAFETY: the kernel writes at most 16 bytes.
    let result =
        unsafe { syscall(libc::SYS_prctl, [libc::PR_GET_NAME as usize, name.as_mut_ptr() as usize, 0, 0, 0, 0]) };
    done(result).map(|_| name)
}
