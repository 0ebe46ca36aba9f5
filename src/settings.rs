//! What the environment asks for: the variables that the object reads too, by the same rules.

use anyhow::{Result, bail};
use calc::settings::{Answered, cpus_milli, size_bytes};
use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

/// The view of another cgroup.
pub(crate) const CGROUP: &str = "CGPROC_CGROUP";

/// Where the board is.
pub(crate) const BOARD: &str = "CGPROC_BOARD";

/// What the object keeps of a value: it has no memory but its own.
pub(crate) const ROOM: usize = 255;

/// The variables' values.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) off: bool,
    pub(crate) uptime_is_the_hosts: bool,
    pub(crate) answered: Answered,
    pub(crate) cpus_milli: Option<u64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) cgroup: Option<OsString>,
    pub(crate) board: PathBuf,
}

/// A variable: its name, what it takes (for a message), and what a value of it does; `None` for garbage.
type Variable = (&'static str, &'static str, fn(&mut Settings, &[u8]) -> Option<()>);

const VARIABLES: [Variable; 10] = [
    ("CGPROC", "on or off", |to, value| one_of(value, &[b"on", b"off"]).map(|()| to.off = value == b"off")),
    ("CGPROC_CPUS", "a number of CPUs, such as 1.5", |to, value| {
        to.cpus_milli = Some(cpus_milli(value)?);
        Some(())
    }),
    ("CGPROC_MEMORY", "a size, such as 512M", |to, value| {
        to.memory_bytes = Some(size_bytes(value).filter(|bytes| *bytes > 0)?);
        Some(())
    }),
    (CGROUP, "an absolute path of at most 255 bytes", |to, value| {
        let taken = value.starts_with(b"/") && value.len() <= ROOM;
        to.cgroup = taken.then(|| OsStr::from_bytes(value).to_owned());
        to.cgroup.as_ref().map(|_| ())
    }),
    (BOARD, "an absolute path of at most 255 bytes", |to, value| {
        let taken = value.starts_with(b"/") && value.len() <= ROOM;
        to.board = OsStr::from_bytes(value).into();
        taken.then_some(())
    }),
    ("CGPROC_UPTIME", "host or container", |to, value| {
        one_of(value, &[b"host", b"container"]).map(|()| to.uptime_is_the_hosts = value == b"host")
    }),
    ("CGPROC_BTIME", "host or container", |_, value| one_of(value, &[b"host", b"container"])),
    ("CGPROC_AFFINITY", "kernel or container", |_, value| one_of(value, &[b"kernel", b"container"])),
    ("CGPROC_FILES", "a list of meminfo, swaps, stat, cpuinfo, uptime, loadavg, cpu", |to, value| {
        to.answered = Answered::parse(value)?;
        Some(())
    }),
    ("CGPROC_DEBUG", "the name of a file, at most 255 bytes", |_, value| (value.len() <= ROOM).then_some(())),
];

/// Where the board is when nobody says.
pub(crate) fn default_board() -> PathBuf {
    OsStr::from_bytes(calc::board::DEFAULT_PATH.to_bytes()).into()
}

/// Whether `value` is empty or one of `words`.
fn one_of(value: &[u8], words: &[&[u8]]) -> Option<()> {
    (value.is_empty() || words.contains(&value)).then_some(())
}

impl Settings {
    /// The values in our own environment.
    pub(crate) fn of_environment() -> Result<Self> {
        Self::of(|name| env::var_os(name))
    }

    fn of(get: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let mut settings = Self {
            off: false,
            uptime_is_the_hosts: false,
            answered: Answered::ALL,
            cpus_milli: None,
            memory_bytes: None,
            cgroup: None,
            board: default_board(),
        };
        for (name, takes, take) in VARIABLES {
            let Some(value) = get(name) else { continue };
            if take(&mut settings, value.as_bytes()).is_none() {
                bail!("{name}={} is not understood: it takes {takes}", value.display());
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> Result<Settings> {
        Settings::of(|asked| (asked == name).then(|| value.into()))
    }

    #[test]
    fn values_are_taken() {
        assert!(with("CGPROC", "off").unwrap().off);
        assert!(!with("CGPROC", "on").unwrap().off);
        assert_eq!(with("CGPROC_CPUS", "1.5").unwrap().cpus_milli, Some(1500));
        assert_eq!(with("CGPROC_MEMORY", "512M").unwrap().memory_bytes, Some(512 << 20));
        assert_eq!(with("CGPROC_CGROUP", "/docker/4f1e").unwrap().cgroup, Some("/docker/4f1e".into()));
        assert!(with("CGPROC_UPTIME", "host").unwrap().uptime_is_the_hosts);
        assert_ne!(with("CGPROC_FILES", "meminfo,cpu").unwrap().answered, Answered::ALL);
        assert!(with("CGPROC_DEBUG", "/tmp/x").is_ok());
        assert!(with("CGPROC_UNHEARD_OF", "?").is_ok());
    }

    #[test]
    fn garbage_is_named() {
        let garbage = [
            ("CGPROC", "maybe"),
            ("CGPROC_CPUS", "many"),
            ("CGPROC_CPUS", ""),
            ("CGPROC_MEMORY", "-1"),
            ("CGPROC_MEMORY", "0"),
            ("CGPROC_CGROUP", "docker"),
            ("CGPROC_UPTIME", "guest"),
            ("CGPROC_BTIME", "1"),
            ("CGPROC_AFFINITY", "0-3"),
            ("CGPROC_FILES", "meminfo,load"),
            ("CGPROC_BOARD", "board"),
        ];
        for (name, value) in garbage {
            let error = with(name, value).expect_err(name).to_string();
            assert!(error.contains(&format!("{name}={value} ")), "{error}");
        }
    }
}
