//! `examples/metrics/dashboard.json`, by Grafana's own schema.

use crate::{rules::file, tools::python};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs};

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(file("dashboard.json")).expect("the dashboard")).expect("JSON")
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().expect("panels").iter()
}

/// All expressions of its panels, as Prometheus gets them.
pub(crate) fn expressions() -> Vec<String> {
    let dashboard = dashboard();
    let targets = panels(&dashboard).flat_map(|it| it["targets"].as_array().cloned().unwrap_or_default());
    let expression = |it: Value| it["expr"].as_str().expect("an expression").replace("$__rate_interval", "1m");
    targets.map(expression).map(|it| it.replace("$instance", ".*").replace("$id", ".*")).collect()
}

#[test]
fn the_dashboard_is_one() {
    let check = |path: &std::path::Path| {
        let output = python("dashboard.py").arg(path).output().expect("python3");
        (
            output.status.success(),
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat(),
        )
    };
    assert_eq!(check(&file("dashboard.json")), (true, String::new()));
    // The judge does judge.
    let mut wrong = dashboard();
    wrong["panels"][1]["options"]["legend"]["place"] = json!("bottom");
    wrong["colour"] = json!("red");
    let copy = tempfile::NamedTempFile::new().expect("a file");
    fs::write(copy.path(), wrong.to_string()).expect("a copy");
    let (is_sound, faults) = check(copy.path());
    assert!(!is_sound, "{faults}");
    for place in ["/panels/1/options/legend/place is not known", "/colour is not known"] {
        assert!(faults.contains(place), "{faults}");
    }
}

#[test]
fn panels_lie_side_by_side() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels(&dashboard) {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().expect(key));
        assert!(x + w <= 24, "{panel}");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{panel}");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "two panels at {place:?}: {}", panel["title"]);
        }
    }
    assert!(expressions().len() > 20);
}

/// In a fleet, paths such as `/docker` are on each machine.
#[test]
fn each_series_says_its_machine() {
    let dashboard = dashboard();
    for target in panels(&dashboard).flat_map(|it| it["targets"].as_array().into_iter().flatten()) {
        let [expression, legend] = ["expr", "legendFormat"].map(|key| target[key].as_str().expect(key));
        let [metrics, chosen] = ["cgproc_", "{instance=~\"$instance\""].map(|it| expression.matches(it).count());
        assert!(metrics > 0 && metrics == chosen, "{expression}");
        assert!(legend.starts_with("{{instance}}"), "{expression}: {legend}");
    }
}
