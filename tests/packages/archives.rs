//! The archive and the image: a static command with the library beside it, on systems of any kind.

use crate::{
    bed,
    harness::{on_a_host, package, succeed},
};
use std::process::Command;

/// In a userland with an older C library than the command's, and in one with musl, in a directory that nobody thought
/// of.
const ARCHIVE: &str = r#"
for name in debian-11 musl; do
  root=$WORK/$name
  mkdir -p "$root" "$WORK/$name-upper" "$WORK/$name-work"
  mount -t overlay overlay -o "lowerdir=$CACHE/roots/$name,upperdir=$WORK/$name-upper,workdir=$WORK/$name-work" "$root"
  mount --rbind /proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mkdir -p "$root/srv/apps"
  tar -xf "$ARCHIVE" -C "$root/srv/apps"
  cd "$root/srv/apps"
  mv cgproc-* view
  echo "$name: $(chroot "$root" /srv/apps/view/bin/cgproc run --memory 64M -- free -k | grep Mem: | tr -s ' ' | cut -d ' ' -f 1,2)"
  # An init container makes the directory for containers by itself; it is the same.
  mkdir "$root/srv/copied"
  chroot "$root" /srv/apps/view/bin/cgproc install --copy-to /srv/copied >/dev/null
  diff -r --no-dereference view/lib/cgproc "$root/srv/copied" && echo "$name: copied"
done
"#;

#[test]
fn an_archive_runs_from_anywhere() {
    let variables = [("ARCHIVE", package("-amd64.tar.gz")), ("CACHE", bed::cache())];
    let said = on_a_host(ARCHIVE, &variables.each_ref().map(|(name, value)| (*name, value.as_os_str())));
    for line in ["debian-11: Mem: 65536", "debian-11: copied", "musl: Mem: 65536", "musl: copied"] {
        assert!(said.lines().any(|it| it == line), "{line:?} is missing:\n{said}");
    }
}

/// podman takes from the index what fits the machine.
const IMAGE: &str = r#"
podman load --quiet --input "$IMAGE"
echo "image: $(podman image inspect cgproc:"$VERSION" | jq -r '.[0] | .Architecture + " " + .Os')"
run() { podman run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --cgroup-parent "/$CGROUP" --memory 512m "$@"; }
echo "show: $(run cgproc:"$VERSION" show meminfo | head -n 1 | tr -s ' ')"
# As a volume: the library for the programs of another image.
mkdir $WORK/volume
id=$(podman create cgproc:"$VERSION")
podman export "$id" | tar -x -C $WORK/volume
echo "volume: $(run --volume $WORK/volume:/opt/cgproc:ro --env LD_PRELOAD=/opt/cgproc/libcgproc.so base free -k | grep Mem: | tr -s ' ' | cut -d ' ' -f 2)"
"#;

#[test]
fn an_image_is_taken_by_podman() {
    let image = package("-image.oci.tar");
    let script = format!("exec \"$BED/podman\" bash -euo pipefail -c {}", quoted(IMAGE));
    let said = on_a_host(&script, &[("IMAGE", image.as_os_str()), ("VERSION", env!("CARGO_PKG_VERSION").as_ref())]);
    for line in ["image: amd64 linux", "show: MemTotal: 524288 kB", "volume: 524288"] {
        assert!(said.lines().any(|it| it == line), "{line:?} is missing:\n{said}");
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Every blob is what its name and its descriptor say, for both machines, and there is no other.
const LAYOUT: &str = r#"
cd "$1"
jq -e '.imageLayoutVersion == "1.0.0"' oci-layout >/dev/null
descriptors() { jq -r '.. | objects | select(has("digest")) | "\(.digest) \(.size)"' "$@"; }
found=0
list="$(descriptors index.json)"
while [ -n "$list" ]; do
  next=
  while read -r digest size; do
    blob=blobs/${digest/:/\/}
    [ "$(sha256sum <"$blob" | cut -d ' ' -f 1)" = "${digest#sha256:}" ]
    [ "$(stat -c %s "$blob")" = "$size" ]
    found=$((found + 1))
    next+=$(descriptors "$blob" 2>/dev/null || :)$'\n'
  done <<<"$list"
  list=$(sed '/^$/d' <<<"$next")
done
echo "blobs: $((found - $(ls blobs/sha256 | wc -l)))"
index=blobs/$(jq -r '.manifests[0].digest' index.json | tr : /)
for arch in $(jq -r '.manifests[].platform.architecture' "$index"); do
  manifest=blobs/$(jq -r --arg arch "$arch" '.manifests[] | select(.platform.architecture == $arch).digest' "$index" | tr : /)
  config=blobs/$(jq -r .config.digest "$manifest" | tr : /)
  layer=blobs/$(jq -r '.layers[0].digest' "$manifest" | tr : /)
  [ "sha256:$(gunzip <"$layer" | sha256sum | cut -d ' ' -f 1)" = "$(jq -r '.rootfs.diff_ids[0]' "$config")" ]
  echo "$arch: $(jq -r .architecture "$config") $(tar -tzf "$layer" | sort | tr '\n' ' ')"
done
"#;

#[test]
fn an_image_is_an_oci_layout() {
    let place = crate::harness::directory();
    succeed(Command::new("tar").arg("-xf").arg(package("-image.oci.tar")).arg("-C").arg(place.path()));
    let said = succeed(Command::new("bash").args(["-euo", "pipefail", "-c", LAYOUT, "layout"]).arg(place.path()));
    for line in [
        "blobs: 0",
        "amd64: amd64 ./cgproc ./cgproc-runtime ./haswell ./i386 ./i486 ./i586 ./i686/ ./i686/libcgproc.so ./ld.so.preload \
         ./libcgproc.so ./x86_64/ ./x86_64/libcgproc.so ./xeon_phi ",
        "arm64: arm64 ./aarch64/ ./aarch64/libcgproc.so ./cgproc ./cgproc-runtime ./ld.so.preload ./libcgproc.so ",
    ] {
        assert!(said.lines().any(|it| it == line), "{line:?} is missing:\n{said}");
    }
}
