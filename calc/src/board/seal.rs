//! The seal of a publication: its number in the first word, and the checksum of all words before in the last.
//!
//! It takes any number of words, so that a test can try all mixtures of a small block.

/// The words, sealed as publication `number`, which is even and not 0.
pub(super) fn sealed<const N: usize>(mut words: [u64; N], number: u64) -> [u64; N] {
    if let [first, ..] = words.as_mut_slice() {
        *first = number;
    }
    if let [covered @ .., last] = words.as_mut_slice() {
        *last = checksum(covered);
    }
    words
}

/// Whether all words are of one publication.
pub(super) fn is_whole<const N: usize>(words: &[u64; N]) -> bool {
    let [number, .., last] = words.as_slice() else { return false };
    let [covered @ .., _] = words.as_slice() else { return false };
    *number != 0 && number & 1 == 0 && *last == checksum(covered)
}

/// The number of the publication after `number`, whatever that is: even, and never 0.
pub(super) fn next_number(number: u64) -> u64 {
    (number | 1).wrapping_add(1).max(2)
}

/// Each step is invertible in the sum and in the word. So one changed word always changes the sum; two changed words
/// cancel out only if they agree in 64 bits that the multiplication has scattered.
fn checksum(words: &[u64]) -> u64 {
    const SEED: u64 = 0xcbf2_9ce4_8422_2325;
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    words.iter().fold(SEED, |sum, word| (sum.rotate_left(29) ^ word).wrapping_mul(ODD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_go_up_by_2_and_never_come_to_0() {
        let numbers = [0, 2, 4, u64::MAX - 3, u64::MAX - 1];
        assert_eq!(numbers.map(next_number), [2, 4, 6, u64::MAX - 1, 2]);
        assert_eq!([1, 5, u64::MAX].map(next_number), [2, 6, 2], "an odd one is followed by a good one");
    }

    #[test]
    fn the_sum_is_that_of_the_page() {
        // Computed by another program, from the formula in docs/board.md.
        assert_eq!(checksum(&[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(checksum(&[2, 1, 42]), 0x3cbc_4bd7_5b02_8857);
    }

    #[test]
    fn odd_numbers_and_0_are_no_publications() {
        for number in [0, 1, 3, u64::MAX] {
            assert!(!is_whole(&sealed([0, 5, 0], number)), "{number}");
        }
        assert!(is_whole(&sealed([0, 5, 0], 2)));
        assert!(!is_whole(&[2]) && !is_whole::<0>(&[]));
    }

    /// What a `pread` may see while publications are written. Neither `pread` nor `pwrite` promises the order in which
    /// it copies, or that it copies a word at once. So each half of each word may be of any publication, and the test
    /// tries all those mixtures: 65,536 of four publications in a block of four words.
    #[test]
    fn no_mixture_of_publications_is_whole() {
        const HALVES: u32 = 8;
        let (mut whole, mut torn) = (0, 0);
        let unlike: [fn(u64) -> [u64; 2]; 4] = [
            |number| [number * 10, number * 10 + 1],
            |number| [number << 32 | number, 0],
            |number| [u64::MAX - number, u64::MAX],
            |_| [5, 5],
        ];
        for figures in unlike {
            let publications = [0, 2, 4, 6].map(|number| {
                let [one, other] = figures(number);
                if number == 0 { [0; 4] } else { sealed([0, one, other, 0], number) }
            });
            for mixture in 0..4_usize.pow(HALVES) {
                let half = |at: usize| publications[mixture >> (2 * at) & 3][at / 2] & (0xffff_ffff << (at % 2 * 32));
                let words: [u64; 4] = core::array::from_fn(|at| half(at * 2) | half(at * 2 + 1));
                let is_one = publications[1..].contains(&words);
                assert_eq!(is_whole(&words), is_one, "{words:x?} of {publications:x?}");
                if is_one { whole += 1 } else { torn += 1 }
            }
        }
        assert!(whole >= 12 && torn > 200_000, "{whole} whole, {torn} torn");
    }

    proptest! {
        #[test]
        fn any_other_word_breaks_the_seal(words: [u64; 32], number in 1..u64::MAX / 2, at in 0..32_usize, other: u64) {
            let mut words = sealed(words, number * 2);
            prop_assert!(is_whole(&words));
            prop_assume!(words[at] != other);
            words[at] = other;
            prop_assert!(!is_whole(&words));
        }

        #[test]
        fn any_other_bit_breaks_the_seal(words: [u64; 32], number in 1..u64::MAX / 2, at in 0..32_usize, bit in 0..64) {
            let mut words = sealed(words, number * 2);
            words[at] ^= 1_u64 << bit;
            prop_assert!(!is_whole(&words));
        }

        #[test]
        fn two_publications_do_not_mix(one: [u32; 31], other: [u32; 31], number in 1..u64::MAX / 4, from_other in 1..u32::MAX) {
            let seal = |words: [u32; 31], number| {
                let mut all = [0_u64; 32];
                for (to, from) in all.iter_mut().skip(1).zip(words) {
                    *to = from.into();
                }
                sealed(all, number)
            };
            let (one, other) = (seal(one, number * 2), seal(other, number * 2 + 2));
            let mixed = core::array::from_fn(|at| if from_other >> at & 1 == 1 { other[at] } else { one[at] });
            prop_assert!(!is_whole(&mixed) || mixed == one || mixed == other);
        }

        #[test]
        fn random_words_are_not_whole(words: [u64; 32]) {
            prop_assert!(!is_whole(&words));
        }
    }
}
