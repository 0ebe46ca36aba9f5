//! Finds the places: first by the usual mount points, then by mountinfo.

use super::{
    Controller, Version,
    membership::{self, Membership},
    mountinfo::{Mount, unescape},
    places::{Places, Slot, Span, Whose},
};
use crate::{
    lines::Lines,
    path, scan,
    source::{self, Directory, Files},
};
use core::ffi::CStr;

impl Places {
    /// The places of `whose`; see [`Places::find`].
    pub fn locate(files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> Option<Self> {
        let mut places = Self::NONE;
        places.find(files, whose, scratch)?;
        Some(places)
    }

    /// Finds the places and writes them over [`Places::NONE`] where it lies, because they are large. `None` if in
    /// doubt: no cgroup file system, or a path that no mount shows.
    pub fn find(&mut self, files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> Option<()> {
        locate(self, files, whose, scratch)
    }

    /// Whether the process is still in these places.
    pub fn still_hold(&self, files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> bool {
        hash(files, whose, scratch) == Some(self.hash)
    }
}

const SELF: &CStr = c"/proc/self/cgroup";
const MOUNTS: &[u8] = b"/sys/fs/cgroup";
/// The v2 hierarchy, if v1's hierarchies are mounted too.
const HYBRID: &[u8] = b"/sys/fs/cgroup/unified";
/// The cgroup that systemd moves itself to; the container is the one above.
const INIT_SCOPE: &[u8] = b"/init.scope";

/// Fills `places`, which is empty.
fn locate<F: Files>(places: &mut Places, files: &F, whose: Whose<'_>, scratch: &mut [u8]) -> Option<()> {
    Finder { places, files, scratch, numbers_root: None }.find(whose)
}

/// The hash of everything that the places of `whose` depend on.
fn hash(files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> Option<u64> {
    match whose {
        Whose::Caller => membership::hash(&mut files.open(SELF)?, scratch),
        Whose::Process(cgroup) => membership::hash(&mut files.open(cgroup)?, scratch),
        Whose::Path(path) | Whose::Directory(path) => Some(scan::hash(scan::HASH_SEED, path)),
    }
}

struct Finder<'a, F: Files> {
    places: &'a mut Places,
    files: &'a F,
    /// Holds a path or a file's bytes, never both.
    scratch: &'a mut [u8],
    /// Whether the kernel gives the machine's root cgroup the number 1; `None` until asked.
    numbers_root: Option<bool>,
}

impl<F: Files> Finder<'_, F> {
    fn find(&mut self, whose: Whose<'_>) -> Option<()> {
        if let Whose::Directory(directory) = whose {
            return self.declare(directory);
        }
        self.paths(whose)?;
        self.fixed_mounts()?;
        if self.places.slots.iter().any(Slot::is_wanted) {
            // If this fails, the controllers not found are left out, and the others stay.
            let _ = self.other_mounts();
        }
        if !self.places.slots.iter().any(Slot::is_found) {
            return None;
        }
        self.places.began_ticks = match whose {
            Whose::Caller if self.scope_of_init() == Some(true) => self.began_ticks(c"/proc/1/cgroup"),
            Whose::Process(cgroup) => self.began_ticks(cgroup),
            _ => None,
        }
        .unwrap_or(0);
        Some(())
    }

    /// Uses one directory for all controllers, in v2's form.
    fn declare(&mut self, directory: &[u8]) -> Option<()> {
        self.places.hash = scan::hash(scan::HASH_SEED, directory);
        look(self.files, &[directory], self.scratch)?;
        let mount = self.places.intern(&[directory])?;
        self.places.slots = [Slot { version: 2, state: Slot::FOUND, mount, ..Slot::default() }; _];
        let began = path::join(self.scratch, &[directory, b"/cgproc.began"])?;
        if let Some(mut file) = self.files.open(began) {
            self.places.began_ticks = scan::whole_number(source::read_whole(&mut file, self.scratch)?)?;
        }
        Some(())
    }

    /// Finds the hierarchy of each controller, and the cgroup's path there.
    #[inline(never)]
    fn paths(&mut self, whose: Whose<'_>) -> Option<()> {
        let (file, given) = match whose {
            Whose::Process(cgroup) => (cgroup, None),
            Whose::Path(path) => (SELF, Some(path.strip_suffix(b"/").unwrap_or(path))),
            _ => (SELF, None),
        };
        if given.is_some_and(|path| !membership::is_at_or_below(path, b"")) {
            return None;
        }
        let places = &mut *self.places;
        let mut unified = None;
        let mut has_v1 = false;
        let hash_of_text = membership::read(self.files, file, self.scratch, |line| {
            let path = given.unwrap_or(line.path);
            if line.is_unified() {
                unified = places.intern(&[path]);
                return Some(());
            }
            has_v1 = true;
            note_v1(places, line, path)
        })?;
        places.hash = if let Whose::Path(path) = whose { scan::hash(scan::HASH_SEED, path) } else { hash_of_text };
        if let Some(path) = unified {
            let mount = places.intern(&[if has_v1 { HYBRID } else { MOUNTS }])?;
            for slot in places.slots.iter_mut().filter(|slot| slot.version == 0) {
                *slot = Slot { version: 2, mount, path, scope: path.len, ..Slot::default() };
            }
        }
        Some(())
    }

    /// Tries the mount guessed for each place, and for v1 the one named after the controller.
    #[inline(never)]
    fn fixed_mounts(&mut self) -> Option<()> {
        for controller in Controller::ALL {
            let slot = *self.places.slots.get(controller as usize)?;
            let Some(version) = slot.version() else { continue };
            let mut found = self.found_before(&slot).or_else(|| self.fixed_mount(version, slot));
            if found.is_none() && version == Version::V1 {
                let mount = self.places.intern(&[MOUNTS, b"/", controller.name()])?;
                let named = Slot { mount, ..slot };
                found = if named == slot { None } else { self.fixed_mount(version, named) };
            }
            if let Some(found) = found {
                *self.places.slots.get_mut(controller as usize)? = found;
            }
        }
        Some(())
    }

    /// The place already found for another controller of the same hierarchy.
    fn found_before(&self, slot: &Slot) -> Option<Slot> {
        let same = |known: &&Slot| known.is_found() && (known.mount, known.path) == (slot.mount, slot.path);
        self.places.slots.iter().find(same).copied()
    }

    /// The place, if its mount shows the path beyond doubt.
    fn fixed_mount(&mut self, version: Version, slot: Slot) -> Option<Slot> {
        let (mount, path) = (self.places.at(slot.mount)?, self.places.at(slot.path)?);
        if membership::leaves_namespace(path) {
            return None;
        }
        if !path.is_empty() {
            look(self.files, &[mount, path], self.scratch)?;
        }
        let top = look(self.files, &[mount], self.scratch)?;
        let is_root = self.is_root(version, top);
        // Below a root that is not the machine's, the process's own cgroup may be one of the subdirectories.
        let sure = slot.path.len > 0 || is_root || (top.links == 2 && self.is_cgroup(slot.mount));
        sure.then_some(slot.found(is_root))
    }

    /// Whether the top of a mount whose root is `/` is the machine's root cgroup.
    fn is_root(&mut self, version: Version, top: Directory) -> bool {
        if top.inode == 1 || version == Version::V2 {
            return top.inode == 1;
        }
        // Kernels before 3.15 number cgroups like any file system's directories. They have no cgroup namespaces, so
        // the root is the machine's.
        let numbers = self.numbers_root.unwrap_or_else(|| numbers_root(self.files, self.scratch));
        self.numbers_root = Some(numbers);
        !numbers
    }

    /// Whether a directory is a cgroup's, not merely a mount point for the hierarchy.
    fn is_cgroup(&mut self, directory: Span) -> bool {
        let directory = self.places.at(directory).unwrap_or_default();
        path::join(self.scratch, &[directory, b"/cgroup.procs"]).is_some_and(|path| self.files.open(path).is_some())
    }

    /// Looks for the rest in mountinfo: the last mount that shows the process's own cgroup, unless another mount
    /// covers it.
    #[inline(never)]
    fn other_mounts(&mut self) -> Option<()> {
        for slot in self.places.slots.iter_mut().filter(|slot| slot.is_wanted()) {
            slot.mount = Span::default();
        }
        let mut source = self.files.open(c"/proc/self/mountinfo")?;
        let mut lines = Lines::new(&mut source, self.scratch);
        while let Some(line) = lines.next().ok()? {
            if line.begins {
                // A line that cannot be parsed, or whose mount does not fit, is skipped.
                Mount::parse(&line).and_then(|mount| note_mount(self.places, &mount)).unwrap_or(());
            }
        }
        for controller in Controller::ALL {
            let slot = *self.places.slots.get(controller as usize)?;
            if let (Some(version), true) = (slot.version(), slot.is_wanted()) {
                let found = self.found_before(&slot).or_else(|| self.verified(version, slot));
                *self.places.slots.get_mut(controller as usize)? = found.unwrap_or_default();
            }
        }
        Some(())
    }

    /// The place, if the mount really shows the path.
    fn verified(&mut self, version: Version, slot: Slot) -> Option<Slot> {
        let (mount, path) = (self.places.at(slot.mount)?, self.places.at(slot.path)?);
        let shown = path.get(usize::from(slot.above)..)?;
        if mount.is_empty() {
            return None;
        }
        if !shown.is_empty() {
            look(self.files, &[mount, shown], self.scratch)?;
        }
        let top = look(self.files, &[mount], self.scratch)?;
        Some(slot.found(slot.above == 0 && self.is_root(version, top)))
    }

    /// Narrows the scopes to pid 1's cgroup, if that is the process's own or above it, and not the machine's root.
    /// Returns whether any was narrowed.
    #[inline(never)]
    fn scope_of_init(&mut self) -> Option<bool> {
        let places = &mut *self.places;
        let mut any = false;
        membership::read(self.files, c"/proc/1/cgroup", self.scratch, |line| {
            for controller in Controller::ALL {
                let slot = *places.slots.get(controller as usize)?;
                if let Some(scope) = scope(places.at(slot.path)?, slot, line, controller) {
                    places.slots.get_mut(controller as usize)?.scope = scope;
                    any = true;
                }
            }
            Some(())
        })?;
        Some(any)
    }

    /// The start of the process whose `/proc/PID/cgroup` this is: field 22 of the `stat` beside it.
    fn began_ticks(&mut self, cgroup: &CStr) -> Option<u64> {
        let cgroup = cgroup.to_bytes();
        let process = cgroup.get(..cgroup.len().saturating_sub(b"cgroup".len()))?;
        let mut file = self.files.open(path::join(self.scratch, &[process, b"stat"])?)?;
        // The second field is the program's name in parentheses, which may contain blanks and parentheses.
        let (_, from_state) = scan::split_at_last(source::read_whole(&mut file, self.scratch)?, b')')?;
        let mut fields = scan::parts(from_state, b' ');
        // From here, the start time is the 20th field.
        for _ in 0..20 {
            fields.next()?;
        }
        scan::whole_number(fields.next()?)
    }
}

/// Looks at the directory whose path is `parts` joined.
fn look(files: &impl Files, parts: &[&[u8]], scratch: &mut [u8]) -> Option<Directory> {
    files.directory(path::join(scratch, parts)?)
}

/// Whether the kernel gives the machine's root cgroup the number 1, as kernels with namespaces do. A namespace's file
/// that cannot be opened may exist all the same: proot lets none be opened.
#[inline(never)]
fn numbers_root(files: &impl Files, scratch: &mut [u8]) -> bool {
    let has_namespaces = files.open(c"/proc/self/ns/cgroup").is_some();
    has_namespaces || release(files, scratch).is_some_and(|release| release >= (3, 15))
}

/// The kernel's version: the first two numbers of `4.19.0-27-amd64`.
fn release(files: &impl Files, scratch: &mut [u8]) -> Option<(u64, u64)> {
    let text = source::read_whole(&mut files.open(c"/proc/sys/kernel/osrelease")?, scratch)?;
    let (version, rest) = scan::number(text)?;
    Some((version, scan::number(rest.strip_prefix(b".")?)?.0))
}

/// Notes the controllers of a v1 hierarchy; the guessed mount is named as the line lists them.
fn note_v1(places: &mut Places, line: Membership<'_>, path: &[u8]) -> Option<()> {
    for controller in Controller::ALL.into_iter().filter(|controller| line.has(*controller)) {
        let mount = places.intern(&[MOUNTS, b"/", line.names])?;
        let path = places.intern(&[path])?;
        let slot = places.slots.get_mut(controller as usize)?;
        *slot = Slot { version: 1, mount, path, scope: path.len, ..Slot::default() };
    }
    Some(())
}

/// Notes the places that a mount is for.
fn note_mount(places: &mut Places, mount: &Mount<'_>) -> Option<()> {
    for controller in Controller::ALL {
        let mut slot = *places.slots.get(controller as usize)?;
        let (Some(version), true) = (slot.version(), slot.is_wanted()) else { continue };
        if unescape(mount.point).eq(places.at(slot.mount)?.iter().copied()) {
            slot.mount = Span::default();
        }
        let above = if mount.shows(version, controller) { mount.covers(places.at(slot.path)?) } else { None };
        if let Some(above) = above {
            slot.above = u16::try_from(above).ok()?;
            slot.mount = places.intern_escaped(mount.point).unwrap_or_default();
        }
        *places.slots.get_mut(controller as usize)? = slot;
    }
    Some(())
}

/// The length of the scope's path, if pid 1's `line` says that the scope holds the cgroup `own`.
fn scope(own: &[u8], slot: Slot, line: Membership<'_>, controller: Controller) -> Option<u16> {
    let scope = line.path.strip_suffix(INIT_SCOPE).unwrap_or(line.path);
    let is_same_hierarchy = match slot.version().filter(|_| slot.is_found())? {
        Version::V1 => line.has(controller),
        Version::V2 => line.is_unified(),
    };
    let is_root = scope.is_empty() && slot.state == Slot::FOUND_BELOW_ROOT;
    let is_shown = scope.len() >= usize::from(slot.above);
    let has_own = membership::is_at_or_below(own, scope) && !membership::leaves_namespace(scope);
    if is_same_hierarchy && is_shown && has_own && !is_root { u16::try_from(scope.len()).ok() } else { None }
}
