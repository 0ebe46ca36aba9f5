//! `cgproc explain`: each figure with its sources, and with the cgroup that imposed the limit.

use crate::{
    bed,
    bed::{Container, Version},
    harness::{Started, cgproc, directory, err, out, printed, run, tempfile, waiting},
};
use serde_json::Value;
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The figures that `cgproc explain --json FIGURE` prints when run by `command`.
fn figures(command: &mut Command) -> Vec<Value> {
    let text = printed(&command.output().expect("cgproc"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The only figure with this name.
fn figure<'f>(figures: &'f [Value], name: &str) -> &'f Value {
    let mut named = figures.iter().filter(|figure| figure["name"] == name);
    let found = named.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(named.next().is_none(), "{name} appears twice");
    found
}

/// Seven nested cgroups in each controller's hierarchy, with limits at different levels.
struct Tree {
    /// The highest cgroup of each hierarchy, each listed once.
    tops: Vec<PathBuf>,
    name: String,
}

/// The limit of each controller: its level, its file on v1 and v2, and the value written. Version 1 refuses a limit
/// wider than that above it or narrower than that below.
const LIMITS: [(&str, usize, [&str; 2], [&str; 2]); 9] = [
    ("memory", 3, ["memory.limit_in_bytes", "memory.max"], ["300M", "300M"]),
    ("memory", 5, ["memory.limit_in_bytes", "memory.max"], ["400M", "400M"]),
    ("cpu", 2, ["cpu.cfs_quota_us", "cpu.max"], ["90000", "90000 100000"]),
    ("cpu", 3, ["cpu.cfs_quota_us", "cpu.max"], ["50000", "50000 100000"]),
    ("cpu", 6, ["cpu.shares", "cpu.max"], ["1024", "70000 100000"]),
    ("pids", 4, ["pids.max", "pids.max"], ["77", "77"]),
    ("cpuset", 7, ["cpuset.cpus", "cpuset.cpus"], ["0", "0"]),
    ("cpuset", 6, ["cpuset.cpus", "cpuset.cpus"], ["0", "0"]),
    ("cpuset", 5, ["cpuset.cpus", "cpuset.cpus"], ["0", "0"]),
];

impl Tree {
    fn new() -> Self {
        let mut tree = Self { tops: Vec::new(), name: format!("cgproc-explain-{}", std::process::id()) };
        for controller in ["memory", "cpu", "pids", "cpuset"] {
            let top = root_of(controller).join(&tree.name);
            if !tree.tops.contains(&top) {
                tree.tops.push(top);
                (1..=7).for_each(|level| make(&tree.level(controller, level), level < 7));
            }
            tree.limit(controller);
        }
        tree
    }

    fn limit(&self, limited: &str) {
        let version = usize::from(bed::version() == Version::V2);
        for (controller, level, files, values) in LIMITS.iter().filter(|limit| limit.0 == limited) {
            write(&self.level(controller, *level).join(files[version]), values[version]);
        }
    }

    /// The directory of a level; the highest is 1.
    fn level(&self, controller: &str, level: usize) -> PathBuf {
        let top = root_of(controller).join(&self.name);
        (2..=level).fold(top, |path, level| path.join(format!("l{level}")))
    }

    /// Runs the command with `arguments` inside the lowest level.
    fn inside(&self, arguments: &[&str]) -> Command {
        let lowest = ["memory", "cpu", "pids", "cpuset"].map(|controller| self.level(controller, 7));
        let join = lowest.map(|directory| format!("echo $$ >{}/cgroup.procs; ", directory.display())).concat();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{join} exec \"$@\""), "sh"]).arg(bed::command()).args(arguments);
        command.env_remove("LD_PRELOAD");
        command
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        for top in &self.tops {
            let _ = Command::new("find").arg(top).args(["-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]).status();
        }
    }
}

/// The top of the hierarchy of `controller`.
fn root_of(controller: &str) -> PathBuf {
    match bed::version() {
        Version::V1 => Path::new("/sys/fs/cgroup").join(controller),
        Version::V2 => "/sys/fs/cgroup".into(),
    }
}

fn make(directory: &Path, has_below: bool) {
    fs::create_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let parent = directory.parent().expect("a parent");
    match bed::version() {
        Version::V1 if directory.join("cpuset.cpus").exists() => {
            for file in ["cpuset.cpus", "cpuset.mems"] {
                write(&directory.join(file), &fs::read_to_string(parent.join(file)).expect(file));
            }
        }
        Version::V2 if has_below => write(&directory.join("cgroup.subtree_control"), "+memory +cpu +cpuset +pids"),
        _ => {}
    }
}

fn write(file: &Path, value: &str) {
    fs::write(file, value).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

#[test]
fn the_right_one_of_seven_levels_is_named() {
    bed::log_machine();
    let tree = Tree::new();
    let all = figures(&mut tree.inside(&["explain", "--json"]));
    let machine_has_more = bed::host().cpus > 1;
    for (name, controller, level) in [
        ("memory.total", "memory", 3),
        ("meminfo.MemTotal", "memory", 3),
        ("cpus.quota", "cpu", 3),
        ("cpus.capacity", "cpu", 3),
        ("threads-max", "pids", 4),
        ("cpus.online", "cpuset", 5),
        ("cpus.count", "cpuset", 5),
    ] {
        if controller == "cpuset" && !machine_has_more {
            continue;
        }
        let limited_by = &figure(&all, name)["limited_by"];
        let expected = tree.level(controller, level);
        assert_eq!(limited_by["by"], "cgroup", "{name}");
        assert_eq!(limited_by["name"].as_str(), expected.to_str(), "{name}");
    }
    assert_eq!(figure(&all, "memory.total")["value_bytes"], 300 << 20);
    assert_eq!(figure(&all, "meminfo.MemTotal")["value_kib"], 300 << 10);
    assert_eq!(figure(&all, "cpus.quota")["value_cpus"], 0.5);
    assert_eq!(figure(&all, "cpus.online")["value_list"], "0");
    assert_eq!(figure(&all, "threads-max")["value_threads"], 77);
}

#[test]
fn the_sources_are_the_files_with_their_texts() {
    let options = ["--memory", "256M", "--cpus", "0.5"];
    let script = format!("{} explain --json", bed::command().display());
    let all: Vec<Value> = serde_json::from_str(&printed(&run(&options, &script))).expect("JSON");
    let limit = if bed::version() == Version::V1 { "memory.limit_in_bytes" } else { "memory.max" };
    let is_limit = |source: &&Value| source["path"].as_str().is_some_and(|path| path.ends_with(limit));
    let total = figure(&all, "memory.total");
    let first = total["sources"].as_array().expect("an array").iter().find(is_limit).expect(limit);
    assert_eq!(first["value"], (256 << 20).to_string());
    assert_eq!(total["value_bytes"], 256 << 20);
    assert_eq!(total["is_kernels"], false);
    let kernels = bed::figure(&fs::read_to_string("/proc/meminfo").expect("/proc/meminfo"), "MemTotal:");
    assert_eq!(total["kernel_bytes"].as_u64(), kernels.map(|kib| kib << 10));
    let cached = figure(&all, "meminfo.Cached")["sources"].as_array().expect("an array");
    assert!(cached.len() == 1 && cached[0]["path"].as_str().is_some_and(|path| path.ends_with("/memory.stat")));
    let key = if bed::version() == Version::V1 { "total_cache " } else { "file " };
    assert!(cached[0]["value"].as_str().is_some_and(|value| value.starts_with(key)), "{cached:?}");
}

#[test]
fn figures_of_one_rule_are_equal() {
    let machines = bed::figure(&fs::read_to_string("/proc/meminfo").expect("/proc/meminfo"), "MemTotal:");
    // So large that the machine's thresholds are lower.
    let half = format!("{}M", machines.expect("MemTotal") >> 11);
    let script = format!("{} explain --json", bed::command().display());
    let all: Vec<Value> = serde_json::from_str(&printed(&run(&["--memory", &half], &script))).expect("JSON");
    let total = figure(&all, "memory.total");
    let amount = |figure: &Value| {
        let in_pages = figure["value_pages"].as_u64().map(|pages| pages << 12);
        let in_kib = figure["value_kib"].as_u64().map(|kib| kib << 10);
        figure["value_bytes"].as_u64().or(in_kib).or(in_pages)
    };
    let same = all.iter().filter(|figure| figure["rule"] == total["rule"]).collect::<Vec<_>>();
    assert!(same.len() > 1);
    for figure in same {
        assert_eq!(amount(figure), amount(total), "{figure}");
    }
}

#[test]
fn each_line_of_the_view_has_a_figure() {
    let script = format!("cat /proc/meminfo; {} explain --json", bed::command().display());
    let text = printed(&run(&["--memory", "256M"], &script));
    let (meminfo, json) = text.split_at(text.find("[\n").expect("JSON"));
    let all: Vec<Value> = serde_json::from_str(json).expect("JSON");
    let lines: Vec<&str> = meminfo.lines().filter_map(|line| line.split(':').next()).collect();
    assert!(lines.len() > 20, "{meminfo}");
    for line in lines {
        let of_line = figure(&all, &format!("meminfo.{line}"));
        assert!(of_line["rule"].as_str().is_some_and(|rule| rule.ends_with('.')), "{line}");
        assert!(of_line["value_kib"].is_u64() || of_line["value_pages"].is_u64(), "{of_line}");
    }
    for name in ["memory.available", "swap.used", "cpus.count", "time.user", "time.idle", "load.1min", "load.running"] {
        figure(&all, name);
    }
}

#[test]
fn every_figure_is_documented_and_there_once() {
    let page = fs::read_to_string(bed::repository("docs/explain.md")).expect("docs/explain.md");
    let mut names = HashSet::new();
    for figure in figures(&mut cgproc(&["explain", "--json"])) {
        let name = figure["name"].as_str().expect("a name");
        let group = name.split('.').next().unwrap_or_default();
        let kind = group.trim_end_matches(|byte: char| byte.is_ascii_digit());
        let documented = if kind == group { format!("`{group}") } else { format!("`{kind}N.") };
        assert!(page.contains(&documented), "{name}");
        assert!(names.insert(name.to_owned()), "{name} appears twice");
    }
}

#[test]
fn what_is_the_kernels_own_says_why() {
    let all = figures(cgproc(&["explain", "--json"]).env("CGPROC", "off"));
    let of_files = all.iter().filter(|figure| !figure["file"].is_null());
    let reasons: Vec<&Value> = of_files.map(|figure| &figure["reason"]).collect();
    assert!(reasons.len() > 50 && reasons.iter().all(|reason| *reason == "CGPROC=off"), "{reasons:?}");
    let load = figures(cgproc(&["explain", "--json", "load.1min"]).env("CGPROC_BOARD", "/nowhere"));
    assert_eq!(load[0]["is_kernels"], true);
    assert!(load[0]["reason"].as_str().is_some_and(|reason| reason.contains("sampler")), "{load:?}");
}

#[test]
fn the_library_makes_no_difference() {
    let script = format!(
        "explain() {{ \"$@\" {} explain --json --pid {} | grep '\"name\": \"[a-z]'; }}\n\
         explain env; echo =; explain env LD_PRELOAD=",
        bed::command().display(),
        std::process::id()
    );
    let text = printed(&run(&["--memory", "256M", "--cpuset", "0"], &script));
    let (with, without) = text.split_once("=\n").expect("two lists");
    assert!(with.lines().count() > 50 && with == without, "{text}");
}

#[test]
fn what_something_else_answers_is_not_the_kernels() {
    let script = "mount -t tmpfs tmpfs /mnt && cp /proc/meminfo /mnt && mount --bind /mnt/meminfo /proc/meminfo && \
                  mount -t tmpfs tmpfs /sys/devices/system/cpu";
    let run = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", &format!("{script} && exec \"$@\""), "sh"]).arg(bed::command());
        command.args(arguments).env_remove("LD_PRELOAD");
        command
    };
    let total = &figures(&mut run(&["explain", "--json", "memory.total"]))[0];
    assert!(total["value_bytes"].is_u64() && total["kernel_bytes"].is_null(), "{total}");
    assert_eq!(total["is_kernels"], false);
    assert!(total["reason"].as_str().is_some_and(|reason| reason.contains("mounted")), "{total}");
    let message = err(&run(&["explain", "cpus.count"]).output().expect("unshare"));
    assert!(message.contains("not visible are ") && message.contains("/sys/devices/system/cpu/online"), "{message}");
}

#[test]
fn figures_have_names_that_people_use() {
    let (other, memberships) = waiting(&["--memory", "256M"]);
    let pid = other.child().to_string();
    let story = |name: &str| printed(&cgproc(&["explain", name, "--pid", &pid]).output().expect("cgproc"));
    for (given, begins) in [
        ("memory.total", "memory.total: 256.0 MiB (268435456 bytes)\n"),
        ("MemTotal", "meminfo.MemTotal: 256.0 MiB (262144 kib)\n"),
        ("meminfo.memtotal", "meminfo.MemTotal: 256.0 MiB (262144 kib)\n"),
        ("memory", "memory.total: 256.0 MiB (268435456 bytes)\n"),
        ("/proc/meminfo", "memory.total: 256.0 MiB (268435456 bytes)\n"),
        ("idle", "time.idle: "),
        ("loadavg", "load.1min: "),
        ("/proc/swaps", "swap.total: "),
        ("present", "cpus.count: "),
        ("avg10", "pressure."),
    ] {
        if given == "avg10" && !Path::new("/proc/pressure").exists() {
            continue;
        }
        let text = story(given);
        assert!(text.starts_with(begins), "{given}: {text}");
        assert!(text.contains("\n  rule     ") && text.contains("\n  kernel   "), "{text}");
    }
    let limit = directory("memory", &memberships);
    let text = story("memory.total");
    assert!(text.contains(&format!("\n  limit    {}\n", limit.display())), "{text}");
    for given in ["total", "memory.total", "swap"] {
        let has = |name: &str| story(given).lines().any(|line| line.starts_with(&format!("{name}: ")));
        assert_eq!((has("memory.total"), has("swap.total")), (given != "swap", given != "memory.total"), "{given}");
    }
    assert_eq!(cgproc(&["explain", ""]).output().expect("cgproc").status.code(), Some(125));
    let unknown = cgproc(&["explain", "colour"]).output().expect("cgproc");
    assert_eq!(unknown.status.code(), Some(125));
    let message = err(&unknown);
    assert!(
        message.starts_with("cgproc: no figure colour; there are ") && message.contains("memory.total"),
        "{message}"
    );
}

#[test]
fn a_name_that_is_misspelt_is_asked_for() {
    for (misspelt, meant) in [
        ("MemFreee", "meminfo.MemFree"),
        ("memory.totel", "memory.total"),
        ("cpus.cout", "cpus.count"),
        ("memry", "memory"),
    ] {
        let message = err(&cgproc(&["explain", misspelt]).output().expect("cgproc"));
        assert!(message.contains(&format!("no figure {misspelt} (did you mean {meant}?)")), "{message}");
    }
}

#[test]
fn words_that_people_use_are_understood() {
    let names = |word: &str| {
        let all = figures(&mut cgproc(&["explain", "--json", word]));
        all.iter().map(|figure| figure["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("nproc"), ["cpus.count", "runtimes.nproc"]);
    assert!(names("RAM").contains(&"memory.total".to_owned()));
    assert!(names("cpu").iter().all(|name| name.starts_with("cpus.")) && names("cpu").len() > 2);
}

#[test]
fn declared_limits_are_told_from_those_of_cgroups() {
    let all = figures(cgproc(&["explain", "--json"]).env("CGPROC_CPUS", "1"));
    let count = figure(&all, "cpus.count");
    assert_eq!(count["value_cpus"], 1);
    if bed::host().cpus > 1 {
        assert_eq!(count["limited_by"]["by"], "setting");
        assert_eq!(count["limited_by"]["name"], "CGPROC_CPUS");
    }
    let script = format!("{} explain --json memory.total", bed::command().display());
    let output = cgproc(&["run", "--memory", "256M", "--", "sh", "-c", &script]).env("CGPROC_MEMORY", "64M").output();
    let declared: Vec<Value> = serde_json::from_str(&printed(&output.expect("cgproc"))).expect("JSON");
    assert_eq!(declared[0]["value_bytes"], 64 << 20);
    assert_eq!(declared[0]["limited_by"]["name"], "CGPROC_MEMORY");
    assert!(declared[0]["rule"].as_str().is_some_and(|rule| rule.contains("CGPROC_MEMORY")), "{declared:?}");
    let source = serde_json::json!([{ "path": "environment", "value": "CGPROC_MEMORY=64M" }]);
    assert_eq!(declared[0]["sources"], source);
}

#[test]
fn runtimes_that_count_by_rules_of_their_own() {
    let cpus = bed::host().cpus as u64;
    let taken = |options: &[&str], variables: &str| {
        let script = format!("{variables} {} explain --json runtimes", bed::command().display());
        // On a machine of one CPU, a line says that 1.25 are none the less one.
        let all: Vec<Value> = serde_json::from_str(&out(&run(options, &script))).expect("JSON");
        ["jdk", "go", "rust", "erlang", "others"].map(|name| {
            let figure = figure(&all, &format!("runtimes.{name}"));
            (figure["value_cpus"].as_u64().expect("a number"), figure["kernel_cpus"].as_u64().expect("a number"))
        })
    };
    let two = cpus.min(2);
    assert_eq!(taken(&["--cpus", "1"], ""), [(1, 1), (two, two), (1, 1), (1, 1), (1, cpus)]);
    assert_eq!(taken(&["--cpus", "1.25"], ""), [(two, two), (two, two), (1, 1), (1, 1), (two, cpus)]);
    assert_eq!(taken(&["--cpus", "1.25", "--cpuset", "0"], ""), [(1, 1); 5]);
    assert_eq!(taken(&[], ""), [(cpus, cpus); 5], "no quota");
    // A declared number is taken as it is, but the rules still go by the kernel's quota.
    let declared = taken(&["--cpus", "1.25"], "CGPROC_CPUS=1");
    assert_eq!(declared, [(1, two), (1, two), (1, 1), (1, 1), (1, cpus)]);
    let script = format!("{0} explain nproc; {0} explain go", bed::command().display());
    let text = printed(&run(&["--cpus", "1"], &script));
    assert!(text.contains("runtimes.nproc: 1 cpu\n") && text.contains(&format!("runtimes.go: {two} cpu")), "{text}");
    assert!(text.contains("takes at least 2") && text.contains("to the nearest number, half up"), "{text}");
    assert!(text.contains(" [docs/cpus.md, "), "{text}");
}

#[test]
fn the_table_has_a_line_for_each_figure() {
    let script = format!("{} explain --all", bed::command().display());
    let text = printed(&run(&["--memory", "256M"], &script));
    let line = |name: &str| text.lines().find(|line| line.split_whitespace().next() == Some(name));
    assert!(text.starts_with("FIGURE ") && text.lines().count() > 90, "{text}");
    let total = line("memory.total").expect("memory.total");
    assert!(total.contains("256.0 MiB") && total.contains("limit of /sys/fs/cgroup"), "{total}");
    assert!(line("load.1min").is_some() && line("meminfo.Cached").is_some() && line("vmstat.nr_zspages").is_none());
}

#[test]
fn the_most_important_figures_fit_a_page() {
    let script = format!("cat /proc/self/cgroup; {} explain", bed::command().display());
    let text = printed(&run(&["--memory", "256M", "--cpus", "0.5"], &script));
    let (memberships, page) = text.split_once("FIGURE ").expect("a table");
    let (table, notes) = page.split_once("\n\n").expect("notes");
    assert!((25..=40).contains(&table.lines().count()), "{page}");
    // The first line has lost its first word.
    for line in table.lines().skip(1) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let line = |name: &str| table.lines().find(|line| line.split(' ').next() == Some(name)).expect(name);
    assert!(line("memory.total").ends_with("a limit (1)"), "{page}");
    assert!(line("cpus.quota").contains("0.50 cpus") && line("cpus.count").contains("1 cpu"), "{page}");
    let limit = directory("memory", memberships);
    // A directory's name is not broken, however long it is.
    let note = notes.split("(2)").next().expect("a note").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(note, format!("(1) the limit of {}", limit.display()));
    for line in notes.lines().filter(|line| !line.contains('/')) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(notes.contains("cgproc explain FIGURE: its rule") && notes.contains("--all:  all "), "{notes}");
    let both = cgproc(&["explain", "--all", "memory"]).output().expect("cgproc");
    assert!(err(&both).contains("cannot be used with"), "{}", err(&both));
}

/// A cgroup above containers, in every hierarchy.
struct Parent(&'static str);

impl Parent {
    fn new() -> Self {
        let name: &str = format!("cgproc-explain-above-{}", std::process::id()).leak();
        Self::hierarchies().iter().for_each(|hierarchy| make(&hierarchy.join(name), true));
        Self(name)
    }

    fn hierarchies() -> Vec<PathBuf> {
        if bed::version() == Version::V2 {
            return vec!["/sys/fs/cgroup".into()];
        }
        let entries = fs::read_dir("/sys/fs/cgroup").expect("/sys/fs/cgroup").flatten();
        let is_of_controllers = |path: &PathBuf| {
            let others = ["systemd", "unified"].map(|name| Path::new("/sys/fs/cgroup").join(name));
            !path.is_symlink() && path.join("cgroup.procs").exists() && !others.contains(path)
        };
        entries.map(|entry| entry.path()).filter(is_of_controllers).collect()
    }

    fn limit(&self, controller: &str, v1: &str, v2: &str, values: [&str; 2]) {
        let (file, value) = if bed::version() == Version::V1 { (v1, values[0]) } else { (v2, values[1]) };
        write(&root_of(controller).join(self.0).join(file), value);
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        for hierarchy in Self::hierarchies() {
            let _ = fs::remove_dir(hierarchy.join(self.0));
        }
    }
}

#[test]
fn limits_out_of_sight_are_told_from_those_in_sight() {
    let parent = Parent::new();
    parent.limit("memory", "memory.limit_in_bytes", "memory.max", ["300M", "300M"]);
    parent.limit("cpu", "cpu.cfs_quota_us", "cpu.max", ["50000", "50000 100000"]);
    let directory = Path::new("/dev/shm").join(tempfile().file_name().expect("a name"));
    fs::create_dir(&directory).expect("a directory");
    let board = directory.join("board");
    let sampler = Started::new(Command::new(bed::command()).args(["sampler", "--board"]).arg(&board));
    let command = bed::command().display().to_string();
    let script = format!(
        "export CGPROC_BOARD={}\n\
         until {command} explain --json cpus.quota 2>&1 | grep -q out_of_sight; do sleep 0.1; done\n\
         {command} explain --json cpus; echo =; {command} explain --json memory.total",
        board.display()
    );
    let container = Container { memory: "400M", quota_usec: None, under: Some(parent.0), ..bed::PLAIN };
    let outcome = container.run(&script, None, bed::PATIENCE_SEC);
    drop(sampler);
    let _ = fs::remove_dir_all(&directory);
    let (cpus, memory) = outcome.text.split_once("=\n").unwrap_or_else(|| panic!("{}", outcome.text));
    let cpus: Vec<Value> = serde_json::from_str(cpus).expect("JSON");
    assert_eq!(figure(&cpus, "cpus.quota")["value_cpus"], 0.5);
    assert_eq!(figure(&cpus, "cpus.quota")["limited_by"]["name"], "the board");
    assert!(bed::host().cpus == 1 || figure(&cpus, "cpus.count")["limited_by"]["by"] == "out_of_sight");
    let memory: Vec<Value> = serde_json::from_str(memory).expect("JSON");
    assert_eq!(figure(&memory, "memory.total")["value_bytes"], 300 << 20);
    assert_eq!(figure(&memory, "memory.total")["limited_by"]["by"], "out_of_sight");
}

#[test]
fn the_disk_is_limited_by_a_setting() {
    let all = figures(cgproc(&["explain", "--json", "disk"]).env("CGPROC_BOARD", "/nowhere"));
    assert_eq!(figure(&all, "disk.total")["reason"], "CGPROC_DISK is not set");
    assert_eq!(figure(&all, "disk.total")["value_bytes"], figure(&all, "disk.total")["kernel_bytes"]);
    let all = figures(cgproc(&["explain", "--json", "disk"]).env("CGPROC_BOARD", "/nowhere").env("CGPROC_DISK", "1G"));
    assert!(figure(&all, "disk.free")["reason"].as_str().is_some_and(|reason| reason.contains("sampler --disk")));
}

/// Gives the container an overlay root, as engines do, and explains the disk once it has been measured.
const ROOTED: &str = "set -e; mkdir upper work root; head -c 8M /dev/zero >upper/written
mount -t overlay overlay -o lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work root
mount -t proc proc root/proc; for it in sys dev; do mount --rbind /$it root/$it; done
command=$PWD/cgproc; cd root; mkdir old; pivot_root . old; umount -l old
until $command explain disk.total | grep -q CGPROC_DISK=64M; do sleep 0.1; done
$command explain --json disk";

#[test]
fn a_disk_that_is_measured_is_limited() {
    let directory = Path::new("/dev/shm").join(tempfile().file_name().expect("a name"));
    fs::create_dir(&directory).expect("a directory");
    let board = directory.join("board");
    let mut sampler = Command::new(bed::command());
    let sampler = Started::new(sampler.args(["sampler", "--disk", "--interval", "0.5", "--board"]).arg(&board));
    let (home, board) = (directory.display(), board.display());
    let command = bed::command();
    let script =
        format!("cd {home}; cp {} cgproc; export CGPROC_BOARD={board} CGPROC_DISK=64M\n{ROOTED}", command.display());
    let outcome = bed::PLAIN.run(&script, None, bed::PATIENCE_SEC);
    drop(sampler);
    let _ = fs::remove_dir_all(&directory);
    let all: Vec<Value> =
        serde_json::from_str(&outcome.text).unwrap_or_else(|error| panic!("{error}: {}", outcome.text));
    let total = figure(&all, "disk.total");
    assert_eq!(total["value_bytes"], 64 << 20);
    assert_eq!(total["limited_by"]["name"], "CGPROC_DISK");
    assert!(figure(&all, "disk.used")["value_bytes"].as_u64().is_some_and(|used| used >= 8 << 20), "{all:?}");
}
