//! Runs last in `cargo test`, apart from calc's examples, and prints which rings were left out and how to run them
//! all. It fails if a ring that needs more than an ordinary user's rights is not left out.

use std::{env, fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let left_out = left_out(&repository);
    let rings = rings(&repository);
    if left_out != rings {
        eprintln!("Cargo.toml leaves out {left_out:?}, but tests/ has {rings:?}");
        return ExitCode::FAILURE;
    }
    println!("\nLeft out, because they need root and set-up, the rings {}.", rings.join(", "));
    println!("All tests, as root on Debian 12: tests/run");
    ExitCode::SUCCESS
}

/// The tests that the manifest has with `test = false`.
fn left_out(repository: &Path) -> Vec<String> {
    let manifest = fs::read_to_string(repository.join("Cargo.toml")).expect("Cargo.toml");
    let tests = manifest.split("\n[").filter_map(|table| table.strip_prefix("[test]]\n"));
    let names = tests.filter(|table| table.lines().any(|line| line == "test = false"));
    let mut names: Vec<_> = names.filter_map(|table| Some(table.split('"').nth(1)?.to_owned())).collect();
    names.sort();
    names
}

/// The test programs beside the manifest.
fn rings(repository: &Path) -> Vec<String> {
    let files = fs::read_dir(repository.join("tests")).expect("tests").map(|file| file.expect("a file").path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let mut names: Vec<_> = sources.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    names
}
