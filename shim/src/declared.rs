//! Types of C functions and structures, held to what the `libc` crate declares. Nothing of it is in the object.

/// The type of a C function with these parameters; of a variadic one where more follow.
macro_rules! function {
    ([$($type:ty),*] [] $(-> $ret:ty)?) => { unsafe extern "C" fn($($type),*) $(-> $ret)? };
    ([$($type:ty),*] [$($more:ty),+] $(-> $ret:ty)?) => { unsafe extern "C" fn($($type,)* ...) $(-> $ret)? };
}
pub(crate) use function;

/// The last of one type or two.
macro_rules! last {
    ($type:ty) => {
        $type
    };
    ($type:ty, $last:ty) => {
        $last
    };
}
pub(crate) use last;

/// Asserts that the `libc` crate declares the symbol with this type.
macro_rules! declared {
    ([] $symbol:ident: $type:ty) => {
        const _: $type = libc::$symbol;
    };
    ([undeclared] $symbol:ident: $type:ty) => {};
}
pub(crate) use declared;

/// Asserts that two structures are of one size, and have the fields that we look at in the same places.
macro_rules! alike {
    ($($one:ty, $other:ty: $($field:ident),+;)*) => {
        const _: () = {
            $(
                assert!(size_of::<$one>() == size_of::<$other>());
                $(assert!(core::mem::offset_of!($one, $field) == core::mem::offset_of!($other, $field));)+
            )*
        };
    };
}
pub(crate) use alike;
