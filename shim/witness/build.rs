//! The compiler's unwinder becomes part of the library: minimal images have no libgcc_s, where a preloaded library that
//! needs it keeps every program from starting.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR").expect("cargo says where to write");
    // std asks the linker for libgcc_s; it finds this script first.
    fs::write(Path::new(&out).join("libgcc_s.so"), "INPUT(-lgcc_eh)\n").expect("OUT_DIR can be written to");
    println!("cargo::rustc-link-search=native={out}");
}
