//! Standard output.

use anyhow::{Context, Result};
use std::io::{self, Write};

/// Prints all of `text`, or says why not.
pub(crate) fn put(text: &[u8]) -> Result<()> {
    let mut out = io::stdout();
    out.write_all(text).and_then(|()| out.flush()).context("standard output")
}

/// The text with the control characters escaped that others may have put into a name: on a terminal and in a log they are
/// orders.
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
