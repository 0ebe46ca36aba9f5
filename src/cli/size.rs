//! Sizes and counts on the command line.

use calc::settings;

/// Parses a size: `512M`, `512Mi`, `64KiB`, `1048576`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    settings::size_bytes(text.as_bytes()).ok_or_else(|| {
        "a size is a number of bytes, or of K, M, G or T (powers of 1024), such as 512M or 512Mi".to_owned()
    })
}

/// The same, but not zero.
pub(crate) fn parse_positive(text: &str) -> Result<u64, String> {
    match parse(text)? {
        0 => Err("must be more than 0".to_owned()),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_docker_takes_them() {
        let good = [
            ("0", 0),
            ("1048576", 1 << 20),
            ("1b", 1),
            ("1k", 1024),
            ("3kb", 3072),
            ("4KiB", 4096),
            ("512M", 512 << 20),
            ("512m", 512 << 20),
            ("3G", 3 << 30),
            ("2tib", 2 << 40),
            ("512Mi", 512 << 20),
            ("8Gi", 8 << 30),
        ];
        for (text, bytes) in good {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in
            ["", "M", "-1", "+1", "1 M", " 1", "1X", "1MM", "1ib", "1i", "1Mib5", "1Mii", "1e3", "0x10", "99999999999T"]
        {
            assert!(parse(text).is_err(), "{text:?} was taken");
        }
        assert!(parse_positive("0").is_err());
    }
}
