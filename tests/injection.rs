//! What programs see if a system call of the object fails: each call, for each file and call that is answered, with
//! each error that a kernel gives for want of something (tests/probes/inject.c). Needs root.
//!
//! Nothing here knows which calls the object makes: a run without a failure counts them. All failures take minutes, so
//! the ring plays every fourth, always the same ones, and what comes out must be in docs/proof.md. One command plays
//! all of them and writes that page, as root, once the object is built (`packaging/compile amd64`):
//!
//!     CGPROC_RENEW=1 cargo test --locked --test injection -- --nocapture

mod bed;
#[path = "injection/cells.rs"]
mod cells;
#[path = "injection/command.rs"]
mod command;
#[path = "injection/page.rs"]
mod page;
mod probes;
#[path = "injection/sampler.rs"]
mod sampler;
#[path = "injection/supervisor.rs"]
mod supervisor;

use bed::{Container, Findings, View};
use cells::Cells;
use probes::{Case, Libc, SMALL, program, quoted};
use std::thread;

/// The ring plays one failure in so many.
const EACH: u32 = 4;

/// Plays one in `each` failures, with cgroups of this form.
fn play(libc: Libc, form: &str, each: u32) -> probes::Result {
    let probe = quoted(&program(libc, "inject").to_string_lossy());
    let object = bed::object();
    let name = quoted(&object.file_name().expect("a name").to_string_lossy());
    let command = format!("LD_PRELOAD={} {probe} {name} {form} {each}", quoted(&object.to_string_lossy()));
    // No quota: the probe has cgroups of its own making.
    let container = Container { view: View::Namespace, quota_usec: None, ..SMALL };
    probes::run(&container, &[Case { title: form.to_owned(), command }]).remove(0)
}

#[test]
fn every_call_of_the_object_fails_in_turn() {
    const PLAYED: [(Libc, &str); 3] = [(Libc::Glibc, "v1"), (Libc::Glibc, "v2"), (Libc::Musl, "v2")];
    bed::log_machine();
    let is_renewed = std::env::var_os("CGPROC_RENEW").is_some();
    let each = if is_renewed { 1 } else { EACH };
    let results = thread::scope(|scope| {
        let played = PLAYED.map(|(libc, form)| scope.spawn(move || play(libc, form, each)));
        played.map(|thread| thread.join().expect("the run"))
    });
    let (mut cells, mut findings) = (Cells::default(), Findings::default());
    for ((libc, form), result) in PLAYED.iter().zip(&results) {
        println!("{libc:?}, {form}: {}", result.text.lines().last().unwrap_or_default());
        findings.check(result.status == 0, || format!("{libc:?}, {form}: status {}:\n{}", result.status, result.text));
        result.text.lines().for_each(|line| cells.take(line));
    }
    cells.check(&mut findings);
    if is_renewed {
        page::write(&cells);
    } else {
        page::check(&cells, &mut findings);
    }
    findings.conclude("each answer is the kernel's or ours");
}
