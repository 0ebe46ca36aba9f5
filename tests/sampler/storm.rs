//! A hostile user who has a subtree of cgroups (`tests/programs/wild-cgroups.c`).

use crate::{
    bed,
    groups::Group,
    processes::{Place, Started},
};
use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The command line of a hostile user with files in this place.
pub(crate) fn words(place: &Place) -> Vec<String> {
    let scratch = place.file("scratch");
    fs::create_dir(&scratch).expect("a directory");
    fs::set_permissions(&scratch, Permissions::from_mode(0o777)).expect("writable");
    let seed = if bed::fuzz_minutes().is_some() { crate::processes::now_usec() } else { 1 };
    let program = bed::programs().join("wild-cgroups");
    [program.display().to_string(), "storm".into(), "12345".into(), seed.to_string(), scratch.display().to_string()]
        .into()
}

/// Such a user, beside a sampler.
pub(crate) struct Storm {
    process: Started,
    output: PathBuf,
    directories: Vec<PathBuf>,
    #[expect(dead_code, reason = "held")]
    group: Group,
}

impl Storm {
    pub(crate) fn start(place: &Place) -> Self {
        let group = Group::new();
        group.open();
        let directories: Vec<PathBuf> = group.directories.iter().map(|directory| directory.join("subtree")).collect();
        let (words, output) = (words(place), place.file("storm"));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(&directories).stdin(Stdio::null());
        command.stdout(File::create(&output).expect("its output"));
        Self { process: Started(command.spawn().expect("wild-cgroups")), output, directories, group }
    }

    /// Whether the user has done everything at least once.
    pub(crate) fn has_done_all(&self) -> bool {
        self.text().contains("all kinds\n")
    }

    /// How often each thing was done.
    pub(crate) fn end(mut self) -> String {
        self.process.signal(libc::SIGTERM);
        let status = self.process.ended();
        assert!(status.success(), "{status}: {}", self.text());
        self.text().lines().last().expect("counts").to_owned()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.output).expect("its output")
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        let _ = self.process.0.kill();
        let _ = self.process.0.wait();
        clear(&self.directories);
    }
}

/// Removes cgroups and everything below them, whatever the length of their paths.
pub(crate) fn clear(directories: &[PathBuf]) {
    let _ = Command::new(bed::programs().join("wild-cgroups")).arg("clear").args(directories).status();
}
