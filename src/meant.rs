//! The name that somebody meant but misspelt.

/// The name most similar to `written` by any of its spellings, if it is so similar that `written` may be a typing
/// error.
pub(crate) fn meant<S: AsRef<str>, N>(written: &str, spellings: impl IntoIterator<Item = (S, N)>) -> Option<N> {
    const LIKE: f64 = 0.85;
    let written = written.to_ascii_lowercase();
    let likeness = |spelling: &str| strsim::jaro_winkler(&spelling.to_ascii_lowercase(), &written);
    let all = spellings.into_iter().map(|(spelling, name)| (likeness(spelling.as_ref()), name));
    let most = all.reduce(|one, other| if other.0 > one.0 { other } else { one })?;
    (most.0 >= LIKE).then_some(most.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_known() {
        let names = ["CGPROC_CPUS", "CGPROC_MEMORY", "CGPROC_DISK", "CGPROC_DEBUG"];
        let of = |written| meant(written, names.into_iter().zip(0..));
        for (written, number) in [("CGPROC_MEMROY", 1), ("CGPROC_MEM", 1), ("cgproc_cpu", 0), ("CGPROC_DISKS", 2)] {
            assert_eq!(of(written), Some(number), "{written}");
        }
        assert_eq!(of("PATH"), None);
        assert_eq!(meant("x", [("", ()); 0]), None);
    }
}
