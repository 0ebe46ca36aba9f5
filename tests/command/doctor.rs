//! `cgproc doctor`: the tests break set-ups, and each must be diagnosed.

use crate::{
    bed,
    bed::Version,
    harness::{Public, Started, err, kill, out, tempfile, until},
};
use calc::board::{BLOCK_BYTES, Block, Published};
use serde_json::Value;
use std::{
    fs, io,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The command as the first process of a pid namespace, with its own mounts.
struct Patient {
    before: String,
    variables: Vec<String>,
    command: Command,
}

/// The findings and the exit status.
struct Diagnosis {
    findings: Vec<Value>,
    status: Option<i32>,
}

impl Patient {
    /// With the library preloaded, and nothing wrong.
    fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount", "--mount-proc", "sh", "-ec"]).stdin(Stdio::null());
        command.env_remove("LD_PRELOAD").env("LC_ALL", "C");
        let variables = vec![format!("LD_PRELOAD={}", bed::object().display())];
        Self { before: String::new(), variables, command }
    }

    /// Runs a script in it first.
    fn after(mut self, script: &str) -> Self {
        self.before += &format!("{script}\n");
        self
    }

    /// Sets a variable, or replaces one that it has.
    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|known| !known.starts_with(&format!("{name}=")));
        self.variables.push(format!("{name}={value}"));
        self
    }

    /// Without the library.
    fn bare(mut self) -> Self {
        self.variables.clear();
        self
    }

    fn diagnosed(mut self) -> Diagnosis {
        let script = format!("{}exec env \"$@\"", self.before);
        self.command.arg(script).arg("sh").args(&self.variables).arg(bed::command()).args(["doctor", "--json"]);
        let output = self.command.output().expect("unshare");
        let findings = serde_json::from_str(&out(&output)).unwrap_or_else(|error| panic!("{error}: {}", err(&output)));
        Diagnosis { findings, status: output.status.code() }
    }
}

impl Diagnosis {
    fn find(&self, code: &str) -> Option<&Value> {
        self.findings.iter().find(|finding| finding["code"] == code)
    }

    fn found(&self, code: &str) -> &Value {
        let page = fs::read_to_string(bed::repository("docs/explain.md")).expect("docs/explain.md");
        assert!(page.contains(&format!("`{code}`")), "{code} is not documented");
        self.find(code).unwrap_or_else(|| panic!("no {code} in {:#?}", self.findings))
    }

    /// A problem with a remedy. The status must say that there are problems.
    fn problem(&self, code: &str) -> &Value {
        let found = self.found(code);
        assert_eq!(found["severity"], "problem", "{found}");
        assert!(found["remedy"].is_string() || code == "library-refused", "{found}");
        assert_eq!(self.status, Some(1), "{found}");
        found
    }

    /// Worth knowing, but not a problem.
    fn note(&self, code: &str) -> &Value {
        let found = self.found(code);
        assert_eq!(found["severity"], "note", "{found}");
        found
    }
}

/// A file for one test, removed when dropped.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    fn new(bytes: &[u8]) -> Self {
        Self::at(tempfile().with_extension("so"), bytes)
    }

    fn at(path: PathBuf, bytes: &[u8]) -> Self {
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }

    /// On a tmpfs, as a board must be.
    fn in_memory(bytes: &[u8]) -> Self {
        Self::at(Path::new("/dev/shm").join(tempfile().file_name().expect("a name")), bytes)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }

    pub(crate) fn mode(&self, mode: u32) {
        fs::set_permissions(&self.0, fs::Permissions::from_mode(mode)).expect("its mode");
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// An /etc in which one file has another text.
fn etc(file: &str, text: &str) -> String {
    format!("{} && printf '{text}' >/etc/{file}", bed::OWN_ETC)
}

#[test]
fn a_whole_set_up_is_well() {
    bed::log_machine();
    let diagnosis = Patient::new().diagnosed();
    assert_eq!(diagnosis.status, Some(0), "{:#?}", diagnosis.findings);
    assert_eq!(diagnosis.found("library-loaded")["path"].as_str(), bed::object().to_str());
    assert_eq!(diagnosis.found("processes-none")["severity"], "ok");
    let version = diagnosis.found("cgroups")["found"].as_str().expect("words");
    assert_eq!(version.contains("version 1"), bed::version() == Version::V1, "{version}");
    for finding in &diagnosis.findings {
        assert!(finding["check"].is_string() && finding["found"].is_string(), "{finding}");
    }
}

#[test]
fn a_library_with_another_name_is_known() {
    let renamed = File::new(&fs::read(bed::object()).expect("the library"));
    renamed.mode(0o755);
    assert!(!renamed.path().contains("libcgproc"), "{}", renamed.path());
    let diagnosis = Patient::new().with("LD_PRELOAD", renamed.path()).diagnosed();
    assert_eq!(diagnosis.status, Some(0), "{:#?}", diagnosis.findings);
    assert_eq!(diagnosis.found("library-loaded")["path"], renamed.path());
    // In other processes too, whether they have it or only name it.
    let started = format!(
        "LD_PRELOAD={} sleep 600 & env -u LD_PRELOAD sleep 600 & until grep -q ' r.x.*{}' /proc/$!/../*/maps; \
                           do :; done",
        renamed.path(),
        renamed.path()
    );
    let diagnosis = Patient::new().with("LD_PRELOAD", renamed.path()).after(&started).diagnosed();
    assert_eq!(diagnosis.found("processes-loaded")["found"], "1 of 2 others have the library");
    diagnosis.problem("process-not-named");
}

#[test]
fn the_loaders_directory_is_followed() {
    let home = tempfile();
    let directory = home.join(format!("lib/{}-linux-gnu", std::env::consts::ARCH));
    fs::create_dir_all(&directory).expect("a directory");
    fs::copy(bed::object(), directory.join("libcgproc.so")).expect("a copy");
    let named = format!("{}/$LIB/libcgproc.so", home.display());
    let script = etc("ld.so.preload", &format!("{named}\\n"));
    let diagnosis = Patient::new().bare().after(&script).diagnosed();
    let missing = Patient::new().bare().after(&script.replace("libcgproc.so", "libcgproc-not.so")).diagnosed();
    fs::remove_dir_all(&home).expect("removed");
    assert_eq!(diagnosis.status, Some(0), "{:#?}", diagnosis.findings);
    assert_eq!(diagnosis.found("library-loaded")["path"].as_str(), directory.join("libcgproc.so").to_str());
    missing.problem("library-missing");
}

#[test]
fn containers_are_well() {
    for view in [bed::View::Bind, bed::View::Namespace] {
        let script = format!("exec {} doctor --json", bed::command().display());
        let outcome = bed::Container { view, ..bed::PLAIN }.run(&script, Some(&bed::object()), bed::PATIENCE_SEC);
        assert_eq!(outcome.status, Some(0), "{view:?}: {}", outcome.text);
    }
}

#[test]
fn limits_are_told_whoever_answers_the_files() {
    let command = bed::command().display().to_string();
    let over = "mount -t tmpfs tmpfs /mnt && cp /proc/meminfo /mnt && mount --bind /mnt/meminfo /proc/meminfo";
    for before in ["true", "export CGPROC_FILES=stat", over] {
        let script = format!("{before}; exec {command} doctor");
        let text =
            bed::Container { pids: Some(77), ..bed::PLAIN }.run(&script, Some(&bed::object()), bed::PATIENCE_SEC).text;
        for limit in ["memory.total is 512.0 MiB (", "cpus.quota is 1.50 cpus (", "threads-max is 77 threads ("] {
            assert!(text.contains(limit), "{before}: {text}");
        }
    }
}

#[test]
fn files_of_the_kernels_are_told_with_their_reason() {
    let answers = |pids| {
        let script = format!("exec {} doctor --json", bed::command().display());
        let container = bed::Container { pids, ..bed::PLAIN };
        let text = container.run(&script, Some(&bed::object()), bed::PATIENCE_SEC).text;
        let findings: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let found = findings.iter().filter(|finding| finding["code"] == "kernels");
        found.map(|finding| finding["found"].as_str().expect("words").to_owned()).collect::<Vec<_>>()
    };
    let threads = "/proc/sys/kernel/threads-max: the kernel's own: no limit on processes is set".to_owned();
    let (without, with) = (answers(None), answers(Some(77)));
    assert!(without.contains(&threads), "{without:#?}");
    assert!(!with.contains(&threads), "{with:#?}");
    assert!(!with.iter().any(|found| found.contains("/proc/meminfo")), "{with:#?}");
}

#[test]
fn a_declared_view_is_well() {
    let public = Public::new();
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount", "--mount-proc", "setpriv", "--reuid", "65534", "--regid", "65534"]);
    command.args(["--clear-groups", "--inh-caps=-all"]).arg(public.0.join("cgproc"));
    command.args(["run", "--memory", "64M", "--cpus", "1", "--"]).arg(public.0.join("cgproc")).arg("doctor");
    let output = command.env_remove("CGPROC_OBJECT").env_remove("LD_PRELOAD").output().expect("unshare");
    assert!(err(&output).contains("shown, not enforced"), "{}", err(&output));
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
}

#[test]
fn a_person_reads_a_line_for_each_finding() {
    let output = Command::new(bed::command()).arg("doctor").env_remove("LD_PRELOAD").output().expect("cgproc");
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    assert!(text.starts_with("problem  library    it is not loaded in this process"), "{text}");
    assert!(text.contains("\n                    → set LD_PRELOAD="), "{text}");
    assert!(text.lines().last().is_some_and(|last| last.ends_with("problem") || last.ends_with("problems")), "{text}");
}

#[test]
fn nobody_named_the_library() {
    Patient::new().bare().diagnosed().problem("library-not-named");
}

#[test]
fn the_named_library_is_not_there() {
    let diagnosis = Patient::new().with("LD_PRELOAD", "/nowhere/libcgproc.so").diagnosed();
    assert_eq!(diagnosis.problem("library-missing")["path"], "/nowhere/libcgproc.so");
    diagnosis.problem("library-refused");
}

#[test]
fn the_library_cannot_be_read() {
    let public = Public::new();
    let object = public.0.join("libcgproc.so");
    fs::set_permissions(&object, fs::Permissions::from_mode(0o600)).expect("its mode");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "env"]);
    command.arg(format!("LD_PRELOAD={}", object.display())).arg(public.0.join("cgproc")).args(["doctor", "--json"]);
    let output = command.env_remove("LD_PRELOAD").output().expect("setpriv");
    let findings = serde_json::from_str(&out(&output)).expect("JSON");
    let diagnosis = Diagnosis { findings, status: output.status.code() };
    assert_eq!(diagnosis.problem("library-unreadable")["path"].as_str(), object.to_str());
}

#[test]
fn the_library_is_for_another_machine_or_cut_short() {
    let object = fs::read(bed::object()).expect("the object");
    let mut arm = object.clone();
    arm[18] = 183;
    for (bytes, code) in [
        (arm.as_slice(), "library-architecture"),
        // With complete headers, the loader would accept it, and every program would die of what is missing.
        (&object[..100], "library-truncated"),
        (b"not a library", "library-foreign"),
    ] {
        let named = File::new(bytes);
        let both = format!("{}:{}", named.path(), bed::object().display());
        let diagnosis = Patient::new().with("LD_PRELOAD", &both).diagnosed();
        assert_eq!(diagnosis.problem(code)["path"].as_str(), Some(named.path()));
        assert_eq!(diagnosis.found("library-loaded")["severity"], "ok");
    }
}

#[test]
fn the_loaders_file_names_what_is_not_there() {
    let diagnosis = Patient::new().after(&etc("ld.so.preload", "/nowhere/libcgproc.so\\n")).diagnosed();
    let found = diagnosis.problem("library-missing");
    assert!(found["found"].as_str().is_some_and(|words| words.contains("/etc/ld.so.preload")), "{found}");
}

#[test]
fn settings_that_are_not_understood() {
    let diagnosis = Patient::new().with("CGPROC_MEMORY", "lots").diagnosed();
    let found = diagnosis.problem("setting-not-understood")["found"].as_str().expect("words");
    assert!(found.starts_with("CGPROC_MEMORY=lots is not understood"), "{found}");
    Patient::new().with("CGPROC", "off").diagnosed().problem("off");
    Patient::new().with("CGPROC_FILES", "meminfo").diagnosed().note("files");
    let diagnosis = Patient::new().with("CGPROC_CGROUP", "/no/such/cgroup").diagnosed();
    assert_eq!(diagnosis.problem("cgroup-missing")["path"], "/no/such/cgroup");
    let diagnosis = Patient::new().with("CGPROC_MEMROY", "512M").diagnosed();
    let found = diagnosis.note("setting-unknown");
    assert_eq!(found["path"], "CGPROC_MEMROY");
    assert!(found["found"].as_str().is_some_and(|words| words.ends_with("did you mean CGPROC_MEMORY?")), "{found}");
}

#[test]
fn settings_that_are_in_force_and_not() {
    let with = |name: &str, value: &str| Patient::new().with("CGPROC_BOARD", "/nowhere").with(name, value).diagnosed();
    let diagnosis = with("CGPROC_CPUS", "1");
    assert!(diagnosis.find("settings").is_none());
    assert!(diagnosis.findings.iter().any(|it| it["code"] == "setting" && it["found"] == "CGPROC_CPUS=1"));
    let found = with("CGPROC_DISK", "1G").problem("disk-not-measured")["found"].clone();
    assert!(found.as_str().is_some_and(|words| words.starts_with("CGPROC_DISK=1G: ")), "{found}");
    with("CGPROC_MEMORY", "900T").problem("memory-not-declared");
    with("CGPROC_DEBUG", "/nowhere/notes").note("debug");
}

#[test]
fn the_switch_for_all_programs() {
    let with = |what: &str| {
        let script = format!("mount -t tmpfs tmpfs /run; mkdir /run/cgproc; umask 022; {what} /run/cgproc/off");
        Patient::new().after(&script).diagnosed()
    };
    assert_eq!(with("touch").problem("switched-off")["path"], "/run/cgproc/off");
    let ignored = with("mkfifo");
    assert_eq!(ignored.note("switch-ignored")["path"], "/run/cgproc/off");
    assert!(ignored.find("switched-off").is_none());
}

#[test]
fn the_administrators_file() {
    let diagnosis = Patient::new().after(&etc("cgproc.conf", "CGPROC_CPUS=many\\nCGPROC_UPTIME=host\\n")).diagnosed();
    assert_eq!(diagnosis.found("file-taken")["path"], "/etc/cgproc.conf");
    let line = diagnosis.problem("file-bad-line");
    assert_eq!(line["path"], "/etc/cgproc.conf:1");
    assert!(line["found"].as_str().is_some_and(|words| words.contains(": CGPROC_CPUS takes")), "{line}");
    let setting = diagnosis.found("setting");
    assert_eq!((&setting["severity"], &setting["found"]), (&"ok".into(), &"CGPROC_UPTIME=host".into()), "{setting}");
    assert_eq!(setting["path"], "/etc/cgproc.conf:2");
    let script = etc("cgproc.conf", "CGPROC_CPUS=1\\n") + " && chmod 666 /etc/cgproc.conf";
    let diagnosis = Patient::new().after(&script).diagnosed();
    let found = diagnosis.problem("file-refused")["found"].as_str().expect("words");
    assert!(found.contains("mode 666"), "{found}");
}

/// Block 0 of a board that was published `age_sec` ago.
pub(crate) fn header(age_sec: u64) -> Block {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    let realtime_usec = u64::try_from(now.as_micros()).expect("µs") - age_sec * 1_000_000;
    let published = Published { realtime_usec, void_after_usec: realtime_usec + 15_000_000, ..Published::default() };
    let mut block = Block::header(4);
    block.set_published(&published);
    block
}

/// A board with this header and no slots.
pub(crate) fn board(header: Block) -> File {
    let mut blocks = [[0; BLOCK_BYTES]; 5];
    header.publish(&mut blocks[0]);
    File::in_memory(blocks.as_flattened())
}

fn diagnosis_of_board(path: &str) -> Diagnosis {
    Patient::new().with("CGPROC_BOARD", path).diagnosed()
}

#[test]
fn a_board_that_nobody_keeps() {
    diagnosis_of_board("/nowhere/board").note("board-missing");
    let stale = board(header(3600));
    let diagnosis = diagnosis_of_board(stale.path());
    let found = diagnosis.problem("board-stale")["found"].as_str().expect("words");
    assert!(found.contains("36"), "{found}");
    let mut other = header(0);
    other.words_mut()[2] = 99;
    let other = board(other);
    let diagnosis = diagnosis_of_board(other.path());
    let found = diagnosis.problem("board-version")["found"].as_str().expect("words");
    assert!(found.contains("version 99"), "{found}");
    let short = File::in_memory(&[7; 100]);
    diagnosis_of_board(short.path()).problem("board-garbage");
}

#[test]
fn a_board_that_is_not_believed() {
    let open = board(header(0));
    open.mode(0o666);
    let diagnosis = diagnosis_of_board(open.path());
    let found = diagnosis.problem("board-untrusted")["found"].as_str().expect("words");
    assert!(found.contains("mode 666"), "{found}");
    let link = File::in_memory(b"");
    fs::remove_file(&link.0).expect("removed");
    std::os::unix::fs::symlink(&open.0, &link.0).expect("a link");
    let diagnosis = diagnosis_of_board(link.path());
    assert!(diagnosis.problem("board-untrusted")["found"].as_str().is_some_and(|it| it.contains("symbolic link")));
    let script = "mount -t ramfs ramfs /mnt && : >/mnt/board && chmod 644 /mnt/board";
    let diagnosis = Patient::new().after(script).with("CGPROC_BOARD", "/mnt/board").diagnosed();
    assert!(diagnosis.problem("board-untrusted")["found"].as_str().is_some_and(|it| it.contains("no tmpfs")));
}

#[test]
fn a_sampler_that_ended_or_does_not_see_us() {
    let directory = Path::new("/dev/shm").join(tempfile().file_name().expect("a name"));
    let path = directory.join("board");
    fs::create_dir(&directory).expect("a directory");
    let mut sampler = Started::new(Command::new(bed::command()).args(["sampler", "--board"]).arg(&path));
    until("the board", || path.exists());
    kill(sampler.pid(), libc::SIGTERM);
    sampler.ended();
    let diagnosis = diagnosis_of_board(path.to_str().expect("UTF-8"));
    let _ = fs::remove_dir_all(&directory);
    diagnosis.problem("board-ended");
    let empty = board(header(0));
    let script = format!("{}mount --make-rprivate /", in_a_cgroup());
    let diagnosis = Patient::new().after(&script).with("CGPROC_BOARD", empty.path()).diagnosed();
    leave_cgroups();
    diagnosis.problem("board-no-slot");
}

/// The hierarchies in which a test enters its own cgroup.
fn hierarchies() -> &'static [&'static str] {
    match bed::version() {
        Version::V1 => &["/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpuacct"],
        Version::V2 => &["/sys/fs/cgroup"],
    }
}

fn own_directory(hierarchy: &str) -> String {
    format!("{hierarchy}/cgproc-doctor-{}", std::process::id())
}

/// A script that enters those cgroups.
fn in_a_cgroup() -> String {
    let join = |hierarchy: &&str| {
        let directory = own_directory(hierarchy);
        format!("mkdir -p {directory} && echo 0 >{directory}/cgroup.procs\n")
    };
    hierarchies().iter().map(join).collect()
}

/// Removes a cgroup, unless it still has members.
fn is_removed(directory: &str) -> bool {
    fs::remove_dir(directory).map_or_else(|error| error.kind() != io::ErrorKind::ResourceBusy, |()| true)
}

/// Removes those cgroups once the kernel has forgotten their members.
fn leave_cgroups() {
    for directory in hierarchies().iter().map(|hierarchy| own_directory(hierarchy)) {
        until("the cgroup's end", || is_removed(&directory));
    }
}

#[test]
fn cgroups_that_are_not_mounted() {
    let diagnosis = Patient::new().after("umount -R -l /sys/fs/cgroup").diagnosed();
    let found = diagnosis.problem("cgroups-not-mounted")["found"].as_str().expect("words");
    assert!(found.contains("is not mounted"), "{found}");
}

#[test]
fn an_own_cgroup_outside_of_what_is_mounted() {
    let (hierarchy, mount) = match bed::version() {
        Version::V1 => ("/sys/fs/cgroup/memory", "mount -t cgroup -o memory cgroup /sys/fs/cgroup/memory"),
        Version::V2 => ("/sys/fs/cgroup", "mount -t cgroup2 cgroup2 /sys/fs/cgroup"),
    };
    let below = format!("{hierarchy}/cgproc-outside-{}", std::process::id());
    let outside =
        format!("echo 0 >{hierarchy}/cgroup.procs; umount {hierarchy}; {mount}; rmdir /mnt/x; exec env \"$@\"");
    let script = format!(
        "mount -t tmpfs tmpfs /mnt && mkdir /mnt/x {below} && echo 0 >{below}/cgroup.procs && \
         exec unshare --cgroup sh -ec '{outside}' sh \"$@\""
    );
    let diagnosis = Patient::new().after(&script).diagnosed();
    let _ = fs::remove_dir(&below);
    let found = diagnosis.problem("cgroups-outside")["found"].as_str().expect("words");
    assert!(found.contains("outside of the cgroup namespace"), "{found}");
}

/// Starts a program that sleeps, and waits until it sleeps or has ended.
const START: &str = "start() { \"$@\" 600 2>/dev/null & \
    until grep -qsE 'sleep|busybox|gains' /proc/$!/comm && grep -qs '^State:.S' /proc/$!/status; do \
    kill -0 $! || exit; sleep 0.01; done; }";

#[test]
fn other_processes_without_the_library() {
    let busybox = bed::cache().join("busybox-static/bin/busybox");
    let object = bed::object().display().to_string();
    let start = format!(
        "{START}\nstart env LD_PRELOAD={object} sleep\nstart env -i sleep\n\
         start env -i LD_PRELOAD=/nowhere/libcgproc.so sleep\nstart env LD_PRELOAD={object} {} sleep\n\
         mount -t tmpfs -o mode=755 tmpfs /mnt && cp \"$(command -v sleep)\" /mnt/gains && chown 65534 /mnt/gains && \
         chmod 4755 /mnt/gains\nstart env LD_PRELOAD={object} /mnt/gains",
        busybox.display()
    );
    let diagnosis = Patient::new().after(&start).diagnosed();
    assert_eq!(
        diagnosis.found("processes-loaded")["found"],
        "1 of 5 others have the library",
        "{:#?}",
        diagnosis.findings
    );
    for (code, name) in [("process-static", "busybox"), ("process-secure", "gains")] {
        assert!(diagnosis.note(code)["found"].as_str().is_some_and(|words| words.contains(name)), "{code}");
    }
    for code in ["process-not-named", "process-library-missing"] {
        assert!(diagnosis.problem(code)["found"].as_str().is_some_and(|words| words.contains("sleep")), "{code}");
    }
}

#[test]
fn what_other_processes_name_is_opened_with_care() {
    // Opening a FIFO without a writer waits, and /dev/zero has no end, so the files are replaced only after the
    // programs have started.
    let start = format!(
        "{START}\nmount -t tmpfs tmpfs /mnt\n\
         start env LD_PRELOAD=/mnt/libcgproc.so sleep\nstart env LD_PRELOAD=/mnt/libcgproc.so.1 sleep\n\
         mkfifo /mnt/libcgproc.so && ln -s /dev/zero /mnt/libcgproc.so.1"
    );
    let diagnosis = Patient::new().after(&start).diagnosed();
    let found = diagnosis.problem("process-library-broken")["found"].as_str().expect("words");
    assert_eq!(found.matches("sleep").count(), 2, "{found}");
}

#[test]
fn processes_that_turn_it_off() {
    let start = format!("{START}\nstart env CGPROC=off LD_PRELOAD={} sleep", bed::object().display());
    let diagnosis = Patient::new().after(&start).diagnosed();
    assert!(diagnosis.note("process-off")["found"].as_str().is_some_and(|words| words.contains("sleep")));
    assert_eq!(diagnosis.status, Some(0));
}

#[test]
fn processes_that_refused_the_library_or_began_before() {
    let object = bed::object();
    let start = format!("{START}\nstart env -i sleep");
    let preload = etc("ld.so.preload", &format!("{}\\n", object.display()));
    let diagnosis = Patient::new().bare().after(&start).after(&preload).diagnosed();
    assert!(diagnosis.problem("process-before")["found"].as_str().is_some_and(|words| words.contains("sleep")));
    let start = format!(
        "{START}\nmount -t tmpfs tmpfs /mnt && head -c 100 {} >/mnt/libcgproc.so\n\
         start env LD_PRELOAD=/mnt/libcgproc.so sleep",
        object.display()
    );
    let diagnosis = Patient::new().after(&start).diagnosed();
    assert!(diagnosis.problem("process-library-broken")["found"].as_str().is_some_and(|words| words.contains("sleep")));
}

#[test]
fn what_else_is_in_the_way() {
    let script = "mount -t tmpfs tmpfs /mnt && cp /proc/uptime /mnt && mount --bind /mnt/uptime /proc/uptime";
    let diagnosis = Patient::new().after(script).diagnosed();
    assert_eq!(diagnosis.note("mounted-over")["path"], "/proc/uptime");
    Patient::new().after("mount -t proc -o hidepid=2 proc /proc").diagnosed().note("hidepid");
    let diagnosis = Patient::new().after("ulimit -f 1").diagnosed();
    assert_eq!(diagnosis.problem("file-size")["path"], "RLIMIT_FSIZE");
}

#[test]
fn a_filter_of_system_calls() {
    if !fs::read_to_string("/proc/self/status").expect("its status").contains("Seccomp:") {
        println!("this kernel has no seccomp");
        return;
    }
    let mut patient = Patient::new();
    // SAFETY: it only makes two system calls, and uses nothing that another thread could have left half done.
    unsafe { patient.command.pre_exec(filter) };
    patient.diagnosed().note("seccomp");
}

/// Installs a filter that lets every call pass.
fn filter() -> io::Result<()> {
    const RETURN: u16 = 0x06;
    let mut allow = libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    let program = libc::sock_fprog { len: 1, filter: &raw mut allow };
    // SAFETY: the program outlives the call.
    match unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[test]
fn a_read_only_mount_has_no_triggers() {
    if bed::version() == Version::V1 || !Path::new("/proc/pressure/memory").exists() {
        println!("this kernel has no pressure of cgroups");
        return;
    }
    let script = format!("{}mount -o remount,ro,bind /sys/fs/cgroup", in_a_cgroup());
    let diagnosis = Patient::new().after(&script).diagnosed();
    leave_cgroups();
    diagnosis.note("pressure-read-only");
}

#[test]
fn controllers_that_nobody_enabled() {
    if bed::version() == Version::V1 {
        println!("skipped: version 1 enables controllers by mounting them");
        return;
    }
    let above = format!("/sys/fs/cgroup/cgproc-enabled-{}", std::process::id());
    let script = format!("mkdir -p {above}/x && echo 0 >{above}/x/cgroup.procs");
    let diagnosis = Patient::new().after(&script).diagnosed();
    for directory in [format!("{above}/x"), above] {
        until("the cgroup's end", || is_removed(&directory));
    }
    let found = diagnosis.note("cgroups-not-enabled")["found"].as_str().expect("words");
    assert!(found.contains("memory, cpu"), "{found}");
}
