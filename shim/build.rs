//! How the object is linked. ARCHITECTURE.md says what each flag gains, and tests/object.rs checks the result.

const LINK: &[&str] = &[
    "-fuse-ld=bfd",  // lays out two segments: code, and one writable page
    "-nostdlib",     // no DT_NEEDED: loads under any libc
    "-nostartfiles", // no constructor
    "-Wl,-soname,libcgproc.so",
    "-Wl,-z,defs",            // any undefined symbol, such as a panic path's, fails the link
    "-Wl,-z,norelro",         // saves an mprotect in every exec
    "-Wl,-z,noseparate-code", // saves two mappings in every exec
    "-Wl,-z,nodelete",
    "-Wl,--gc-sections",
    "-Wl,-s",
    "-Wl,--no-eh-frame-hdr",
    "-Wl,--build-id=none",
    "-Wl,--hash-style=gnu",
    "-Wl,--spare-dynamic-tags=0", // no empty entries in the writable page
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
