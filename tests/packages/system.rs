//! The package under a service manager: systemd, booted in a container.

use crate::{
    bed,
    harness::{directory, package, succeed},
};
use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

/// What the booted system does, and says at the end.
const TRIAL: &str = r#"#!/bin/bash
exec >/opt/said 2>&1
state() { echo "$1: $(systemctl is-active cgproc-sampler) $(systemctl is-enabled cgproc-sampler), board $(ls /run/cgproc)"; }
dpkg -i /opt/cgproc.deb
state installed
process=$(systemctl show --property MainPID --value cgproc-sampler)
# The administrator's word counts from now on.
systemctl disable cgproc-sampler
dpkg -i /opt/cgproc.deb
state upgraded
echo "nri: $(systemctl is-enabled cgproc-nri) $(systemctl is-active cgproc-nri)"
if [ "$process" = "$(systemctl show --property MainPID --value cgproc-sampler)" ]; then echo "the old sampler runs"; fi
systemctl enable cgproc-nri
dpkg -i /opt/cgproc.deb
dpkg -P cgproc
echo "removed: $(systemctl is-active cgproc-sampler), $(ls -d /run/cgproc /etc/systemd/system/*/cgproc* 2>/dev/null)"
touch /opt/all-said
"#;

/// Into an image's root, where no systemd runs.
const IMAGE: &str = r#"
mount --rbind /proc "$ROOT/proc"
rpm() { command rpm --root "$ROOT" --dbpath /var/lib/rpm "$@"; }
rpm --initdb
enabled() { echo "$1: $(find "$ROOT/etc/systemd/system" -name 'cgproc*' -printf '%f ')."; }
rpm --nodeps --nosignature --install "$RPM"
enabled installed
rpm --erase cgproc
enabled removed
"#;

#[test]
fn an_image_gets_the_sampler_too() {
    let mut command = Command::new(bed::repository("tests/bed/private"));
    command
        .args(["-r", "system", "-i", "none", "-o"])
        .arg(bed::object())
        .args(["--", "bash", "-euo", "pipefail", "-c"]);
    let said = succeed(command.arg(IMAGE).env("RPM", package(".x86_64.rpm")).env_remove("LD_PRELOAD"));
    for line in ["installed: cgproc-sampler.service .", "removed: ."] {
        assert!(said.lines().any(|it| it == line), "{line:?} is missing:\n{said}");
    }
}

const SERVICE: &str = "[Service]\nType=oneshot\nExecStart=/opt/trial\n";
const TARGET: &str = "[Unit]\nRequires=multi-user.target trial.service\nAfter=multi-user.target\n";

#[test]
fn the_sampler_follows_the_package() {
    let place = directory();
    let put = |path: &str, bytes: &[u8]| {
        let path = place.path().join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, bytes).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    };
    put("opt/trial", TRIAL.as_bytes());
    put("opt/cgproc.deb", &fs::read(package("_amd64.deb")).expect("the package"));
    put("etc/systemd/system/trial.service", SERVICE.as_bytes());
    put("etc/systemd/system/trial.target", TARGET.as_bytes());
    let mut command = Command::new(bed::repository("tests/bed/private"));
    command.args(["-r", "system", "-i", "none", "-a"]).arg(place.path()).arg("-o").arg(bed::object()).arg("--");
    let said = succeed(command.arg(bed::repository("tests/bed/system")).arg("trial.target").env_remove("LD_PRELOAD"));
    for line in [
        "installed: active enabled, board board",
        "upgraded: active disabled, board board",
        "nri: disabled inactive",
        "removed: inactive, ",
    ] {
        assert!(said.lines().any(|it| it == line), "{line:?} is missing:\n{said}");
    }
    assert!(!said.contains("the old sampler runs"), "{said}");
}
