//! What a line of the hook table expands to: the exported symbol, the slot of its next, and the type of both.

/// The hook table. A line `name(args) -> ret = path;` exports `name`, which calls `path(next, args)`. `next` is the
/// definition of `name` after ours, or `None` if there is none. In a line `name(args) -> ret = path | stand_in;` it is
/// `stand_in` if there is none, so that functions that programs call often test once for it.
///
/// Only this line gives the type, and the compiler compares it with the `libc` crate's declaration.
///
/// - `to: *mut A as *mut B`: the crate has `B`, the hook treats it as `A`.
/// - `... mode: mode_t`: from here on, the arguments are variadic.
/// - `= path, undeclared;`: the crate lacks this symbol. It omits those that only headers (`__open_2`, `__pread_chk`,
///   `__xstat`) or libc itself (`__sysconf`) call, newer ones (`openat2`, `posix_getdents`), musl's `getdents`, and
///   GNU's `scandirat` and `get_nprocs`. There is no reason why it lacks `scandir`.
macro_rules! hooks {
    ($($symbol:ident(
        $($arg:ident: $type:ty $(as $libcs:ty)?),* $(, ... $($more:ident: $more_type:ty),+)?
    ) $(-> $ret:ty $(as $libcs_ret:ty)?)? = $hook:path $(| $stand_in:path)? $(, $undeclared:ident)?;)*) => {
        /// The hooked symbols, each the index of its slot.
        #[allow(non_camel_case_types, reason = "each is the symbol's own name")]
        #[repr(usize)]
        #[derive(Clone, Copy)]
        pub(crate) enum Hooked {
            $($symbol,)*
            /// The number of symbols; not a symbol.
            Count,
        }

        /// The symbols' names in the order of [`Hooked`], each with its final NUL. They are one text without pointers,
        /// because each pointer would cost every process a relocation.
        pub(crate) const HOOKED_NAMES: &str = concat!($(stringify!($symbol), "\0",)*);

        /// The type of each symbol's definition.
        #[allow(non_camel_case_types, reason = "each is the symbol's own name")]
        pub(crate) mod signature {
            use super::*;
            $(
                #[allow(dead_code, reason = "symbols of one type share a hook, which is written with the type of one")]
                pub(crate) type $symbol = $crate::declared::function!([$($type),*] [$($($more_type),+)?] $(-> $ret)?);
            )*
        }

        /// Nothing of it is in the object, but a type that differs from libc's fails the build.
        mod as_declared {
            use super::*;
            $($crate::declared::declared!([$($undeclared)?] $symbol: $crate::declared::function!(
                [$($crate::declared::last!($type $(, $libcs)?)),*] [$($($more_type),+)?]
                $(-> $crate::declared::last!($ret $(, $libcs_ret)?))?
            ));)*
        }

        mod exported {
            use super::*;
            $(
                #[unsafe(no_mangle)]
                #[unsafe(link_section = ".text.cgproc_hook")]
                unsafe extern "C" fn $symbol($($arg: $type,)* $($($more: $more_type),+)?) $(-> $ret)? {
                    // SAFETY: the slot of this symbol holds this symbol's definition, which has this signature; for
                    // the arguments the caller answers, as it would to libc.
                    unsafe {
                        let next = $crate::hook::next!(
                            $symbol, unsafe extern "C" fn($($type,)* $($($more_type),+)?) $(-> $ret)? $(, $stand_in)?
                        );
                        $hook(next, $($arg,)* $($($more),+)?)
                    }
                }
            )*
        }
    };
}
pub(crate) use hooks;

/// The definition of a symbol after ours, with its type, in which what is variadic is not.
macro_rules! next {
    ($symbol:ident, $type:ty) => {
        $crate::next::of($crate::Hooked::$symbol as usize)
            .map(|next| core::mem::transmute::<$crate::next::Definition, signature::$symbol>(next))
    };
    ($symbol:ident, $type:ty, $stand_in:path) => {{
        const STAND_IN: $type = $stand_in;
        core::mem::transmute::<$crate::next::Definition, signature::$symbol>($crate::next::of_or(
            $crate::Hooked::$symbol as usize,
            STAND_IN as *mut (),
        ))
    }};
}
pub(crate) use next;
