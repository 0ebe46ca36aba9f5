//! `examples/metrics/rules.yaml`, by promtool.

use crate::{
    bed,
    tools::{prometheus, said},
};
use std::fs;

#[test]
fn the_rules_are_sound() {
    let output = prometheus("promtool").args(["check", "rules"]).arg(file("rules.yaml")).output().expect("promtool");
    let told = said(&output);
    assert!(told.contains("SUCCESS: 12 rules"), "{told}");
}

/// They fire when they should, and not before; and each of them has a case.
#[test]
fn the_rules_fire_when_they_should() {
    let mut promtool = prometheus("promtool");
    promtool.args(["test", "rules", "rules-test.yaml"]).current_dir(file(""));
    let told = said(&promtool.output().expect("promtool"));
    assert!(told.contains("SUCCESS"), "{told}");
    let [rules, cases] = ["rules.yaml", "rules-test.yaml"].map(|name| fs::read_to_string(file(name)).expect(name));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(alerts.len(), 12);
    for alert in alerts {
        let fires = format!("- alertname: {alert}\n");
        let waits = format!("{{ alertname: {alert}, ");
        assert!(cases.contains(&fires) && cases.contains(&waits), "{alert}");
    }
}

pub(crate) fn file(name: &str) -> std::path::PathBuf {
    bed::repository("examples/metrics").join(name)
}
