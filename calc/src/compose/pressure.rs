//! `/proc/pressure/cpu`, `memory`, `io`, `irq`

use crate::{
    source::{self, Source},
    text::{Sink, Text},
};

/// `/proc/pressure/*`: the text of the scope's own file, which has the same form (`psi_show`, `kernel/sched/psi.c`).
/// Interrupts stop all tasks at once, so theirs has no line `some`.
pub fn pressure<S: Sink>(own: &mut impl Source, out: &mut Text<'_, S>, scratch: &mut [u8]) -> Option<()> {
    let text = source::read_whole(own, scratch)?;
    if !text.starts_with(b"some avg10=") && !text.starts_with(b"full avg10=") {
        return None;
    }
    out.bytes(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};

    #[test]
    fn the_text_is_taken_as_it_is() {
        let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n";
        let of = |text: &str| composed(|out| pressure(&mut Bytes::new(text), out, &mut [0; 256]));
        assert_eq!(of(text).as_deref(), Some(text));
        // irq.pressure, since Linux 6.1.
        let irq = "full avg10=0.00 avg60=0.02 avg300=0.00 total=4711\n";
        assert_eq!(of(irq).as_deref(), Some(irq));
        assert_eq!(of(""), None);
        assert_eq!(of("8:0 rbytes=1\n"), None);
    }
}
