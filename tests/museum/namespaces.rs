//! Libraries that are loaded past the list of preloads, or unloaded although they are on it.

use crate::{
    bed, preloaded,
    probes::{self, Case, Form, Libc, SMALL, quoted},
    shows_the_container, without_and_with,
};
use std::path::Path;

fn word(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// Another libc in a namespace of its own, and a library that finds its own libraries' names first, ask the kernel; the
/// program still asks the object. Both are glibc's alone.
#[test]
fn libraries_that_look_elsewhere_first() {
    let program = probes::program(Libc::Glibc, "namespaces");
    let library = probes::build(Libc::Glibc, "asks", Form::Object);
    let pairs =
        without_and_with(&[preloaded(&program, "apart"), preloaded(&program, &format!("deep {}", word(&library)))]);
    assert_eq!(pairs[0][0].text, "the other libc: kernel\nits own: kernel");
    assert_eq!(pairs[0][1].text, "the other libc: kernel\nits own: container");
    assert_eq!(pairs[1][0].text, "the library: kernel, lists some\nits own: kernel");
    assert_eq!(pairs[1][1].text, "the library: kernel, lists some\nits own: container");
    for [without, with] in pairs {
        assert_eq!((without.status, with.status), (0, 0));
    }
}

/// Loading the object again and closing it leaves the preloaded one in place. One that was not preloaded answers those
/// who ask through it, until it is closed.
#[test]
fn an_object_that_is_closed() {
    let object = word(&bed::object());
    for libc in Libc::ALL {
        let program = probes::program(libc, "namespaces");
        let [again, late] = ["again", "late"].map(|mode| preloaded(&program, &format!("{mode} {object}")));
        let pairs = without_and_with(&[again, late]);
        assert_eq!(pairs[0][0].text, "before: kernel\nclosed: 0\nafter: kernel", "{libc:?}");
        shows_the_container(&format!("{libc:?}, again"), &pairs[0]);
        assert_eq!(pairs[1][0].text, "through it: container\nclosed: 0\nafter: kernel", "{libc:?}");
        assert_eq!(pairs[1][0].status, 0, "{libc:?}");
        shows_the_container(&format!("{libc:?}, late"), &pairs[1]);
    }
}

/// An auditor stands between every caller and every definition, with a libc of its own. musl has none.
#[test]
fn an_auditor_of_the_loader() {
    let auditor = probes::build(Libc::Glibc, "audit", Form::Object).display().to_string();
    let (seen, results) = probes::figures(&SMALL, Libc::Glibc, |object, figures| {
        let audited = |preload| Case::new(preload, &[("LD_AUDIT", &*auditor)], figures, &[]);
        let is_there = format!("LD_AUDIT={} cat /proc/self/maps", quoted(&auditor));
        vec![audited(None), audited(Some(object)), Case { title: "maps".into(), command: is_there }]
    });
    assert_eq!((&results[0].text, results[0].status), (&seen.kernels, 0), "without the object");
    assert_eq!((&results[1].text, results[1].status), (&seen.containers, 0));
    let is_mapped = |line: &str| line.ends_with(&auditor) && line.contains(" r-xp ");
    assert!(results[2].text.lines().any(is_mapped), "{}", results[2].text);
}

/// A file of preloads that is half written, or garbage: the loader says so, and the program runs on. What the file still
/// names as it should is loaded.
#[test]
fn a_preload_file_that_is_garbage() {
    let object = bed::object().display().to_string();
    let half = &object[..object.len() / 2];
    let nproc = "env -i /usr/bin/nproc";
    let written = |text: &str| {
        let script = format!("{} && printf {} >/etc/ld.so.preload && {nproc}", bed::OWN_ETC, quoted(text));
        Case { title: text.to_owned(), command: format!("unshare -m bash -c {} 2>/dev/null", quoted(&script)) }
    };
    let texts = [
        half.to_owned(),
        r"\001\377\n/\000:::".to_owned(),
        String::new(),
        object.clone(),
        format!(r"{half} {object}\n"),
    ];
    let results = probes::run(&SMALL, &texts.each_ref().map(|text| written(text)));
    let machine = bed::host().cpus.to_string();
    let expected = [&*machine, &*machine, &*machine, "1", "1"];
    for ((text, result), expected) in texts.iter().zip(results).zip(expected) {
        assert_eq!((&*result.text, result.status), (expected, 0), "{text:?}");
    }
}
