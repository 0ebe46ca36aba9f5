//! Programs whose environment is not where an injected library looks for it.

use crate::{
    is_left_alone, preloaded,
    probes::{self, Form, Libc},
    shows_the_container, without_and_with,
};
use object::{Object as _, ObjectSymbol as _, ObjectSymbolTable as _, RelocationFlags, RelocationTarget, elf};
use std::{fs, path::Path};

/// Whether the loader copies this variable of libc's into the program.
fn is_copied(program: &Path, variable: &str) -> bool {
    let bytes = fs::read(program).expect("the program");
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let symbols = file.dynamic_symbol_table().expect("symbols");
    file.dynamic_relocations().expect("relocations").any(|(_, relocation)| {
        let RelocationTarget::Symbol(index) = relocation.target() else { return false };
        let is_copy = matches!(relocation.flags(), RelocationFlags::Elf { r_type: elf::R_X86_64_COPY });
        is_copy && symbols.symbol_by_index(index).is_ok_and(|symbol| symbol.name() == Ok(variable))
    })
}

/// The environment that counts is the program's: that with which it was started, or that which it put in its place.
#[test]
fn a_program_with_a_copy_of_environ() {
    for libc in Libc::ALL {
        let program = probes::build(libc, "own-environ", Form::Fixed);
        assert!(is_copied(&program, "__environ"), "{libc:?}: no copy in {}", program.display());
        let pairs = without_and_with(&[
            preloaded(&program, ""),
            preloaded(&program, "replaced"),
            format!("CGPROC=off {}", preloaded(&program, "")),
        ]);
        shows_the_container(&format!("{libc:?}, as it was started"), &pairs[0]);
        is_left_alone(&format!("{libc:?}, turned off by its own"), &pairs[1]);
        is_left_alone(&format!("{libc:?}, turned off"), &pairs[2]);
    }
}

/// The environment is read in memory, so nothing is missing, and nothing is said.
#[test]
fn a_program_that_may_not_read_its_environ_file() {
    for libc in Libc::ALL {
        let program = probes::program(libc, "hidden");
        // Where another user reaches both.
        let copied = format!(
            "cp {} hidden && cp ${{preload:-/dev/null}} object && chmod 755 . object && chmod 111 hidden",
            probes::quoted(&program.to_string_lossy())
        );
        let nobody = format!("{copied} && setpriv --reuid=65534 --regid=65534 --clear-groups env");
        let preload = "LD_PRELOAD=${preload:+$PWD/object}";
        let pairs = without_and_with(&[
            preloaded(&program, "drops"),
            format!("{nobody} {preload} ./hidden"),
            format!("{nobody} {preload} CGPROC=off ./hidden"),
        ]);
        for [without, _] in &pairs {
            assert!(without.text.starts_with("environ: EACCES\nopen: ok\n"), "{libc:?}: {}", without.text);
        }
        shows_the_container(&format!("{libc:?}, without rights"), &pairs[0]);
        shows_the_container(&format!("{libc:?}, a file to execute only"), &pairs[1]);
        is_left_alone(&format!("{libc:?}, turned off"), &pairs[2]);
    }
}
