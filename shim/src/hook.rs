//! What a line of the hook table makes: the exported symbol, and the slot of its next.

/// The hook table. A line `name(args) -> ret = path;` exports `name`, which calls `path(next, args)` where `next` is
/// the definition of `name` after ours, `None` where there is none.
macro_rules! hooks {
    ($($symbol:ident($($arg:ident: $type:ty),*) $(-> $ret:ty)? = $hook:path;)*) => {
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

        mod exported {
            use super::*;
            $(
                #[unsafe(no_mangle)]
                unsafe extern "C" fn $symbol($($arg: $type),*) $(-> $ret)? {
                    type Next = unsafe extern "C" fn($($type),*) $(-> $ret)?;
                    let next = $crate::next::of($crate::Hooked::$symbol as usize);
                    // SAFETY: the slot of this symbol holds this symbol's definition, which has this signature; the
                    // arguments are the caller's, who answers for them as towards libc.
                    unsafe { $hook(next.map(|next| core::mem::transmute::<$crate::next::Definition, Next>(next)), $($arg),*) }
                }
            )*
        }
    };
}
pub(crate) use hooks;
