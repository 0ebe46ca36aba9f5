//! `/proc/sys/kernel/threads-max`

use crate::{
    scan,
    source::{self, Source},
    text::{Sink, Text},
};

/// `/proc/sys/kernel/threads-max`: the kernel's number, but at most `limit`. `None` if `limit` is not lower, and the
/// kernel's own text will do. Process ids may exceed it: their bound is `pid_max`, by which programs size arrays, and
/// which stays the kernel's.
pub fn threads_max<S: Sink>(
    limit: u64,
    host: &mut impl Source,
    out: &mut Text<'_, S>,
    scratch: &mut [u8],
) -> Option<()> {
    let own = scan::whole_number(source::read_whole(host, scratch)?)?;
    if limit >= own {
        return None;
    }
    out.number(limit)?;
    out.bytes(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Bytes, composed};

    #[test]
    fn a_lower_limit_is_shown() {
        let of = |limit, host: &str| composed(|out| threads_max(limit, &mut Bytes::new(host), out, &mut [0; 64]));
        assert_eq!(of(100, "32768\n").as_deref(), Some("100\n"));
        assert_eq!(of(32768, "32768\n"), None);
        assert_eq!(of(100, "many\n"), None);
    }
}
