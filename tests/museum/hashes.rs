//! Libraries whose tables of symbols are odd, but sound to a loader, between the object and libc.

use crate::{
    bed,
    probes::{self, Case, Form, Libc, SMALL},
};
use object::{Object as _, ObjectSection as _};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The parts of a `DT_GNU_HASH` table that are made odd.
#[derive(Clone, Copy, Debug)]
enum Odd {
    /// Its filter lets every name pass, and all its buckets are empty.
    EmptyBuckets,
    /// It has no buckets. With glibc, its filter lets every name pass; musl's loader would divide by zero then.
    NoBuckets,
}

/// A library for this libc with such a table, in a file of its own.
fn library(libc: Libc, odd: Odd) -> PathBuf {
    let plain = probes::build(libc, "empty", Form::Object);
    let mut bytes = fs::read(&plain).expect("the library");
    let at = {
        let file = object::File::parse(&*bytes).expect("an ELF file");
        let section = file.section_by_name(".gnu.hash").expect("a GNU hash table");
        usize::try_from(section.file_range().expect("in the file").0).expect("an offset")
    };
    let word = |bytes: &[u8], index: usize| {
        u32::from_le_bytes(bytes[at + 4 * index..][..4].try_into().expect("four bytes")) as usize
    };
    let (buckets, filter) = (word(&bytes, 0), word(&bytes, 2));
    assert!(buckets > 0 && filter > 0, "{}: {buckets} buckets, {filter} words", plain.display());
    let filter_at = at + 16;
    let buckets_at = filter_at + 8 * filter;
    match odd {
        Odd::EmptyBuckets => {
            bytes[filter_at..buckets_at].fill(0xff);
            bytes[buckets_at..buckets_at + 4 * buckets].fill(0);
        }
        Odd::NoBuckets => {
            bytes[at..at + 4].fill(0);
            bytes[filter_at..buckets_at].fill(if libc == Libc::Glibc { 0xff } else { 0 });
        }
    }
    let path = plain.with_file_name(format!("{odd:?}-{libc:?}-{}.so", std::process::id()));
    fs::write(&path, bytes).expect("a file");
    path
}

fn is_passed_by(libc: Libc, odd: Odd) {
    let library = library(libc, odd);
    let (seen, results) = probes::figures(&SMALL, libc, |object, figures| {
        let with = |first: &Path, second: &Path| {
            let order = format!("{}:{}", first.display(), second.display());
            Case::new(Some(Path::new(&order)), &[], figures, &[])
        };
        vec![with(object, &library), with(&library, object), Case::new(Some(&library), &[], figures, &[])]
    });
    fs::remove_file(&library).expect("the library");
    for (what, result) in ["behind the object", "before it"].iter().zip(&results) {
        assert_eq!((&result.text, result.status), (&seen.containers, 0), "{odd:?} {what}, {libc:?}");
    }
    assert_eq!((&results[2].text, results[2].status), (&seen.kernels, 0), "{odd:?} alone, {libc:?}");
}

#[test]
fn a_library_whose_buckets_are_empty() {
    bed::log_machine();
    for libc in Libc::ALL {
        is_passed_by(libc, Odd::EmptyBuckets);
    }
}

#[test]
fn a_library_without_buckets() {
    for libc in Libc::ALL {
        is_passed_by(libc, Odd::NoBuckets);
    }
}
