//! Go programs that apply a quota themselves. From Go 1.25 on, Go uses as many CPUs as the quota, rounded up, but at
//! least 2 if its mask has them (runtime/cgroup_linux.go). A mask narrowed to 1 would take one of them away.
//!
//! The Go version is read from the program's own memory. Its file is not opened: whoever serves it may be waiting for
//! us.

use super::target::Target;
use crate::host::{auxv, elf};

/// The least that Go uses.
pub(super) const LEAST: u64 = 2;

/// The first release that does this.
const SINCE: (u32, u32) = (1, 25);

/// The switch in `GODEBUG` that turns it off. The build sets it according to the Go version that the module asks for,
/// and whoever starts the program can set it too.
const SWITCH: &str = "containermaxprocs=";

/// Whether the program of `target` does this.
pub(super) fn takes_two(target: Target<'_>) -> bool {
    let read = |address, into: &mut [u8]| target.read(address, into);
    let of_memory = || of_memory(&target.touching(|| target.text("auxv"))?, read);
    of_memory().is_some_and(|built| built.takes_two(&target.environment()))
}

/// What the Go linker recorded in a program.
#[derive(Debug, PartialEq, Eq)]
struct Built {
    /// `go1.27.3`
    version: String,
    /// The module's description, including the build settings.
    module: String,
}

impl Built {
    fn takes_two(&self, environment: &[u8]) -> bool {
        let asked = environment.split(|byte| *byte == 0).find_map(|it| it.strip_prefix(b"GODEBUG="));
        let asked = asked.and_then(|value| switch(&String::from_utf8_lossy(value)));
        let set = || self.module.lines().find_map(|line| switch(line.strip_prefix("build\tDefaultGODEBUG=")?));
        self.is_recent() && asked.or_else(set) != Some(false)
    }

    fn is_recent(&self) -> bool {
        // Versions of development trees begin with other words.
        let numbers = self.version.split_once("go").map_or("", |(_, numbers)| numbers);
        let mut numbers = numbers.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
        numbers.next().zip(numbers.next()).is_some_and(|version| version >= SINCE)
    }
}

/// The switch's value in a list of settings; the last occurrence counts.
fn switch(list: &str) -> Option<bool> {
    list.split(',').filter_map(|setting| setting.strip_prefix(SWITCH)).next_back().map(|value| value != "0")
}

/// What is recorded in a process's memory; `None` if no Go linker made the program or the record is not found. The
/// program can write all of it, so only the number of CPUs depends on it.
fn of_memory(vector: &[u8], read: impl Fn(u64, &mut [u8]) -> Option<()>) -> Option<Built> {
    const AT_PHDR: u64 = 3;
    const AT_PHNUM: u64 = 5;
    const PT_LOAD: u32 = 1;
    const PT_NOTE: u32 = 4;
    const PT_PHDR: u32 = 6;
    const PT_GNU_RELRO: u32 = 0x6474_e552;
    const MOST_HEADERS: u64 = 64;
    let headers_at = auxv::value(vector, AT_PHDR)?;
    let count = auxv::value(vector, AT_PHNUM)?.min(MOST_HEADERS);
    let mut headers = vec![0; usize::try_from(count).ok()? * Segment::SIZE];
    read(headers_at, &mut headers)?;
    let segments = || headers.chunks_exact(Segment::SIZE).map(Segment::parse);
    let of_kind = |kind| segments().filter(move |it| it.kind == kind);
    // Without a segment that says where they are, the headers follow the file header at the start of the image.
    let base = match of_kind(PT_PHDR).next() {
        Some(own) => headers_at.wrapping_sub(own.address),
        None => headers_at.wrapping_sub(elf::HEAD).wrapping_sub(of_kind(PT_LOAD).next()?.address),
    };
    let mut is_gos = false;
    for note in of_kind(PT_NOTE) {
        let mut text = vec![0; usize::try_from(note.size.min(MOST_NOTES)).ok()?];
        is_gos |= read(base.wrapping_add(note.address), &mut text).is_some() && elf::is_gos(&text);
    }
    if !is_gos {
        return None;
    }
    // It comes after the part that is made read-only, and after C's data.
    let is_read_only = |address| of_kind(PT_GNU_RELRO).find(|it| it.holds(address));
    let mut writable = of_kind(PT_LOAD).filter(|it| it.is_writable);
    let mut left = MOST_DATA;
    writable.find_map(|it| {
        let begin = is_read_only(it.address).map_or(it.address, |it| it.end());
        let size = it.end().saturating_sub(begin).min(left);
        left -= size;
        let begin = base.wrapping_add(begin);
        built(begin, begin.saturating_add(size), &read)
    })
}

const MOST_NOTES: u64 = 4096;
/// How much of the data of all segments is searched: large programs have 300 KiB before the record.
const MOST_DATA: u64 = 1 << 20;
/// The longest module description, which lists everything that the program is made of.
const MOST_TEXT: u64 = 256 << 10;

/// The fields of a segment (`Elf64_Phdr`).
struct Segment {
    kind: u32,
    is_writable: bool,
    address: u64,
    size: u64,
}

impl Segment {
    const SIZE: usize = 56;

    fn parse(bytes: &[u8]) -> Self {
        const PF_W: u32 = 2;
        let kind_and_flags = elf::word(bytes, 0);
        let flags = (kind_and_flags >> 32) as u32;
        Self {
            kind: kind_and_flags as u32,
            is_writable: flags & PF_W != 0,
            address: elf::word(bytes, 16),
            size: elf::word(bytes, 32),
        }
    }

    fn end(&self) -> u64 {
        self.address.saturating_add(self.size)
    }

    fn holds(&self, address: u64) -> bool {
        (self.address..self.end()).contains(&address)
    }
}

/// The record in the data from `begin` to `end`, as debug/buildinfo describes it: a mark at a multiple of 16, and 32
/// bytes later the version and the module's description, each preceded by its length.
fn built(begin: u64, end: u64, read: &impl Fn(u64, &mut [u8]) -> Option<()>) -> Option<Built> {
    const MARK: &[u8] = b"\xff Go buildinf:";
    const ALIGNMENT: u64 = 16;
    const FLAGS: usize = 15;
    const IS_INLINE: u8 = 2;
    const HEAD: u64 = 32;
    const PIECE: u64 = 16 << 10;
    let mut at = begin.checked_next_multiple_of(ALIGNMENT)?;
    let mut piece = vec![0; usize::try_from(PIECE).ok()?];
    while at < end {
        let len = usize::try_from(PIECE.min(end - at)).ok()?;
        read(at, &mut piece[..len])?;
        let blocks = piece[..len].chunks_exact(usize::try_from(ALIGNMENT).ok()?);
        if let Some((index, block)) = blocks.enumerate().find(|(_, block)| block.starts_with(MARK)) {
            // Before Go 1.18, pointers are in its place.
            if block[FLAGS] & IS_INLINE == 0 {
                return None;
            }
            at += index as u64 * ALIGNMENT + HEAD;
            let version = text(&mut at, read)?;
            return Some(Built { version, module: text(&mut at, read)? });
        }
        at += PIECE;
    }
    None
}

/// Reads the text at `at` and moves `at` past it: a length in groups of seven bits, the lowest first, and then that
/// many bytes.
fn text(at: &mut u64, read: &impl Fn(u64, &mut [u8]) -> Option<()>) -> Option<String> {
    let mut len = 0_u64;
    for shift in (0..63).step_by(7) {
        let mut byte = [0];
        read(*at, &mut byte)?;
        *at = at.checked_add(1)?;
        len |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            let mut bytes = vec![0; usize::try_from(Some(len).filter(|len| *len <= MOST_TEXT)?).ok()?];
            read(*at, &mut bytes)?;
            *at = at.checked_add(len)?;
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address of the headers of [`memory`].
    const BASE: u64 = 0x40_0000;
    const AUXV: [u64; 6] = [3, BASE + 64, 5, 3, 0, 0];

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A program of 64 KiB: headers, the linker's note with this name, and data with `mark` at 0x9010.
    fn memory(linker: &[u8; 4], mark: &[u8]) -> Vec<u8> {
        let segment = |kind_and_flags: u64, at: u64, size: u64| words(&[kind_and_flags, at, at, at, size, size, 16]);
        let headers = [segment(1 | 4 << 32, 0, 0x8000), segment(4, 0x400, 32), segment(1 | 6 << 32, 0x8000, 0x8000)];
        let mut memory = vec![0; 0x1_0000];
        memory[64..64 + 3 * 56].copy_from_slice(&headers.concat());
        memory[0x400..0x410].copy_from_slice(&[&[4, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0], &linker[..]].concat());
        memory[0x9010..0x9010 + mark.len()].copy_from_slice(mark);
        memory
    }

    fn mark(flags: u8, version: &str, module: &str) -> Vec<u8> {
        let text = |text: &str| [&[text.len() as u8 | 0x80, (text.len() >> 7) as u8][..], text.as_bytes()].concat();
        [b"\xff Go buildinf:\x08", &[flags][..], &[0; 16], &text(version), &text(module)].concat()
    }

    fn of(memory: &[u8]) -> Option<Built> {
        of_memory(&words(&AUXV), |address, into| {
            let begin = usize::try_from(address.checked_sub(BASE)?).ok()?;
            into.copy_from_slice(memory.get(begin..begin.checked_add(into.len())?)?);
            Some(())
        })
    }

    #[test]
    fn a_version_is_found_in_memory() {
        let found = of(&memory(b"Go\0\0", &mark(2, "go1.27.3", "path\tx\n"))).unwrap();
        assert_eq!(found, Built { version: "go1.27.3".into(), module: "path\tx\n".into() });
        assert_eq!(of(&memory(b"GNU\0", &mark(2, "go1.27.3", ""))), None, "another linker's");
        assert_eq!(of(&memory(b"Go\0\0", &mark(0, "go1.17", ""))), None, "pointers");
        assert_eq!(of(&memory(b"Go\0\0", b"")), None);
    }

    #[test]
    fn garbage_is_no_version() {
        let long = [b"\xff Go buildinf:\x08\x02", &[0; 16][..], &[0xff; 12]].concat();
        assert_eq!(of(&memory(b"Go\0\0", &long)), None, "a length without an end");
        let memory = memory(b"Go\0\0", &mark(2, "go1.27.3", ""));
        for len in [0, 64, 100, 0x400, 0x9010, 0x9040] {
            assert_eq!(of(&memory[..len]), None, "{len} bytes of it");
        }
        for auxv in [&[][..], &[3, BASE + 64], &[3, u64::MAX - 7, 5, u64::MAX]] {
            assert_eq!(of_memory(&words(auxv), |_, _| None), None);
        }
    }

    #[test]
    fn which_releases_take_two() {
        let of = |version: &str, module: &str, environment: &str| {
            Built { version: version.into(), module: module.into() }.takes_two(environment.as_bytes())
        };
        for version in ["go1.25", "go1.25rc1", "go1.25.3 X:nodwarf5", "go1.27.3", "go2.0", "devel go1.26-0a1b2c3 Mon"] {
            assert!(of(version, "", ""), "{version}");
        }
        for version in ["go1.24.9", "go1.19.8", "go1.2", "go1", "", "devel +0a1b2c3", "go1.x"] {
            assert!(!of(version, "", ""), "{version}");
        }
        let old = "mod\tx\nbuild\tDefaultGODEBUG=asynctimerchan=1,containermaxprocs=0,panicnil=1\n";
        assert!(!of("go1.25", old, "") && !of("go1.25", old, "A=1\0GODEBUG=gctrace=1\0"));
        assert!(of("go1.25", old, "GODEBUG=containermaxprocs=0,containermaxprocs=1\0"));
        assert!(!of("go1.25", "", "GODEBUG=gctrace=1,containermaxprocs=0\0"));
    }
}
