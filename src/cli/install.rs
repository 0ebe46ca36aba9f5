//! `cgproc install`

use crate::{
    failure::Failure,
    install::{self, InstallOptions},
};
use clap::Args;
use std::path::PathBuf;

/// Have every program of an image or a machine start with the library.
///
/// Puts the library and a file of settings into the file system at DIR, and the library's path into its
/// /etc/ld.so.preload; that only after programs of DIR have been started with the library and have it. What fails leaves
/// everything as it was. Musl's loader does not read that file: the output says what to set then. Done twice, the second
/// one changes nothing; a library of another version is replaced, and programs that run keep theirs.
#[derive(Args)]
#[command(after_help = "Exit status: 0 when it is done or was before, 125 when it failed and nothing was changed.")]
pub(super) struct InstallArgs {
    /// The directory that is / for the programs: an unpacked image.
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Where the library is to lie, seen from DIR.
    #[arg(long, value_name = "PATH", default_value = "/usr/lib/libcgproc.so")]
    to: PathBuf,
    /// The library to install, if it is not the one beside this command.
    #[arg(long, value_name = "FILE", conflicts_with = "uninstall")]
    object: Option<PathBuf>,
    /// Try this program of DIR too, which lies where programs are not looked for.
    #[arg(long = "program", value_name = "PATH", conflicts_with = "uninstall")]
    programs: Vec<PathBuf>,
    /// Leave /etc/ld.so.preload alone, where the image's environment has LD_PRELOAD; nothing of DIR is executed.
    #[arg(long, conflicts_with = "uninstall")]
    no_preload: bool,
    /// Say what would be done, leave everything as it is, and execute nothing of DIR.
    #[arg(long)]
    dry_run: bool,
    /// Take out what was installed: the entry, then the library, and the settings unless they were edited.
    #[arg(long)]
    uninstall: bool,
}

impl InstallArgs {
    /// Installs or uninstalls, and returns the exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        let Self { root, to, object, programs, no_preload, dry_run, uninstall } = self;
        let options = InstallOptions { root, to, object, programs, is_preloaded: !no_preload, is_dry: dry_run };
        let done = if uninstall { install::uninstall(&options) } else { install::install(&options) };
        Ok(done.map(|()| 0)?)
    }
}
