//! The i386 stub: 32-bit programs are quiet if it is in its `$LIB` place; without it they run all the same, with one
//! more line. Their loaders and C libraries are Debian's, from tests/bed/setup; this kernel runs them.

mod bed;

use object::{
    Endianness, Object as _, ObjectSymbol as _,
    elf::{EM_386, FileHeader32, PT_INTERP, PT_LOAD},
    read::elf::{FileHeader as _, ProgramHeader as _},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A 32-bit userland: the directory of its C library, which its loader substitutes for `$LIB`.
const USERLANDS: [(&str, &str); 2] = [("Debian's i386", "lib/i386-linux-gnu"), ("libc6-i386 on amd64", "lib32")];

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A directory for this test, removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("cgproc-test-stub-{name}-{}", std::process::id()));
        fs::create_dir(&directory).expect("a directory");
        Self(directory)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl std::ops::Deref for Place {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

fn stub(to: &Path) -> PathBuf {
    succeed(Command::new(bed::repository("shim/stub/build")).arg(to));
    to.join("libcgproc.so")
}

fn root() -> PathBuf {
    let root = bed::cache().join("32-bit");
    assert!(root.with_extension("done").exists(), "{} is not complete: tests/bed/setup libcs", root.display());
    root
}

/// tests/programs/runtime.c as a 32-bit program. What gcc lacks for those is named file by file.
fn program(to: &Path) -> PathBuf {
    let (program, libraries) = (to.join("runtime-i386"), root().join("usr/lib/i386-linux-gnu"));
    let mut gcc = Command::new("gcc");
    gcc.args(["-m32", "-O1", "-nostdlib", "-o"]).arg(&program);
    for headers in ["usr/include", "usr/include/i386-linux-gnu"] {
        gcc.arg("-isystem").arg(root().join(headers));
    }
    gcc.args(["crt1.o", "crti.o"].map(|name| libraries.join(name))).arg(bed::repository("tests/programs/runtime.c"));
    gcc.arg(root().join("lib/i386-linux-gnu/libc.so.6")).arg(libraries.join("libc_nonshared.a"));
    succeed(gcc.arg(libraries.join("crtn.o")));
    program
}

/// Runs the program with the userland's own loader.
fn run(userland: &str, program: &Path, preload: &str) -> Output {
    let libraries = root().join(userland);
    let mut command = Command::new(libraries.join("ld-linux.so.2"));
    command.arg("--library-path").arg(&libraries).arg(program).arg(program.with_extension("scratch"));
    command
        .env("LD_PRELOAD", preload)
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}: 32-bit programs do not run here"))
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect()
}

fn seen(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The cell of docs/reach.md for what was written to stderr.
fn cell(lines: &[String]) -> String {
    match lines {
        [] => "quiet".to_owned(),
        [one] if one.ends_with(": ignored.") => "ignored, one line".to_owned(),
        other => format!("{} lines", other.len()),
    }
}

#[test]
fn it_is_an_object_with_nothing_in_it() {
    let place = Place::new("form");
    let path = stub(&place);
    let bytes = fs::read(&path).expect("the stub");
    println!("the stub: {} bytes", bytes.len());
    assert!(bytes.len() <= 1024, "{} bytes", bytes.len());
    let header = FileHeader32::<Endianness>::parse(&*bytes).expect("a 32-bit ELF file");
    let endian = header.endian().expect("its byte order");
    assert_eq!(header.e_machine.get(endian), EM_386);
    let segments = header.program_headers(endian, &*bytes).expect("program headers");
    let count = |kind| segments.iter().filter(|s| s.p_type(endian) == kind).count();
    assert_eq!((count(PT_LOAD), count(PT_INTERP)), (2, 0));
    let file = object::File::parse(&*bytes).expect("an ELF file");
    assert_eq!(file.dynamic_symbols().filter(|s| s.name() != Ok("")).count(), 0, "symbols");
    assert_eq!(file.imports().expect("imports"), []);
}

/// Both kinds of programs under one LD_PRELOAD: each loader finds the file that it can load.
#[test]
fn each_kind_of_program_finds_its_own() {
    let places = Place::new("places");
    let preload = format!("{}/$LIB/libcgproc.so", places.display());
    let program = program(&places);
    let put = |from: &Path, library: &str| {
        fs::create_dir_all(places.join(library)).expect("a directory");
        fs::copy(from, places.join(library).join("libcgproc.so")).expect("a copy");
    };
    let stub = stub(&places);
    put(&bed::object(), "lib/x86_64-linux-gnu");
    for (name, library) in USERLANDS {
        let without = run(library, &program, "");
        assert_eq!((without.status.code(), lines(&without).len()), (Some(0), 0), "{name}: {:?}", lines(&without));
        put(&stub, library);
        let with = run(library, &program, &preload);
        note(name, "stub at $LIB", &with);
        assert_eq!(lines(&with), [""; 0], "{name}");
        assert_eq!((with.status.code(), seen(&with)), (Some(0), seen(&without)), "{name}");
    }
    let script = "nproc; awk '/^MemTotal/ {print $2}' /proc/meminfo";
    let beside = bed::Container { quota_usec: Some(100_000), ..bed::PLAIN }.run(
        script,
        Some(Path::new(&preload)),
        bed::PATIENCE_SEC,
    );
    assert_eq!((&*beside.text, beside.status), ("1\n524288\n", Some(0)), "64-bit programs beside them");
}

#[test]
fn without_it_one_line_is_all() {
    let place = Place::new("without");
    let program = program(&place);
    let object = bed::object().display().to_string();
    let nowhere = format!("{}/$LIB/libcgproc.so", place.display());
    for (name, library) in USERLANDS {
        let plain = run(library, &program, "");
        for (probe, preload, why) in [
            ("64-bit object", &object, "wrong ELF class: ELFCLASS64"),
            ("nothing at $LIB", &nowhere, "cannot open shared object file"),
        ] {
            let output = run(library, &program, preload);
            note(name, probe, &output);
            let line =
                format!("ERROR: ld.so: object '{preload}' from LD_PRELOAD cannot be preloaded ({why}): ignored.");
            assert_eq!(lines(&output), [line], "{name}, {probe}");
            assert_eq!((output.status, seen(&output)), (plain.status, seen(&plain)), "{name}, {probe}");
        }
    }
}

fn note(name: &str, probe: &str, output: &Output) {
    let seen = seen(output);
    let version = seen.lines().find_map(|line| line.strip_prefix("libc ")).unwrap_or("none");
    bed::note_reach("32-bit programs", name, version, probe, &cell(&lines(output)));
}
