//! A real board on a tmpfs: one thread writes it at full speed, as the sampler does, and four others read it with the
//! real `pread`.

use calc::board::{self, Above, BLOCK_BYTES, Block, Board, Key, Kind, Load, Published};
use proptest::{
    prelude::Rng as _,
    test_runner::{RngAlgorithm, TestRng},
};
use std::{
    array,
    fs::File,
    os::unix::fs::FileExt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};
use tempfile::NamedTempFile;

const SOAK: Duration = Duration::from_secs(3);
const READERS: usize = 4;
const SLOTS: u64 = 8;
const NOW: u64 = 1_000_000_000;
const KEY: Key = Key { kind: Kind::Unified, id: 4711 };

/// The file of a board in /dev/shm.
struct Shared(NamedTempFile);

impl Shared {
    fn new() -> Self {
        let file = NamedTempFile::new_in("/dev/shm").unwrap();
        file.as_file().set_len((SLOTS + 1) * BLOCK_BYTES as u64).unwrap();
        Self(file)
    }

    /// Another description of the file, as another program would have.
    fn reader(&self) -> Reader {
        Reader(self.0.reopen().unwrap())
    }

    /// Writes some of a block's bytes.
    fn write(&self, index: u64, bytes: &[u8]) {
        self.0.as_file().write_all_at(bytes, index * BLOCK_BYTES as u64).unwrap();
    }
}

/// A board read the way the shared object reads it.
struct Reader(File);

impl Board for Reader {
    fn copy(&self, index: u64, into: &mut Block) -> Option<()> {
        let mut bytes = [0; BLOCK_BYTES];
        let read = self.0.read_at(&mut bytes, index.checked_mul(BLOCK_BYTES as u64)?).ok()?;
        *into = Block::from_bytes(&bytes);
        (read == BLOCK_BYTES).then_some(())
    }
}

/// The writer's own copy of a board, in which it publishes and from which it writes.
struct Writer<'s> {
    shared: &'s Shared,
    blocks: [[u8; BLOCK_BYTES]; SLOTS as usize + 1],
}

impl<'s> Writer<'s> {
    fn of(shared: &'s Shared) -> Self {
        let mut new = Self { shared, blocks: [[0; BLOCK_BYTES]; _] };
        new.publish(0, &Block::header(SLOTS));
        new
    }

    fn publish(&mut self, index: u64, block: &Block) {
        let place = &mut self.blocks[index as usize];
        block.publish(place);
        self.shared.write(index, place);
    }
}

/// The slot of publication `seed`: every figure is derived from it, and no two are equal.
fn slot(seed: u64) -> Block {
    let mut block = Block::slot(KEY);
    let word = |at: u64| seed.wrapping_mul(0x0100_0000_01b3).wrapping_add(at << 56);
    block.set_published(&Published {
        realtime_usec: NOW,
        monotonic_usec: seed,
        boottime_usec: word(1),
        void_after_usec: NOW,
    });
    let [half, other] = [word(2) as u32, word(3) as u32];
    block.set_load(&Load { averages: [half, !half, other], running: !other, blocked: half ^ 1, threads: other ^ 1 });
    block.set_capacity(word(4), word(5), word(6));
    block.set_above(&Above {
        memory_limit_bytes: word(7),
        memory_free_bytes: word(8),
        swap_limit_bytes: word(9),
        swap_free_bytes: word(10),
        quota_usec: word(11),
        period_usec: word(12),
        cpus: array::from_fn(|at| word(13 + at as u64)),
    });
    block
}

/// The publication that the whole block belongs to.
fn seed(block: &Block) -> u64 {
    let seed = block.published().monotonic_usec;
    let expected = slot(seed);
    assert_eq!((block.load(), block.above()), (expected.load(), expected.above()), "figures of several publications");
    assert_eq!(block.published(), expected.published());
    assert_eq!(block.capacity_usec(NOW, seed), expected.capacity_usec(NOW, seed));
    seed
}

/// The index of the slot.
fn index() -> u64 {
    board::SlotNumbers::of(KEY, SLOTS).next().unwrap()
}

/// Lets four readers look up the slot until `disturb` returns; returns how often each found it.
fn while_read(shared: &Shared, accept: impl Fn(&Block) + Sync, disturb: impl FnOnce()) -> [u64; READERS] {
    let ends = AtomicBool::new(false);
    let found = [const { AtomicU64::new(0) }; READERS];
    thread::scope(|scope| {
        for found in &found {
            scope.spawn(|| {
                let reader = shared.reader();
                let mut block = Block::EMPTY;
                while !ends.load(Relaxed) {
                    if board::find(&reader, KEY, NOW, &mut block).is_some() {
                        accept(&block);
                        found.fetch_add(1, Relaxed);
                    }
                }
            });
        }
        disturb();
        ends.store(true, Relaxed);
    });
    found.map(AtomicU64::into_inner)
}

#[test]
fn a_file_written_at_full_speed() {
    let shared = Shared::new();
    let mut writer = Writer::of(&shared);
    writer.publish(index(), &slot(1));
    let mut published = 1;
    let newest = AtomicU64::new(0);
    let accept = |block: &Block| {
        newest.fetch_max(seed(block), Relaxed);
    };
    let found = while_read(&shared, accept, || {
        let start = Instant::now();
        while start.elapsed() < SOAK {
            published += 1;
            writer.publish(index(), &slot(published));
        }
    });
    eprintln!("{published} publications, found {found:?} times, the newest {newest:?}");
    assert!(found.iter().all(|times| *times > 0), "{found:?}");
    let newest = newest.into_inner();
    assert!(newest > 1 && newest <= published, "publication {newest} of {published}");
    let mut last = Block::EMPTY;
    board::find(&shared.reader(), KEY, NOW, &mut last).expect("no writer is left");
    assert_eq!(seed(&last), published);
}

#[test]
fn torn_words_are_seen_and_refused() {
    let shared = Shared::new();
    let mut writer = Writer::of(&shared);
    let torn = AtomicU64::new(0);
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let reader = shared.reader();
            let mut block = Block::EMPTY;
            while !ends.load(Relaxed) {
                if reader.copy(index(), &mut block).is_none() || block.is_unused() {
                    continue;
                }
                if block.is_whole() {
                    seed(&block);
                } else {
                    torn.fetch_add(1, Relaxed);
                }
            }
        });
        let start = Instant::now();
        for number in 1.. {
            writer.publish(index(), &slot(number));
            // A writer that dies halfway, again and again.
            let mut next = writer.blocks[index() as usize];
            slot(number + 1).publish(&mut next);
            let written = number as usize % BLOCK_BYTES;
            shared.write(index(), &next[..written]);
            if number > 1000 && torn.load(Relaxed) > 0 || start.elapsed() > SOAK {
                break;
            }
        }
        ends.store(true, Relaxed);
    });
    assert!(torn.into_inner() > 0, "no copy was ever torn, so this proves nothing");
}

#[test]
fn random_bytes_over_the_board() {
    let shared = Shared::new();
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut noise = vec![0; (usize::try_from(SLOTS).unwrap() + 1) * BLOCK_BYTES];
    let accept = |block: &Block| {
        seed(block);
    };
    let mut writer = Writer::of(&shared);
    let mut rounds = 0;
    let found = while_read(&shared, accept, || {
        let start = Instant::now();
        while start.elapsed() < SOAK {
            rounds += 1;
            writer.publish(0, &Block::header(SLOTS));
            writer.publish(index(), &slot(rounds));
            thread::yield_now();
            random.fill_bytes(&mut noise);
            let from = rounds as usize % noise.len();
            shared.0.as_file().write_all_at(&noise[from..], from as u64).unwrap();
        }
    });
    eprintln!("{rounds} rounds of noise, found {found:?} times");
    assert!(found.iter().any(|times| *times > 0), "{found:?}");
    shared.0.as_file().write_all_at(&noise, 0).unwrap();
    assert!(board::find(&shared.reader(), KEY, NOW, &mut Block::EMPTY.clone()).is_none());
}

#[test]
fn a_board_that_is_cut_short() {
    let shared = Shared::new();
    let accept = |block: &Block| {
        seed(block);
    };
    let whole = (SLOTS + 1) * BLOCK_BYTES as u64;
    let mut writer = Writer::of(&shared);
    let mut rounds = 0;
    let found = while_read(&shared, accept, || {
        let start = Instant::now();
        while start.elapsed() < SOAK {
            rounds += 1;
            shared.0.as_file().set_len(whole).unwrap();
            writer.publish(0, &Block::header(SLOTS));
            writer.publish(index(), &slot(rounds));
            thread::yield_now();
            shared.0.as_file().set_len(rounds * 8 % whole).unwrap();
        }
    });
    eprintln!("cut short {rounds} times, found {found:?} times");
    assert!(found.iter().any(|times| *times > 0), "{found:?}");
    shared.0.as_file().set_len(BLOCK_BYTES as u64).unwrap();
    assert!(board::find(&shared.reader(), KEY, NOW, &mut Block::EMPTY.clone()).is_none());
}
