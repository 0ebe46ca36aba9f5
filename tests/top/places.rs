//! Who looks, and from where.

use crate::{
    bed::{self, Container, PLAIN, View},
    command::{Public, cgproc, err, out},
    groups::Group,
    tmux::Terminal,
};
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
fn in_a_container_it_shows_what_is_below_whoever_made_it() {
    // Without a name that an engine would give.
    let script = format!(
        "directory=/sys/fs/cgroup; [ -d $directory/cpuacct ] && directory=$directory/cpuacct; mkdir -p $directory/plain/deep
        {} top --json; status=$?; rmdir $directory/plain/deep $directory/plain; exit $status",
        bed::command().display()
    );
    for view in [View::Namespace, View::Bind] {
        let paths: Vec<String> =
            within(view, &script).iter().map(|it| it["path"].as_str().expect("a path").to_owned()).collect();
        for path in ["/", "/plain", "/plain/deep"] {
            assert!(paths.iter().any(|it| it == path), "{view:?}: {path} is not in {paths:?}");
        }
    }
}

#[test]
fn in_a_container_the_details_have_its_own_limits() {
    for view in ["ns", "bind"] {
        let terminal = Terminal::new(100, 30);
        let container = bed::repository("tests/bed/container");
        terminal.run(&format!("{} -m 512M -V {view} -- $TOP -d 0.2 --all --sort name", container.display()));
        terminal.until("a row", |screen| screen.lines().nth(3).is_some_and(|row| row.starts_with("/ ")));
        terminal.press("Home");
        terminal.press("Enter");
        terminal.until("its limit", |screen| screen.contains("memory.total 512.0 MiB"));
        terminal.press("q");
        terminal.press("q");
        terminal.until("the end", |screen| !screen.contains("LIMIT"));
    }
}

#[test]
fn below_a_cgroup_that_is_named_it_shows_what_is_there() {
    let group = Group::new();
    let below = group.below("plain");
    let path = format!("/{}", group.path);
    let output = cgproc(&["top", "--json", "--cgroup", &path]).output().expect("cgproc");
    assert_eq!((err(&output).as_str(), output.status.code()), ("", Some(0)));
    let sample: Value = serde_json::from_str(&out(&output)).expect("JSON");
    let found = sample["cgroups"].as_array().expect("cgroups");
    let paths: Vec<&str> = found.iter().map(|it| it["path"].as_str().expect("a path")).collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    assert!(paths.contains(&path.as_str()) && paths.contains(&format!("/{}", below.path).as_str()), "{paths:?}");
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
