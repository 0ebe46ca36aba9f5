//! `cgproc off`, `cgproc on`

use crate::{failure::Failure, host::switch};
use clap::Args;

/// Give all running programs the kernel's answers, until `cgproc on`.
///
/// Puts a file beside the board, /run/cgproc/off. Every program under the library that sees this file passes everything
/// through within a second, whether it runs already or starts later, in this container or, if this is the host, in
/// every container that has the host's /run/cgproc. No sampler is needed. An answer that a program has open stays until
/// the program reads it again from its start. Needs the right to write to /run/cgproc; a reboot switches on again.
#[derive(Args)]
pub(super) struct OffArgs {
    /// All programs that see the file: there is no switch for fewer. For one program, set CGPROC=off.
    #[arg(long, required = true)]
    all: bool,
}

/// Undo `cgproc off`: programs are answered again within a second.
#[derive(Args)]
pub(super) struct OnArgs {
    /// All programs, as without this option.
    #[arg(long)]
    all: bool,
}

impl OffArgs {
    /// Switches off, and returns the exit code.
    pub(super) fn obey(&self) -> Result<u8, Failure> {
        Ok(switch::turn_off().map(|()| 0)?)
    }
}

impl OnArgs {
    /// Switches on, and returns the exit code.
    pub(super) fn obey(&self) -> Result<u8, Failure> {
        Ok(switch::turn_on().map(|()| 0)?)
    }
}
