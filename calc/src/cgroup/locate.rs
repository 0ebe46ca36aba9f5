//! Finds the places: first where distributions mount the hierarchies, then by mountinfo.

use super::{
    Controller, Version,
    membership::{self, Membership},
    mountinfo::Mount,
    places::{Places, Slot, Span, Whose},
};
use crate::{
    lines::Lines,
    path::PathIn,
    scan,
    source::{self, Directory, Files},
};
use core::ffi::CStr;

const SELF: &CStr = c"/proc/self/cgroup";
const MOUNTS: &[u8] = b"/sys/fs/cgroup";
/// Where v1's hierarchies are mounted too, the v2 hierarchy is here.
const HYBRID: &[u8] = b"/sys/fs/cgroup/unified";
/// What systemd moves itself to; the container is the cgroup above.
const INIT_SCOPE: &[u8] = b"/init.scope";

/// Fills `places`, which are empty.
pub(super) fn locate(places: &mut Places, files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> Option<()> {
    if let Whose::Directory(directory) = whose {
        return declare(places, files, directory, scratch);
    }
    paths(places, files, whose, scratch)?;
    fixed_mounts(places, files, scratch)?;
    if places.slots.iter().any(|slot| slot.version().is_some() && !slot.is_found()) {
        other_mounts(places, files, scratch)?;
    }
    if !places.slots.iter().any(Slot::is_found) {
        return None;
    }
    match whose {
        Whose::Caller if scope_of_init(places, files, scratch) == Some(true) => {
            places.began_ticks = began_ticks(files, c"/proc/1/cgroup", scratch).unwrap_or(0);
        }
        Whose::Process(cgroup) => places.began_ticks = began_ticks(files, cgroup, scratch).unwrap_or(0),
        _ => {}
    }
    Some(())
}

/// The hash of the text that tells where the process is.
pub(super) fn hash(files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> Option<u64> {
    match whose {
        Whose::Caller => membership::hash(&mut files.open(SELF)?, scratch),
        Whose::Process(cgroup) => membership::hash(&mut files.open(cgroup)?, scratch),
        Whose::Path(path) | Whose::Directory(path) => Some(scan::hash(scan::HASH_SEED, path)),
    }
}

/// One directory for all controllers, in v2's form.
fn declare(places: &mut Places, files: &impl Files, directory: &[u8], scratch: &mut [u8]) -> Option<()> {
    places.hash = scan::hash(scan::HASH_SEED, directory);
    let mount = places.intern(directory.iter().copied())?;
    look(files, &[directory], scratch)?;
    for slot in &mut places.slots {
        *slot = Slot { version: 2, state: Slot::FOUND, mount, ..Slot::default() };
    }
    let began = PathIn::new(scratch).push(directory)?.push(b"/cgproc.began")?.finish()?;
    if let Some(mut file) = files.open(began) {
        places.began_ticks = scan::whole_number(source::read_whole(&mut file, scratch)?)?;
    }
    Some(())
}

/// The directory whose path is the `parts` one after the other.
fn look(files: &impl Files, parts: &[&[u8]], scratch: &mut [u8]) -> Option<Directory> {
    let path = parts.iter().try_fold(PathIn::new(scratch), |path, part| path.push(part))?;
    files.directory(path.finish()?)
}

/// Which hierarchy has each controller, and the cgroup's path there.
#[inline(never)]
fn paths(places: &mut Places, files: &impl Files, whose: Whose<'_>, scratch: &mut [u8]) -> Option<()> {
    let (file, given) = match whose {
        Whose::Process(cgroup) => (cgroup, None),
        Whose::Path(path) => (SELF, Some(path.strip_suffix(b"/").unwrap_or(path))),
        _ => (SELF, None),
    };
    if given.is_some_and(|path| !membership::is_at_or_below(path, b"")) {
        return None;
    }
    let mut unified = None;
    let mut has_v1 = false;
    let text = membership::read(files, file, scratch, |line| {
        let path = given.unwrap_or(line.path);
        if line.is_unified() {
            unified = Some(places.intern(path.iter().copied())?);
            return Some(());
        }
        has_v1 = true;
        note_v1(places, line, path)
    })?;
    places.hash = given.map_or(text, |path| scan::hash(scan::HASH_SEED, path));
    if let Some(path) = unified {
        let mount = places.intern(if has_v1 { HYBRID } else { MOUNTS }.iter().copied())?;
        for slot in places.slots.iter_mut().filter(|slot| slot.version == 0) {
            *slot = Slot { version: 2, mount, path, scope: path.len, ..Slot::default() };
        }
    }
    Some(())
}

/// Notes the controllers of a v1 hierarchy.
fn note_v1(places: &mut Places, line: Membership<'_>, path: &[u8]) -> Option<()> {
    for controller in Controller::ALL.into_iter().filter(|controller| line.has(*controller)) {
        let mount = places.intern(MOUNTS.iter().chain(b"/").chain(line.names).copied())?;
        let path = places.intern(path.iter().copied())?;
        let slot = places.slots.get_mut(controller as usize)?;
        *slot = Slot { version: 1, mount, path, scope: path.len, ..Slot::default() };
    }
    Some(())
}

/// Tries the mount that each place has as a guess, and the one that is named after the controller.
#[inline(never)]
fn fixed_mounts(places: &mut Places, files: &impl Files, scratch: &mut [u8]) -> Option<()> {
    for controller in Controller::ALL {
        let slot = *places.slots.get(controller as usize)?;
        let Some(version) = slot.version() else { continue };
        let same =
            places.slots.iter().find(|known| known.is_found() && known.path == slot.path && known.mount == slot.mount);
        let found = match same {
            Some(known) => Some(*known),
            None => fixed_mount(places, files, version, slot, scratch),
        };
        let found = match (found, version) {
            (None, Version::V1) => {
                let mount = places.intern(MOUNTS.iter().chain(b"/").chain(controller.name()).copied())?;
                let other = Slot { mount, ..slot };
                (other != slot).then(|| fixed_mount(places, files, version, other, scratch)).flatten()
            }
            (found, _) => found,
        };
        if let Some(found) = found {
            *places.slots.get_mut(controller as usize)? = found;
        }
    }
    Some(())
}

/// The place, if the mount it has shows the path, and no question is left.
fn fixed_mount(places: &Places, files: &impl Files, version: Version, slot: Slot, scratch: &mut [u8]) -> Option<Slot> {
    let (mount, path) = (places.at(slot.mount)?, places.at(slot.path)?);
    if membership::leaves_namespace(path) {
        return None;
    }
    let top = look(files, &[mount], scratch)?;
    let root = is_root(files, version, top);
    let found = Slot { state: if root { Slot::FOUND_BELOW_ROOT } else { Slot::FOUND }, ..slot };
    let own_is_here = if path.is_empty() {
        // Below a root that is not the machine's the own cgroup may be one of the subdirectories.
        root || (top.links == 2 && is_cgroup(files, mount, scratch))
    } else {
        look(files, &[mount, path], scratch).is_some()
    };
    own_is_here.then_some(found)
}

/// Whether the top of a mount whose root is `/` is the machine's own root cgroup.
fn is_root(files: &impl Files, version: Version, top: Directory) -> bool {
    // Kernels before 3.15 number cgroups as any file system does. They have no cgroup namespace whose root it could be.
    top.inode == 1 || (version == Version::V1 && files.open(c"/proc/self/ns/cgroup").is_none())
}

/// Whether a directory is a cgroup's, and not just where one would be mounted.
fn is_cgroup(files: &impl Files, directory: &[u8], scratch: &mut [u8]) -> bool {
    let path = PathIn::new(scratch).push(directory).and_then(|path| path.push(b"/cgroup.procs"));
    path.and_then(PathIn::finish).is_some_and(|path| files.open(path).is_some())
}

/// Takes what is not found yet from mountinfo: the last mount that shows the own cgroup counts, unless another is upon it.
#[inline(never)]
fn other_mounts(places: &mut Places, files: &impl Files, scratch: &mut [u8]) -> Option<()> {
    let no_mount = places.intern(core::iter::empty())?;
    for slot in places.slots.iter_mut().filter(|slot| !slot.is_found()) {
        slot.mount = no_mount;
    }
    let mut source = files.open(c"/proc/self/mountinfo")?;
    let mut lines = Lines::new(&mut source, scratch);
    while let Some(line) = lines.next()? {
        if line.begins {
            note_mount(places, &Mount::parse(&line)?)?;
        }
    }
    for controller in Controller::ALL {
        let slot = *places.slots.get(controller as usize)?;
        if let Some(version) = slot.version().filter(|_| !slot.is_found()) {
            *places.slots.get_mut(controller as usize)? = verified(places, files, version, slot, scratch)?;
        }
    }
    Some(())
}

/// Notes for which places a mount counts.
fn note_mount(places: &mut Places, mount: &Mount<'_>) -> Option<()> {
    for controller in Controller::ALL {
        let mut slot = *places.slots.get(controller as usize)?;
        let Some(version) = slot.version().filter(|_| !slot.is_found()) else { continue };
        if mount.point().eq(places.at(slot.mount)?.iter().copied()) {
            slot.mount = Span::default();
        }
        let above = if mount.shows(version, controller) { mount.covers(places.at(slot.path)?) } else { None };
        if let Some(above) = above {
            slot.above = u16::try_from(above).ok()?;
            slot.mount = places.intern(mount.point())?;
        }
        *places.slots.get_mut(controller as usize)? = slot;
    }
    Some(())
}

/// The place, found if the mount does show the path, else as one that is in no hierarchy.
fn verified(places: &Places, files: &impl Files, version: Version, slot: Slot, scratch: &mut [u8]) -> Option<Slot> {
    let (mount, path) = (places.at(slot.mount)?, places.at(slot.path)?);
    let shown = path.get(usize::from(slot.above)..)?;
    let top = if mount.is_empty() { None } else { look(files, &[mount], scratch) };
    let Some(top) = top.filter(|_| shown.is_empty() || look(files, &[mount, shown], scratch).is_some()) else {
        return Some(Slot::default());
    };
    let root = slot.above == 0 && is_root(files, version, top);
    Some(Slot { state: if root { Slot::FOUND_BELOW_ROOT } else { Slot::FOUND }, ..slot })
}

/// Narrows the scopes to pid 1's cgroup, where that is the own or above it and not the machine's root. Whether any is.
#[inline(never)]
fn scope_of_init(places: &mut Places, files: &impl Files, scratch: &mut [u8]) -> Option<bool> {
    let mut any = false;
    membership::read(files, c"/proc/1/cgroup", scratch, |line| {
        let path = line.path.strip_suffix(INIT_SCOPE).unwrap_or(line.path);
        for controller in Controller::ALL {
            let mut slot = *places.slots.get(controller as usize)?;
            let same_hierarchy = match slot.version() {
                Some(Version::V1) => line.has(controller),
                Some(Version::V2) => line.is_unified(),
                None => false,
            };
            let is_root = path.is_empty() && slot.state == Slot::FOUND_BELOW_ROOT;
            let visible = path.len() >= usize::from(slot.above);
            if slot.is_found() && same_hierarchy && visible && !is_root && contains(places.at(slot.path)?, path) {
                slot.scope = u16::try_from(path.len()).ok()?;
                *places.slots.get_mut(controller as usize)? = slot;
                any = true;
            }
        }
        Some(())
    })?;
    Some(any)
}

/// Whether the cgroup `path` is in the cgroup `scope`.
fn contains(path: &[u8], scope: &[u8]) -> bool {
    membership::is_at_or_below(path, scope) && !membership::leaves_namespace(scope)
}

/// When the process whose `/proc/PID/cgroup` this is started: field 22 of the `stat` beside it.
fn began_ticks(files: &impl Files, cgroup: &CStr, scratch: &mut [u8]) -> Option<u64> {
    let process = cgroup.to_bytes().strip_suffix(b"cgroup")?;
    let mut file = files.open(PathIn::new(scratch).push(process)?.push(b"stat")?.finish()?)?;
    // The second field is the program's name in parentheses, which may itself hold blanks and parentheses.
    let (_, from_state) = scan::split_at_last(source::read_whole(&mut file, scratch)?, b')')?;
    scan::whole_number(scan::parts(from_state, b' ').nth(20)?)
}
