//! Containers of a machine whose package is replaced and removed, with programs that run and start all the while.

use crate::{
    bed,
    harness::{directory, on_a_host, package, succeed},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A container that runs through it all. `look` starts programs one after the other, whose figures and errors are
/// noted; a perl, started first, has the library loaded all the time. `other` is a 32-bit program.
const CONTAINER: &str = r#"
noted=$1
perl -e 'until (-e "$ARGV[0]/stop") { open(F, "/proc/meminfo") or die; print((<F>)[0]); close(F); select(undef, undef, undef, 0.05); }' \
  "$noted" >$noted/kept 2>>$noted/errors &
while [ ! -e $noted/stop ]; do
  free -k 2>>$noted/errors | while read -r key total rest; do if [ "$key" = Mem: ]; then echo "$total"; fi; done >>$noted/totals
  nproc >>$noted/cpus 2>>$noted/errors
  /usr/local/bin/other 2>>$noted/errors || echo "other: $?" >>$noted/errors
  echo look >>$noted/looks
done
wait
"#;

/// The phases, each as long as the container takes for some more looks.
const SCRIPT: &str = r#"
looks() { for ((tenth = 0; tenth < 3000; tenth++)); do
    if [ "$(cat "$noted/looks" 2>/dev/null | wc -l)" -ge "$1" ]; then return; fi
    sleep 0.1
  done
  echo "no more than $(cat "$noted/looks" | wc -l) looks"; cat "$noted/errors"; exit 1; }
more() { looks $(($(cat "$noted/looks" | wc -l) + 5)); }
phase() { echo "$1: $(sort -u "$noted/totals" | tr '\n' ' ')cpus $(sort -u "$noted/cpus" | tr '\n' ' ')errors $(sort -u "$noted/errors" | tr '\n' ' ')"
  : >"$noted/totals"; : >"$noted/cpus"; }
noted=$WORK/noted
mkdir "$noted"
: >"$noted/errors"
mkdir -p "$ROOT/lib/i386-linux-gnu"
cp "$CACHE"/32-bit/lib/i386-linux-gnu/ld-linux.so.2 "$ROOT/lib/"
cp "$OTHER" "$ROOT/usr/local/bin/other"
cp "$OLD" "$HOST/tmp/old.deb"
cp "$NEW" "$HOST/tmp/new.deb"
in_host dpkg -i /tmp/old.deb >/dev/null
start() { "$BED/oci" -t "$RUNTIME" -q 100000 -b "$HOST/usr/lib/cgproc:/usr/lib/cgproc" -b "$HOST/run/cgproc:/run/cgproc" \
  -b "$HOST/usr/lib/cgproc/ld.so.preload:/etc/ld.so.preload" -b "$HOST/usr/bin/cgproc:/usr/bin/cgproc" -b "$noted:/noted:rw" -- "$@"; }
start bash -c "$CONTAINER" container /noted &
looks 5
phase installed
for round in 1 2 3; do
  in_host dpkg -i /tmp/new.deb >/dev/null
  in_host dpkg -i /tmp/old.deb 2>/dev/null >/dev/null
done
in_host dpkg -i /tmp/new.deb >/dev/null
more
phase replaced
echo "new: $(start sh -c 'grep -c "r-xp.*/usr/lib/cgproc/libcgproc.so" /proc/self/maps; free -k | grep Mem: | tr -s " " | cut -d " " -f 2' | tr '\n' ' ')"
start cgproc doctor --json >$WORK/doctor || :
echo "doctor: $(jq -c '[.[] | select(.check == "library") | .severity] | unique' <$WORK/doctor)"
in_host dpkg -P cgproc >/dev/null
more
: >"$noted/totals"; : >"$noted/cpus"
more
phase removed
touch "$noted/stop"
wait
echo "kept: $(sort -u "$noted/kept")"
"#;

/// The same package as a later version, with another build of the library.
fn newer(deb: &Path, to: &Path) -> PathBuf {
    let (root, newer) = (to.join("newer"), to.join("newer.deb"));
    succeed(Command::new("dpkg-deb").arg("--raw-extract").arg(deb).arg(&root));
    let control = root.join("DEBIAN/control");
    let text = fs::read_to_string(&control).expect("control");
    let version = text.lines().find(|line| line.starts_with("Version: ")).expect("its version");
    fs::write(&control, text.replace(version, &format!("{version}.1"))).expect("control");
    let library = root.join("usr/lib/cgproc/libcgproc.so");
    fs::remove_file(&library).expect("the library");
    fs::copy(bed::object(), &library).expect("the library");
    succeed(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).args([&root, &newer]));
    newer
}

/// A 32-bit program that does nothing, once its loader has loaded what it is told to.
fn other(to: &Path) -> PathBuf {
    let (source, object, program) = (to.join("other.s"), to.join("other.o"), to.join("other"));
    fs::write(&source, ".globl _start\n_start: movl $1, %eax\nxorl %ebx, %ebx\nint $0x80\n").expect("the source");
    succeed(Command::new("as").arg("--32").arg("-o").args([&object, &source]));
    let loader = ["-m", "elf_i386", "-pie", "--dynamic-linker", "/lib/ld-linux.so.2", "-o"];
    succeed(Command::new("ld").args(loader).args([&program, &object]));
    program
}

fn through_it_all(runtime: &str) {
    let place = directory();
    let old = package("_amd64.deb");
    let (new, other, cache) = (newer(&old, place.path()), other(place.path()), bed::cache());
    let said = on_a_host(
        SCRIPT,
        &[
            ("OLD", old.as_os_str()),
            ("NEW", new.as_os_str()),
            ("OTHER", other.as_os_str()),
            ("CACHE", cache.as_os_str()),
            ("CONTAINER", CONTAINER.as_ref()),
            ("RUNTIME", runtime.as_ref()),
        ],
    );
    let (whole, cpus) = (total_kib(), bed::host().cpus);
    for line in [
        "installed: 524288 cpus 1 errors ",
        "replaced: 524288 cpus 1 errors ",
        "new: 1 524288 ",
        "doctor: [\"ok\"]",
        // Without the library, and without a word about it.
        &format!("removed: {whole} cpus {cpus} errors "),
        // It has the library that it began with.
        "kept: MemTotal:         524288 kB",
    ] {
        assert!(said.lines().any(|it| it == line), "{line:?} is missing:\n{said}");
    }
}

fn total_kib() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    bed::figure(&text, "MemTotal:").expect("MemTotal")
}

#[test]
fn containers_of_runc_run_through_it_all() {
    through_it_all("runc");
}

#[test]
fn containers_of_crun_run_through_it_all() {
    through_it_all("crun");
}
