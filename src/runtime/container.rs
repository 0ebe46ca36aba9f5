//! A container's configuration (`config.json`), and what it needs for the view.

use super::{
    document::{Edits, Fields, Node},
    mounts::{Fate, Mounts, described},
    process,
    rootfs::{Loaders, Maker, PreloadFile, Rootfs},
};
use crate::inject::{
    choice::{self, View},
    layout::{Host, LIBRARY, LIBRARY_OF_GLIBC, Mount},
    preload,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;

/// A configuration.
pub(super) struct Container<'t> {
    text: &'t str,
    whole: Node<'t>,
    fields: Fields<'t>,
}

/// The namespaces of Kubernetes, as containerd and as CRI-O note them.
const NAMESPACE_KEYS: [&str; 2] = ["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"];

impl<'t> Container<'t> {
    /// A Linux container that shares our kernel.
    pub(super) fn parse(text: &'t str) -> Result<Self> {
        let whole = Node::of(text)?;
        let fields = whole.fields()?;
        ensure!(fields.some("linux")?.is_some(), "not a Linux container");
        for other in ["windows", "solaris", "vm", "zos", "freebsd"] {
            ensure!(fields.some(other)?.is_none(), "{other}: another kernel");
        }
        Ok(Self { text, whole, fields })
    }

    /// What its annotation asks for.
    pub(super) fn asked(&self) -> Result<Option<View>> {
        Ok(choice::asked(self.annotation(choice::KEY)?.as_deref()))
    }

    /// The Kubernetes namespace that it is in.
    pub(super) fn namespace(&self) -> Result<Option<String>> {
        for key in NAMESPACE_KEYS {
            if let Some(namespace) = self.annotation(key)? {
                return Ok(Some(namespace));
            }
        }
        Ok(None)
    }

    fn annotation(&self, key: &str) -> Result<Option<String>> {
        self.fields.some("annotations")?.map_or(Ok(None), |annotations| annotations.fields()?.string(key))
    }

    /// The library's path in `LD_PRELOAD`, if it is there.
    pub(super) fn preloaded(&self) -> Result<Option<String>> {
        let value = self.fields.some("process")?.map_or(Ok(None), process::preload)?;
        let library = value.as_deref().and_then(preload::ours_in);
        Ok(library.and_then(|path| path.into_os_string().into_string().ok()))
    }

    /// The configuration without those mounts of ours whose source is gone: a bundle that is kept has them from an
    /// earlier start, and would not start again. `None` if it has none of these.
    pub(super) fn without_gone(&self, host: &Host) -> Result<Option<String>> {
        let all = [host.library_mount(), host.board_mount(), host.preload_mount()];
        let gone =
            all.iter().filter(|mount| !mount.is_there()).map(|mount| Ok(serde_json::from_str(&described(mount)?)?));
        let gone = gone.collect::<Result<Vec<Value>>>()?;
        let Some(mounts) = self.fields.some("mounts")? else { return Ok(None) };
        let (old, kept): (Vec<_>, Vec<_>) =
            mounts.items()?.into_iter().partition(|item| gone.iter().any(|it| item.is(it)));
        if old.is_empty() {
            return Ok(None);
        }
        let mut edits = Edits::of(self.text);
        edits.keep(mounts, &kept)?;
        edits.apply().map(Some)
    }

    /// The configuration with the view; `None` if nothing is to be changed.
    pub(super) fn with_view(&self, bundle: &Path, host: &Host) -> Result<Option<String>> {
        let ours = host.mounts();
        let Some((library, others)) = ours.split_first() else { return Ok(None) };
        let rootfs = self.rootfs(bundle)?;
        let mounts = self.mounts(&rootfs)?;
        let loaders = rootfs.loaders(|path| mounts.hide(path))?;
        let fate = mounts.fate(library)?;
        if loaders == Loaders::default() || fate == Fate::Impossible {
            return Ok(None);
        }
        let mut added = Vec::from_iter((fate == Fate::Added).then_some(library));
        for other in others {
            if mounts.fate(other)? == Fate::Added {
                added.push(other);
            }
        }
        let file = host.preload_mount();
        let by_file = if loaders.glibc && file.is_there() { mounts.fate_of_file(&file)? } else { Fate::Impossible };
        if by_file == Fate::Added {
            added.push(&file);
        }
        let mut edits = Edits::of(self.text);
        self.add(&mut edits, &added)?;
        if loaders.musl || by_file == Fate::Impossible && rootfs.preload_file()? != PreloadFile::Ours {
            let library = if loaders.musl { LIBRARY } else { LIBRARY_OF_GLIBC };
            if let Some(process) = self.fields.some("process")? {
                process::set_preload(&mut edits, process, library)?;
            }
        }
        if edits.is_empty() { Ok(None) } else { edits.apply().map(Some) }
    }

    fn rootfs(&self, bundle: &Path) -> Result<Rootfs> {
        let root = self.fields.some("root")?.context("no root")?.fields()?;
        let path = root.string("path")?.filter(|path| !path.is_empty()).context("no root.path")?;
        Rootfs::open(&bundle.join(path))
    }

    fn mounts<'r>(&self, rootfs: &'r Rootfs) -> Result<Mounts<'r>> {
        let items = self.fields.some("mounts")?.map_or(Ok(Vec::new()), Node::items)?;
        Mounts::parse(&items, &self.made_later()?, rootfs, self.maker()?)
    }

    /// Paths that the runtime makes once everything is mounted: the first program's directory, and devices.
    fn made_later(&self) -> Result<Vec<String>> {
        let directory = self.fields.some("process")?.map_or(Ok(None), |process| process.fields()?.string("cwd"))?;
        let mut paths = Vec::from_iter(directory);
        let linux = self.fields.some("linux")?.context("no linux")?.fields()?;
        for device in linux.some("devices")?.map_or(Ok(Vec::new()), Node::items)? {
            paths.extend(device.fields()?.string("path")?);
        }
        Ok(paths)
    }

    /// Who makes what mounts need: in a user namespace, its root.
    fn maker(&self) -> Result<Maker> {
        let linux = self.fields.some("linux")?.context("no linux")?.fields()?;
        let namespaces = linux.some("namespaces")?.map_or(Ok(Vec::new()), Node::items)?;
        let mut has_users = false;
        for namespace in namespaces {
            has_users |= namespace.fields()?.string("type")?.as_deref() == Some("user");
        }
        if !has_users {
            return Ok(Maker::Us);
        }
        for mapping in linux.some("uidMappings")?.map_or(Ok(Vec::new()), Node::items)? {
            let mapping = mapping.fields()?;
            let number = |name| mapping.some(name)?.map_or(Ok(0), Node::number);
            if number("containerID")? == 0 {
                return Ok(Maker::Mapped(number("hostID")?));
            }
        }
        // An existing user namespace, of which nothing is said here; what is there already can be used.
        Ok(Maker::Unknown)
    }

    fn add(&self, edits: &mut Edits<'t>, added: &[&Mount]) -> Result<()> {
        let items = added.iter().map(|mount| described(mount)).collect::<Result<Vec<_>>>()?;
        let list = || format!("[{}]", items.join(","));
        match self.fields.get("mounts")? {
            _ if items.is_empty() => Ok(()),
            Some(node) if node.is_null() => edits.replace(node, list()),
            Some(node) => edits.append(node, &items),
            None => edits.insert(self.whole, "mounts", &list()),
        }
    }
}
