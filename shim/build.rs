//! How the object is linked: what each flag buys is in ARCHITECTURE.md, and tests/object.rs holds the result to it.

const LINK: &[&str] = &[
    "-fuse-ld=bfd",  // lays out two segments: code, and one writable page
    "-nostdlib",     // no DT_NEEDED: loads under any libc
    "-nostartfiles", // no constructor
    "-Wl,-soname,libcgproc.so",
    "-Wl,-z,defs",            // anything not ours, a panic path above all, fails the link
    "-Wl,-z,norelro",         // saves an mprotect in every exec
    "-Wl,-z,noseparate-code", // saves two mappings in every exec
    "-Wl,-z,nodelete",
    "-Wl,--gc-sections",
    "-Wl,-s",
    "-Wl,--no-eh-frame-hdr",
    "-Wl,--build-id=none",
    "-Wl,--hash-style=gnu",
];

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/link.ld");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={script}");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-T,{script}");
    for flag in LINK {
        println!("cargo::rustc-cdylib-link-arg={flag}");
    }
}
