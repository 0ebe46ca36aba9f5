//! The values of the `CGPROC_*` variables, parsed for the shim and the command alike.

use crate::{answer::Answer, scan};

/// A size in bytes: digits, then nothing, or `k`, `m`, `g`, `t` for powers of 1024 (either case, `b` or `ib` may follow).
pub fn size_bytes(value: &[u8]) -> Option<u64> {
    let (number, rest) = scan::number(value)?;
    let (unit, rest) = match rest.split_first() {
        Some((unit, rest)) => (unit.to_ascii_lowercase(), rest),
        None => (b'b', rest),
    };
    let shift = match unit {
        b'b' => 0,
        b'k' => 10,
        b'm' => 20,
        b'g' => 30,
        b't' => 40,
        _ => return None,
    };
    let tail_fits =
        rest.is_empty() || (shift != 0 && (rest.eq_ignore_ascii_case(b"b") || rest.eq_ignore_ascii_case(b"ib")));
    if !tail_fits {
        return None;
    }
    number.checked_mul(1_u64 << shift)
}

/// A number of CPUs in thousandths: `1.5` is 1500. More than 0, at most three decimals.
pub fn cpus_milli(value: &[u8]) -> Option<u64> {
    let (whole, rest) = scan::number(value)?;
    let mut milli = whole.checked_mul(1_000)?;
    if let Some((b'.', decimals)) = rest.split_first() {
        if decimals.is_empty() || decimals.len() > 3 {
            return None;
        }
        let mut worth = 100;
        for digit in decimals {
            let digit = u64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
            milli = milli.checked_add(digit.checked_mul(worth)?)?;
            worth /= 10;
        }
    } else if !rest.is_empty() {
        return None;
    }
    (milli > 0).then_some(milli)
}

/// Which answers a program gets: a bit per [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered(pub u32);

impl Answered {
    /// All answers.
    pub const ALL: Self = Self((1 << Answer::ALL.len()) - 1);

    /// Parses the comma list of `CGPROC_FILES`: names of files and of groups ([`Answer::is_of_group`]).
    pub fn parse(list: &[u8]) -> Option<Self> {
        let mut bits = 0;
        for name in list.split(|byte| *byte == b',') {
            let is_group = Answer::ALL.into_iter().any(|answer| answer.is_of_group(name));
            let meant = |answer: &Answer| if is_group { answer.is_of_group(name) } else { answer.is_named(name) };
            let named = Answer::ALL.into_iter().filter(meant).fold(0, |bits, answer| bits | Self::bit(answer));
            if named == 0 && !name.is_empty() {
                return None;
            }
            bits |= named;
        }
        Some(Self(bits))
    }

    /// Whether `answer` is among them.
    pub fn has(self, answer: Answer) -> bool {
        self.0 & Self::bit(answer) != 0
    }

    const fn bit(answer: Answer) -> u32 {
        1 << answer as u8
    }
}
