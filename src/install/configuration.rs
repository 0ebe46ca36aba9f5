//! The settings file that a root without one gets: the example, in which everything is commented out.

/// Its path.
pub(super) const PATH: &str = "/etc/cgproc.conf";

/// Its text.
pub(super) fn text() -> Vec<u8> {
    include_bytes!("../../examples/cgproc.conf").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sets_nothing() {
        let text = String::from_utf8(text()).unwrap();
        assert!(text.contains("\n#[java javac]\n#CGPROC_CPUS=2\n"), "{text}");
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
    }
}
