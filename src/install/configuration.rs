//! The settings file that a root without one gets: the example, with nothing in force.

/// Its path.
pub(super) const PATH: &str = "/etc/cgproc.conf";

/// Its text: everything that the example sets is commented out.
pub(super) fn text() -> Vec<u8> {
    const EXAMPLE: &str = include_str!("../../examples/cgproc.conf");
    let line = |line: &str| if line.is_empty() || line.starts_with('#') { line.to_owned() } else { format!("#{line}") };
    EXAMPLE.lines().map(|it| line(it) + "\n").collect::<String>().into_bytes()
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
