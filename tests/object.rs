//! The gate of the object: every process of a container loads it, so its demands on them are checked to the letter.

mod bed;
#[path = "form/doors.rs"]
mod doors;
mod form;

use form::{Form, Machine};
use object::elf;

fn the_object() -> Form {
    let machine = Machine { number: elf::EM_X86_64, relative: elf::R_X86_64_RELATIVE, most_bytes: 112 * 1024 };
    Form::of(&bed::object(), machine)
}

#[test]
fn it_refers_to_two_names_weakly() {
    the_object().refers_to_two_names_weakly();
}

#[test]
fn it_exports_the_hooks_and_nothing_else() {
    the_object().exports_the_hooks_and_nothing_else();
}

#[test]
fn it_needs_no_library_and_runs_nothing_when_loaded() {
    the_object().needs_no_library_and_runs_nothing_when_loaded();
}

#[test]
fn it_is_two_segments_without_thread_storage() {
    the_object().is_two_segments_without_thread_storage();
}

#[test]
fn its_relocations_are_relative_and_in_the_writable_segment() {
    the_object().its_relocations_are_relative_and_in_the_writable_segment();
}

#[test]
fn what_it_writes_lies_in_one_page() {
    the_object().writes_in_one_page();
}

#[test]
fn it_is_small() {
    the_object().is_small();
}

#[test]
fn it_has_no_path_to_a_panic() {
    the_object().has_no_path_to_a_panic();
}

#[test]
fn it_has_only_what_the_oldest_loaders_know() {
    the_object().has_only_what_the_oldest_loaders_know();
}
