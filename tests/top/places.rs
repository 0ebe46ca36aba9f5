//! Who looks, and from where.

use crate::bed::{self, Container, PLAIN, View};
use crate::command::{Public, err, out};
use serde_json::Value;
use std::process::Command;

/// The cgroups that the command shows in a container.
fn within(view: View, script: &str) -> Vec<Value> {
    let outcome = Container { view, ..PLAIN }.run(script, None, bed::PATIENCE_SEC);
    assert_eq!(outcome.status, Some(0), "{view:?}: {}", outcome.text);
    let sample: Value =
        serde_json::from_str(&outcome.text).unwrap_or_else(|e| panic!("{view:?}: {e}: {}", outcome.text));
    sample["cgroups"].as_array().expect("cgroups").clone()
}

#[test]
fn in_a_container_it_shows_the_container() {
    let script = format!("exec {} top --json", bed::command().display());
    for view in [View::Namespace, View::Bind] {
        let found = within(view, &script);
        assert!(!found.is_empty(), "{view:?}");
        let limits: Vec<&Value> = found.iter().map(|it| &it["memory_limit_bytes"]).collect();
        assert!(limits.iter().any(|limit| **limit == 512 << 20), "{view:?}: {limits:?}");
        let working = found.iter().any(|it| it["memory_working_set_bytes"].is_number());
        assert!(working, "{view:?}: {found:#?}");
    }
}

#[test]
fn anybody_may_look() {
    let public = Public::new();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]);
    command.arg(public.0.join("cgproc")).args(["top", "--json", "--all"]);
    command.env_remove("XDG_RUNTIME_DIR").env_remove("LD_PRELOAD");
    let output = command.output().expect("cgproc");
    assert_eq!((err(&output).as_str(), output.status.code()), ("", Some(0)));
    let sample: Value = serde_json::from_str(&out(&output)).expect("JSON");
    let found = sample["cgroups"].as_array().expect("cgroups");
    assert!(found.iter().any(|it| it["cpu_usage_usec"].is_number()), "{sample:#}");
}

#[test]
fn where_no_cgroups_are_visible_it_says_so() {
    let script = format!("umount -l /sys/fs/cgroup && exec {} top", bed::command().display());
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().expect("unshare");
    assert_eq!(err(&output), "cgproc: no cgroups are visible here (cgproc doctor says more)\n");
    assert_eq!((out(&output).as_str(), output.status.code()), ("", Some(125)));
}
