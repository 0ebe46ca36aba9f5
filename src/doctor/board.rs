//! The board that a sampler publishes on.

use super::Finding;
use crate::{
    host::{clocks, trusted},
    see::{board_reader::BoardReader, view::View},
    settings::Settings,
};
use calc::board::{Block, Board, Kind, MAGIC, VERSION};
use rustix::fs::statfs;
use std::path::Path;

const CHECK: &str = "board";

const START: &str = "run cgproc sampler on the host, and mount the board's directory into the container";

/// The state of the board that is read here.
pub(super) fn check(settings: Option<&Settings>, view: Option<&View>) -> Vec<Finding> {
    let Some(settings) = settings else { return Vec::new() };
    let path = settings.board.as_path();
    let finding = match header(path) {
        Ok(header) => fresh(&header).err().unwrap_or_else(|| slot(view)),
        Err(finding) => finding,
    };
    vec![finding.on(path.display())]
}

/// The first block of a board that can be trusted.
fn header(path: &Path) -> Result<Block, Finding> {
    let untrusted =
        |reason: String| Finding::problem(CHECK, "board-untrusted", format!("it is not believed: {reason}"));
    match trusted::open(path) {
        Ok(Some(_)) => {}
        Ok(None) => {
            let found =
                "there is none: load averages and df are the machine's, and limits above the container are unknown";
            return Err(Finding::note(CHECK, "board-missing", found).cure(START));
        }
        Err(reason) => {
            let remedy = "let a sampler of root's or your own write it, with mode 644 and no symbolic link";
            return Err(untrusted(format!("{reason:#}")).cure(remedy));
        }
    }
    let Some(board) = BoardReader::open(path) else {
        let kind = statfs(path).map_or(0, |it| it.f_type);
        return Err(
            untrusted(format!("it is on no tmpfs (file system {kind:#x})")).cure("put it on a tmpfs, such as /run")
        );
    };
    let mut header = Block::EMPTY;
    let is_whole = board.copy(0, &mut header).is_some() && header.is_whole();
    if is_whole && header.slots().is_some() {
        return Ok(header);
    }
    Err(of_another_kind(&mut header, is_whole))
}

/// What is wrong with a file that is not a board of ours.
fn of_another_kind(header: &mut Block, is_whole: bool) -> Finding {
    let [_, magic, version, ..] = *header.words_mut();
    if is_whole && magic == MAGIC && version != VERSION {
        let found = format!("it has version {version}, but this release reads version {VERSION}");
        return Finding::problem(CHECK, "board-version", found).cure("use a sampler and a library of the same release");
    }
    Finding::problem(CHECK, "board-garbage", "it is not a board, or is truncated").cure("restart the sampler")
}

/// Whether a sampler keeps it up to date.
fn fresh(header: &Block) -> Result<(), Finding> {
    if header.has_ended() {
        let found = "the sampler has ended: load averages become the machine's";
        return Err(Finding::problem(CHECK, "board-ended", found).cure("restart cgproc sampler"));
    }
    let now_usec = clocks::now_usec(libc::CLOCK_REALTIME);
    if header.is_fresh(now_usec) {
        return Ok(());
    }
    let age_sec = now_usec.saturating_sub(header.published().realtime_usec) / 1_000_000;
    let found = format!("the sampler no longer publishes: the board was last written {age_sec} s ago");
    Err(Finding::problem(CHECK, "board-stale", found).cure("restart cgproc sampler, and find out why it ended"))
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
