//! The board that a sampler publishes on.

use super::Finding;
use crate::{
    see::{
        board_state::{self, BoardFault},
        view::View,
    },
    settings::Settings,
};
use calc::board::Kind;

const CHECK: &str = "board";

const START: &str = "run cgproc sampler on the host, and mount the board's directory into the container";

/// The state of the board that is read here.
pub(super) fn check(settings: Option<&Settings>, view: Option<&View>) -> Vec<Finding> {
    let Some(settings) = settings else { return Vec::new() };
    let path = settings.board.as_path();
    let finding = match board_state::check(path) {
        Ok(()) => slot(view),
        Err(fault) => of_fault(&fault),
    };
    vec![finding.on(path.display())]
}

/// What a fault means for the figures, and what to do about it.
fn of_fault(fault: &BoardFault) -> Finding {
    let (code, consequence, remedy) = match fault {
        BoardFault::Missing => {
            let means = ": load averages and df are the machine's, and limits above the container are unknown";
            return Finding::note(CHECK, "board-missing", format!("{fault}{means}")).cure(START);
        }
        BoardFault::Untrusted(_) => {
            let remedy = "let a sampler of root's or your own write it, with mode 644 and no symbolic link";
            ("board-untrusted", "", remedy)
        }
        BoardFault::Elsewhere(_) => ("board-untrusted", "", "put it on a tmpfs, such as /run"),
        BoardFault::OfAnotherVersion(_) => ("board-version", "", "use a sampler and a library of the same release"),
        BoardFault::Garbage => ("board-garbage", "", "restart the sampler"),
        BoardFault::Ended => ("board-ended", ": load averages become the machine's", "restart cgproc sampler"),
        BoardFault::Stale(_) => ("board-stale", "", "restart cgproc sampler, and find out why it ended"),
    };
    Finding::problem(CHECK, code, format!("{fault}{consequence}")).cure(remedy)
}

/// Whether it has a slot for this scope.
fn slot(view: Option<&View>) -> Finding {
    match view {
        Some(view) if view.slot_age_usec().is_some() => {
            Finding::ok(CHECK, "board", "it is up to date, and has this cgroup")
        }
        Some(view) if !has_load(view) => {
            Finding::ok(CHECK, "board", "it is up to date; the machine's root cgroup has no load of its own")
        }
        _ => Finding::problem(CHECK, "board-no-slot", "it is up to date, but does not have this cgroup").cure(
            "run the sampler where it sees this cgroup: on the host, in the container, or beside it as the same user \
             with at least the same capabilities",
        ),
    }
}

/// Whether the scope is a cgroup with a load of its own: the machine's root is not.
fn has_load(view: &View) -> bool {
    view.scope_directories().iter().any(|(kind, _)| matches!(kind, Kind::Unified | Kind::Cpuacct | Kind::Declared))
}
