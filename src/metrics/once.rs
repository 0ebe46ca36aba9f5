//! `cgproc metrics`: the metrics, once.

use super::{
    accept::Form,
    look::{Looker, Source},
    text,
};
use crate::{host::replaced, output};
use anyhow::{Context, Result, ensure};
use rustix::fd::OwnedFd;
use std::{fs::File, io::Read, path::PathBuf, sync::Arc};

/// The options on the command line.
pub(crate) struct OnceOptions {
    pub(crate) source: Source,
    pub(crate) is_open_metrics: bool,
    /// The file to write, instead of standard output.
    pub(crate) output: Option<PathBuf>,
}

/// Prints or writes the metrics.
pub(crate) fn once(options: OnceOptions) -> Result<()> {
    let OnceOptions { source, is_open_metrics, output } = options;
    let exposition = Looker::new(source)?.look();
    ensure!(exposition.health.cgroups > 0, "no cgroups are mounted here");
    let form = if is_open_metrics { Form::OpenMetrics } else { Form::Prometheus };
    let text = text::write(Arc::new(exposition), form);
    match output {
        Some(path) => replaced::put(&path, text.as_bytes(), is_ours).with_context(|| path.display().to_string()),
        None => output::put(text.as_bytes()),
    }
}

/// Whether a file that is about to be replaced has metrics of ours.
fn is_ours(file: OwnedFd) -> Result<()> {
    const BEGINNING: &[u8] = b"# HELP cgproc_";
    let mut text = Vec::new();
    File::from(file).take(BEGINNING.len() as u64).read_to_end(&mut text)?;
    ensure!(BEGINNING.starts_with(&text), "it has something else: choose another name, or remove it");
    Ok(())
}
