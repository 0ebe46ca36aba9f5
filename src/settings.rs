//! The settings that the object takes too, from the administrator's file and the environment, by the same rules.

mod file;
mod words;

use crate::host::switch;
use anyhow::{Result, bail};
use calc::{
    answer::Answer,
    doubt::Doubt,
    settings::{AGE_PROGRAMS, Answered, CpuCount, Key, LONGEST_TEXT, MemoryLimit, Value},
};
pub(crate) use file::{File, State};
use std::{
    collections::HashSet,
    env,
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// Names another cgroup whose view to show.
pub(crate) const CGROUP: &str = "CGPROC_CGROUP";

/// Names the board.
pub(crate) const BOARD: &str = "CGPROC_BOARD";

/// The longest value that the object can keep: it has no memory but its own.
pub(crate) const ROOM: usize = LONGEST_TEXT;

/// The settings' values.
#[derive(Debug)]
pub(crate) struct Settings {
    off: bool,
    /// Whether everything is switched off for all programs.
    is_switched_off: bool,
    pub(crate) uptime_is_the_hosts: bool,
    pub(crate) btime_is_the_containers: bool,
    pub(crate) affinity_is_the_kernels: bool,
    pub(crate) answered: Answered,
    pub(crate) cpus: CpuCount,
    pub(crate) memory: MemoryLimit,
    pub(crate) disk_bytes: Option<u64>,
    pub(crate) cgroup: Option<OsString>,
    pub(crate) board: PathBuf,
    /// The state of the file.
    pub(crate) file: File,
    /// Who set what; the last one wins.
    said: Vec<(Key, Origin, String)>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This line of the file.
    Line(u32),
    /// The environment.
    Environment,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(out, "{}:{line}", file::path().display()),
            Self::Environment => out.write_str("environment"),
        }
    }
}

/// The board's path if nobody sets it.
pub(crate) fn default_board() -> PathBuf {
    OsStr::from_bytes(calc::board::DEFAULT_PATH.to_bytes()).into()
}

impl Settings {
    /// The settings for programs started from here, whatever their names.
    pub(crate) fn of_environment() -> Result<Self> {
        Self::of_program(OsStr::new(""))
    }

    /// The settings for the program `comm` started from here, by the name that the kernel gives it (`/proc/PID/comm`).
    pub(crate) fn of_program(comm: &OsStr) -> Result<Self> {
        Self::of(file::path(), comm, |name| env::var_os(name))
    }

    /// The settings for a running program, from its own environment and the one that it was started with, `gave` (both
    /// in the form of `/proc/PID/environ`). Its own wins, and the file comes last. The object's built-in list of
    /// programs that want the host's uptime applies too.
    ///
    /// For variables that name a file, our value applies unless the program `may_name` files to us: we would open it
    /// with our rights, not the program's.
    pub(crate) fn of_process(comm: &OsStr, own: &[u8], gave: &[u8], may_name: impl Fn() -> bool) -> Result<Self> {
        let variable = |name: &OsStr| {
            let (its, ours) = (value_in(own, name), value_in(gave, name));
            let is_taken = its.is_some() && (its == ours || !names_a_file(name) || may_name());
            if is_taken { its } else { ours }
        };
        let mut settings = Self::of(file::path(), comm, variable)?;
        let subtracts = AGE_PROGRAMS.iter().any(|name| name.text().strip_suffix(b"\0") == Some(comm.as_bytes()));
        settings.uptime_is_the_hosts |= subtracts;
        Ok(settings)
    }

    fn of(path: &Path, comm: &OsStr, variable: impl Fn(&OsStr) -> Option<OsString>) -> Result<Self> {
        let mut settings = Self::built_in();
        settings.file = File::read(path, comm, |line, key, value| settings.take(key, &value, Origin::Line(line)));
        for key in Key::all() {
            let name = OsStr::from_bytes(key.name());
            let Some(text) = variable(name) else { continue };
            let Some(value) = key.parse(text.as_bytes()) else {
                bail!("{}={} is not understood: it takes {}", name.display(), text.display(), takes(key));
            };
            settings.take(key, &value, Origin::Environment);
        }
        Ok(settings)
    }

    fn built_in() -> Self {
        Self {
            off: false,
            is_switched_off: switch::is_off().unwrap_or(false),
            uptime_is_the_hosts: false,
            btime_is_the_containers: false,
            affinity_is_the_kernels: false,
            answered: Answered::ALL,
            cpus: CpuCount::default(),
            memory: MemoryLimit::default(),
            disk_bytes: None,
            cgroup: None,
            board: default_board(),
            file: File::default(),
            said: Vec::new(),
        }
    }

    fn take(&mut self, key: Key, value: &Value<'_>, origin: Origin) {
        match *value {
            Value::Off(off) => self.off = off,
            Value::Files(answered) => self.answered = answered,
            Value::Cpus(count) => self.cpus = count,
            Value::Memory(limit) => self.memory = limit,
            Value::Disk(bytes) => self.disk_bytes = Some(bytes),
            Value::Cgroup(path) => self.cgroup = Some(OsStr::from_bytes(path).to_owned()),
            Value::Board(path) => self.board = OsStr::from_bytes(path).into(),
            Value::HostUptime(host) => self.uptime_is_the_hosts = host,
            Value::KernelAffinity(kernel) => self.affinity_is_the_kernels = kernel,
            Value::ContainerBtime(container) => self.btime_is_the_containers = container,
            // Only the object writes notes.
            Value::Debug(_) => {}
        }
        self.said.push((key, origin, words::of(value)));
    }

    /// Why nothing is answered, whatever is asked; `None` if something is.
    pub(crate) fn passes_all(&self) -> Option<Doubt> {
        if self.off {
            Some(Doubt::Off)
        } else if self.is_switched_off {
            Some(Doubt::SwitchedOff)
        } else {
            None
        }
    }

    /// Who decided `key`, and the value as it would be written; `None` if nobody did.
    pub(crate) fn said(&self, key: Key) -> Option<(Origin, &str)> {
        let decided = self.said.iter().rev().find(|(decided, ..)| *decided == key)?;
        Some((decided.1, &decided.2))
    }
}

/// A variable's value in an environment.
fn value_in(environment: &[u8], name: &OsStr) -> Option<OsString> {
    let value = |entry: &[u8]| Some(entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_owned());
    environment.split(|byte| *byte == 0).find_map(value).map(OsString::from_vec)
}

/// Whether the variable's value is a path that we open.
fn names_a_file(variable: &OsStr) -> bool {
    [CGROUP, BOARD].iter().any(|name| variable == *name)
}

/// What a setting takes, for a message.
fn takes(key: Key) -> String {
    let words = match key {
        Key::Switch => "on or off",
        Key::Files => return format!("a list of {}", switches().join(", ")),
        Key::Cpus => "a number of CPUs, such as 1.5, or weight, or quota",
        Key::Memory => "a size of 1M or more, such as 512M, or high, or max",
        Key::Disk => "a size of 1M or more, such as 10G",
        Key::Cgroup | Key::Board => "an absolute path of at most 255 bytes",
        Key::Uptime | Key::Btime => "host or container",
        Key::Affinity => "kernel or container",
        Key::Debug => "a file name of at most 255 bytes; in /etc/cgproc.conf, an absolute path",
    };
    words.to_owned()
}

/// The words that `CGPROC_FILES` can contain.
fn switches() -> Vec<&'static str> {
    let mut words: Vec<_> = Answer::ALL.iter().filter_map(|answer| str::from_utf8(answer.switch()).ok()).collect();
    let mut known = HashSet::new();
    words.retain(|word| known.insert(*word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The settings of a program, given the text of the file and these variables.
    fn settings(text: &str, comm: &str, variables: &[(&str, &str)]) -> Result<Settings> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, text).unwrap();
        Settings::of(file.path(), OsStr::new(comm), |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    fn with(name: &str, value: &str) -> Result<Settings> {
        Settings::of(Path::new("/nonexistent"), OsStr::new(""), |asked| (asked == name).then(|| value.into()))
    }

    #[test]
    fn values_are_taken() {
        assert!(with("CGPROC", "off").unwrap().off);
        assert!(!with("CGPROC", "on").unwrap().off);
        assert_eq!(with("CGPROC_CPUS", "1.5").unwrap().cpus, CpuCount::Milli(1500));
        assert_eq!(with("CGPROC_CPUS", "weight").unwrap().cpus, CpuCount::ByWeight);
        assert_eq!(with("CGPROC_MEMORY", "512M").unwrap().memory, MemoryLimit::Bytes(512 << 20));
        assert_eq!(with("CGPROC_MEMORY", "high").unwrap().memory, MemoryLimit::High);
        assert_eq!(with("CGPROC_DISK", "10G").unwrap().disk_bytes, Some(10 << 30));
        assert_eq!(with("CGPROC_CGROUP", "/docker/4f1e").unwrap().cgroup, Some("/docker/4f1e".into()));
        assert_eq!(with("CGPROC_BOARD", "/run/b").unwrap().board, Path::new("/run/b"));
        assert!(with("CGPROC_UPTIME", "host").unwrap().uptime_is_the_hosts);
        assert!(with("CGPROC_AFFINITY", "kernel").unwrap().affinity_is_the_kernels);
        assert_ne!(with("CGPROC_FILES", "meminfo,cpu").unwrap().answered, Answered::ALL);
        assert!(with("CGPROC_DEBUG", "/tmp/x").is_ok());
        assert!(with("CGPROC_UNHEARD_OF", "?").is_ok());
    }

    #[test]
    fn garbage_is_named() {
        for key in Key::all().filter(|key| !matches!(key, Key::Debug)) {
            let name = std::str::from_utf8(key.name()).unwrap();
            let error = with(name, "odd value").expect_err(name).to_string();
            assert_eq!(error, format!("{name}=odd value is not understood: it takes {}", takes(key)));
        }
        assert!(with("CGPROC_DEBUG", &"x".repeat(256)).is_err());
    }

    #[test]
    fn a_message_about_files_names_them_all() {
        assert_eq!(Answered::parse(switches().join(",").as_bytes()), Some(Answered::ALL));
        for word in switches() {
            let others = switches().into_iter().filter(|other| *other != word).collect::<Vec<_>>().join(",");
            assert_ne!(Answered::parse(others.as_bytes()), Some(Answered::ALL), "{word} is not needed");
        }
    }

    const FILE: &str = "CGPROC_CPUS=4\nCGPROC_MEMORY=1G\nCGPROC_UPTIME=host\n[java]\nCGPROC_CPUS=2\nCGPROC_CPUS=?\n";

    /// CPUs, memory and uptime, with who decided them.
    fn decisions(settings: &Settings) -> [String; 3] {
        let of = |key, value: &dyn fmt::Debug| format!("{value:?} {}", settings.said(key).unwrap().0);
        [
            of(Key::Cpus, &settings.cpus),
            of(Key::Memory, &settings.memory),
            of(Key::Uptime, &settings.uptime_is_the_hosts),
        ]
    }

    #[test]
    fn a_section_wins_over_general_lines_and_the_environment_over_both() {
        let with = |comm, variables: &[_]| decisions(&settings(FILE, comm, variables).unwrap());
        let file = |line| format!("/etc/cgproc.conf:{line}");
        let memory = format!("Bytes({}) {}", 1 << 30, file(2));
        let uptime = format!("true {}", file(3));
        assert_eq!(with("sh", &[]), [format!("Milli(4000) {}", file(1)), memory.clone(), uptime.clone()]);
        assert_eq!(with("java", &[]), [format!("Milli(2000) {}", file(5)), memory.clone(), uptime.clone()]);
        let cpus = ("CGPROC_CPUS", "quota");
        assert_eq!(with("java", &[cpus]), ["ByQuota environment".to_owned(), memory, uptime]);
    }

    #[test]
    fn files_are_named_by_those_who_may() {
        let environment = b"CGPROC_CGROUP=/its\0CGPROC_BOARD=/run/its\0CGPROC_CPUS=2\0";
        let gave = b"CGPROC_CGROUP=/ours\0CGPROC_CPUS=3\0CGPROC_MEMORY=1G\0";
        let of = |may| Settings::of_process(OsStr::new("sh"), environment, gave, || may).unwrap();
        let [its, ours] = [of(true), of(false)];
        assert_eq!((its.cgroup, its.board), (Some("/its".into()), "/run/its".into()));
        assert_eq!((ours.cgroup, ours.board), (Some("/ours".into()), default_board()));
        assert_eq!([its.cpus, ours.cpus], [CpuCount::Milli(2000); 2]);
    }

    #[test]
    fn nobody_decides_what_nobody_says() {
        let settings = settings("[java]\nCGPROC=off\n", "sh", &[]).unwrap();
        assert!(Key::all().all(|key| settings.said(key).is_none()));
    }

    #[test]
    fn a_bad_line_is_told_and_a_bad_variable_is_fatal() {
        let taken = settings(FILE, "sh", &[]).unwrap();
        assert_eq!(taken.file.bad_lines.len(), 1);
        assert!(settings(FILE, "sh", &[("CGPROC_CPUS", "?")]).is_err());
    }
}
