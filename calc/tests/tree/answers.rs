//! The way from a tree to the text of an answer.

use super::{File, Tree};
use calc::{
    answer::Answer,
    board::Above,
    cgroup::places::Places,
    compose::{self, MemoryFigures, StatFigures, VmstatFigures},
    host::Host,
    settings::CpuCount,
    source::Files as _,
    text::{Sink, Text},
    view::{
        blocks,
        cpu::{self, Cpus},
        io,
        memory::{self, Memory},
        nodes, pids,
        ratchet::Ratchet,
        shares::Shares,
        time::{self, Times},
        topology::Packages,
    },
};
use std::{
    ffi::{CStr, CString},
    fmt::Write as _,
};

/// Text that is kept.
struct Kept(Vec<u8>);

impl Sink for Kept {
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.extend_from_slice(bytes);
        Some(())
    }
}

/// What answers are composed of.
struct View<'t> {
    tree: &'t Tree,
    places: Places,
    host: Host,
}

impl Tree {
    /// An answer, composed in a buffer of `size` bytes; `None` where the kernel's own stands.
    pub(crate) fn answer(&self, answer: &str, size: usize) -> Option<String> {
        let scratch = &mut vec![0; size][..];
        let view = View { tree: self, places: self.places(scratch)?, host: self.host() };
        match answer {
            "numbers" => view.numbers(scratch),
            "calls" => self.calls(scratch),
            "files" => {
                Some(self.all_asked("file").map(|path| format!("== {path}\n{}", view.shown(path, scratch))).collect())
            }
            "online" => view.text("/sys/devices/system/cpu/online", scratch),
            name => view.text(&format!("/proc/{name}"), scratch),
        }
    }

    /// How many calls of the kernel it takes to find the places, and to read what each figure is made of.
    fn calls(&self, scratch: &mut [u8]) -> Option<String> {
        let (files, host) = (&self, self.host());
        let taken = |what: &str| format!("{what} {}\n", self.calls.replace(0));
        self.calls.set(0);
        let places = self.places(scratch)?;
        let mut text = taken("places");
        assert!(self.with_whose(|whose| places.still_hold(files, whose, scratch)), "places do not hold at once");
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

impl View<'_> {
    /// The text of the file at `path`, or that there is none of ours.
    fn shown(&self, path: &str, scratch: &mut [u8]) -> String {
        self.text(path, scratch).unwrap_or_else(|| "(the kernel's own)\n".into())
    }

    fn text(&self, path: &str, scratch: &mut [u8]) -> Option<String> {
        let mut kept = Kept(Vec::new());
        let mut text = Text::new(&mut kept);
        self.compose(&CString::new(path).unwrap(), &mut text, scratch)?;
        text.finish()?;
        Some(String::from_utf8(kept.0).expect("the answers are text"))
    }

    fn compose(&self, path: &CStr, text: &mut Text<'_, Kept>, scratch: &mut [u8]) -> Option<()> {
        let (files, places) = (&self.tree, &self.places);
        let host = &mut files.open(path)?;
        match Answer::from_path(path.to_bytes()).unwrap_or_else(|| panic!("no answer for {path:?}")) {
            Answer::Meminfo => compose::meminfo(&self.figures(scratch)?, host, text, scratch),
            Answer::NodeMeminfo => {
                let figures = self.figures(scratch)?;
                let share = nodes::share(files, places, host, scratch)?;
                compose::node_meminfo(&figures, &share, host, text, scratch)
            }
            Answer::BlockSize => {
                blocks::first(files, scratch)?;
                compose::block_size(self.memory(scratch)?.total_bytes, text)
            }
            Answer::Swaps => compose::swaps(&self.memory(scratch)?.swap?, host, text, scratch),
            Answer::Vmstat => self.vmstat(host, text, scratch),
            Answer::Stat => self.stat(host, text, scratch),
            Answer::Uptime => {
                let idle_ticks = self.times(&self.cpus(scratch)?, scratch)?.idle_ticks;
                compose::uptime(time::age_ticks(places, &self.host)?, Ratchet::default().show(1, idle_ticks), text)
            }
            Answer::Cpuinfo => {
                let online = self.cpus(scratch)?.online;
                let mut packages = Packages::default();
                packages.read(files, &online, scratch);
                compose::cpuinfo(&online, &packages, host, text, scratch)
            }
            Answer::CpuOnline | Answer::CpuPresent => compose::cpu_list(&self.cpus(scratch)?.online, text),
            Answer::CpuList => compose::cpu_list_within(&self.cpus(scratch)?.online, host, text, scratch),
            Answer::CpuMap => compose::cpu_map_within(&self.cpus(scratch)?.online, host, text, scratch),
            Answer::Diskstats => {
                let shown = |_, traffic: Option<_>| traffic.unwrap_or_default();
                compose::diskstats(&mut io::open(files, places, scratch)?, shown, host, text, scratch)
            }
            Answer::ThreadsMax => compose::threads_max(pids::limit(files, places, scratch)?, host, text, scratch),
            // They need a board, or are another file.
            Answer::BlockStat | Answer::Loadavg | Answer::PressureCpu | Answer::PressureMemory | Answer::PressureIo => {
                None
            }
        }
    }

    fn stat(&self, host: &mut File, text: &mut Text<'_, Kept>, scratch: &mut [u8]) -> Option<()> {
        let cpus = self.cpus(scratch)?;
        let (times, shares) = (self.times(&cpus, scratch)?, Shares::among(&cpus.online));
        let figures = StatFigures { times: &times, shares: &shares, load: None, later_sec: 0 };
        compose::stat(&cpus.online, &figures, host, text, scratch)
    }

    fn vmstat(&self, host: &mut File, text: &mut Text<'_, Kept>, scratch: &mut [u8]) -> Option<()> {
        let memory = self.figures(scratch);
        let mut figures = VmstatFigures::of(memory.as_ref());
        figures.read(&self.tree, &self.places, scratch)?;
        let traffic = io::open(&self.tree, &self.places, scratch).and_then(|mut io| io.sum(scratch));
        compose::vmstat(&figures, traffic.as_ref(), host, text, scratch)
    }

    fn figures(&self, scratch: &mut [u8]) -> Option<MemoryFigures> {
        let mut figures = MemoryFigures::default();
        figures.read(&self.tree, &self.places, &Above::NONE, &self.host, scratch)?;
        Some(figures)
    }

    fn memory(&self, scratch: &mut [u8]) -> Option<Memory> {
        memory::memory(&self.tree, &self.places, &Above::NONE, &self.host, scratch)
    }

    fn cpus(&self, scratch: &mut [u8]) -> Option<Cpus> {
        cpu::cpus(&self.tree, &self.places, &Above::NONE, cpu::Choice::by(self.tree.cpu_count()), scratch)
    }

    fn times(&self, cpus: &Cpus, scratch: &mut [u8]) -> Option<Times> {
        time::times(&self.tree, &self.places, cpus, &self.host, None, scratch)
    }

    /// The figures that the calls give.
    fn numbers(&self, scratch: &mut [u8]) -> Option<String> {
        let cpus = self.cpus(scratch)?;
        let mut numbers = String::new();
        writeln!(numbers, "cpus {} capacity {:?}", cpus.online.count(), cpus.capacity).unwrap();
        writeln!(numbers, "{:?}", self.times(&cpus, scratch)).unwrap();
        writeln!(numbers, "age_ticks {:?}", time::age_ticks(&self.places, &self.host)).unwrap();
        writeln!(numbers, "{:#?}", self.memory(scratch)).unwrap();
        Some(numbers)
    }
}
