//! How many instructions the loader, the object and the answers take, counted by callgrind, since that does not depend on
//! how busy the machine is. A count may be 2 % off its entry in instructions/counts.tsv. What depends on the machine is
//! not counted: what the kernel does, what libc does, and texts whose length the machine decides. Answers are composed
//! from recorded trees, by a program that is built like the object.
//!
//! One command renews the table, as root, once the object is built (`packaging/compile amd64`):
//!
//!     CGPROC_RENEW=1 cargo test --locked --test instructions -- --nocapture

mod bed;
#[path = "instructions/callgrind.rs"]
mod callgrind;
#[path = "instructions/long_tree.rs"]
mod long_tree;
#[path = "instructions/table.rs"]
mod table;
#[path = "instructions/work.rs"]
mod work;

use bed::Findings;
use table::Table;

/// In hundredths.
const TOLERANCE: u64 = 2;

#[test]
fn nothing_takes_more_instructions_than_its_entry() {
    bed::log_machine();
    let counts = work::counts();
    for (name, count) in &counts {
        println!("{name}\t{count}");
    }
    if std::env::var_os("CGPROC_RENEW").is_some() { Table::renew(&counts) } else { compare(&counts) }
}

fn compare(counts: &[(String, u64)]) {
    let table = Table::read();
    let mut findings = Findings::default();
    let compiler = table::compiler();
    findings.check(table.compiler == compiler, || {
        format!("the table was counted with {}, and this is {compiler}: renew it (see above)", table.compiler)
    });
    for (name, count) in counts {
        let entry = table.entry(name);
        findings.check(entry.is_some(), || format!("{name}: {count}, but it has no entry"));
        let Some(entry) = entry else { continue };
        let advice = if *count < entry { ": renew the table, which holds the gain" } else { "" };
        findings.check(count.abs_diff(entry) * 100 <= entry * TOLERANCE, || {
            format!("{name}: {count} instructions, {entry} in the table{advice}")
        });
    }
    let stale = table.names().filter(|name| counts.iter().all(|(counted, _)| counted != name)).collect::<Vec<_>>();
    findings.check(stale.is_empty(), || format!("entries that nothing counts: {stale:?}"));
    findings.conclude("instructions");
}
