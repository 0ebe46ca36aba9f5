//! `config.json`, as engines and strangers write it. The first byte of the input says whose loader the container's root
//! has; the rest is the text.

use super::{
    container::Container,
    document::{Edits, Node},
    process,
};
use crate::{
    command::inject::layout::{Host, LIBRARY, LIBRARY_OF_GLIBC},
    home,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The longest text that is tried: nothing in a configuration takes more than a few passes over it.
const LONGEST: usize = 64 << 10;

/// A configuration, and a process that is about to join a container.
pub(crate) fn configuration(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    if text.len() > LONGEST {
        return;
    }
    let stage = &Stage::both()[usize::from(kind & 1)];
    document(text);
    with_view(stage, text);
    with_preload(text);
}

/// A text that is read is JSON to others too, and a change of nothing changes nothing.
fn document(text: &str) {
    let value = serde_json::from_str::<Value>(text);
    let Ok(node) = Node::of(text) else {
        assert!(value.is_err(), "JSON that is not read: {text:?}");
        return;
    };
    assert_eq!(Edits::of(text).apply().expect("no change"), text);
    let Ok(value) = value else { return };
    assert!(node.is(&value) && node.is_null() == value.is_null());
    let mut edits = Edits::of(text);
    if edits.insert(node, "cgproc.fuzz", "[1]").is_ok() {
        let mut changed: Value = serde_json::from_str(&edits.apply().expect("one change")).expect("JSON");
        changed.as_object_mut().expect("an object").remove("cgproc.fuzz");
        let mut value = value;
        value.as_object_mut().expect("an object").remove("cgproc.fuzz");
        assert_eq!(changed, value, "a field is inserted, and nothing else changes");
    }
}

/// The view is given once; taking away what is ours leaves what was there.
fn with_view(stage: &Stage, text: &str) {
    let Ok(container) = Container::parse(text) else { return };
    let _ = (container.asked(), container.namespace(), container.preloaded());
    assert!(!matches!(container.without_gone(&stage.host), Ok(Some(_))), "all is there");
    let Some(changed) = container.with_view(&stage.bundle, &stage.host).ok().flatten() else { return };
    let (before, mut after) = (value(text), value(&changed));
    let again = Container::parse(&changed).and_then(|container| container.with_view(&stage.bundle, &stage.host));
    assert!(matches!(again, Ok(None)), "once is enough: {text}");
    stage.take_away(&mut after, &before);
    assert_eq!(without_empty_variable(after), without_empty_variable(before), "{text}");
}

/// A process gets the library into its `LD_PRELOAD` once.
fn with_preload(text: &str) {
    let with = |text: &str| -> anyhow::Result<String> {
        let mut edits = Edits::of(text);
        process::set_preload(&mut edits, Node::of(text)?, LIBRARY)?;
        edits.apply()
    };
    let Ok(changed) = with(text) else { return };
    assert_eq!(with(&changed).expect("it was just changed"), changed);
    let preload = process::preload(Node::of(&changed).expect("JSON")).expect("an environment").expect("a value");
    assert!(preload.split([':', ' ']).any(|entry| entry.contains("libcgproc")) || changed == text, "{preload}");
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// A container's root, and a host that has the package.
struct Stage {
    bundle: PathBuf,
    host: Host,
}

impl Stage {
    /// One whose programs have glibc, and one of musl.
    fn both() -> &'static [Self; 2] {
        static STAGES: OnceLock<[Stage; 2]> = OnceLock::new();
        STAGES.get_or_init(|| {
            let home = home::directory("config");
            ["lib64/ld-linux-x86-64.so.2", "lib/ld-musl-x86_64.so.1"].map(|loader| Self::new(&home, loader))
        })
    }

    fn new(home: &Path, loader: &str) -> Self {
        let home = home.join(loader.replace('/', "-"));
        let rootfs = home.join("bundle/rootfs");
        for directory in [rootfs.join("etc"), rootfs.join("usr/lib"), home.join("lib"), home.join("board")] {
            fs::create_dir_all(directory).expect("a directory");
        }
        fs::create_dir_all(rootfs.join(loader).parent().expect("a parent")).expect("a directory");
        for file in [rootfs.join(loader), home.join("lib/libcgproc.so"), home.join("lib/ld.so.preload")] {
            fs::write(file, "").expect("a file");
        }
        Self { bundle: home.join("bundle"), host: Host { directory: home.join("lib"), board: home.join("board") } }
    }

    fn is_ours(&self, mount: &Value) -> bool {
        let source = mount["source"].as_str().map(Path::new);
        source.is_some_and(|source| source.starts_with(&self.host.directory) || source.starts_with(&self.host.board))
    }

    fn take_away(&self, after: &mut Value, before: &Value) {
        if let Some(mounts) = after.get_mut("mounts").and_then(Value::as_array_mut) {
            mounts.retain(|mount| !self.is_ours(mount));
            undo(after, before, "mounts");
        }
        let Some(process) = after.get_mut("process").filter(|process| process.is_object()) else { return };
        if let Some(env) = process.get_mut("env").and_then(Value::as_array_mut) {
            env.iter_mut().for_each(without_ours);
            env.retain(|entry| {
                !entry.is_null() || before["process"]["env"].as_array().is_some_and(|env| env.contains(entry))
            });
        }
        undo(process, &before["process"], "env");
    }
}

/// What was before ours in a variable; null for a variable that was not there.
fn without_ours(entry: &mut Value) {
    for library in [LIBRARY, LIBRARY_OF_GLIBC] {
        let Some(rest) = entry.as_str().and_then(|entry| entry.strip_prefix("LD_PRELOAD=")?.strip_prefix(library))
        else {
            continue;
        };
        *entry = rest.strip_prefix(':').map_or(Value::Null, |theirs| Value::String(format!("LD_PRELOAD={theirs}")));
        return;
    }
}

/// A list that became empty is what it was: null, or not there.
fn undo(after: &mut Value, before: &Value, name: &str) {
    if after[name].as_array().is_none_or(|items| !items.is_empty()) {
        return;
    }
    match before.get(name) {
        Some(value) if value.is_null() => after[name] = Value::Null,
        None => drop(after.as_object_mut().expect("an object").remove(name)),
        Some(_) => {}
    }
}

/// An empty variable becomes ours.
fn without_empty_variable(mut configuration: Value) -> Value {
    if let Some(env) = configuration["process"].get_mut("env").and_then(Value::as_array_mut) {
        env.retain(|entry| {
            entry
                .as_str()
                .and_then(|entry| entry.strip_prefix("LD_PRELOAD="))
                .is_none_or(|value| !value.trim_matches([' ', ':', '\t', '\n']).is_empty())
        });
    }
    configuration
}
