//! Text by the room that it takes in a terminal, where some characters take two columns and some none.

use crate::output::plain;
use ratatui::{style::Style, text::Span};

/// How many columns the text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text in at most `room` columns: what is too long loses its middle, because paths differ at their ends.
pub(super) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(1) else { return String::new() };
    let span = Span::raw(text);
    let pieces: Vec<&str> = span.styled_graphemes(Style::default()).map(|piece| piece.symbol).collect();
    let beginning = fitting(pieces.iter().copied(), room.div_ceil(2));
    let end = fitting(pieces.iter().rev().copied(), room - room.div_ceil(2));
    format!("{}…{}", pieces[..beginning].concat(), pieces[pieces.len() - end..].concat())
}

/// The text in at most `room` columns: what is too long loses its end.
pub(super) fn cut_end(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(1) else { return String::new() };
    let span = Span::raw(text);
    let pieces: Vec<&str> = span.styled_graphemes(Style::default()).map(|piece| piece.symbol).collect();
    format!("{}…", pieces[..fitting(pieces.iter().copied(), room)].concat())
}

/// How many of the pieces fit into `room` columns.
fn fitting<'t>(pieces: impl Iterator<Item = &'t str>, room: usize) -> usize {
    let ends = pieces.scan(0, |sum, piece| {
        *sum += width(piece);
        Some(*sum)
    });
    ends.take_while(|end| *end <= room).count()
}

/// The text in exactly `room` columns, at their left edge.
pub(super) fn left(text: &str, room: usize) -> String {
    let text = cut(text, room);
    let rest = room.saturating_sub(width(&text));
    text + &" ".repeat(rest)
}

/// The text in exactly `room` columns, at their right edge.
pub(super) fn right(text: &str, room: usize) -> String {
    let text = cut(text, room);
    " ".repeat(room.saturating_sub(width(&text))) + &text
}

/// The text with everything escaped that a terminal would not show as itself: control characters, and those that turn
/// the direction of writing around or take no room.
pub(super) fn shown(text: &str) -> String {
    let escaped = |c: char| if is_unseen(c) { c.escape_unicode().collect() } else { c.to_string() };
    plain(text).chars().map(escaped).collect()
}

/// Unicode's `Default_Ignorable_Code_Point`, the separators of lines and paragraphs, and the marks of annotations.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_loses_its_middle() {
        assert_eq!(cut("/system.slice/docker-4f1e.scope", 31), "/system.slice/docker-4f1e.scope");
        assert_eq!(cut("/system.slice/docker-4f1e.scope", 16), "/system.…e.scope");
        assert_eq!(cut("abc", 2), "a…");
        assert_eq!((cut("abc", 1), cut("abc", 0)), ("…".to_owned(), String::new()));
        assert_eq!(["by CPU, reversed", "数据库"].map(|text| cut_end(text, 4)), ["by …", "数…"]);
    }

    #[test]
    fn wide_characters_are_never_cut_in_two() {
        assert_eq!(width("数据库"), 6);
        for room in 0..8 {
            let text = left("数据库", room);
            assert_eq!(width(&text), room, "{text:?}");
        }
        assert_eq!(cut("数据库", 4), "数…");
        assert_eq!(right("ä", 3), "  ä");
    }

    #[test]
    fn nothing_is_obeyed() {
        assert_eq!(shown("a\x1b[2J\u{202e}b\u{200b}é"), "a\\u{1b}[2J\\u{202e}b\\u{200b}é");
        assert_eq!(shown("\u{61c}\u{feff}\u{ad}\u{2028}"), "\\u{61c}\\u{feff}\\u{ad}\\u{2028}");
    }
}
