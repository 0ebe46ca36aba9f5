//! `cgproc metrics`, for the textfile collector.

use crate::{bed, boards::Sampler, exporter::value, exposition::series, groups::Group, processes::Place};
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    process::{Command, Output},
};

fn metrics(place: &Place, options: &[&str]) -> Output {
    let mut command = Command::new(bed::command());
    command.args(["metrics", "--cgroups=all", "--board"]).arg(place.board()).args(options);
    command.env_remove("CGPROC_BOARD").output().expect("cgproc")
}

fn printed(place: &Place, options: &[&str]) -> String {
    let output = metrics(place, options);
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn what_is_printed_once_is_what_is_served() {
    let (place, group) = (Place::new(), Group::new());
    let without = printed(&place, &[]);
    assert_eq!(value(&without, "cgproc_load1", &group.path), None, "a load without a sampler");
    assert!(value(&without, "cgproc_memory_usage_bytes", &group.path).is_some(), "{without}");
    assert!(without.contains("cgproc_board_believed 0\n") && !without.contains("cgproc_sampler_cpu_seconds_total"));
    let _sampler = Sampler::start(&place, &[]);
    let with = printed(&place, &[]);
    assert_eq!(value(&with, "cgproc_load1", &group.path), Some(0.0));
    assert!(value(&with, "cgproc_cpu_capacity_seconds_total", &group.path).is_some(), "{with}");
    assert!(series("text", &with).len() > 20);
    assert!(series("openmetrics", &printed(&place, &["--openmetrics"])).len() > 20);
    assert!(!printed(&place, &["--max-series", "0"]).contains("{id="));
}

#[test]
fn a_file_is_replaced_as_a_whole_and_only_if_it_is_ours() {
    let place = Place::new();
    let path = place.file("cgproc.prom");
    let write = || metrics(&place, &["-o", &path.to_string_lossy()]);
    for _ in 0..2 {
        let output = write();
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert!(series("text", &fs::read_to_string(&path).expect("the file")).len() > 20);
        assert_eq!(fs::metadata(&path).expect("the file").mode() & 0o7777, 0o644);
    }
    let before = fs::metadata(&path).expect("the file").ino();
    assert!(write().status.success());
    assert_ne!(fs::metadata(&path).expect("the file").ino(), before, "it was written in place");
    fs::write(&path, "# HELP node_time_seconds").expect("another's file");
    let output = write();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(125) && said.contains("something else"), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("another's file"), "# HELP node_time_seconds");
}
