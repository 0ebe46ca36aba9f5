//! Programs that ask for the first time while another thread changes the environment: none of them dies, and a setting
//! counts.

use crate::{
    bed,
    probes::{self, Case, Libc, SMALL, SMALL_PAGES, program},
};

/// How many children of a program ask: fewer in the booted kernel, where mapping memory takes long. `CGPROC_TEST_CHILDREN`
/// sets another number.
fn children() -> usize {
    let wanted = std::env::var("CGPROC_TEST_CHILDREN").ok().map(|text| text.parse().expect("CGPROC_TEST_CHILDREN"));
    wanted.unwrap_or(if bed::host().is_uml { 10 } else { 200 })
}

#[test]
fn an_environment_that_a_thread_changes() {
    let object = bed::object();
    let pages = SMALL_PAGES.to_string();
    let count = children().to_string();
    for libc in Libc::ALL {
        let program = program(libc, "changing");
        let with = |object, variables: &[(&str, &str)]| {
            let variables = [&[("PROBE_LIMIT_PAGES", pages.as_str())], variables].concat();
            Case::new(object, &variables, &program, &[&count])
        };
        let results = probes::run(
            &SMALL,
            &[with(None, &[]), with(Some(&object), &[]), with(Some(&object), &[("CGPROC", "off")])],
        );
        let of = |result: &probes::Result, key: &str| {
            let line = result.text.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_else(|| panic!("{libc:?}: no {key:?}: {}", result.text)).trim().to_owned()
        };
        for result in &results {
            println!("{libc:?}: {}", result.text.replace('\n', ", "));
            assert_eq!(of(result, "failed:"), "0", "{libc:?}: {}", result.text);
        }
        assert_eq!(of(&results[0], "kernel:"), format!("{count} {count}"), "{libc:?}, without the object");
        assert!(of(&results[1], "container:").ends_with(&format!(" {count}")), "{libc:?}: once the thread is done");
        assert_eq!(of(&results[2], "kernel:"), format!("{count} {count}"), "{libc:?}: CGPROC=off");
    }
}
