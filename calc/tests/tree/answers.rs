//! From a tree to the text of an answer.

use super::{File, Tree};
use calc::{
    answer::Answer,
    asker::{Asker, Nothing},
    board::{Above, Block},
    cgroup::places::Places,
    doubt::Doubt,
    host::Host,
    settings::CpuCount,
    source::{Files as _, Scratch},
    steps,
    text::Sink,
    view::{
        cpu::{self, Choice, Cpus},
        memory::{self, Memory},
        time,
        topology::Packages,
    },
};
use std::{
    ffi::{CStr, CString},
    fmt::Write as _,
};

/// A sink that keeps the text.
pub(crate) struct Kept(pub(crate) Vec<u8>);

impl Sink for Kept {
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.extend_from_slice(bytes);
        Some(())
    }
}

/// Room to read into.
fn room() -> Scratch {
    [0; size_of::<Scratch>()]
}

/// A program in a tree that asks for the file at `path`.
pub(crate) struct Program<'t> {
    tree: &'t Tree,
    places: Places,
    host: Host,
    cpus: Option<Cpus>,
    path: CString,
}

impl Tree {
    /// An answer; `None` if the kernel's own stands.
    pub(crate) fn answer(&self, answer: &str) -> Option<String> {
        match answer {
            "numbers" => self.numbers(),
            "calls" => self.calls(),
            "files" => Some(self.all_asked("file").map(|path| format!("== {path}\n{}", self.shown(path))).collect()),
            "online" => self.text("/sys/devices/system/cpu/online").ok(),
            name => self.text(&format!("/proc/{name}")).ok(),
        }
    }

    /// The text of the file at `path`, or that we do not answer it.
    fn shown(&self, path: &str) -> String {
        self.text(path).unwrap_or_else(|_| "(the kernel's own)\n".into())
    }

    /// The text of the file at `path`, or why the kernel's own stands.
    pub(crate) fn text(&self, path: &str) -> Result<String, Doubt> {
        let answer = Answer::from_path(path.as_bytes()).unwrap_or_else(|| panic!("no answer for {path}"));
        let mut kept = Kept(Vec::new());
        steps::compose(answer, &self.program(path).ok_or(Doubt::NoCgroup)?, &mut kept)?;
        Ok(String::from_utf8(kept.0).expect("the answers are text"))
    }

    /// One that has found out where it is, and which CPUs it has.
    pub(crate) fn program(&self, path: &str) -> Option<Program<'_>> {
        let places = self.places(&mut room())?;
        let choice = Choice::by(self.cpu_count());
        let cpus = cpu::cpus(&self, &places, &Above::NONE, choice, &mut room());
        Some(Program { tree: self, places, host: self.host(), cpus, path: CString::new(path).unwrap() })
    }

    /// The figures returned by libc's functions.
    fn numbers(&self) -> Option<String> {
        let Program { places, host, cpus, .. } = self.program("")?;
        let cpus = cpus?;
        let mut numbers = String::new();
        writeln!(numbers, "cpus {} capacity {:?}", cpus.online.count(), cpus.capacity).unwrap();
        writeln!(numbers, "{:?}", time::times(&self, &places, &cpus, &host, None, &mut room())).unwrap();
        writeln!(numbers, "age_ticks {:?}", time::age_ticks(&places, &host)).unwrap();
        writeln!(numbers, "{:#?}", memory::memory(&self, &places, &Above::NONE, &host, &mut room())).unwrap();
        Some(numbers)
    }

    /// The number of system calls needed to find the places and to read the sources of each figure.
    fn calls(&self) -> Option<String> {
        let files = &self;
        let host = self.host();
        let scratch = &mut room()[..];
        let taken = |what: &str| format!("{what} {}\n", self.calls.replace(0));
        self.calls.set(0);
        let places = self.places(scratch)?;
        let mut text = taken("places");
        assert!(self.with_whose(|whose| places.still_hold(files, whose, scratch)), "the places just found do not hold");
        text += &taken("still_hold");
        memory::memory(files, &places, &Above::NONE, &host, scratch);
        text += &taken("memory");
        if let Some(cpus) = cpu::cpus(files, &places, &Above::NONE, cpu::Choice::by(CpuCount::ByQuota), scratch) {
            text += &taken("cpus");
            time::times(files, &places, &cpus, &host, None, scratch);
            text += &taken("times");
            if self.asked("file").is_some() {
                Packages::default().read(files, &cpus.online, scratch);
                text += &taken("packages");
            }
        }
        Some(text)
    }
}

impl<'t> Asker for Program<'t> {
    type Files = &'t Tree;
    type Text = File;
    type Shown = Nothing;

    fn files(&self) -> &&'t Tree {
        &self.tree
    }

    fn kernels_own(&self, _: bool) -> Option<File> {
        self.tree.open(&self.path)
    }

    fn with_path<T>(&self, use_it: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
        use_it(&self.path)
    }

    fn open_scopes(&self, path: &CStr) -> Option<File> {
        self.tree.open(path)
    }

    fn with_places<T>(&self, use_it: impl FnOnce(&Places) -> Option<T>) -> Option<T> {
        use_it(&self.places)
    }

    fn with_above<T>(&self, use_it: impl FnOnce(&Above) -> Option<T>) -> Option<T> {
        use_it(&Above::NONE)
    }

    fn count_cpus(&self) -> Option<()> {
        self.cpus.map(drop)
    }

    fn with_cpus<T>(&self, use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T> {
        use_it(self.cpus.as_ref()?)
    }

    fn cpu_count(&self) -> CpuCount {
        self.tree.cpu_count()
    }

    fn memory(&self) -> Option<Memory> {
        memory::memory(&self.tree, &self.places, &Above::NONE, &self.host, &mut room())
    }

    fn machine(&self) -> Option<Host> {
        Some(self.host)
    }

    fn age(&self) -> Option<Host> {
        Some(self.host)
    }

    fn btime_is_the_containers(&self) -> bool {
        false
    }

    /// No sampler runs for a tree.
    fn copy_slot(&self, _: &mut Block) -> Option<u64> {
        None
    }

    fn shown(&self) -> &Nothing {
        &Nothing
    }
}
