//! Words that people use for figures with other names.

/// Each word, and the names of the figures or groups that it means.
const WORDS: [(&str, &[&str]); 8] = [
    // What most releases of nproc print, and what those from coreutils 9.8 on do.
    ("nproc", &["cpus.count", "runtimes.nproc"]),
    ("cpu", &["cpus"]),
    ("processors", &["cpus.count"]),
    ("mem", &["memory"]),
    ("ram", &["memory"]),
    ("disks", &["disk", "diskstats"]),
    ("df", &["disk"]),
    ("pids", &["threads-max"]),
];

/// The names that `word` means, in small letters; none if it is not such a word.
pub(super) fn names(word: &str) -> &'static [&'static str] {
    WORDS.iter().find(|(known, _)| *known == word).map_or(&[], |(_, names)| names)
}
