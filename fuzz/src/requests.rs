//! What of a client's request the exporter reads itself: its `Accept` header. And the address on the command line.

use super::{accept::Form, address::Address};

/// A header's value, and an address.
pub(crate) fn requests(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let wanted = Form::wanted(text);
    let mut ranges: Vec<&str> = text.split(',').collect();
    ranges.reverse();
    assert_eq!(Form::wanted(&ranges.join(",")), wanted, "the order of ranges means nothing");
    assert_eq!(Form::wanted(&text.to_ascii_uppercase()), wanted, "nor does the case");
    assert_eq!(Form::wanted(&format!(" {} ", text.replace(',', " , "))), wanted, "nor do blanks");
    let names_it = text.to_ascii_lowercase().contains("openmetrics");
    assert!(names_it || wanted == Form::Prometheus, "a form that nobody has named");
    assert!(!wanted.content_type().is_empty());
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address), "written again");
    }
}
