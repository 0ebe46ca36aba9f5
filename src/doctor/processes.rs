//! The other visible processes: which of them have the library, and why the others don't.

use super::{
    Finding, Severity,
    container::{Container, text},
    library,
    recognised::{Recognised, is_library},
};
use crate::host::{
    auxv,
    elf::{self, Elf},
    preload_file,
};
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

const CHECK: &str = "processes";

/// Why a process does not have the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    PastLibc,
    OtherBits,
    OtherMachine,
    OtherLibc,
    Secure,
    NotNamed,
    Missing,
    Broken,
    Before,
    Off,
    Unknown,
}

/// Each reason: its code, whether the set-up is to blame, the message, and the remedy.
const REASONS: [(Why, &str, bool, &str, &str); 11] = [
    (
        Why::PastLibc,
        "process-static",
        false,
        "are static or Go programs, whose system calls bypass the library",
        "start them with cgproc run, which answers them from outside (--static), or use lxcfs for them",
    ),
    (
        Why::OtherBits,
        "process-bits",
        false,
        "are 32-bit programs",
        "start them with cgproc run, which answers them from outside (--static), or use lxcfs for them",
    ),
    (
        Why::OtherMachine,
        "process-machine",
        true,
        "are programs for another processor",
        "build the library for that processor, and preload that one into them",
    ),
    (
        Why::OtherLibc,
        "process-libc",
        false,
        "use a libc other than glibc and musl",
        "start them with cgproc run, which answers them from outside (--static), or use lxcfs for them",
    ),
    (
        Why::Secure,
        "process-secure",
        false,
        "gained privileges when they started (setuid, capabilities): the loader ignores LD_PRELOAD",
        "let cgproc install add the library to /etc/ld.so.preload, which glibc's loader reads for them too",
    ),
    (
        Why::NotNamed,
        "process-not-named",
        true,
        "were started without LD_PRELOAD (env -i, su -, sudo, a service manager)",
        "pass LD_PRELOAD on, or let cgproc install add the library to /etc/ld.so.preload",
    ),
    (
        Why::Missing,
        "process-library-missing",
        true,
        "have an LD_PRELOAD that names a file missing from their file system",
        "put the library at that path in their file system",
    ),
    (
        Why::Broken,
        "process-library-broken",
        true,
        "have an LD_PRELOAD that names a file that cannot be loaded",
        "put a complete, readable library built for this machine there",
    ),
    (
        Why::Before,
        "process-before",
        true,
        "were started before the library was installed, or refused it",
        "restart them",
    ),
    (
        Why::Off,
        "process-off",
        false,
        "have the library, but CGPROC=off in their environment",
        "start them without CGPROC=off if they should see the container",
    ),
    (Why::Unknown, "process-unknown", false, "cannot be inspected", "run cgproc doctor as root, or as their user"),
];

/// Checks all processes except those of this command. A missing library is a problem if the process is in this
/// container and the library is loaded here.
pub(super) fn check(is_loaded_here: bool) -> Vec<Finding> {
    let container = Container::own();
    let numbers = others();
    let known = Recognised::default();
    let seen = numbers.iter().filter_map(|pid| OtherProcess::at(&Path::new("/proc").join(pid), &container, &known));
    let (inside, outside): (Vec<OtherProcess>, Vec<OtherProcess>) = seen.partition(|process| process.is_inside);
    let all = inside.len() + outside.len();
    let loaded = inside.iter().chain(&outside).filter(|process| matches!(process.why, None | Some(Why::Off))).count();
    let first = match all {
        0 => Finding::ok(CHECK, "processes-none", "no other processes are visible"),
        _ => Finding::ok(CHECK, "processes-loaded", format!("{loaded} of {all} others have the library")),
    };
    let of_inside = without(&inside, is_loaded_here, "");
    let of_outside = without(&outside, false, ", outside this container,");
    [first].into_iter().chain(of_inside).chain(of_outside).collect()
}

/// The findings about those of `processes` that do not have it, by reason.
fn without(processes: &[OtherProcess], can_be_problem: bool, place: &str) -> Vec<Finding> {
    let finding = |(why, code, is_blamed, words, remedy)| {
        let names = names(processes, why)?;
        let severity = if is_blamed && can_be_problem { Severity::Problem } else { Severity::Note };
        Some(Finding::new(severity, CHECK, code, format!("{names}{place} {words}")).cure(remedy))
    };
    REASONS.into_iter().filter_map(finding).collect()
}

/// The numbers of all processes except those of this same program: neither `cgproc run` nor a sampler is meant to see
/// the view.
fn others() -> Vec<String> {
    let program = |process: &str| {
        let file = fs::metadata(Path::new("/proc").join(process).join("exe")).ok()?;
        Some((file.dev(), file.ino()))
    };
    let own = program("self");
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let numbers = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    numbers.filter(|number| own.is_none() || program(number) != own).collect()
}

/// The names of some of the processes that lack it for this reason.
fn names(processes: &[OtherProcess], why: Why) -> Option<String> {
    const FEW: usize = 8;
    let all: Vec<&str> = processes.iter().filter(|it| it.why == Some(why)).map(|it| it.name.as_str()).collect();
    let named = all.iter().take(FEW).copied().collect::<Vec<_>>().join(", ");
    match all.len() {
        0 => None,
        1..=FEW => Some(named),
        count => Some(format!("{named} and {} others", count - FEW)),
    }
}

/// A process with a program.
#[derive(Debug)]
struct OtherProcess {
    /// Its number and the name of its program.
    name: String,
    /// Whether it is of this container.
    is_inside: bool,
    /// `None` if it has the library and nobody turned that off.
    why: Option<Why>,
}

impl OtherProcess {
    /// The process with this directory; `None` for kernel threads and processes that have just ended.
    fn at(directory: &Path, container: &Container, known: &Recognised) -> Option<Self> {
        let comm = fs::read(directory.join("comm")).ok()?;
        let pid = directory.file_name()?.to_str()?;
        let why = match fs::read(directory.join("maps")) {
            Ok(maps) if maps.is_empty() => return None,
            Ok(_) if known.mapped(pid).is_some() => without_effect(directory),
            Ok(_) => Some(why(directory)),
            Err(_) if directory.exists() => Some(Why::Unknown),
            Err(_) => return None,
        };
        let is_inside = container.has(&text(&directory.join("cgroup")));
        Some(Self { name: format!("{pid} {}", String::from_utf8_lossy(&comm).trim()), is_inside, why })
    }
}

/// Why the process does not have it; first, the reasons that no library could change.
fn why(directory: &Path) -> Why {
    let Ok(Ok(program)) = File::open(directory.join("exe")).map(|file| elf::read(&file)) else { return Why::Unknown };
    if let Some(why) = unfit(&program) {
        return why;
    }
    if is_secure(directory) == Some(true) {
        return Why::Secure;
    }
    let Ok(environment) = environment(directory) else { return Why::Unknown };
    let named = variable(&environment, b"LD_PRELOAD=");
    let root = directory.join("root");
    let named = named.map(preload_file::entries).unwrap_or_default();
    let ours: Vec<PathBuf> = named.into_iter().filter(|path| is_library(&root, path)).collect();
    match ours.iter().find(|path| path.is_absolute()) {
        Some(path) => match library::fault(&root, path) {
            Some(("library-missing", _)) => Why::Missing,
            Some(_) => Why::Broken,
            None => Why::Before,
        },
        None if !ours.is_empty() || library::in_file(&root) => Why::Before,
        None => Why::NotNamed,
    }
}

/// Why the library has no effect in a process that has it.
fn without_effect(directory: &Path) -> Option<Why> {
    if is_off(directory) {
        return Some(Why::Off);
    }
    let program = File::open(directory.join("exe")).ok().and_then(|file| elf::read(&file).ok());
    program.is_some_and(|program| program.goes_past_libc()).then_some(Why::PastLibc)
}

fn is_off(directory: &Path) -> bool {
    environment(directory).is_ok_and(|environment| variable(&environment, b"CGPROC=") == Some(b"off"))
}

/// What the process was started with, and no more of it than a program can be started with: a process can present any
/// of its memory as its environment.
fn environment(directory: &Path) -> io::Result<Vec<u8>> {
    const MOST: u64 = 6 << 20;
    let mut environment = Vec::new();
    File::open(directory.join("environ"))?.take(MOST).read_to_end(&mut environment)?;
    Ok(environment)
}

/// The value of the variable that starts with `beginning`.
fn variable<'e>(environment: &'e [u8], beginning: &[u8]) -> Option<&'e [u8]> {
    environment.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(beginning))
}

/// The property of the program itself that keeps the library out.
fn unfit(program: &Elf) -> Option<Why> {
    if program.bits != 64 {
        return Some(Why::OtherBits);
    }
    if program.machine != elf::MACHINE {
        return Some(Why::OtherMachine);
    }
    if program.interpreter.is_none() {
        return Some(Why::PastLibc);
    }
    (!program.has_known_loader()).then_some(Why::OtherLibc)
}

/// Whether the kernel told its loader to take nothing from the environment (`AT_SECURE`).
fn is_secure(directory: &Path) -> Option<bool> {
    const AT_SECURE: u64 = 23;
    auxv::value(&fs::read(directory.join("auxv")).ok()?, AT_SECURE).map(|value| value != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(bits: u32, machine: u16, loader: Option<&str>) -> Elf {
        Elf { bits, machine, interpreter: loader.map(str::to_owned), is_go: false }
    }

    #[test]
    fn programs_that_nothing_can_be_loaded_into() {
        let of = |bits, machine, loader| unfit(&program(bits, machine, loader));
        assert_eq!(of(64, elf::MACHINE, Some("/lib64/ld-linux-x86-64.so.2")), None);
        assert_eq!(of(64, elf::MACHINE, Some("/lib/ld-musl-x86_64.so.1")), None);
        assert_eq!(of(64, elf::MACHINE, Some("/system/bin/linker64")), Some(Why::OtherLibc));
        assert_eq!(of(64, elf::MACHINE, None), Some(Why::PastLibc));
        assert_eq!(of(64, 1, Some("/lib/ld-linux.so.3")), Some(Why::OtherMachine));
        assert_eq!(of(32, 3, None), Some(Why::OtherBits));
    }

    #[test]
    fn every_reason_has_words() {
        for why in REASONS.map(|reason| reason.0) {
            let seen = || OtherProcess { name: "7 x".to_owned(), is_inside: true, why: Some(why) };
            assert_eq!(names(&[seen()], why).as_deref(), Some("7 x"));
            let many: Vec<OtherProcess> = (0..11).map(|_| seen()).collect();
            assert!(names(&many, why).is_some_and(|names| names.ends_with("7 x and 3 others")));
        }
        assert_eq!(names(&[], Why::PastLibc), None);
    }

    #[test]
    fn this_process_is_not_secure() {
        assert_eq!(is_secure(Path::new("/proc/self")), Some(false));
    }
}
