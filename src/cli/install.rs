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
    #[command(flatten)]
    place: Place,
    /// The library to install, instead of the one beside this command.
    #[arg(long, value_name = "FILE", conflicts_with = "uninstall")]
    object: Option<PathBuf>,
    /// Also try this program of DIR, which is outside the usual directories.
    #[arg(long = "program", value_name = "PATH", conflicts_with = "uninstall")]
    programs: Vec<PathBuf>,
    /// Leave /etc/ld.so.preload alone, for images that set LD_PRELOAD themselves; executes nothing of DIR.
    #[arg(long, conflicts_with = "uninstall")]
    no_preload: bool,
    /// Copy the library's directory to DIR instead, for containers that mount DIR at /usr/lib/cgproc; executes nothing.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["root", "to", "programs", "no_preload", "dry_run", "uninstall"])]
    copy_to: Option<PathBuf>,
    /// Remove what was installed, as `cgproc uninstall` does.
    #[arg(long)]
    uninstall: bool,
}

/// Remove from an image or a machine what `cgproc install` added.
///
/// Removes the entry in /etc/ld.so.preload, then the library, and the settings unless they were edited. Executes
/// nothing of DIR, so it repairs a root in which a preloaded library stops every program. Running programs keep the
/// library.
#[derive(Args)]
#[command(after_help = "Exit status: 0 on success, or if nothing was there; 125 on failure.")]
pub(super) struct UninstallArgs {
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct Place {
    /// The programs' root directory, such as that of an unpacked image.
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// The library's path, as seen from DIR.
    #[arg(long, value_name = "PATH", default_value = "/usr/lib/libcgproc.so")]
    to: PathBuf,
    /// Say what would be done, without changing anything or executing anything of DIR.
    #[arg(long)]
    dry_run: bool,
}

impl InstallArgs {
    /// Installs or uninstalls, and returns the exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        let Self { place, object, programs, no_preload, copy_to, uninstall } = self;
        if let Some(directory) = copy_to {
            return Ok(install::copy(object.as_deref(), &directory).map(|()| 0)?);
        }
        if uninstall {
            return UninstallArgs { place }.obey();
        }
        let Place { root, to, dry_run } = place;
        let options = InstallOptions { root, to, object, programs, is_preloaded: !no_preload, is_dry: dry_run };
        Ok(install::install(&options).map(|()| 0)?)
    }
}

impl UninstallArgs {
    /// Uninstalls, and returns the exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        let Place { root, to, dry_run } = self.place;
        let options =
            InstallOptions { root, to, object: None, programs: Vec::new(), is_preloaded: true, is_dry: dry_run };
        Ok(install::uninstall(&options).map(|()| 0)?)
    }
}
