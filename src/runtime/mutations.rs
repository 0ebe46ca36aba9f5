//! Configurations of every kind: as engines write them, and changed at random. Whatever comes, nothing of it is lost.

use super::container::Container;
use crate::inject::layout::{BOARD, DIRECTORY, Host, LIBRARY, PRELOAD};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};
use tempfile::TempDir;

/// A bundle, and a host that has the package.
struct Stage {
    home: TempDir,
}

impl Stage {
    fn new(loaders: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        for directory in ["bundle/rootfs/etc", "bundle/rootfs/usr/lib", "lib", "board"] {
            fs::create_dir_all(home.path().join(directory)).unwrap();
        }
        for file in ["lib/libcgproc.so", "lib/ld.so.preload"] {
            fs::write(home.path().join(file), "").unwrap();
        }
        let stage = Self { home };
        for loader in loaders {
            let path = stage.rootfs().join(loader);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        stage
    }

    fn bundle(&self) -> PathBuf {
        self.home.path().join("bundle")
    }

    fn rootfs(&self) -> PathBuf {
        self.bundle().join("rootfs")
    }

    fn host(&self) -> Host {
        Host { directory: self.home.path().join("lib"), board: self.home.path().join("board") }
    }

    fn changed(&self, text: &str) -> Option<String> {
        Container::parse(text).and_then(|container| container.with_view(&self.bundle(), &self.host())).ok().flatten()
    }

    /// What is mounted from the host, and `LD_PRELOAD`, in the changed configuration; nothing if it is not changed.
    fn given(&self, configuration: &Value) -> (Vec<String>, Option<String>) {
        let Some(changed) = self.changed(&configuration.to_string()) else { return (Vec::new(), None) };
        assert_eq!(self.changed(&changed), None, "once is enough");
        let changed: Value = serde_json::from_str(&changed).unwrap();
        let mounts = changed["mounts"].as_array().unwrap();
        let ours = mounts.iter().filter(|mount| self.is_ours(mount));
        let destinations = ours.map(|mount| mount["destination"].as_str().unwrap().to_owned()).collect();
        let variable = changed["process"]["env"].as_array().and_then(|env| {
            env.iter().filter_map(Value::as_str).find_map(|entry| entry.strip_prefix("LD_PRELOAD=").map(str::to_owned))
        });
        (destinations, variable)
    }

    fn is_ours(&self, mount: &Value) -> bool {
        let source = mount["source"].as_str().map(Path::new);
        source.is_some_and(|source| source.starts_with(self.home.path()))
    }
}

#[cfg(target_arch = "x86_64")]
const LOADERS: [&str; 2] = ["lib64/ld-linux-x86-64.so.2", "lib/ld-musl-x86_64.so.1"];
#[cfg(target_arch = "aarch64")]
const LOADERS: [&str; 2] = ["lib/ld-linux-aarch64.so.1", "lib/ld-musl-aarch64.so.1"];

const OF_GLIBC: &str = "/usr/lib/cgproc/$PLATFORM/libcgproc.so";

/// As Docker writes it, shortened.
fn plain() -> Value {
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false, "user": {"uid": 0, "gid": 0, "umask": 18}, "args": ["sleep", "1"],
            "env": ["PATH=/usr/bin:/bin", "HOSTNAME=c1"], "cwd": "/", "oomScoreAdj": 0,
            "capabilities": {"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"]},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "c1",
        "mounts": [
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance"]),
            mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777"])
        ],
        "annotations": {"org.example": "x"},
        "linux": {
            "resources": {"memory": {"limit": 536_870_912}, "cpu": {"shares": 1024, "quota": 150_000, "period": 100_000}},
            "cgroupsPath": "/docker/c1",
            "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}],
            "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/bus"], "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}
        }
    })
}

/// The plain configuration with one thing changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut configuration = plain();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = configuration.pointer_mut(parent).unwrap();
    match name {
        "-" => parent.as_array_mut().unwrap().push(value),
        _ => parent[name] = value,
    }
    configuration
}

fn mounted(destination: &str, kind: &str, options: &[&str]) -> Value {
    with("/mounts/-", json!({"destination": destination, "type": kind, "source": "/somewhere", "options": options}))
}

#[test]
fn what_each_libc_is_given() {
    let [glibc, musl] = LOADERS;
    let all = [DIRECTORY, BOARD, PRELOAD].map(str::to_owned);
    assert_eq!(Stage::new(&[glibc]).given(&plain()), (all.to_vec(), None));
    assert_eq!(Stage::new(&[musl]).given(&plain()), (all[..2].to_vec(), Some(LIBRARY.to_owned())));
    assert_eq!(Stage::new(&[glibc, musl]).given(&plain()), (all.to_vec(), Some(LIBRARY.to_owned())));
    assert_eq!(Stage::new(&[]).given(&plain()), (Vec::new(), None), "nothing there would load it");
}

#[test]
fn an_images_own_preload_stays() {
    let [glibc, musl] = LOADERS;
    let stage = Stage::new(&[glibc]);
    let jemalloc = with("/process/env/-", json!("LD_PRELOAD=/j.so"));
    assert_eq!(stage.given(&jemalloc).1.as_deref(), Some("/j.so"), "the file does not touch it");
    assert_eq!(Stage::new(&[musl]).given(&jemalloc).1, Some(format!("{LIBRARY}:/j.so")));
    for (text, variable) in [("/x.so\n", Some(OF_GLIBC)), ("/usr/lib/libcgproc.so\n", None), ("# nothing\n", None)] {
        fs::write(stage.rootfs().join("etc/ld.so.preload"), text).unwrap();
        let (mounts, given) = stage.given(&plain());
        assert_eq!(given.as_deref(), variable, "{text:?}");
        assert_eq!(mounts.iter().any(|mount| mount == PRELOAD), text.starts_with('#'), "{text:?}");
    }
}

#[test]
fn mounts_of_others_stay_in_sight() {
    let stage = Stage::new(&LOADERS[..1]);
    for (configuration, expected, variable) in [
        (mounted("/run", "tmpfs", &["nosuid"]), &[DIRECTORY, BOARD, PRELOAD][..], None),
        (mounted("/run", "tmpfs", &["ro"]), &[DIRECTORY, PRELOAD], None),
        (mounted("/run", "bind", &["rbind"]), &[DIRECTORY, PRELOAD], None),
        (mounted("/run/cgproc", "bind", &["rbind"]), &[DIRECTORY, PRELOAD], None),
        (mounted("/run/cgproc/below", "bind", &["rbind"]), &[DIRECTORY, PRELOAD], None),
        (mounted("/etc", "bind", &["rbind"]), &[DIRECTORY, BOARD], Some(OF_GLIBC)),
        (mounted("/etc/ld.so.preload", "bind", &["bind"]), &[DIRECTORY, BOARD], Some(OF_GLIBC)),
        (with("/process/cwd", json!("/run/cgproc/made")), &[DIRECTORY, PRELOAD], None),
        (with("/process/cwd", json!("/run/cgproc")), &[DIRECTORY, BOARD, PRELOAD], None),
        (with("/linux/devices", json!([{"path": "/run/cgproc/null"}])), &[DIRECTORY, PRELOAD], None),
        // Without a place for the library there is no use for the rest.
        (mounted("/usr/lib", "bind", &["rbind"]), &[], None),
        (mounted("/usr/lib/cgproc", "bind", &["rbind"]), &[], None),
        // Nobody knows what is there.
        (mounted("/lib64", "bind", &["rbind"]), &[], None),
        (mounted("/", "bind", &["rbind"]), &[], None),
    ] {
        let (mounts, given) = stage.given(&configuration);
        assert_eq!(
            (mounts.as_slice(), given.as_deref()),
            (expected.map_strings().as_slice(), variable),
            "{configuration}"
        );
    }
}

trait Strings {
    fn map_strings(&self) -> Vec<String>;
}

impl Strings for [&str] {
    fn map_strings(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn a_mount_behind_a_link_is_seen() {
    let stage = Stage::new(&LOADERS[..1]);
    std::os::unix::fs::symlink("/run", stage.rootfs().join("var-run")).unwrap();
    assert_eq!(stage.given(&mounted("/var-run", "bind", &["rbind"])).0, [DIRECTORY, PRELOAD]);
}

#[test]
fn what_a_user_namespace_cannot_make_is_not_asked_for() {
    let stage = Stage::new(&LOADERS[..1]);
    let own = rustix::process::geteuid().as_raw();
    let mapped = |user: u32| {
        let mut configuration = with("/linux/namespaces/-", json!({"type": "user"}));
        configuration["linux"]["uidMappings"] = json!([{"containerID": 0, "hostID": user, "size": 65536}]);
        configuration
    };
    // Directories for the tests are their user's alone.
    fs::set_permissions(stage.home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(stage.given(&mapped(own)).0, [DIRECTORY, BOARD, PRELOAD]);
    assert_eq!(stage.given(&mapped(own + 1)).0, [""; 0]);
    assert_eq!(
        stage.given(&with("/linux/namespaces/-", json!({"type": "user", "path": "/proc/1/ns/user"}))).0,
        [""; 0]
    );
    for directory in ["usr/lib/cgproc", "run/cgproc"] {
        fs::create_dir_all(stage.rootfs().join(directory)).unwrap();
    }
    fs::write(stage.rootfs().join("etc/ld.so.preload"), "").unwrap();
    assert_eq!(stage.given(&mapped(own + 1)).0, [DIRECTORY, BOARD, PRELOAD], "all is there");
    fs::set_permissions(stage.host().board, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(stage.given(&mapped(own + 1)).0, [DIRECTORY, PRELOAD]);
}

#[test]
fn other_containers_stay_as_they_are() {
    let stage = Stage::new(&LOADERS[..1]);
    for (pointer, value) in [
        ("/linux", Value::Null),
        ("/vm", json!({"kernel": {"path": "/k"}})),
        ("/windows", json!({})),
        ("/root/path", json!("none")),
        ("/root", Value::Null),
        ("/mounts", json!({})),
        ("/Mounts", json!([])),
    ] {
        assert_eq!(stage.given(&with(pointer, value)), (Vec::new(), None), "{pointer}");
    }
    assert_eq!(stage.given(&with("/mounts", Value::Null)).0, [DIRECTORY, BOARD, PRELOAD]);
    assert_eq!(stage.given(&with("/process", Value::Null)).0, [DIRECTORY, BOARD, PRELOAD]);
    fs::remove_file(stage.home.path().join("lib/libcgproc.so")).unwrap();
    assert_eq!(stage.given(&plain()).0, [""; 0], "the package is gone");
}

#[test]
fn what_is_gone_is_taken_out_again() {
    let stage = Stage::new(&LOADERS[..1]);
    let without_gone = |text: &str| {
        let changed = Container::parse(text).unwrap().without_gone(&stage.host()).unwrap();
        changed.map(|text| serde_json::from_str::<Value>(&text).unwrap())
    };
    let mut configuration = plain();
    // Theirs, if only by an option.
    let source = stage.host().board;
    let own = json!({"destination": BOARD, "type": "bind", "source": source, "options": ["rbind", "ro"]});
    configuration["mounts"].as_array_mut().unwrap().push(own);
    for configuration in [plain(), configuration] {
        let changed = stage.changed(&configuration.to_string()).unwrap();
        assert_eq!(without_gone(&changed), None, "all is there");
        let away = ["lib", "board"]
            .map(|name| (stage.home.path().join(name), stage.home.path().join(name.to_owned() + "-away")));
        let [(library, library_away), (board, board_away)] = &away;
        fs::rename(board, board_away).unwrap();
        let ours = without_gone(&changed).map(|it| it["mounts"].as_array().unwrap().len());
        let expected = (configuration == plain()).then(|| plain()["mounts"].as_array().unwrap().len() + 2);
        assert_eq!(ours, expected, "the library is there");
        fs::rename(library, library_away).unwrap();
        assert_eq!(without_gone(&changed), Some(configuration));
        for (path, away) in &away {
            fs::rename(away, path).unwrap();
        }
    }
}

/// A change of a configuration.
#[derive(Clone, Debug)]
enum Mutation {
    Remove(Index),
    Set(Index, Value),
    /// Gives the value of one place to another.
    Move(Index, Index),
    AddField(Index, String, Value),
    AddItem(Index, Value),
    /// Of the text.
    Byte(Index, u8),
    Cut(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<Index>;
    prop_oneof![
        4 => place().prop_map(Mutation::Remove),
        8 => (place(), value()).prop_map(|(at, value)| Mutation::Set(at, value)),
        3 => (place(), place()).prop_map(|(from, to)| Mutation::Move(from, to)),
        4 => (place(), name(), value()).prop_map(|(at, name, value)| Mutation::AddField(at, name, value)),
        4 => (place(), value()).prop_map(|(at, value)| Mutation::AddItem(at, value)),
        2 => (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        1 => place().prop_map(Mutation::Cut),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("mounts".to_owned()),
        Just("Mounts".to_owned()),
        Just("env".to_owned()),
        Just("vm".to_owned()),
        "\\PC{0,8}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("/run"),
        Just("/usr"),
        Just("/etc/ld.so.preload"),
        Just("/etc/../run"),
        Just("../.."),
        Just("LD_PRELOAD=/j.so"),
        Just("LD_PRELOAD="),
        Just("\u{0}"),
        Just("bind"),
        Just("user"),
        Just(""),
    ];
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        Just(json!(-1)),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!({"destination": "/run/cgproc", "source": "/x", "options": null})),
        Just(json!({"destination": "/usr/lib", "source": "/x", "type": "tmpfs"})),
    ]
}

/// All places of a value, as JSON pointers.
fn pointers(value: &Value, here: String, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                pointers(value, format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, format!("{here}/{index}"), all);
            }
        }
        _ => {}
    }
    all.push(here);
}

fn mutated(mutations: &[Mutation]) -> Vec<u8> {
    let mut configuration = plain();
    for mutation in mutations {
        let mut all = Vec::new();
        pointers(&configuration, String::new(), &mut all);
        let at = |index: &Index| index.get(&all).clone();
        let mut set = |place: &str, value: Value| *configuration.pointer_mut(place).unwrap() = value;
        match mutation {
            Mutation::Remove(place) => set(&at(place), Value::Null),
            Mutation::Set(place, value) => set(&at(place), value.clone()),
            Mutation::Move(from, to) => {
                let value = configuration.pointer(&at(from)).unwrap().clone();
                *configuration.pointer_mut(&at(to)).unwrap() = value;
            }
            Mutation::AddField(place, name, value) => {
                if let Value::Object(fields) = configuration.pointer_mut(&at(place)).unwrap() {
                    fields.insert(name.clone(), value.clone());
                }
            }
            Mutation::AddItem(place, value) => {
                if let Value::Array(items) = configuration.pointer_mut(&at(place)).unwrap() {
                    items.push(value.clone());
                }
            }
            Mutation::Byte(..) | Mutation::Cut(_) => {}
        }
    }
    let mut text = configuration.to_string().into_bytes();
    for mutation in mutations {
        match mutation {
            Mutation::Byte(place, byte) if !text.is_empty() => *place.get_mut(&mut text) = *byte,
            Mutation::Cut(place) if !text.is_empty() => text.truncate(place.index(text.len())),
            _ => {}
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// What is added can be taken away again, and then everything is as it was.
    #[test]
    fn nothing_is_lost(libc in 0..2_usize, mutations in prop::collection::vec(mutation(), 0..5)) {
        static STAGES: OnceLock<[Stage; 2]> = OnceLock::new();
        let stage = &STAGES.get_or_init(|| LOADERS.map(|loader| Stage::new(&[loader])))[libc];
        let Ok(text) = String::from_utf8(mutated(&mutations)) else { return Ok(()) };
        let Some(changed) = stage.changed(&text) else { return Ok(()) };
        prop_assert_eq!(stage.changed(&changed), None);
        let before: Value = serde_json::from_str(&text).unwrap();
        let mut after: Value = serde_json::from_str(&changed).unwrap();
        stage.take_away(&mut after, &before);
        prop_assert_eq!(without_empty_variable(after), without_empty_variable(before));
    }
}

impl Stage {
    /// Takes what is ours out of a changed configuration.
    fn take_away(&self, after: &mut Value, before: &Value) {
        let mounts = after["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| !self.is_ours(mount));
        if mounts.is_empty() {
            undo(after, before, "mounts");
        }
        let Some(env) = after["process"].get_mut("env").and_then(Value::as_array_mut) else { return };
        for library in [LIBRARY, OF_GLIBC] {
            let ours = format!("LD_PRELOAD={library}");
            env.retain(|entry| entry != &json!(ours));
            for entry in env.iter_mut() {
                let theirs = entry.as_str().and_then(|entry| entry.strip_prefix(&ours)?.strip_prefix(':'));
                if let Some(theirs) = theirs.map(|theirs| format!("LD_PRELOAD={theirs}")) {
                    *entry = json!(theirs);
                }
            }
        }
        if env.is_empty() {
            undo(&mut after["process"], &before["process"], "env");
        }
    }
}

/// An empty variable becomes ours.
fn without_empty_variable(mut configuration: Value) -> Value {
    if let Some(env) = configuration["process"].get_mut("env").and_then(Value::as_array_mut) {
        env.retain(|entry| entry != &json!("LD_PRELOAD="));
    }
    configuration
}

/// A field that was null, or that was not there.
fn undo(after: &mut Value, before: &Value, name: &str) {
    match before.get(name) {
        Some(value) => after[name] = value.clone(),
        None => {
            after.as_object_mut().unwrap().remove(name);
        }
    }
}
