//! The units in `examples/metrics`: systemd takes them without a word, and they allow what is needed.

use crate::{bed, rules::file};
use std::{fs, path::Path, process::Command};

/// A copy of a unit, whose program is the one under test.
fn copy(from: &Path, to: &Path) {
    let text = fs::read_to_string(from).expect("a unit");
    fs::write(to, text.replace("/usr/bin/cgproc", &bed::command().to_string_lossy())).expect("a copy");
}

fn verify(unit: &Path) {
    let mut verify = Command::new("systemd-analyze");
    let output = verify.args(["verify", "--man=no"]).arg(unit).output().expect("systemd-analyze");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
}

#[test]
fn the_units_are_sound() {
    let home = tempfile::tempdir().expect("a directory");
    let sampler = home.path().join("cgproc-sampler.service");
    copy(&bed::repository("examples/systemd/cgproc-sampler.service"), &sampler);
    let drop_ins = home.path().join("cgproc-sampler.service.d");
    fs::create_dir(&drop_ins).expect("a directory");
    copy(&file("cgproc-sampler.conf"), &drop_ins.join("metrics.conf"));
    verify(&sampler);
    let service = home.path().join("cgproc-metrics.service");
    copy(&file("cgproc-metrics.service"), &service);
    verify(&service);
    let timer = home.path().join("cgproc-metrics.timer");
    copy(&file("cgproc-metrics.timer"), &timer);
    verify(&timer);
}

/// Each command line in the units, also those that a comment offers, is one that the command takes.
#[test]
fn their_command_lines_exist() {
    let mut count = 0;
    for name in ["cgproc-sampler.conf", "cgproc-metrics.service"] {
        let text = fs::read_to_string(file(name)).expect(name);
        for line in
            text.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix("ExecStart=/usr/bin/cgproc "))
        {
            // With this, the arguments are parsed, and nothing else is done.
            let words = line.split(' ').chain(["--help"]);
            let output = Command::new(bed::command()).args(words).output().expect("cgproc");
            let [options, help] = [line, &String::from_utf8_lossy(&output.stdout)].map(str::to_owned);
            assert!(output.status.success(), "{line}");
            for option in options.split(' ').filter(|it| it.starts_with('-')) {
                assert!(help.contains(option), "{line}: {option}");
            }
            count += 1;
        }
    }
    assert_eq!(count, 4);
}
