//! See `cgproc_fuzz::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cgproc_fuzz::run("nri", bytes));
