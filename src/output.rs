//! Standard output.

use anyhow::{Context, Result};
use std::io::{self, Write};

/// Prints all of `text`, or fails with the reason.
pub(crate) fn put(text: &[u8]) -> Result<()> {
    let mut out = io::stdout();
    out.write_all(text).and_then(|()| out.flush()).context("standard output")
}

/// The text with control characters escaped. Others may have put them into a name, and terminals and logs would obey
/// them.
pub(crate) fn plain(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_become_words() {
        assert_eq!(plain("/a b\n<1>c\x1b[31m\u{9b}é\\"), "/a b\\n<1>c\\u{1b}[31m\\u{9b}é\\");
    }
}
