//! What programs print, taken apart.

/// The part of a text under a line `== NAME`.
pub(crate) fn section<'t>(text: &'t str, name: &str) -> &'t str {
    let parts = text.split("== ").skip(1).filter_map(|part| part.split_once('\n'));
    let mut found = parts.filter(|(title, _)| *title == name);
    found.next().unwrap_or_else(|| panic!("no {name} in {text}")).1
}

/// The words of the last line that has `word` in column `at`.
pub(crate) fn line_with<'t>(text: &'t str, word: &str, at: usize) -> Option<Vec<&'t str>> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).rfind(|words| words.get(at) == Some(&word))
}

/// The number in column `at`.
pub(crate) fn number(words: &[&str], at: usize) -> u64 {
    words.get(at).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no number in column {at}: {words:?}"))
}
