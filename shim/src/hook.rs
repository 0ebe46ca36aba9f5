//! What a line of the hook table makes: the exported symbol, the slot of its next, and the type of both.

/// The hook table. A line `name(args) -> ret = path;` exports `name`, which calls `path(next, args)` where `next` is
/// the definition of `name` after ours, `None` where there is none.
///
/// The line is the one place that says the type, and the compiler compares it with the `libc` crate's declaration.
///
/// - `to: *mut A as *mut B`: the crate says `B`, and the hook looks at it as `A`.
/// - `... mode: mode_t`: the arguments from here on are variadic.
/// - `= path, undeclared;`: the crate has no such symbol. It leaves out those that only headers call (`__open_2`, `__pread_chk`,
///   `__xstat`) or libc itself (`__sysconf`), newer ones (`openat2`, `posix_getdents`), musl's `getdents`, and GNU's `scandirat` and
///   `get_nprocs`; that it lacks `scandir` has no reason.
macro_rules! hooks {
    ($($symbol:ident(
        $($arg:ident: $type:ty $(as $libcs:ty)?),* $(, ... $($more:ident: $more_type:ty),+)?
    ) $(-> $ret:ty $(as $libcs_ret:ty)?)? = $hook:path $(, $undeclared:ident)?;)*) => {
        /// The hooked symbols, each the index of its slot.
        #[allow(non_camel_case_types, reason = "each is the symbol's own name")]
        #[repr(usize)]
        #[derive(Clone, Copy)]
        pub(crate) enum Hooked {
            $($symbol,)*
            /// How many there are; not a symbol.
            Count,
        }

        /// The symbols' names in the order of [`Hooked`], each with its final NUL: one text without pointers, since a
        /// pointer would cost every process a relocation.
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

        /// Nothing of it is in the object: a type that differs from libc's fails the build.
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
                unsafe extern "C" fn $symbol($($arg: $type,)* $($($more: $more_type),+)?) $(-> $ret)? {
                    let next = $crate::next::of($crate::Hooked::$symbol as usize);
                    // SAFETY: the slot of this symbol holds this symbol's definition, which has this signature; the
                    // arguments are the caller's, who answers for them as towards libc.
                    unsafe {
                        let next = next
                            .map(|next| core::mem::transmute::<$crate::next::Definition, signature::$symbol>(next));
                        $hook(next, $($arg,)* $($($more),+)?)
                    }
                }
            )*
        }
    };
}
pub(crate) use hooks;
