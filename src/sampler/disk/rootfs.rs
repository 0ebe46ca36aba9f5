//! What a cgroup's processes have as their root.

use super::overlay::Overlay;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub(super) enum RootFs {
    /// There is no process, or none that shows it.
    #[default]
    Unknown,
    /// This overlay, and a process that has it.
    Overlay(Arc<Overlay>, u32),
    /// Anything else, or several roots.
    Other,
}

impl RootFs {
    /// The root of the first process that shows it.
    pub(super) fn of(processes: &[u32], own_device: u64) -> Self {
        let shown = processes.iter().find_map(|process| Some((*process, Overlay::at_root_of(*process).ok()?)));
        match shown {
            None => Self::Unknown,
            Some((process, Some(overlay))) if overlay.device != own_device => Self::Overlay(Arc::new(overlay), process),
            Some(_) => Self::Other,
        }
    }

    pub(super) fn overlay(&self) -> Option<(&Arc<Overlay>, u32)> {
        match self {
            Self::Overlay(overlay, process) => Some((overlay, *process)),
            Self::Unknown | Self::Other => None,
        }
    }

    /// Both combined.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, root) | (root, Self::Unknown) => root,
            (Self::Overlay(one, process), Self::Overlay(other, _)) if one == other => Self::Overlay(one, process),
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(device: u64) -> RootFs {
        RootFs::Overlay(Arc::new(Overlay { device, upper: "/u".into() }), 7)
    }

    #[test]
    fn only_what_all_have_is_of_all() {
        let device = |root: RootFs| root.overlay().map(|(overlay, _)| overlay.device);
        assert_eq!(device(overlay(1).and(overlay(1))), Some(1));
        assert_eq!(device(overlay(1).and(overlay(2))), None);
        assert_eq!(device(overlay(1).and(RootFs::Other)), None);
        assert_eq!(device(RootFs::Unknown.and(overlay(1))), Some(1));
        assert_eq!(device(overlay(1).and(RootFs::Unknown)), Some(1));
        assert_eq!(device(overlay(1).and(overlay(2)).and(overlay(1))), None);
        assert_eq!(device(RootFs::Unknown.and(RootFs::Unknown)), None);
    }

    #[test]
    fn the_first_process_that_can_be_asked_tells() {
        let me = std::process::id();
        assert!(matches!(RootFs::of(&[], 0), RootFs::Unknown));
        assert!(matches!(RootFs::of(&[u32::MAX], 0), RootFs::Unknown));
        // A process that shares our root is in no container.
        let own = rustix::fs::stat("/").unwrap().st_dev;
        assert!(matches!(RootFs::of(&[u32::MAX, me], own), RootFs::Other));
    }
}
