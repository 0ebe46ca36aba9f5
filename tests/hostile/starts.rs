//! Starts of programs that are hard to get right, with the object and without, in each order of preload and allocator
//! that such a program allows: no more of them may die. `CGPROC_TEST_STARTS` sets how many of each kind are started;
//! the default takes seconds.

use crate::{
    allocators::ALLOCATORS,
    bed::{self, Findings, OWN_ETC},
    loaders::packed,
    probes::{self, Case, Form, Libc, SMALL, program, quoted},
};
use std::{fmt::Write as _, path::Path};

/// A kind of program.
struct Kind {
    name: &'static str,
    /// Its command line, which preloads `$preload`.
    command: String,
    /// The preloads are in the loader's file, because the environment does not count.
    is_listed: bool,
}

fn starts() -> usize {
    let wanted = std::env::var("CGPROC_TEST_STARTS").ok().map(|text| text.parse().expect("CGPROC_TEST_STARTS"));
    wanted.unwrap_or(14)
}

fn kinds() -> Vec<Kind> {
    let (stub, loader) = packed(Libc::Glibc);
    let [stub, loader] = [stub, loader].map(|path| path.display().to_string());
    let [directory, storm] = ["directory", "storm"].map(|name| program(Libc::Glibc, name).display().to_string());
    let pie = probes::build(Libc::Glibc, "figures", Form::StaticPie).display().to_string();
    let library = probes::build(Libc::Glibc, "empty", Form::Object).display().to_string();
    let preloaded =
        |name, command: String| Kind { name, command: format!("LD_PRELOAD=$preload {command}"), is_listed: false };
    vec![
        preloaded("packed", format!("{stub} {loader} {directory} answer scandir")),
        preloaded("static-pie by its loader", format!("{loader} {pie}")),
        Kind { name: "setuid", command: "./setuid answer glob".into(), is_listed: true },
        preloaded("vfork", format!("{storm} vfork {library}")),
        preloaded("threads", format!("{storm} self {library}")),
    ]
}

/// The preload lists: the object alone, then before and behind each allocator; and the same without it.
fn orders(object: &Path) -> Vec<[String; 2]> {
    let object = object.display().to_string();
    let mut orders = vec![[object.clone(), String::new()]];
    for allocator in ALLOCATORS {
        orders.push([format!("{allocator}:{object}"), allocator.to_owned()]);
        orders.push([format!("{object}:{allocator}"), allocator.to_owned()]);
    }
    orders
}

/// Counts the starts that went wrong, with the object and without, one line per order.
fn script(kind: &Kind, orders: &[[String; 2]], starts: usize) -> String {
    let mut script = format!(
        "cp {} setuid && chown 65534 . setuid && chmod 4755 setuid && {OWN_ETC} || exit\n\
         start() {{ {} >/dev/null 2>&1; }}\n\
         die() {{ local died=0 i; for ((i = 0; i < {starts}; i++)); do start || died=$((died + 1)); done; echo \"$1 $died\"; }}\n",
        quoted(&program(Libc::Glibc, "directory").to_string_lossy()),
        kind.command,
    );
    for (order, preloads) in orders.iter().enumerate() {
        for (with, preload) in preloads.iter().enumerate() {
            let listed = if kind.is_listed { preload.as_str() } else { "" };
            let _ = writeln!(
                script,
                "preload={}\necho {} >/etc/ld.so.preload\ndie '{order} {with}'",
                quoted(preload),
                quoted(listed)
            );
        }
    }
    script
}

#[test]
fn no_more_die_than_without() {
    let orders = orders(&bed::object());
    let of_each = starts().div_ceil(orders.len());
    let mut findings = Findings::default();
    for kind in kinds() {
        let command = format!("unshare -m bash -c {}", quoted(&script(&kind, &orders, of_each)));
        let results = probes::run(&SMALL, &[Case { title: kind.name.into(), command }]);
        let died = |order: usize, with: usize| {
            let line = format!("{order} {with} ");
            let count = results[0].text.lines().find_map(|l| l.strip_prefix(&line)?.parse::<usize>().ok());
            count.unwrap_or_else(|| panic!("{}, no line {line:?}:\n{}", kind.name, results[0].text))
        };
        assert!(died(0, 1) < of_each, "{} never runs, without the object", kind.name);
        for (order, [preload, _]) in orders.iter().enumerate() {
            let (with, without) = (died(order, 0), died(order, 1));
            println!("{}, {preload}: {with} of {of_each} died, {without} without the object", kind.name);
            findings.check(with <= without, || format!("{}, {preload}: {with} died, {without} without", kind.name));
        }
    }
    findings.conclude("starts");
}
