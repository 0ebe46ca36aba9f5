//! `cgproc nri`

use crate::{
    failure::Failure,
    inject::layout::{self, Host},
    nri,
};
use clap::Args;
use std::path::PathBuf;

/// Give containers the view as an engine creates them: a plugin of containerd, CRI-O, Docker (NRI).
///
/// Runs until it is stopped, beside containerd 2.0, CRI-O 1.30, Docker 29.2 or later. Docker needs
/// "nri-opts": {"enable": true, "socket-path": "/var/run/nri/nri.sock"} in its daemon.json.
///
/// New containers with the label or annotation cgproc.io/view=on, of the pod or of a Docker container, get the library,
/// the board and LD_PRELOAD; with cgproc.io/view=off they never do. A pod's cgproc.io/view.NAME is for its container of
/// that name alone. Running containers stay as they are. While the plugin or the engine is away, containers start without
/// the view.
#[derive(Args)]
#[command(after_help = "Exit status: 0 after SIGTERM or SIGINT, 125 if it cannot start.")]
pub(super) struct NriArgs {
    /// The engine's socket.
    #[arg(long, value_name = "PATH", default_value = "/var/run/nri/nri.sock")]
    socket: PathBuf,
    /// Also give the view to pods of these namespaces that do not ask for it. * stands for any text, but never for
    /// kube-system, which has to be named.
    #[arg(long, value_name = "PATTERN,...", value_delimiter = ',')]
    namespaces: Vec<String>,
    /// The host's directory with the library: containers see it at /usr/lib/cgproc.
    #[arg(long, value_name = "DIR", value_parser = parse_directory, default_value = layout::DIRECTORY)]
    library_dir: PathBuf,
    /// The host's directory with the sampler's board: containers see it at /run/cgproc.
    #[arg(long, value_name = "DIR", value_parser = parse_directory, default_value = layout::BOARD)]
    board: PathBuf,
    /// The plugin's place among the engine's plugins, from 00 to 99.
    #[arg(long, value_name = "NN", value_parser = parse_index, default_value = "50")]
    index: String,
    /// The plugin's name in the engine's log.
    #[arg(long, value_parser = parse_name, default_value = "cgproc")]
    name: String,
}

/// The engine, in another directory than we, finds it by this path too.
fn parse_directory(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err("not an absolute path".to_owned()) }
}

fn parse_index(text: &str) -> Result<String, String> {
    let is_index = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_index { Ok(text.to_owned()) } else { Err("not two digits".to_owned()) }
}

fn parse_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
    if is_name { Ok(text.to_owned()) } else { Err("not a name of letters, digits and -_.+".to_owned()) }
}

impl NriArgs {
    /// Serves the engine until it is ended, and returns the exit code.
    pub(super) fn obey(self) -> Result<u8, Failure> {
        let Self { socket, namespaces, library_dir, board, index, name } = self;
        let host = Host { directory: library_dir, board };
        nri::run(nri::NriOptions { socket, name, index, host, namespaces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_engines_take_are_taken() {
        assert_eq!(parse_index("05").as_deref(), Ok("05"));
        assert!(["5", "005", "a1", ""].iter().all(|text| parse_index(text).is_err()));
        assert_eq!(parse_name("cgproc-2").as_deref(), Ok("cgproc-2"));
        assert!(["", "a b", "ä", "a/b"].iter().all(|text| parse_name(text).is_err()));
        assert!(parse_directory("lib").is_err());
    }
}
