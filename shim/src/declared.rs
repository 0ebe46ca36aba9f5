//! Compares the types of C functions and structures with the `libc` crate's declarations. None of it is in the object.

/// The type of a C function with these parameters, variadic if more follow.
macro_rules! function {
    ([$($type:ty),*] [] $(-> $ret:ty)?) => { unsafe extern "C" fn($($type),*) $(-> $ret)? };
    ([$($type:ty),*] [$($more:ty),+] $(-> $ret:ty)?) => { unsafe extern "C" fn($($type,)* ...) $(-> $ret)? };
}
pub(crate) use function;

/// The last of one or two types.
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

/// Asserts that two structures have the same size, and the fields that we use in the same places.
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
