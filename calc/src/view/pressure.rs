//! The container's pressure stall information.

use crate::{
    answer::Answer,
    cgroup::{Controller, Version, places::Places},
};
use core::ffi::CStr;

/// Builds the path of the scope's file that replaces the kernel's `answer` in `buffer`. `None` on version 1, which has
/// none, and if the scope is the machine's root.
pub fn path<'b>(answer: Answer, places: &Places, buffer: &'b mut [u8]) -> Option<&'b CStr> {
    let (controller, name) = match answer {
        Answer::PressureCpu => (Controller::Cpu, b"cpu.pressure".as_slice()),
        Answer::PressureMemory => (Controller::Memory, b"memory.pressure".as_slice()),
        Answer::PressureIo => (Controller::Io, b"io.pressure".as_slice()),
        // It needs no controller: every cgroup has it.
        Answer::PressureIrq => (Controller::Cpu, b"irq.pressure".as_slice()),
        _ => return None,
    };
    let place = places.hierarchy(controller).filter(|place| place.version == Version::V2)?;
    place.chain_of_scope().next()?.file(name, buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cgroup::places::Whose, fixture::Tree};

    fn shown(tree: &Tree, answer: Answer) -> Option<std::string::String> {
        let places = Places::locate(tree, Whose::Caller, &mut [0; 512])?;
        let mut buffer = [0; 512];
        path(answer, &places, &mut buffer).map(|path| path.to_str().unwrap().into())
    }

    #[test]
    fn the_scopes_on_version_2_alone() {
        let tree = Tree::default().with("/proc/self/cgroup", "0::/a\n").with_directory("/sys/fs/cgroup", 1, 3);
        let tree = tree.with_directory("/sys/fs/cgroup/a", 9, 2);
        assert_eq!(shown(&tree, Answer::PressureIo).as_deref(), Some("/sys/fs/cgroup/a/io.pressure"));
        assert_eq!(shown(&tree, Answer::PressureCpu).as_deref(), Some("/sys/fs/cgroup/a/cpu.pressure"));
        assert_eq!(shown(&tree, Answer::PressureMemory).as_deref(), Some("/sys/fs/cgroup/a/memory.pressure"));
        assert_eq!(shown(&tree, Answer::PressureIrq).as_deref(), Some("/sys/fs/cgroup/a/irq.pressure"));
        assert_eq!(shown(&tree, Answer::Meminfo), None);
        assert_eq!(shown(&tree.clone().with("/proc/self/cgroup", "0::/\n"), Answer::PressureIo), None);
        let v1 = Tree::default().with("/proc/self/cgroup", "2:memory:/a\n");
        let v1 = v1.with_directory("/sys/fs/cgroup/memory", 1, 3).with_directory("/sys/fs/cgroup/memory/a", 9, 2);
        assert_eq!(shown(&v1, Answer::PressureMemory), None);
    }
}
