//! `cgproc top`: a live table of what containers use, and the same for files and programs.
//!
//! `looks` gets the samples, `data` keeps what is known, `rows` arranges it, `columns`, `units` and `table` turn it into
//! text. `live` shows it in a terminal (`state`, `keys`, `screen`, `terminal`, `events`), `batch` prints it.

mod batch;
mod columns;
mod data;
mod events;
mod history;
mod json;
mod keys;
mod live;
mod looks;
mod name;
mod rows;
mod screen;
mod state;
mod style;
mod table;
mod terminal;
mod text;
mod units;

use crate::seconds::parse as seconds;
use anyhow::{Result, bail};
use columns::{COLUMNS, Column, Wanted};
use rows::Choice;
use std::{
    env,
    ffi::OsString,
    fs::File,
    io::{self, IsTerminal},
    path::PathBuf,
    time::Duration,
};

/// What is shown, and how.
pub(crate) struct TopOptions {
    choice: Choice,
    columns: Wanted,
    delay: Duration,
    /// How many samples.
    count: Option<u64>,
    is_json: bool,
    /// How many columns lines may have in a file.
    width: Option<usize>,
    board: PathBuf,
    /// Only this one and those below it, in a form of `CGPROC_CGROUP`.
    cgroup: Option<OsString>,
}

/// What somebody asked for on the command line.
pub(crate) struct Asked {
    pub(crate) is_batch: bool,
    pub(crate) count: Option<u64>,
    pub(crate) delay: Duration,
    pub(crate) sort: Option<String>,
    pub(crate) is_reversed: bool,
    pub(crate) is_json: bool,
    pub(crate) columns: Vec<String>,
    pub(crate) is_all: bool,
    pub(crate) is_tree: bool,
    pub(crate) filter: String,
    pub(crate) width: Option<usize>,
    pub(crate) board: PathBuf,
    pub(crate) cgroup: Option<OsString>,
}

/// Shows the table in a terminal, or prints it where there is none or `asked` says so.
pub(crate) fn run(asked: Asked) -> Result<()> {
    let is_live = !asked.is_batch && !asked.is_json && is_for_people();
    let is_repeated = is_live || asked.is_batch;
    let mut options = options(asked)?;
    if is_live {
        return live::run(options);
    }
    if !is_repeated {
        options.count.get_or_insert(1);
    }
    if options.width.is_none() && io::stdout().is_terminal() {
        options.width = Some(terminal::columns());
    }
    batch::run(&options)
}

fn options(asked: Asked) -> Result<TopOptions> {
    let columns = match &asked.columns[..] {
        [] => Wanted::usual(),
        keys => Wanted::chosen(&keys.iter().map(|key| named(key)).collect::<Result<Vec<_>>>()?),
    };
    let choice = Choice {
        sorted_by: named(asked.sort.as_deref().unwrap_or("cpu"))?,
        is_reversed: asked.is_reversed,
        is_tree: asked.is_tree,
        // Of one that is named, all of it.
        is_all: asked.is_all || asked.cgroup.is_some(),
        filter: asked.filter.to_lowercase(),
    };
    let Asked { count, delay, is_json, width, board, cgroup, .. } = asked;
    Ok(TopOptions { choice, columns, delay, count, is_json, width, board, cgroup })
}

fn named(key: &str) -> Result<&'static Column> {
    let Some(column) = Column::named(key) else {
        let keys: Vec<&str> = COLUMNS.iter().map(|column| column.key).collect();
        bail!("no column {key}; there are {}", keys.join(", "));
    };
    Ok(column)
}

/// Whether there is a terminal that can be drawn on and typed at.
fn is_for_people() -> bool {
    let is_drawn_on = env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    let is_typed_at = || io::stdin().is_terminal() || File::open("/dev/tty").is_ok();
    is_drawn_on && io::stdout().is_terminal() && is_typed_at()
}
