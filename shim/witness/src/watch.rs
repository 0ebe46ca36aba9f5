//! A call that is told of, before and after.

use crate::{
    address,
    asked::Question,
    caller::Caller,
    got::{self, Got},
    quiet,
    tell::{self, Outcome},
};
use std::ffi::c_int;

/// What a function may return.
pub(crate) trait Returned {
    /// What it returns if it fails.
    const FAILED: Self;
    /// As a number: of a pointer, whether there is one.
    fn number(&self) -> i64;
    /// Whether errno has the reason.
    fn has_failed(&self) -> bool;
}

/// Calls next, and tells of it if `question` finds one and somebody listens. `got` adds what the call gave. Nobody is
/// asked for a question of a program that forbids system calls: finding it takes some. The program does not see what it
/// makes of errno.
#[inline]
pub(crate) fn watch<R: Returned>(
    function: &'static str,
    question: impl FnOnce() -> Option<Question>,
    next: impl FnOnce() -> R,
    got: impl FnOnce(&R, &mut Got),
) -> R {
    match found(question) {
        Some(question) => told(function, &question, next, got),
        None => next(),
    }
}

/// The question, if it may be looked for.
#[inline]
fn found(question: impl FnOnce() -> Option<Question>) -> Option<Question> {
    if quiet::is_quiet() || !address::is_known() {
        return None;
    }
    let before = errno();
    let found = question();
    set_errno(before);
    found
}

/// Calls a hook: here the compiler learns the type of its arguments.
#[inline]
pub(crate) fn run<R, N: FnOnce() -> R>(hook: impl FnOnce(&'static str, N) -> R, function: &'static str, next: N) -> R {
    hook(function, next)
}

/// Calls next, and tells of it as a part of a question about a directory. `count` says how many entries the directory
/// had, if this call has reached its end.
#[cold]
pub(crate) fn watch_part<R: Returned>(
    function: &'static str,
    question: impl FnOnce() -> Option<Question>,
    next: impl FnOnce() -> R,
    count: impl FnOnce(&R) -> Option<u32>,
) -> R {
    let Some(question) = &found(question) else { return next() };
    surrounded(function, question, next, |returned, caller, _| {
        let end = count(returned);
        let got = got::entries(end.unwrap_or(0));
        let outcome = Outcome { returned: returned.number(), errno: 0, got: got.bytes() };
        tell::leave(function, question, caller, end.map(|_| &outcome));
    })
}

#[cold]
#[inline(never)]
fn told<R: Returned>(
    function: &'static str,
    question: &Question,
    next: impl FnOnce() -> R,
    got: impl FnOnce(&R, &mut Got),
) -> R {
    surrounded(function, question, next, |returned, caller, errno| {
        leave(function, question, caller, returned, errno, got);
    })
}

/// Calls next between an `enter` and `leave`, which gets errno. The program does not see what they make of errno.
fn surrounded<R>(
    function: &'static str,
    question: &Question,
    next: impl FnOnce() -> R,
    leave: impl FnOnce(&R, Option<&Caller>, c_int),
) -> R {
    let before = errno();
    let caller = Caller::of_this_hook();
    tell::enter(function, question, caller.as_ref());
    set_errno(before);
    let returned = next();
    let after = errno();
    leave(&returned, caller.as_ref(), after);
    set_errno(after);
    returned
}

#[inline(never)]
fn leave<R: Returned>(
    function: &'static str,
    question: &Question,
    caller: Option<&Caller>,
    returned: &R,
    errno: c_int,
    got: impl FnOnce(&R, &mut Got),
) {
    let mut text = Got::new();
    got(returned, &mut text);
    let errno = if returned.has_failed() { errno } else { 0 };
    tell::leave(function, question, caller, Some(&Outcome { returned: returned.number(), errno, got: text.bytes() }));
}

/// What a function returns that nobody behind us defines.
#[cold]
pub(crate) fn absent<R: Returned>(function: &'static str) -> R {
    tell::unfit(function, b"nothing behind the witness defines it");
    set_errno(libc::ENOSYS);
    R::FAILED
}

pub(crate) fn errno() -> c_int {
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() }
}

pub(crate) fn set_errno(errno: c_int) {
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() = errno };
}

impl Returned for c_int {
    const FAILED: Self = -1;
    fn number(&self) -> i64 {
        i64::from(*self)
    }
    fn has_failed(&self) -> bool {
        *self == -1
    }
}

impl Returned for i64 {
    const FAILED: Self = -1;
    fn number(&self) -> i64 {
        *self
    }
    fn has_failed(&self) -> bool {
        *self == -1
    }
}

impl Returned for isize {
    const FAILED: Self = -1;
    fn number(&self) -> i64 {
        *self as i64
    }
    fn has_failed(&self) -> bool {
        *self == -1
    }
}

impl<T> Returned for *mut T {
    const FAILED: Self = std::ptr::null_mut();
    fn number(&self) -> i64 {
        i64::from(!self.is_null())
    }
    fn has_failed(&self) -> bool {
        self.is_null()
    }
}

impl Returned for () {
    const FAILED: Self = ();
    fn number(&self) -> i64 {
        0
    }
    fn has_failed(&self) -> bool {
        false
    }
}
