//! A machine before, with and after the package.

use crate::{
    bed,
    harness::{on_a_host, package},
};
use std::fs;

/// What an installation must give, checked one by one; and after the removal, every file is as it was before.
const DEB: &str = r#"
state() { find "$HOST" -xdev \
  \( -path "$HOST/var/lib/dpkg" -o -path "$HOST/var/lib/apt" -o -path "$HOST/var/log" -o -path "$HOST/var/cache" \) -prune -o \
  \( -type d -printf '%P %y %m %U:%G\n' -o -printf '%P %y %m %U:%G %s %l\n' \) | grep -v '^tmp/' | sort; }
cp "$DEB" "$HOST/tmp/"
cp "$DEB" "$HOST/tmp/cgproc.deb"
state >$WORK/before
in_host sh -c "cd /tmp; $LINE"
echo "verified: $(in_host dpkg -V cgproc)."
echo "board: $(stat -c '%F %a %U' "$HOST/run/cgproc")"
echo "cdi: $(in_host cat /etc/cdi/cgproc.json | jq -r .kind)"
echo "file: $(cat "$HOST/usr/lib/cgproc/ld.so.preload")"
echo "show: $(in_host cgproc show meminfo | grep -c '^MemTotal')"
echo "run: $(in_host cgproc run --memory 64M -- free -k | grep Mem: | tr -s ' ' | cut -d ' ' -f 1,2)"
echo "library: $(in_host env LD_PRELOAD=/usr/lib/cgproc/libcgproc.so cgproc doctor --json |
  jq -c '[.[] | select(.check == "library") | .severity] | unique')"
echo "page: $(zcat "$HOST/usr/share/man/man1/cgproc.1.gz" | grep -c '^\.TH cgproc 1')"
echo "enabled: $(ls "$HOST/etc/systemd/system/multi-user.target.wants" | grep cgproc)"
# Again, over itself, and with the specification replaced by somebody's own.
in_host dpkg -i /tmp/cgproc.deb
rm "$HOST/etc/cdi/cgproc.json"
echo '{}' >"$HOST/etc/cdi/cgproc.json"
in_host dpkg -i /tmp/cgproc.deb
in_host dpkg -r cgproc
echo "theirs: $(cat "$HOST/etc/cdi/cgproc.json")"
# A link to what is not there yet is somebody's too.
ln -sf /opt/later.json "$HOST/etc/cdi/cgproc.json"
in_host dpkg -i /tmp/cgproc.deb
echo "later: $(readlink "$HOST/etc/cdi/cgproc.json")"
rm "$HOST/etc/cdi/cgproc.json"
in_host dpkg -i /tmp/cgproc.deb
echo "deleted: $(ls -A "$HOST/etc/cdi")."
# Another sampler's board: this one publishes until it is stopped.
mount -t tmpfs tmpfs "$HOST/run/cgproc"
cp "$HOST/usr/bin/cgproc" "$WORK/agent"
"$WORK/agent" sampler --board "$HOST/run/cgproc/board" &
agent=$!
for ((tenth = 0; tenth < 600; tenth++)); do if in_host cgproc sampler --check 2>/dev/null; then break; fi; sleep 0.1; done
in_host dpkg -r cgproc
echo "live: $(ls "$HOST/run/cgproc")"
kill $agent
wait $agent || :
umount "$HOST/run/cgproc"
rmdir "$HOST/run/cgproc"
echo "settings: $(ls "$HOST/etc/cgproc")"
in_host dpkg -i /tmp/cgproc.deb
mkdir -p "$HOST/etc/docker"
echo '{"runtimes": {"cgproc": {"path": "/usr/bin/cgproc-runtime"}}}' >"$HOST/etc/docker/daemon.json"
in_host dpkg -P cgproc 2>&1 | sed -n 's/^cgproc: /warned: /p'
rm -r "$HOST/etc/docker"
state | diff $WORK/before - && echo "left: nothing"
"#;

/// The line of README.md that installs it, as it stands there.
fn line() -> String {
    let path = bed::repository("README.md");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let line = text.lines().find(|line| line.starts_with("apt install "));
    line.unwrap_or_else(|| panic!("{}: no line installs the package", path.display())).to_owned()
}

#[test]
fn a_deb_comes_and_goes() {
    let said = on_a_host(DEB, &[("DEB", package("_amd64.deb").as_os_str()), ("LINE", line().as_ref())]);
    for line in [
        "verified: .",
        "board: directory 755 root",
        "cdi: cgproc.io/view",
        "file: /usr/lib/cgproc/$PLATFORM/libcgproc.so",
        "show: 1",
        "run: Mem: 65536",
        "library: [\"ok\"]",
        "page: 1",
        "enabled: cgproc-sampler.service",
        "theirs: {}",
        "later: /opt/later.json",
        "deleted: .",
        "live: board",
        "settings: runtime.toml",
        "warned: containers that cgproc-runtime started cannot be stopped without it: install cgproc again to do so",
        "warned: /etc/docker/daemon.json still names cgproc: remove that, or its containers will not start",
        "left: nothing",
    ] {
        assert!(said.lines().any(|it| it == line), "{line:?} is missing:\n{said}");
    }
    assert!(!said.contains("dpkg: warning"), "{said}");
}

/// rpm's own database stays, and nothing else.
const RPM: &str = r#"
state() { find "$HOST" -xdev -path "$HOST/var/lib/rpm" -prune -o \
  -type d -printf '%P %y %m %U:%G\n' -o -printf '%P %y %m %U:%G %s %l\n' | sort; }
state >$WORK/before
rpm --root "$HOST" --dbpath /var/lib/rpm --initdb
rpm --root "$HOST" --dbpath /var/lib/rpm --nodeps --nosignature --install "$RPM"
echo "verified: $(rpm --root "$HOST" --dbpath /var/lib/rpm --verify --nodeps cgproc)."
echo "run: $(in_host cgproc run --memory 64M -- free -k | grep Mem: | tr -s ' ' | cut -d ' ' -f 1,2)"
echo "board: $(stat -c '%F %a %U' "$HOST/run/cgproc")"
echo "cdi: $(in_host cat /etc/cdi/cgproc.json | jq -r .kind)"
rpm --root "$HOST" --dbpath /var/lib/rpm --erase cgproc
state | diff $WORK/before - && echo "left: nothing"
"#;

#[test]
fn an_rpm_comes_and_goes() {
    let said = on_a_host(RPM, &[("RPM", package(".x86_64.rpm").as_os_str())]);
    for line in ["verified: .", "run: Mem: 65536", "board: directory 755 root", "cdi: cgproc.io/view", "left: nothing"]
    {
        assert!(said.lines().any(|it| it == line), "{line:?} is missing:\n{said}");
    }
}
