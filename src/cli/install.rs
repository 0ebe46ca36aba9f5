//! `cgproc install`

use crate::{
    failure::Failure,
    install::{self, InstallOptions},
};
use clap::Args;
use std::path::PathBuf;

/// Make every program of an image or a machine start with the library.
///
/// Adds the library and a settings file to the file system at DIR, and the library's path to its /etc/ld.so.preload,
/// once programs of DIR have started with the library. On failure, everything is left as it was. Musl's loader does not
/// read /etc/ld.so.preload: the output says what to set instead. Installing again changes nothing; a library of another
/// version is replaced, and running programs keep theirs.
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 on success, or if nothing had to be done; 125 on failure, with nothing changed."
)]
pub(super) struct InstallArgs {
    /// The programs' root directory, such as that of an unpacked image.
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Where to put the library, as seen from DIR.
    #[arg(long, value_name = "PATH", default_value = "/usr/lib/libcgproc.so")]
    to: PathBuf,
    /// The library to install, instead of the one beside this command.
    #[arg(long, value_name = "FILE", conflicts_with = "uninstall")]
    object: Option<PathBuf>,
    /// Also try this program of DIR, which is outside the usual directories.
    #[arg(long = "program", value_name = "PATH", conflicts_with = "uninstall")]
    programs: Vec<PathBuf>,
    /// Leave /etc/ld.so.preload alone, for images that set LD_PRELOAD themselves; executes nothing of DIR.
    #[arg(long, conflicts_with = "uninstall")]
    no_preload: bool,
    /// Say what would be done, without changing anything or executing anything of DIR.
    #[arg(long)]
    dry_run: bool,
    /// Remove what was installed: the entry, then the library, and the settings unless they were edited.
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
