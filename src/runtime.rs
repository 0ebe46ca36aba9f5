//! `cgproc-runtime`: an OCI runtime in front of the real one. It changes the configuration of a container that is about
//! to be made, or the description of a process that is about to join one, and becomes the real runtime, which never
//! knows. In any doubt it changes nothing. Only if nobody knows which runtime was meant, or if it may be a sandbox that is
//! not there, no container is started.

mod command_line;
mod configuration;
mod container;
mod document;
mod mounts;
mod process;
mod real;
mod replace;
mod rootfs;
mod state;

use crate::failure::{Failure, say};
use anyhow::{Context, Result, anyhow};
use command_line::Request;
use configuration::Configuration;
use container::Container;
use document::{Edits, Node};
use std::{
    env,
    ffi::{OsStr, OsString},
    path::Path,
};

/// The name under which the command is an OCI runtime.
const NAME: &str = "cgproc-runtime";

/// The exit code if there is no runtime to become.
const NO_RUNTIME: u8 = 127;

/// Whether the command was called by that name.
pub(crate) fn is_meant(program: &OsStr) -> bool {
    Path::new(program).file_name() == Some(OsStr::new(NAME))
}

/// Becomes the real runtime; returns the exit code if that fails.
pub(crate) fn main(arguments: &[OsString]) -> u8 {
    let found = Configuration::read().and_then(|(configuration, fault)| {
        fault.iter().for_each(note);
        Ok((real::find(configuration.runtime.as_deref())?, configuration))
    });
    let (runtime, configuration) = match found {
        Ok(found) => found,
        Err(error) => {
            say(format_args!("{error:#}"));
            return NO_RUNTIME;
        }
    };
    if let Some(named) = configuration.runtime.as_ref().filter(|named| !runtime.ends_with(named)) {
        note(&anyhow!("{} cannot be run: {} is used", named.display(), runtime.display()));
    }
    let arguments = arguments.get(1..).unwrap_or_default();
    if let Some(request) = command_line::request(arguments) {
        let done = match &request {
            Request::Container { configuration: file, bundle } => change_container(file, bundle, &configuration),
            Request::Process { description, container } => {
                state::bundle(container, &runtime).and_then(|bundle| change_process(description, &bundle))
            }
        };
        let left = done.context("the container is left as it is");
        left.err().iter().for_each(note);
    }
    let error = real::become_it(&runtime, arguments);
    let failure = Failure::of_exec(runtime.into_os_string(), error);
    say(&failure);
    failure.code()
}

/// Gives a container the view, if it is chosen and if it has all that is needed. What keeps it from starting is taken
/// out in any case.
fn change_container(file: &Path, bundle: &Path, configuration: &Configuration) -> Result<()> {
    let found = replace::read(file)?;
    let without_gone = Container::parse(&found.text)?.without_gone(&configuration.host)?;
    let view = with_view(without_gone.as_ref().unwrap_or(&found.text), bundle, configuration);
    let (with_view, fault) = match view {
        Ok(changed) => (changed, Ok(())),
        Err(error) => (None, Err(error)),
    };
    match with_view.or(without_gone) {
        Some(changed) => found.replace(&changed).and(fault),
        None => fault,
    }
}

/// The configuration of a container that is chosen, with the view; `None` if nothing is to be changed.
fn with_view(text: &str, bundle: &Path, configuration: &Configuration) -> Result<Option<String>> {
    let container = Container::parse(text)?;
    if configuration.rules.choose(container.asked()?, container.namespace()?.as_deref()) {
        container.with_view(bundle, &configuration.host)
    } else {
        Ok(None)
    }
}

/// Gives a process the `LD_PRELOAD` that its container was given.
fn change_process(file: &Path, bundle: &Path) -> Result<()> {
    let configuration = replace::read(&bundle.join("config.json"))?;
    let Some(library) = Container::parse(&configuration.text)?.preloaded()? else { return Ok(()) };
    let found = replace::read(file)?;
    let mut edits = Edits::of(&found.text);
    process::set_preload(&mut edits, Node::of(&found.text)?, &library)?;
    if edits.is_empty() { Ok(()) } else { found.replace(&edits.apply()?) }
}

/// Says what went wrong, if someone wants to know: our standard error may be the container's.
fn note(fault: &anyhow::Error) {
    if env::var_os("CGPROC_DEBUG").is_some() {
        say(format_args!("{fault:#}"));
    }
}

#[cfg(test)]
mod mutations;
