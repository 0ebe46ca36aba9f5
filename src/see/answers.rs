//! The text of each answer, composed as the object composes it.

use super::view::{Bytes, View};
use crate::{
    host::{
        clocks,
        kernel::{self, Placed},
    },
    settings::Settings,
};
use anyhow::{Context, Result, bail};
use calc::{
    answer::{Answer, CPUS, NODES},
    asker::{Asker, Nothing},
    board::{Above, Block},
    cgroup::places::Places,
    doubt::Doubt,
    host::Host,
    settings::CpuCount,
    source::{Files, Source},
    steps,
    view::{cpu::Cpus, memory::Memory},
};
use std::{
    cell::{Cell, OnceCell},
    ffi::{CStr, CString},
};

/// A file that has an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) path: CString,
}

impl Asked {
    /// The file of an answer that has a fixed one.
    pub(crate) fn of(answer: Answer) -> Option<Self> {
        Some(Self { answer, path: answer.path()?.to_owned() })
    }

    /// The file that `file` means: a path, which may go through symbolic links, the end of a path, or a path below the
    /// directories of CPUs and nodes.
    pub(crate) fn named(file: &str) -> Result<Self> {
        let fixed = Answer::ALL.into_iter().filter(|answer| is_meant(*answer, file)).find_map(Self::of);
        let found = if file.starts_with('/') {
            Self::at(file.as_bytes()).or_else(|| Self::at(&kernel::real_path(file)?))
        } else {
            let member = [CPUS, NODES].into_iter().find_map(|directory| Self::at(&path_below(directory, file)));
            let block_device = || Self::at(&kernel::real_path(path_below(DEVICES, file))?);
            member.filter(|found| found.answer != Answer::BlockStat).or_else(block_device)
        };
        let Some(asked) = fixed.or(found) else {
            let known: Vec<&str> = Answer::ALL.iter().filter_map(|it| it.path()?.to_str().ok()).collect();
            bail!(
                "no answer for {file}; there is one for {}, cpu0/topology/*, node0/*, and sda/stat",
                known.join(", ")
            );
        };
        Ok(asked)
    }

    /// The file with this path, which must be free of symbolic links.
    pub(crate) fn at(path: &[u8]) -> Option<Self> {
        Some(Self { answer: Answer::from_path(path)?, path: CString::new(path).ok()? })
    }

    /// The path, for a message.
    pub(crate) fn name(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }

    /// The file's text from the kernel.
    pub(crate) fn kernels_own(&self, files: &impl Files) -> Result<Vec<u8>> {
        let mut file = files.open(&self.path).with_context(|| format!("{} cannot be opened", self.name()))?;
        kernel::whole(&mut file).with_context(|| format!("{} cannot be read", self.name()))
    }

    /// Why the object would let the file pass in any view.
    pub(crate) fn passes(&self, files: &impl Files, settings: &Settings) -> Option<Doubt> {
        if let Some(doubt) = settings.passes_all() {
            return Some(doubt);
        }
        if !settings.answered.has(self.answer) {
            return Some(Doubt::NotNamed);
        }
        match files.file_system(&self.path) {
            None => Some(Doubt::NotOpened),
            Some(magic) if magic != self.answer.file_system() => Some(Doubt::MountedOver),
            _ if self.answer == Answer::Uptime && settings.uptime_is_the_hosts => Some(Doubt::HostUptime),
            _ => None,
        }
    }

    /// The text that a program reads, or the reason why it reads the kernel's own.
    pub(crate) fn text<F: Files<File: Placed>>(&self, view: &View<F>) -> Result<Vec<u8>, Doubt> {
        // A program must be able to open the kernel's own file first.
        let opened = Cell::new(Some(view.files.open(&self.path).ok_or(Doubt::NotOpened)?));
        let mut bytes = Bytes(Vec::new());
        steps::compose(self.answer, &Asking { asked: self, view, opened, cpus: OnceCell::new() }, &mut bytes)?;
        Ok(bytes.0)
    }
}

/// Has links to the directories of all block devices.
const DEVICES: &[u8] = b"/sys/class/block";

fn path_below(directory: &[u8], file: &str) -> Vec<u8> {
    [directory, b"/", file.as_bytes()].concat()
}

/// Whether `file` is the answer's path or the end of it. The last component alone is too ambiguous for pressure files.
fn is_meant(answer: Answer, file: &str) -> bool {
    let path = answer.path().map_or(&[][..], CStr::to_bytes);
    let is_end = path.strip_suffix(file.as_bytes()).is_some_and(|before| before.is_empty() || before.ends_with(b"/"));
    is_end && (file.contains('/') || !answer.is_pressure())
}

/// A request for a file in a view.
struct Asking<'a, F: Files> {
    asked: &'a Asked,
    view: &'a View<F>,
    /// The kernel's own file, until a step takes it. One that needs it twice opens it again.
    opened: Cell<Option<F::File>>,
    /// The CPUs, once they have been counted.
    cpus: OnceCell<Option<Cpus>>,
}

impl<F> Asking<'_, F>
where
    F: Files<File: Placed>,
{
    fn cpus(&self) -> Option<&Cpus> {
        self.cpus.get_or_init(|| self.view.cpus()).as_ref()
    }
}

impl<F: Files<File: Placed>> Asker for Asking<'_, F> {
    type Files = F;
    type Text = Composed<F::File>;
    type Shown = Nothing;

    fn files(&self) -> &F {
        &self.view.files
    }

    fn kernels_own(&self, is_iterated: bool) -> Option<Self::Text> {
        let file = self.opened.take().or_else(|| self.view.files.open(&self.asked.path))?;
        Some(Composed { file, is_iterated })
    }

    fn with_path<T>(&self, use_it: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
        use_it(&self.asked.path)
    }

    /// This text is passed on unchanged, so it must be the kernel's: a directory that somebody names may have any file
    /// under this name.
    fn open_scopes(&self, path: &CStr) -> Option<Self::Text> {
        let is_of_a_cgroup = |file: &F::File| file.file_system() == u64::try_from(libc::CGROUP2_SUPER_MAGIC).ok();
        let file = self.view.files.open(path).filter(is_of_a_cgroup)?;
        Some(Composed { file, is_iterated: false })
    }

    fn with_places<T>(&self, use_it: impl FnOnce(&Places) -> Option<T>) -> Option<T> {
        use_it(&self.view.places)
    }

    fn with_above<T>(&self, use_it: impl FnOnce(&Above) -> Option<T>) -> Option<T> {
        use_it(&self.view.above)
    }

    fn count_cpus(&self) -> Option<()> {
        self.cpus().map(drop)
    }

    fn with_cpus<T>(&self, use_it: impl FnOnce(&Cpus) -> Option<T>) -> Option<T> {
        use_it(self.cpus()?)
    }

    fn cpu_count(&self) -> CpuCount {
        self.view.by
    }

    fn memory(&self) -> Option<Memory> {
        self.view.memory()
    }

    fn machine(&self) -> Option<Host> {
        Some(self.view.machine)
    }

    fn age(&self) -> Option<Host> {
        Some(self.view.machine)
    }

    fn btime_is_the_containers(&self) -> bool {
        self.view.btime_is_the_containers
    }

    fn copy_slot(&self, into: &mut Block) -> Option<u64> {
        *into = *self.view.slot()?;
        Some(clocks::now_usec(libc::CLOCK_REALTIME))
    }

    fn shown(&self) -> &Nothing {
        &Nothing
    }
}

/// A kernel file, and whether the kernel composes it piece by piece: if so, a short read is not the end.
struct Composed<S> {
    file: S,
    is_iterated: bool,
}

impl<S: Source> Source for Composed<S> {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        self.file.read(into)
    }

    fn rewind(&mut self) {
        self.file.rewind();
    }

    fn short_read_is_end(&self) -> bool {
        !self.is_iterated && self.file.short_read_is_end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::kernel::Kernel;
    use calc::source::Directory;

    fn path_of(file: &str) -> String {
        Asked::named(file).unwrap().name().to_owned()
    }

    #[test]
    fn files_by_name_and_by_path() {
        for (file, path) in [
            ("meminfo", "/proc/meminfo"),
            ("/proc/meminfo", "/proc/meminfo"),
            ("online", "/sys/devices/system/cpu/online"),
            ("pressure/io", "/proc/pressure/io"),
            ("kernel/threads-max", "/proc/sys/kernel/threads-max"),
            ("node1/meminfo", "/sys/devices/system/node/node1/meminfo"),
            ("cpu3/topology/core_cpus_list", "/sys/devices/system/cpu/cpu3/topology/core_cpus_list"),
            ("/sys/devices/system/node/node0/cpumap", "/sys/devices/system/node/node0/cpumap"),
        ] {
            assert_eq!(path_of(file), path, "{file}");
        }
        for file in ["memory", "io", "info", "partitions", "pid_max", "/meminfo", "cpu0/online", ""] {
            let error = Asked::named(file).unwrap_err().to_string();
            assert!(error.contains("/proc/meminfo, ") && error.contains("/proc/pressure/io, "), "{error}");
        }
    }

    #[test]
    fn the_documents_name_every_file() {
        let (settings, figures) = (include_str!("../../docs/settings.md"), include_str!("../../docs/figures.md"));
        let words = settings.lines().find(|line| line.starts_with("| `CGPROC_FILES` |")).unwrap();
        for answer in Answer::ALL {
            let switch = str::from_utf8(answer.switch()).unwrap();
            assert!(words.contains(switch), "{switch} in docs/settings.md");
            let Some(asked) = Asked::of(answer) else { continue };
            let name = asked.name().rsplit('/').next().unwrap();
            assert!(figures.contains(name), "{name} in docs/figures.md");
        }
    }

    /// The kernel's files, one of which may not be opened.
    struct Without(&'static CStr);

    impl Files for Without {
        type File = <Kernel as Files>::File;

        fn open(&self, path: &CStr) -> Option<Self::File> {
            if path == self.0 { None } else { Kernel.open(path) }
        }

        fn directory(&self, path: &CStr) -> Option<Directory> {
            Kernel.directory(path)
        }

        fn file_system(&self, path: &CStr) -> Option<u64> {
            Kernel.file_system(path)
        }
    }

    #[test]
    fn what_a_program_cannot_open_has_no_answer() {
        let scope = tempfile::tempdir().unwrap();
        std::fs::write(scope.path().join("cgroup.procs"), "").unwrap();
        let settings = Settings::of_environment().unwrap();
        let text = |without| {
            let view = View::over(Without(without), Some(scope.path().as_os_str()), &settings).unwrap();
            Asked::of(Answer::CpuPresent).unwrap().text(&view)
        };
        assert!(text(c"/nowhere").is_ok());
        assert_eq!(text(c"/sys/devices/system/cpu/present"), Err(Doubt::NotOpened));
    }
}
