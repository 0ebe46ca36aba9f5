//! Engines on a host that has the package: containers get the view, and their images stay as they are. Needs root.

mod bed;

#[path = "engines/configurations.rs"]
mod configurations;
#[path = "engines/devices.rs"]
mod devices;
#[path = "engines/dropins.rs"]
mod dropins;
#[path = "containers/harness.rs"]
#[allow(dead_code, reason = "the ring of containers uses the rest")]
mod harness;
#[path = "engines/layout.rs"]
mod layout;
#[path = "engines/lines.rs"]
mod lines;
#[path = "engines/machines.rs"]
mod machines;
#[path = "engines/nri.rs"]
mod nri;
#[path = "containers/probe.rs"]
#[allow(dead_code, reason = "the ring of containers uses the rest")]
mod probe;
#[path = "engines/runtime.rs"]
mod runtime;
#[path = "engines/starts.rs"]
mod starts;

use harness::{Bed, Library};
use probe::Said;
use std::process::Command;

/// What a command says that runs on a host with the package (`tests/bed/installed`); its first word is a script of
/// `tests/bed`, such as `docker`, or an absolute path.
pub(crate) fn on_a_host(words: &[&str]) -> Said {
    on_a_host_in("debian-12", Command::new("env"), words)
}

/// The same with another userland for containers, and started by another command, such as one that enters a cgroup.
pub(crate) fn on_a_host_in(userland: &'static str, enter: Command, words: &[&str]) -> Said {
    let (script, arguments) = words.split_first().expect("a command");
    let [script, object, command] = [bed::repository("tests/bed").join(script), bed::object(), bed::command()]
        .map(|path| path.to_string_lossy().into_owned());
    let private = Bed { userland, library: Library::None };
    private.says_in(enter, &[&["installed", "-o", &object, "-c", &command, "--", &script], arguments].concat())
}
