//! A recorded tree as a source of files, and the questions that it is asked.

pub(crate) mod answers;

use calc::{
    cgroup::places::{Places, Whose},
    host::{Host, USER_HZ},
    settings::CpuCount,
    source::{Directory, Files, Source},
};
use std::{
    cell::Cell,
    ffi::{CStr, CString},
    fs,
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
    rc::Rc,
};

/// The questions for every tree: files, the numbers from libc's functions, and the system calls needed.
const ANSWERS: [&str; 8] = ["meminfo", "swaps", "stat", "cpuinfo", "uptime", "online", "numbers", "calls"];

/// The count of system calls: an answer should need few.
type Calls = Rc<Cell<u32>>;

fn count(calls: &Calls) {
    calls.set(calls.get() + 1);
}

/// A folder with a tree.
pub(crate) struct Tree {
    pub(crate) folder: PathBuf,
    directories: Vec<(String, Directory)>,
    asked: Vec<(String, String)>,
    calls: Calls,
}

/// A file of a tree.
pub(crate) struct File {
    file: fs::File,
    short_read_is_end: bool,
    calls: Calls,
}

impl Drop for File {
    fn drop(&mut self) {
        count(&self.calls);
    }
}

impl Source for File {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        count(&self.calls);
        self.file.read(into).ok()
    }

    fn rewind(&mut self) {
        count(&self.calls);
        self.file.rewind().expect("a regular file");
    }

    fn short_read_is_end(&self) -> bool {
        self.short_read_is_end
    }
}

/// The files that the kernel delivers line by line, and thus in reads shorter than requested.
const ITERATED: [&str; 3] = ["cpuinfo", "mountinfo", "swaps"];

impl Files for &Tree {
    type File = File;

    fn open(&self, path: &CStr) -> Option<File> {
        count(&self.calls);
        let path = self.inside(path);
        let short_read_is_end = !ITERATED.iter().any(|name| path.ends_with(name));
        let file = fs::File::open(path).ok()?;
        Some(File { file, short_read_is_end, calls: Rc::clone(&self.calls) })
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        count(&self.calls);
        let path = path.to_str().ok()?;
        self.directories.iter().find(|(known, _)| known == path).map(|(_, directory)| *directory)
    }

    fn file_system(&self, _: &CStr) -> Option<u64> {
        None
    }
}

impl Tree {
    pub(crate) fn open(folder: PathBuf) -> Self {
        let directories = fs::read_to_string(folder.join("directories")).unwrap_or_default();
        let directories = directories.lines().map(|line| {
            let mut fields = line.split(' ');
            let path = fields.next().unwrap().to_owned();
            let mut number = || fields.next().unwrap().parse().unwrap();
            (path, Directory { inode: number(), links: number() })
        });
        let asked = fs::read_to_string(folder.join("asked")).unwrap_or_default();
        let asked =
            asked.lines().filter_map(|line| line.split_once(' ')).map(|(key, value)| (key.into(), value.into()));
        Self { directories: directories.collect(), asked: asked.collect(), folder, calls: Calls::default() }
    }

    fn inside(&self, path: &CStr) -> PathBuf {
        let path = Path::new(path.to_str().expect("the trees' paths are text"));
        self.folder.join(path.strip_prefix("/").expect("paths are absolute"))
    }

    /// The values of the lines in `asked` that begin with `key`.
    fn all_asked(&self, key: &str) -> impl Iterator<Item = &str> {
        self.asked.iter().filter(move |(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    fn asked(&self, key: &str) -> Option<&str> {
        self.all_asked(key).next()
    }

    /// The questions for this tree, with `files` if it names any.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &'static str> {
        ANSWERS.into_iter().chain(self.asked("file").map(|_| "files"))
    }

    /// Whether a file is asked for whose path ends like this.
    pub(crate) fn asks_for(&self, end: &str) -> bool {
        self.all_asked("file").any(|path| path.ends_with(end))
    }

    fn with_whose<R>(&self, with: impl FnOnce(Whose<'_>) -> R) -> R {
        let process = self.asked("process").map(|path| CString::new(path).unwrap());
        with(match (self.asked("path"), self.asked("directory"), &process) {
            (Some(path), _, _) => Whose::Path(path.as_bytes()),
            (_, Some(path), _) => Whose::Directory(path.as_bytes()),
            (_, _, Some(path)) => Whose::Process(path),
            _ => Whose::Caller,
        })
    }

    fn cpu_count(&self) -> CpuCount {
        let counted = |by: &str| by.parse().map_or(CpuCount::ByWeight, CpuCount::Milli);
        self.asked("cpus").map_or(CpuCount::ByQuota, counted)
    }

    pub(crate) fn places(&self, scratch: &mut [u8]) -> Option<Places> {
        let mut places = self.with_whose(|whose| Places::locate(&self, whose, scratch))?;
        places.declared_memory_bytes = self.asked("memory").map_or(0, |bytes| bytes.parse().unwrap());
        Some(places)
    }

    /// The results of `sysinfo(2)` and `clock_gettime(2)`, from the tree's own files.
    pub(crate) fn host(&self) -> Host {
        let meminfo = fs::read_to_string(self.inside(c"/proc/meminfo")).unwrap();
        let bytes = |key: &str| {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
            line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
        };
        let uptime = fs::read_to_string(self.inside(c"/proc/uptime")).unwrap();
        let ticks: u64 = uptime.split(' ').next().unwrap().replace('.', "").parse().unwrap();
        Host {
            memory_bytes: bytes("MemTotal"),
            swap_bytes: bytes("SwapTotal"),
            swap_free_bytes: bytes("SwapFree"),
            since_boot_usec: ticks * (1_000_000 / USER_HZ),
        }
    }
}
