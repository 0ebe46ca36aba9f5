//! `/etc/ld.so.preload`: what glibc's loader loads into every program. Musl's loader does not read it.

use super::object;
use std::{
    ffi::OsStr,
    ops::Range,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Its path.
pub(crate) const PATH: &str = "/etc/ld.so.preload";

/// The paths in `LD_PRELOAD` or in `/etc/ld.so.preload`, whose lines may end in comments.
pub(crate) fn entries(text: &[u8]) -> Vec<PathBuf> {
    places(text).into_iter().map(|place| OsStr::from_bytes(&text[place]).into()).collect()
}

/// Whether a file is the library, judging by its name.
pub(crate) fn is_ours(path: &Path) -> bool {
    let is_named_so = path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"libcgproc"));
    is_named_so && !object::is_witness(path)
}

/// Whether an entry can name this path: blanks and colons separate entries, `#` begins a comment, and the loader
/// expands `$`.
pub(crate) fn can_name(path: &Path) -> bool {
    !path.as_os_str().as_bytes().iter().any(|byte| b" :\t\n#$".contains(byte))
}

/// The text with an entry for `path` after all others; unchanged if it has one.
pub(crate) fn with(text: &[u8], path: &Path) -> Vec<u8> {
    let mut text = text.to_vec();
    if entries(&text).iter().any(|entry| entry == path) {
        return text;
    }
    // The last line may be a comment.
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    text.extend_from_slice(path.as_os_str().as_bytes());
    text.push(b'\n');
    text
}

/// The text without the entries for `path`, and without lines that held nothing else.
pub(crate) fn without(text: &[u8], path: &Path) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.flat_map(|line| line_without(line, path)).collect()
}

fn line_without(line: &[u8], path: &Path) -> Vec<u8> {
    let mut kept = line.to_vec();
    let is_it = |entry: &[u8]| Path::new(OsStr::from_bytes(entry)) == path;
    let is_there = |kept: &[u8]| places(kept).into_iter().rev().find(|place| is_it(&kept[place.clone()]));
    while let Some(place) = is_there(&kept) {
        // One separator goes with it: the one before, if any.
        let start = if place.start > 0 { place.start - 1 } else { place.start };
        let end = if place.start == 0 && kept.get(place.end).is_some_and(|next| b" \t:".contains(next)) {
            place.end + 1
        } else {
            place.end
        };
        kept.drain(start..end);
    }
    let is_blank = kept.iter().all(|byte| b" \t:\n".contains(byte));
    if kept != line && is_blank { Vec::new() } else { kept }
}

/// The positions of the entries in the text.
fn places(text: &[u8]) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut is_comment = false;
    for (at, byte) in text.iter().enumerate() {
        is_comment = *byte != b'\n' && (is_comment || *byte == b'#');
        if is_comment || b" \t:\n".contains(byte) {
            continue;
        }
        match places.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => places.push(at..at + 1),
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "/usr/lib/libcgproc.so";

    #[test]
    fn the_loaders_lists() {
        let of = |text: &str| entries(text.as_bytes());
        assert_eq!(of("/a.so:/b.so /c.so"), ["/a.so", "/b.so", "/c.so"].map(PathBuf::from));
        assert_eq!(of("/a.so # one\n# two\n\n/b.so\n"), ["/a.so", "/b.so"].map(PathBuf::from));
        assert_eq!(of("/a.so#one\n/b.so"), ["/a.so", "/b.so"].map(PathBuf::from));
        assert!(of(" :").is_empty());
    }

    #[test]
    fn a_comment_stays_one() {
        let of = |text: &str| String::from_utf8(without(text.as_bytes(), Path::new(OURS))).unwrap();
        assert_eq!(of("/usr/lib/libcgproc.so#/opt/broken.so\n"), "#/opt/broken.so\n");
        assert_eq!(of("/usr/lib/libcgproc.so # ours\n/a.so\n"), "# ours\n/a.so\n");
        assert_eq!(of("/usr/lib/libcgproc.so:/a.so#x\n"), "/a.so#x\n");
    }

    #[test]
    fn ours_by_name() {
        for (path, ours) in [
            ("/l/libcgproc.so", true),
            ("libcgproc.so.1", true),
            ("/l/libfaketime.so", false),
            ("/", false),
            ("/l/libcgproc_witness.so", false),
        ] {
            assert_eq!(is_ours(Path::new(path)), ours, "{path}");
        }
    }

    #[test]
    fn paths_that_an_entry_can_stand_for() {
        assert!(can_name(Path::new(OURS)));
        for path in ["/a b/l.so", "/a:b", "/a\tb", "/a\nb", "/a#b", "/usr/$LIB/l.so"] {
            assert!(!can_name(Path::new(path)), "{path}");
        }
    }

    /// An entry is added and removed again.
    #[test]
    fn others_and_comments_stay_as_they_are() {
        let cases = [
            ("", "/usr/lib/libcgproc.so\n", ""),
            ("/a.so\n", "/a.so\n/usr/lib/libcgproc.so\n", "/a.so\n"),
            ("/a.so", "/a.so\n/usr/lib/libcgproc.so\n", "/a.so\n"),
            ("# none", "# none\n/usr/lib/libcgproc.so\n", "# none\n"),
            (" /a.so:/b.so\t# two\n\n", " /a.so:/b.so\t# two\n\n/usr/lib/libcgproc.so\n", " /a.so:/b.so\t# two\n\n"),
            (
                "# /usr/lib/libcgproc.so\n",
                "# /usr/lib/libcgproc.so\n/usr/lib/libcgproc.so\n",
                "# /usr/lib/libcgproc.so\n",
            ),
        ];
        for (text, added, removed) in cases {
            let with = with(text.as_bytes(), Path::new(OURS));
            assert_eq!(String::from_utf8_lossy(&with), added, "{text:?}");
            assert_eq!(String::from_utf8_lossy(&without(&with, Path::new(OURS))), removed, "{text:?}");
        }
    }

    #[test]
    fn one_entry_is_enough() {
        for text in ["/usr/lib/libcgproc.so\n", "/a.so:/usr/lib/libcgproc.so", "\t/usr/lib/libcgproc.so # ours\n"] {
            assert_eq!(with(text.as_bytes(), Path::new(OURS)), text.as_bytes(), "{text:?}");
        }
    }

    /// Found by the fuzz target `preloads`: such an entry was the library's for `install`, but not for `uninstall`.
    #[test]
    fn a_path_that_is_written_otherwise_is_the_same_entry() {
        for path in ["/usr//lib/libcgproc.so", "//usr/lib/./libcgproc.so"] {
            let text = format!("/a.so {path}\n");
            assert_eq!(with(text.as_bytes(), Path::new(OURS)), text.as_bytes());
            assert_eq!(without(text.as_bytes(), Path::new(OURS)), b"/a.so\n");
        }
    }

    #[test]
    fn entries_among_others_are_taken_out() {
        let cases = [
            ("/a.so:/usr/lib/libcgproc.so:/b.so\n", "/a.so:/b.so\n"),
            ("/usr/lib/libcgproc.so /b.so\n", "/b.so\n"),
            ("/a.so /usr/lib/libcgproc.so", "/a.so"),
            ("/usr/lib/libcgproc.so # ours\n/a.so\n", "# ours\n/a.so\n"),
            (" \t/usr/lib/libcgproc.so\n\n/a.so\n", "\n/a.so\n"),
            ("/usr/lib/libcgproc.so:/usr/lib/libcgproc.so\n", ""),
            ("/usr/lib/libcgproc.so.1 /x/usr/lib/libcgproc.so\n", "/usr/lib/libcgproc.so.1 /x/usr/lib/libcgproc.so\n"),
        ];
        for (text, expected) in cases {
            assert_eq!(String::from_utf8_lossy(&without(text.as_bytes(), Path::new(OURS))), expected, "{text:?}");
        }
    }
}
