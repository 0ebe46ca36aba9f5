//! What is counted.

use crate::{
    bed::{self, Version, repository},
    callgrind, long_tree,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What tests/instructions/calls.c does: passed through, or answered.
const CALLS: [&str; 8] = ["open", "open-like", "stat", "fstat", "lseek", "pagesize", "get_nprocs", "sysconf-online"];

/// Texts composed from recorded trees, whose machines are small and large.
const TEXTS: [(&str, &[&str]); 4] = [
    ("v1-bound", &["/proc/meminfo", "/proc/swaps", "/proc/stat", "/proc/cpuinfo", "/proc/uptime"]),
    ("v2-bound", &["/proc/meminfo", "/proc/swaps", "/proc/stat", "/proc/cpuinfo", "/proc/uptime"]),
    ("many-cpus", &["/proc/stat", "/proc/cpuinfo", "/sys/devices/system/cpu/online"]),
    (
        "power-256-cpus",
        &[
            "/proc/stat",
            "/proc/cpuinfo",
            "/sys/devices/system/cpu/cpu64/topology/core_siblings_list",
            "/sys/devices/system/node/node0/meminfo",
        ],
    ),
];

/// How many disks the made-up machines have.
const DISKS: [u32; 2] = [10, 120];

/// All counts, by name.
pub(crate) fn counts() -> Vec<(String, u64)> {
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("instructions-{}", std::process::id()));
    fs::create_dir_all(&work).expect("a directory");
    let mut counts = Vec::new();
    for (libc, compiler) in [("glibc", "gcc"), ("musl", "musl-gcc")] {
        counts.push((format!("exec, {libc}"), exec(&work, compiler)));
    }
    let calls = compiled(&work, "gcc", "calls", &repository("tests/instructions/calls.c"), &[]);
    counts.extend(CALLS.map(|call| (format!("in the object: {call}"), in_the_object(&work, &calls, call))));
    let texts = texts();
    for (tree, paths) in TEXTS {
        let folder = repository("tests/trees").join(tree);
        counts.extend(paths.iter().map(|path| (format!("{tree}: {path}"), composing(&work, &texts, &folder, path))));
    }
    for disks in DISKS {
        let folder = work.join("tree");
        long_tree::make(&folder, disks);
        for path in ["/proc/diskstats", "/proc/vmstat"] {
            counts.push((format!("{disks} disks: {path}"), composing(&work, &texts, &folder, path)));
        }
    }
    fs::remove_dir_all(&work).expect("removed");
    counts
}

fn compiled(work: &Path, compiler: &str, name: &str, source: &Path, flags: &[&str]) -> PathBuf {
    let to = work.join(name);
    let status = Command::new(compiler).args(["-O2", "-o"]).args([&to, source]).args(flags).status().expect(compiler);
    assert!(status.success(), "{compiler} {}", source.display());
    to
}

fn run(command: &mut Command) {
    let output = command.env_remove("LD_PRELOAD").stdin(Stdio::null()).output().expect("a program");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What the life of a small program takes more with the object than with an empty one: the loader's work.
fn exec(work: &Path, compiler: &str) -> u64 {
    let (program, nothing) = (work.join("tiny.c"), work.join("empty.c"));
    fs::write(&program, "int main(void) { return 0; }\n").expect("a source");
    fs::write(&nothing, "\n").expect("a source");
    let tiny = compiled(work, compiler, "tiny", &program, &[]);
    let flags = ["-shared", "-nostdlib", "-Wl,-z,norelro", "-Wl,-z,noseparate-code"];
    let empty = compiled(work, "gcc", "empty.so", &nothing, &flags);
    let [without, with] = [empty, bed::object()].map(|object| {
        let to = work.join("life");
        let (tiny, object, to_word) = (tiny.display(), object.display(), to.display());
        // The loader compares and copies paths: theirs are the same on every machine.
        let script = format!(
            "mount -t tmpfs tmpfs /mnt && cp {tiny} /mnt/tiny && cp {object} /mnt/object.so && cd / &&
             env -i PATH=/usr/bin:/bin LD_PRELOAD=/mnt/object.so {} /mnt/tiny",
            callgrind::words(Path::new(&to_word.to_string())).join(" ")
        );
        run(Command::new("unshare").args(["--mount", "sh", "-euc", &script]));
        callgrind::sum(&to, None)
    });
    with.checked_sub(without).expect("more than with an empty object")
}

/// What one call takes in the object, in a container of one CPU, when it was made just before: the least of some.
fn in_the_object(work: &Path, calls: &Path, call: &str) -> u64 {
    let to = work.join(call);
    let script = format!(
        "mount -t tmpfs tmpfs /mnt && cp {} /mnt/calls && cp {} /mnt/libcgproc.so && cd / &&
         echo >/mnt/other && echo >/mnt/like-stat &&
         exec env -i PATH=/usr/bin:/bin LD_PRELOAD=/mnt/libcgproc.so {} /mnt/calls {call} /mnt/other /mnt/like-stat",
        calls.display(),
        bed::object().display(),
        callgrind::words(&to).join(" ")
    );
    let view = if bed::version() == Version::V1 { "bind" } else { "ns" };
    let mut container = Command::new(repository("tests/bed/container"));
    run(container.args(["-m", "512M", "-q", "100000", "-c", "0", "-V", view, "--", "sh", "-euc", &script]));
    let dumps = callgrind::dumps(&to);
    let counts = dumps.iter().map(|dump| callgrind::sum(dump, Some("/mnt/libcgproc.so")));
    counts.min().unwrap_or_else(|| panic!("{call}: no dump"))
}

/// The program that composes texts (benches/texts), built like the object.
fn texts() -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "build",
        "--locked",
        "--quiet",
        "--release",
        "-p",
        "cgproc-bench",
        "--features",
        "texts",
        "--bin",
        "texts",
    ]);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    run(cargo.current_dir(repository("")).arg("--target-dir").arg(target));
    target.join("release/texts")
}

/// What composing a text takes once more, in the program itself.
fn composing(work: &Path, texts: &Path, tree: &Path, path: &str) -> u64 {
    const MORE: u64 = 10;
    let [few, many] = [1, 1 + MORE].map(|rounds| {
        let to = work.join("text");
        // The program looks at each byte of a path: theirs are the same on every machine.
        let script = "mount -t tmpfs tmpfs /mnt && cp \"$1\" /mnt/texts && cp -r \"$2\" /mnt/tree && cd / &&
            path=$3 rounds=$4 && shift 4 && exec \"$@\" /mnt/texts /mnt/tree \"$path\" \"$rounds\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-euc", script, "composing"]).arg(texts).arg(tree);
        run(command.args([path, &rounds.to_string()]).args(callgrind::words(&to)));
        callgrind::sum(&to, Some("/texts"))
    });
    (many - few) / MORE
}
