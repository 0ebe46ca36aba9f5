//! Files that others have named like answers of ours: what a program learns about them comes from the kernel.

use super::{Shows::Kernels, fare};
use crate::{
    bed::{Container, OWN_ETC, View},
    probes::{self, Case, Libc, SMALL, program, quoted},
};
use std::fs;

#[test]
fn a_strangers_file_is_not_called_roots() {
    fare(&[("stranger", &["looks"], Kernels)]);
}

#[test]
fn a_strangers_file_is_not_written_to() {
    fare(&[("stranger", &["seeks"], Kernels)]);
}

#[test]
fn who_inherits_an_answer_cannot_write_it() {
    fare(&[("stranger", &["inherits"], Kernels)]);
}

#[test]
fn who_gave_up_his_rights_reads_on_what_he_opened_before() {
    fare(&[("stranger", &["yields"], Kernels)]);
}

#[test]
fn who_has_no_descriptor_left_reads_on_once_he_has() {
    fare(&[("stranger", &["exhausts"], Kernels)]);
}

/// A setgid program runs as its caller, who can write to that user's files.
#[test]
fn a_program_with_more_rights_is_told_what_is_there() {
    let scratch = std::env::temp_dir().join(format!("cgproc-test-stranger-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("a directory");
    let at = quoted(scratch.to_str().expect("UTF-8"));
    let stranger = program(Libc::Glibc, "stranger");
    let prepare = format!(
        "cp {} {at}/object.so && cp {} {at}/plain && cp {at}/plain {at}/setgid && chmod 755 {at} {at}/* && \
         chgrp 54321 {at}/setgid && chmod 2755 {at}/setgid",
        crate::bed::object().display(),
        stranger.display()
    );
    let preload = format!("{OWN_ETC} && echo {at}/object.so >/etc/ld.so.preload");
    let run = |program: &str, mode: &str| format!("setpriv --reuid 12345 --clear-groups {at}/{program} {mode}");
    let commands = [
        prepare,
        run("setgid", "own"),
        preload,
        run("setgid", "own"),
        run("plain", "own"),
        run("setgid", "again"),
        run("plain", "again"),
    ];
    let cases = commands.map(|command| Case { title: command.clone(), command });
    let results = probes::run(&Container { view: View::Namespace, ..SMALL }, &cases);
    fs::remove_dir_all(&scratch).expect("the directory");
    let text = |index: usize| results[index].text.as_str();
    assert!(text(1).contains("owner 12345") && text(1).contains("type 1021994"), "{}", text(1));
    assert_eq!(text(3), text(1), "{}", text(2));
    assert_ne!(text(4), text(1), "the object is not there");
    for again in [text(5), text(6)] {
        assert!(again.starts_with("again: goes on"), "the reread text is composed anew: {again}");
    }
}
