//! The directory that containers see, under the loaders of several releases: the one line of its ld.so.preload has to
//! lead each of them to something that it can load.

use crate::harness::{on_a_host, package, succeed, unpacked};
use std::process::Command;

/// Each userland with the directory and the file mounted as an engine mounts them. A loader that fails to load says so
/// on standard error.
const RELEASES: &str = r#"
library=$HOST/usr/lib/cgproc
cp "$DEB" "$HOST/tmp/cgproc.deb"
in_host dpkg -i /tmp/cgproc.deb >/dev/null
for name in debian-11 debian-12 debian-13 debian-sid; do
  root=$WORK/$name
  mkdir -p "$root" "$WORK/$name-upper" "$WORK/$name-work"
  mount -t overlay overlay -o "lowerdir=$CACHE/roots/$name,upperdir=$WORK/$name-upper,workdir=$WORK/$name-work" "$root"
  mkdir "$root/usr/lib/cgproc"
  touch "$root/etc/ld.so.preload"
  mount --bind "$library" "$root/usr/lib/cgproc"
  mount --bind "$library/ld.so.preload" "$root/etc/ld.so.preload"
  mount --rbind /proc "$root/proc"
  chroot "$root" /usr/bin/env -i /bin/cat /proc/self/maps >$WORK/maps 2>$WORK/errors
  echo "$name: $(sed -n 's|.* r-xp .*\(/usr/lib/cgproc/.*\)|\1|p' $WORK/maps)$(cat $WORK/errors)"
done
"#;

#[test]
fn the_loaders_of_all_releases_find_it() {
    let variables = [("DEB", package("_amd64.deb")), ("CACHE", crate::bed::cache())];
    let said = on_a_host(RELEASES, &variables.each_ref().map(|(name, value)| (*name, value.as_os_str())));
    for name in ["debian-11", "debian-12", "debian-13", "debian-sid"] {
        let line = format!("{name}: /usr/lib/cgproc/libcgproc.so");
        assert!(said.lines().any(|it| it == line), "{line:?} is missing:\n{said}");
    }
}

/// The names that glibc and the kernel have for processors, each with what programs there can load.
#[test]
fn every_name_of_a_processor_is_there() {
    let cases = [
        ("_amd64.deb", &["x86_64", "haswell", "xeon_phi"][..], "ELF 64-bit", "x86-64"),
        ("_amd64.deb", &["i386", "i486", "i586", "i686"], "ELF 32-bit", "Intel 80386"),
        ("_arm64.deb", &["aarch64"], "ELF 64-bit", "ARM aarch64"),
    ];
    for (deb, names, bits, machine) in cases {
        let files = unpacked(&package(deb));
        for name in names {
            let path = files.path().join("usr/lib/cgproc").join(name).join("libcgproc.so");
            let kind = succeed(Command::new("file").arg("--dereference").arg(&path));
            assert!(kind.contains(bits) && kind.contains(machine), "{deb}, {name}: {kind}");
        }
    }
}
