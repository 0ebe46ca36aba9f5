//! The auxiliary vector: what the kernel told a program at its start (`/proc/PID/auxv`, getauxval(3)).

/// The value of `key` (`AT_…`) in the vector, if it has one.
pub(crate) fn value(vector: &[u8], key: u64) -> Option<u64> {
    let (words, _) = vector.as_chunks::<8>();
    let (pairs, _) = words.as_chunks::<2>();
    let mut pairs = pairs.iter().map(|pair| pair.map(u64::from_ne_bytes));
    pairs.find(|[of, _]| *of == key).map(|[_, value]| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_key() {
        let bytes = [3_u64, 64, 23, 0, 0, 0].map(u64::to_ne_bytes).concat();
        assert_eq!([3, 23, 9].map(|key| value(&bytes, key)), [Some(64), Some(0), None]);
        assert_eq!(value(&bytes[..24], 23), None, "half a pair");
        assert_eq!(value(&[], 3), None);
    }
}
