//! A recorded tree as a source of files, and the way from it to the text of an answer.

use calc::{
    cgroup::places::{Places, Whose},
    compose,
    host::{Host, USER_HZ},
    source::{Directory, Files, Source},
    text::{Sink, Text},
    view::{cpu, memory, ratchet::Ratchet, time},
};
use std::{
    ffi::{CStr, CString},
    fmt::Write as _,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

/// What can be asked of a tree: the files that are answered, and the numbers of the calls.
pub(crate) const ANSWERS: [&str; 7] = ["meminfo", "swaps", "stat", "cpuinfo", "uptime", "online", "numbers"];

/// A folder with a tree.
pub(crate) struct Tree {
    pub(crate) folder: PathBuf,
    directories: Vec<(String, Directory)>,
    asked: Vec<(String, String)>,
}

/// A file of a tree.
pub(crate) struct File {
    file: fs::File,
    short_read_is_end: bool,
}

impl Source for File {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        self.file.read(into).ok()
    }

    fn short_read_is_end(&self) -> bool {
        self.short_read_is_end
    }
}

/// The files that the kernel gives line by line, and so with reads that are shorter than asked for.
const ITERATED: [&str; 3] = ["cpuinfo", "mountinfo", "swaps"];

impl Files for &Tree {
    type File = File;

    fn open(&self, path: &CStr) -> Option<File> {
        let path = self.inside(path);
        let short_read_is_end = !ITERATED.iter().any(|name| path.ends_with(name));
        let file = fs::File::open(path).ok()?;
        Some(File { file, short_read_is_end })
    }

    fn directory(&self, path: &CStr) -> Option<Directory> {
        let path = path.to_str().ok()?;
        self.directories.iter().find(|(known, _)| known == path).map(|(_, directory)| *directory)
    }
}

/// Text that is kept.
struct Kept(Vec<u8>);

impl Sink for Kept {
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.extend_from_slice(bytes);
        Some(())
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
        Self { directories: directories.collect(), asked: asked.collect(), folder }
    }

    fn inside(&self, path: &CStr) -> PathBuf {
        let path = Path::new(path.to_str().expect("the trees' paths are text"));
        self.folder.join(path.strip_prefix("/").expect("paths are absolute"))
    }

    fn asked(&self, key: &str) -> Option<&str> {
        self.asked.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn places(&self, scratch: &mut [u8]) -> Option<Places> {
        let process = self.asked("process").map(|path| CString::new(path).unwrap());
        let whose = match (self.asked("path"), self.asked("directory"), &process) {
            (Some(path), _, _) => Whose::Path(path.as_bytes()),
            (_, Some(path), _) => Whose::Directory(path.as_bytes()),
            (_, _, Some(path)) => Whose::Process(path),
            _ => Whose::Caller,
        };
        let mut places = Places::locate(&self, whose, scratch)?;
        assert!(places.still_hold(&self, whose, scratch), "places do not hold at once");
        places.declared_memory_bytes = self.asked("memory").map_or(0, |bytes| bytes.parse().unwrap());
        Some(places)
    }

    /// What `sysinfo(2)` and `clock_gettime(2)` would say, from the tree's own files.
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

    /// An answer, composed in a buffer of `size` bytes; `None` where the kernel's own stands.
    pub(crate) fn answer(&self, answer: &str, size: usize) -> Option<String> {
        let scratch = &mut vec![0; size][..];
        let (files, host) = (&self, self.host());
        let mut kept = Kept(Vec::new());
        let mut text = Text::new(&mut kept);
        let file = || files.open(&CString::new(format!("/proc/{answer}")).unwrap());
        let places = self.places(scratch)?;
        let only = self.asked("cpus").map(|thousandths| thousandths.parse().unwrap());
        match answer {
            "meminfo" => {
                let figures = compose::MemoryFigures::read(files, &places, &host, scratch)?;
                compose::meminfo(&figures, &mut file()?, &mut text, scratch)?;
            }
            "swaps" => {
                let swap = memory::memory(files, &places, &host, scratch)?.swap?;
                compose::swaps(&swap, &mut file()?, &mut text, scratch)?;
            }
            "numbers" => return self.numbers(&places, &host, scratch),
            _ => {
                let cpus = cpu::cpus(files, &places, only, scratch)?;
                let times = time::times(files, &places, &cpus, &host, scratch);
                match answer {
                    "cpuinfo" => compose::cpuinfo(&cpus.online, &mut file()?, &mut text, scratch)?,
                    "online" => compose::cpu_list(&cpus.online, &mut text)?,
                    "stat" => compose::stat(&cpus, &times?, &mut file()?, &mut text, scratch)?,
                    "uptime" => {
                        let idle = Ratchet::default().show(1, times?.idle_ticks);
                        compose::uptime(time::age_ticks(&places, &host)?, idle, &mut text)?;
                    }
                    other => panic!("no such answer: {other}"),
                }
            }
        }
        text.finish()?;
        Some(String::from_utf8(kept.0).expect("the answers are text"))
    }

    /// The figures that the calls give.
    fn numbers(&self, places: &Places, host: &Host, scratch: &mut [u8]) -> Option<String> {
        let files = &self;
        let only = self.asked("cpus").map(|thousandths| thousandths.parse().unwrap());
        let cpus = cpu::cpus(files, places, only, scratch)?;
        let mut numbers = String::new();
        writeln!(numbers, "cpus {} capacity {:?}", cpus.online.count(), cpus.capacity).unwrap();
        writeln!(numbers, "{:?}", time::times(files, places, &cpus, host, scratch)).unwrap();
        writeln!(numbers, "age_ticks {:?}", time::age_ticks(places, host)).unwrap();
        writeln!(numbers, "{:#?}", memory::memory(files, places, host, scratch)).unwrap();
        Some(numbers)
    }
}
