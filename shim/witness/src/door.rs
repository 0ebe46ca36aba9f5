//! How a hook is declared: a line with the function's type, what of its arguments is a question about the machine, and
//! what it gives.

/// Hooks. A line is one of
///
/// - `name(argument: type, …) -> type, asks QUESTION, gives GOT;`: `QUESTION` is an `Option` of what is asked for,
///   evaluated before next unless the program is left in peace; `GOT`, evaluated afterwards, is called with what the
///   function returned, and adds what else the call gave;
/// - `name(argument: type, …) -> type, by HOOK;`: `HOOK` is called with the function's name and with next.
///
/// From `... mode: mode_t` on, the arguments are variadic. redhook declares them like the others, because Rust cannot
/// define variadic functions; on the machines that we build for, both are passed alike. Next is called by its own type.
macro_rules! doors {
    ($($symbol:ident($($arg:ident: $type:ty),* $(, ... $($more:ident: $more_type:ty),+)?) -> $ret:ty,
        $rule:ident $what:expr $(, gives $gives:expr)?;)*) => {
        $($crate::door::door! {
            $symbol [$($arg: $type),*] [$($($more: $more_type),+)?] $ret, $crate::door::rule!($rule $what $(, $gives)?)
        })*
    };
}
pub(crate) use doors;

/// What a line's hook does with next.
macro_rules! rule {
    (asks $question:expr, $got:expr) => {
        |function: &'static str, next| {
            $crate::watch::watch(function, || $question, next, |returned, to| ($got)(returned, to))
        }
    };
    (by $hook:expr) => {
        $hook
    };
}
pub(crate) use rule;

/// One hook, in a module of its own: redhook gives the type that it declares the function's name.
macro_rules! door {
    ($symbol:ident [$($arg:ident: $type:ty),*] [$($more:ident: $more_type:ty),*] $ret:ty, $hook:expr) => {
        mod $symbol {
            #[allow(unused_imports, reason = "each hook uses some")]
            use super::*;

            static NEXT: $crate::next::Next = $crate::next::Next::new();
            const NAME: &std::ffi::CStr =
                match std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($symbol), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => panic!("a symbol has a NUL"),
                };
            type Definition = $crate::door::definition!([$($type),*] [$($more_type),*] $ret);

            redhook::hook! {
                unsafe fn $symbol($($arg: $type),* $(, $more: $more_type)*) -> $ret => hooked {
                    let next = || match NEXT.address(NAME) {
                        // SAFETY: the function of this name has this type; for its arguments, its caller answers.
                        Some(next) => unsafe {
                            let next = std::mem::transmute::<std::num::NonZeroUsize, Definition>(next);
                            next($($arg),* $(, $more)*)
                        },
                        None => $crate::watch::absent(stringify!($symbol)),
                    };
                    // SAFETY: the arguments are those of the function's caller.
                    #[allow(unused_unsafe, reason = "not every question looks at a pointer")]
                    unsafe { $crate::watch::run($hook, stringify!($symbol), next) }
                }
            }
        }
    };
}
pub(crate) use door;

/// The type of a function's definition.
macro_rules! definition {
    ([$($type:ty),*] [] $ret:ty) => { unsafe extern "C" fn($($type),*) -> $ret };
    ([$($type:ty),*] [$($more:ty),+] $ret:ty) => { unsafe extern "C" fn($($type),*, ...) -> $ret };
}
pub(crate) use definition;
