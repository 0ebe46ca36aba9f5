//! The board's protocol in every order that the memory model allows:
//! `RUSTFLAGS="--cfg loom" cargo test --locked -p cgproc-calc --test board_model --release`.
//!
//! On a block of four words: a writer that stores to a mapping, which is the real one, or one whose `pwrite` leaves the words
//! in any order; and a reader that copies them as a `pread` does, relaxed and in any order. What it then takes for whole
//! must be what one publication put there.
#![cfg(loom)]

use calc::board::{Atomic, is_whole, publish, sealed};
use loom::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
};
use std::{collections::BTreeSet, sync::Mutex};

/// Number, two figures, checksum.
const WORDS: usize = 4;

type Words = [u64; WORDS];

/// What the writer publishes under a number: figures that no other publication has, in either word.
fn figures(number: u64) -> Words {
    [0, number * 10, number * 10 + 1, 0]
}

fn block() -> Arc<[Atomic; WORDS]> {
    Arc::new(std::array::from_fn(|_| Atomic::new(0)))
}

fn publish_next(block: &[Atomic; WORDS]) {
    publish(block, |number| sealed(figures(number), number));
}

fn copy(block: &[Atomic; WORDS], order: [usize; WORDS]) -> Words {
    let mut words = [0; WORDS];
    for at in order {
        words[at] = block[at].load(Relaxed);
    }
    words
}

/// Which publication the words are, all of them; `None` where they are torn.
fn accepted(words: &Words) -> Option<u64> {
    if !is_whole(words) {
        return None;
    }
    let [number, one, other, _] = *words;
    assert_eq!([0, one, other, 0], figures(number), "words of several publications were taken for one");
    Some(number)
}

/// What a `pwrite` of the whole block does, for all that is promised: no word is before another.
fn write(block: &[Atomic; WORDS], number: u64, order: [usize; WORDS]) {
    let sealed = sealed(figures(number), number);
    order.into_iter().for_each(|at| block[at].store(sealed[at], Relaxed));
}

/// Lets a writer publish twice while a reader copies in `order`; all that was ever accepted. One reader is enough: readers
/// store nothing that another could see.
fn accepted_in(order: [usize; WORDS]) -> BTreeSet<Option<u64>> {
    accepted_of(order, |block, _| publish_next(block))
}

/// The same of any writer, which is told the number to publish under.
fn accepted_of(order: [usize; WORDS], write: fn(&[Atomic; WORDS], u64)) -> BTreeSet<Option<u64>> {
    let seen = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
    let all = seen.clone();
    loom::model(move || {
        let block = block();
        let (seen, theirs) = (seen.clone(), block.clone());
        let reader = thread::spawn(move || {
            let number = accepted(&copy(&theirs, order));
            seen.lock().unwrap().insert(number);
        });
        write(&block, 2);
        write(&block, 4);
        reader.join().unwrap();
        assert_eq!(accepted(&copy(&block, order)), Some(4), "what was published last stays");
    });
    let all = all.lock().unwrap();
    all.clone()
}

/// What a reader may meet, and in some order does: nothing yet or torn words, the first publication, the second.
fn all_there_is() -> BTreeSet<Option<u64>> {
    [None, Some(2), Some(4)].into()
}

#[test]
fn words_in_ascending_order() {
    assert_eq!(accepted_in([0, 1, 2, 3]), all_there_is());
}

#[test]
fn words_in_descending_order() {
    assert_eq!(accepted_in([3, 2, 1, 0]), all_there_is());
}

#[test]
fn the_number_last() {
    assert_eq!(accepted_in([1, 2, 3, 0]), all_there_is());
}

#[test]
fn the_checksum_first() {
    assert_eq!(accepted_in([3, 0, 2, 1]), all_there_is());
}

#[test]
fn the_middle_first() {
    assert_eq!(accepted_in([2, 1, 3, 0]), all_there_is());
    assert_eq!(accepted_in([1, 0, 3, 2]), all_there_is());
}

#[test]
fn a_write_of_the_whole_block_in_any_order() {
    let orders: [fn(&[Atomic; WORDS], u64); 3] = [
        |block, number| write(block, number, [0, 1, 2, 3]),
        |block, number| write(block, number, [3, 2, 1, 0]),
        |block, number| write(block, number, [0, 3, 1, 2]),
    ];
    for order in orders {
        assert_eq!(accepted_of([0, 1, 2, 3], order), all_there_is());
        assert_eq!(accepted_of([3, 0, 2, 1], order), all_there_is());
    }
}

#[test]
fn a_writer_takes_over_from_one_that_died() {
    // The stores of a publication, up to where the writer died. What it wanted to say is forgotten.
    let forgotten = sealed(figures(40), 4);
    let stores = [(0, 3), (1, forgotten[1]), (2, forgotten[2]), (3, forgotten[3])];
    for died_after in 0..=stores.len() {
        // The number that it would have given is given to nothing else.
        let last = if died_after == 0 { 4 } else { 6 };
        let seen = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
        let all = seen.clone();
        loom::model(move || {
            let block = block();
            publish_next(&block);
            stores.into_iter().take(died_after).for_each(|(at, word)| block[at].store(word, Relaxed));
            let (seen, theirs) = (seen.clone(), block.clone());
            let reader = thread::spawn(move || {
                let number = accepted(&copy(&theirs, [0, 1, 2, 3]));
                seen.lock().unwrap().insert(number);
            });
            publish_next(&block);
            reader.join().unwrap();
            assert_eq!(accepted(&copy(&block, [3, 1, 2, 0])), Some(last));
        });
        let first = if died_after == 0 { Some(2) } else { None };
        assert_eq!(*all.lock().unwrap(), [None, first, Some(last)].into(), "died after {died_after} stores");
    }
}
