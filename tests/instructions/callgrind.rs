//! What callgrind counts.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The valgrind command line that writes its counts to `to`, up to the program.
pub(crate) fn words(to: &Path) -> Vec<String> {
    let file = format!("--callgrind-out-file={}", to.display());
    ["valgrind", "-q", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no", &file]
        .map(str::to_owned)
        .to_vec()
}

/// All instructions of a file that callgrind wrote, or those in objects whose path ends so.
pub(crate) fn sum(file: &Path, object: Option<&str>) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (mut sum, mut is_wanted) = (0, object.is_none());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix("ob=") {
            is_wanted = object.is_none_or(|object| path.ends_with(object));
        } else if line.starts_with("calls=") {
            // What was called has its own lines.
            lines.next();
        } else if is_wanted && line.starts_with(|first: char| first.is_ascii_digit()) {
            let count = line.split(' ').nth(1).and_then(|count| count.parse::<u64>().ok());
            sum += count.unwrap_or_else(|| panic!("{}: {line}", file.display()));
        }
    }
    sum
}

/// The dumps that a program asked for: `to.1`, `to.2` and so on.
pub(crate) fn dumps(to: &Path) -> Vec<PathBuf> {
    let dump = |number: u32| PathBuf::from(format!("{}.{number}", to.display()));
    (1..).map(dump).take_while(|file| file.exists()).collect()
}
