//! Creation and removal of cgroups, and changes of their limits, as inotify reports them.

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
};
use std::{
    collections::HashMap,
    ffi::{CStr, OsStr, OsString},
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// A node of a hierarchy, by the numbers of both.
pub(crate) type NodeNumber = (usize, usize);

/// What happened in a watched directory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Made(OsString),
    Removed(OsString),
    /// Somebody wrote to one of the limits' files.
    Limited,
    /// Events were lost: look everywhere.
    Lost,
}

pub(crate) struct Watch {
    inotify: OwnedFd,
    places: HashMap<i32, NodeNumber>,
    /// How many directories may be watched: this user's other programs need watches too.
    most: usize,
}

impl Watch {
    /// A watch with no directories yet; `None` if the kernel gives none.
    pub(crate) fn new() -> Option<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        Some(Self { inotify, places: HashMap::new(), most: budget() })
    }

    /// Becomes readable when something happens.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Watches a directory, if the kernel allows one more.
    pub(super) fn add(&mut self, path: &Path, place: NodeNumber) -> Option<i32> {
        if self.places.len() >= self.most {
            return None;
        }
        let flags = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MODIFY | WatchFlags::ONLYDIR;
        let watch = inotify::add_watch(&self.inotify, path, flags).ok()?;
        self.places.insert(watch, place);
        Some(watch)
    }

    /// Stops watching a removed directory.
    pub(super) fn remove(&mut self, watch: i32) {
        let _ = inotify::remove_watch(&self.inotify, watch);
        self.places.remove(&watch);
    }

    /// What has happened since the last call.
    pub(crate) fn events(&self) -> Vec<(NodeNumber, Event)> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut events = Vec::new();
        while let Ok(event) = reader.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                events.push(((0, 0), Event::Lost));
            } else if let (Some(&place), Some(name)) = (self.places.get(&event.wd()), event.file_name()) {
                events.extend(meaning(event.events(), name).map(|event| (place, event)));
            }
        }
        events
    }
}

/// A quarter of what the kernel allows a user; if it does not say how much that is, of what it has allowed everybody
/// since 2.6.
fn budget() -> usize {
    const LEAST: usize = 8192;
    let limit = std::fs::read("/proc/sys/fs/inotify/max_user_watches").ok();
    let limit = limit.and_then(|text| calc::scan::number(&text).map(|(number, _)| number));
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LEAST) / 4
}

fn meaning(events: ReadFlags, name: &CStr) -> Option<Event> {
    let text = name.to_bytes();
    let named = || OsStr::from_bytes(text).to_owned();
    if events.contains(ReadFlags::ISDIR | ReadFlags::CREATE) {
        Some(Event::Made(named()))
    } else if events.contains(ReadFlags::ISDIR | ReadFlags::DELETE) {
        Some(Event::Removed(named()))
    } else {
        // The kernel itself sends events for these files.
        let is_news = text.windows(7).any(|part| part == b".events") || text.ends_with(b".pressure");
        let is_limit = [&b"cpu."[..], b"cpuset.", b"memory.", b"pids."].iter().any(|prefix| text.starts_with(prefix));
        (is_limit && !is_news && events.contains(ReadFlags::MODIFY)).then_some(Event::Limited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn most_watches_are_left_to_others() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        fs::create_dir_all(home.join("a")).unwrap();
        let mut watch = Watch { most: 1, ..Watch::new().unwrap() };
        let number = watch.add(home, (0, 0)).unwrap();
        assert_eq!(watch.add(&home.join("a"), (0, 1)), None);
        watch.remove(number);
        assert!(watch.add(&home.join("a"), (0, 1)).is_some());
        let limit = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").unwrap();
        assert_eq!(Watch::new().unwrap().most, limit.trim().parse::<usize>().unwrap() / 4);
    }

    #[test]
    fn directories_and_limits_are_told() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let mut watch = Watch::new().unwrap();
        let number = watch.add(home, (3, 4)).unwrap();
        fs::create_dir(home.join("a")).unwrap();
        fs::write(home.join("cpu.max"), "max").unwrap();
        fs::write(home.join("cgroup.procs"), "1").unwrap();
        fs::write(home.join("memory.events.local"), "1").unwrap();
        fs::remove_dir(home.join("a")).unwrap();
        let events: Vec<Event> = watch
            .events()
            .into_iter()
            .map(|(place, event)| {
                assert_eq!(place, (3, 4));
                event
            })
            .collect();
        assert_eq!(events, [Event::Made("a".into()), Event::Limited, Event::Removed("a".into())]);
        assert_eq!(watch.events(), []);
        watch.remove(number);
        fs::create_dir(home.join("b")).unwrap();
        assert_eq!(watch.events(), []);
    }
}
