//! The mounts of a configuration, and where among them there is room for ours.

use super::{
    document::{Node, quoted},
    rootfs::{Maker, PreloadFile, Rootfs},
};
use crate::inject::{layout::Mount, room};
use anyhow::{Context, Result};
use rustix::fs::FileType;
use std::path::{Path, PathBuf};

/// A mount of the configuration.
struct Mounted {
    /// Where it will be, seen from the root.
    real: PathBuf,
    source: Option<String>,
    /// Whether directories and files can be made in it.
    is_writable: bool,
}

/// The mounts of a configuration, in the root.
pub(super) struct Mounts<'r> {
    rootfs: &'r Rootfs,
    all: Vec<Mounted>,
    /// Paths that the runtime makes once everything is mounted.
    made_later: Vec<PathBuf>,
    maker: Maker,
}

/// What becomes of a mount of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The configuration has it already.
    There,
    /// It is added.
    Added,
    /// There is no place for it.
    Impossible,
}

/// A mount as an item of `mounts`.
pub(super) fn described(mount: &Mount) -> Result<String> {
    let source = quoted(mount.source.to_str().context("the path of a mount is no text")?)?;
    let options = mount.options.iter().map(|option| quoted(option)).collect::<Result<Vec<_>>>()?;
    let destination = quoted(mount.destination)?;
    let options = options.join(",");
    Ok(format!(r#"{{"destination":{destination},"type":"bind","source":{source},"options":[{options}]}}"#))
}

impl Mounted {
    fn parse(node: Node<'_>, rootfs: &Rootfs) -> Result<Self> {
        let fields = node.fields()?;
        let destination = fields.string("destination")?.context("a mount without a destination")?;
        let kind = fields.string("type")?.unwrap_or_default();
        let options = fields.some("options")?.map_or(Ok(Vec::new()), Node::items)?;
        let options = options.into_iter().map(Node::string).collect::<Result<Vec<_>>>()?;
        let is_writable = room::is_in(&kind, options.iter().map(String::as_str));
        let real = rootfs.place(Path::new(&destination)).with_context(|| destination.clone())?.real;
        Ok(Self { real, source: fields.string("source")?, is_writable })
    }
}

impl<'r> Mounts<'r> {
    pub(super) fn parse(items: &[Node<'_>], made_later: &[String], rootfs: &'r Rootfs, maker: Maker) -> Result<Self> {
        let all = items.iter().map(|item| Mounted::parse(*item, rootfs)).collect::<Result<_>>()?;
        let real = |path: &String| rootfs.place(Path::new(path)).map(|place| place.real);
        let made_later = made_later.iter().map(real).collect::<Result<_>>()?;
        Ok(Self { rootfs, all, made_later, maker })
    }

    /// Whether one of them is at or above a path.
    pub(super) fn hide(&self, path: &Path) -> bool {
        self.all.iter().any(|mount| path.starts_with(&mount.real))
    }

    /// What becomes of a mount of ours that comes after all others.
    pub(super) fn fate(&self, ours: &Mount) -> Result<Fate> {
        let place = self.rootfs.place(Path::new(ours.destination))?;
        if let Some(there) = self.all.iter().rev().find(|mount| mount.real == place.real) {
            let is_ours = there.source.as_deref().is_some_and(|source| Path::new(source) == ours.source);
            return Ok(if is_ours { Fate::There } else { Fate::Impossible });
        }
        let is_out_of_reach = self.maker != Maker::Us && !ours.is_open_to_all();
        let is_below = |path: &PathBuf| *path != place.real && path.starts_with(&place.real);
        let is_in_use = self.all.iter().map(|mount| &mount.real).chain(&self.made_later).any(is_below);
        if is_out_of_reach || is_in_use {
            return Ok(Fate::Impossible);
        }
        let above = self.all.iter().rev().find(|mount| place.real.starts_with(&mount.real));
        let kind = if ours.is_directory() { FileType::Directory } else { FileType::RegularFile };
        let has_room = above.map_or_else(|| place.takes(kind, self.maker), |mount| mount.is_writable);
        Ok(if has_room { Fate::Added } else { Fate::Impossible })
    }

    /// The same for the file that names the library: one of the root's own is never hidden.
    pub(super) fn fate_of_file(&self, ours: &Mount) -> Result<Fate> {
        let fate = self.fate(ours)?;
        let is_free = || Ok::<_, anyhow::Error>(self.rootfs.preload_file()? == PreloadFile::Free);
        Ok(if fate == Fate::Added && !is_free()? { Fate::Impossible } else { fate })
    }
}
