//! The files of examples/engines for LXC, systemd-nspawn, Incus and Apptainer, each in its place on a machine, obeyed by
//! its engine.

use crate::{
    bed::{Container, Findings, PLAIN, View},
    dropins::{judge, prelude, version},
    lines, on_a_host, on_a_host_in,
    probe::{limited, quota_usec},
};
use std::process::Command;

/// A container of LXC that has limits and no network: `container VERB ARGUMENT...` is lxc-VERB for it.
const LXC: &str = r#"
machines
# Of lxcfs, which may be installed here.
rm -f /usr/share/lxc/config/common.conf.d/00-lxcfs.conf
mkdir "$WORK/lxc"
cat >"$WORK/lxc.conf" <<END
lxc.include = /usr/share/lxc/config/common.conf
lxc.mount.auto = cgroup:mixed:force
lxc.rootfs.path = dir:$ROOT
lxc.net.0.type = empty
lxc.uts.name = c
lxc.apparmor.profile = unconfined
lxc.cgroup.dir = $CGROUP/lxc
lxc.cgroup.memory.limit_in_bytes = 512M
lxc.cgroup.cpu.cfs_quota_us = $QUOTA
lxc.cgroup2.memory.max = 512M
lxc.cgroup2.cpu.max = $QUOTA 100000
END
container() { "lxc-$1" --name c --lxcpath "$WORK/lxc" --logfile "$WORK/lxc.log" --logpriority INFO "${@:2}" || { tail "$WORK/lxc.log" >&2; exit 1; }; }
"#;

#[test]
fn lxc_obeys_its_file() {
    const SCRIPT: &str = r#"
echo version engine "$(lxc-execute --version)"
execute() { container execute --rcfile "$WORK/lxc.conf" -- "$@"; }
execute /usr/local/bin/probe without
place lxc/50-cgproc.conf /usr/share/lxc/config/common.conf.d/50-cgproc.conf
execute env -i /usr/local/bin/probe execute
container start --rcfile "$WORK/lxc.conf" -- sleep 100000
container attach --clear-env -- /usr/local/bin/probe attach
container attach -- sh -c 'echo run is $(stat -f -c %T /run), $(cd /run && ls)'
container stop --kill
# Whatever is missing, the container starts.
rm -r /run/cgproc /usr/lib/cgproc
execute /usr/local/bin/probe missing
"#;
    let said = on_a_host(&["/bin/bash", "-euc", &format!("{}{LXC}{SCRIPT}", prelude())]);
    let mut findings =
        judge("LXC, by common.conf.d", &said, &["execute", "attach"], &["without", "missing"], limited());
    said.is(&mut findings, "run", &[("is", "tmpfs, cgproc")]);
    findings.conclude("LXC");
}

/// An init mounts its own /run, unless there is one.
#[test]
fn a_whole_system_in_lxc_keeps_the_board() {
    const SCRIPT: &str = r#"
echo version engine "$(lxc-start --version)"
place lxc/50-cgproc.conf /usr/share/lxc/config/common.conf.d/50-cgproc.conf
container start --rcfile "$WORK/lxc.conf" -- /lib/systemd/systemd --unit=probes.target --log-target=console
for _ in {1..3000}; do if [ -e "$ROOT/opt/all-said" ]; then break; fi; sleep 0.1; done
cat "$ROOT/opt/said"
container attach -- sh -c 'echo run is $(stat -f -c %T /run), $(cd /run && ls -d cgproc)'
container stop --kill
"#;
    let script = prelude() + LXC + SCRIPT;
    let said = on_a_host_in("system", Command::new("env"), &["/bin/bash", "-euc", &script]);
    let mut findings = judge("systemd in LXC", &said, &["service", "login"], &[], limited());
    said.is(&mut findings, "run", &[("is", "tmpfs, cgproc")]);
    findings.conclude("systemd in LXC");
}

#[test]
fn nspawn_obeys_its_file_and_its_line() {
    let line = lines::documented("systemd-nspawn");
    let options = line.strip_prefix("systemd-nspawn ").and_then(|line| line.strip_suffix("--directory DIR"));
    let script = format!(
        r#"{}
machines
container() {{ systemd-nspawn --quiet --keep-unit --register=no --directory="$ROOT" "$@"; }}
# Otherwise it mounts version 1 for a root that has no systemd.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1; fi
# On version 2 the container's own cgroup is below that of the unit, which has the limits.
cgproc sampler --interval 1 &
# Runs the probe once the board has the container, if programs there see anything of it.
probed() {{
  container "--machine=$1" "${{@:3}}" env -i /bin/sh -c 'for _ in $(seq 300); do
      if [ "$(nproc)" != "$1" ]; then break; fi
      sleep 0.1
    done
    probe "$2"' sh "$(nproc)" "$2"
}}
echo version engine "$(systemd-nspawn --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')"
place nspawn/NAME.nspawn /etc/systemd/nspawn/named.nspawn
probed named file
probed other line {}
container --machine=other probe without
"#,
        prelude(),
        options.expect("options between the command and its directory")
    );
    // Nspawn leaves limits to the unit that it runs in.
    let unit = Container { quota_usec: Some(quota_usec()), view: View::Raw, ..PLAIN };
    let said = on_a_host_in("debian-12", unit.enter(), &["/bin/bash", "-euc", &script]);
    judge("systemd-nspawn", &said, &["file", "line"], &["without"], limited()).conclude("systemd-nspawn");
}

#[test]
fn apptainer_obeys_its_file_and_its_line() {
    let line = lines::documented("Apptainer");
    let options = line.strip_prefix("apptainer exec ").and_then(|line| line.strip_suffix("IMAGE"));
    let script = format!(
        r#"{}
set -o pipefail
"$BED/newest" apptainer bash -euc '
as_user() {{ HOME=/home/user chroot --userspec=1000:1000 --groups=1000 / apptainer "$@"; }}
apptainer --version
as_user exec --userns --underlay /image probe without
as_user exec --userns --underlay {} /image env -i /usr/local/bin/probe line
cat /engines/apptainer/apptainer.conf >>/etc/apptainer/apptainer.conf
as_user exec --userns --underlay /image env -i /usr/local/bin/probe file' | sed 's/apptainer version/version engine/'
"#,
        prelude(),
        options.expect("options between the command and the image")
    );
    // Apptainer leaves limits to the job that it runs in.
    let job = Container { quota_usec: Some(quota_usec()), view: View::Raw, ..PLAIN };
    let said = on_a_host_in("debian-12", job.enter(), &["/bin/bash", "-euc", &script]);
    judge("Apptainer", &said, &["file", "line"], &["without"], limited()).conclude("Apptainer");
}

/// Two containers, with the profile and without it, and what their programs say. Nothing of Incus outlives its machine.
const INCUS: &str = r#"
machine='
mkdir -p /var/lib/incus /var/log/incus /run/incus
mount -t tmpfs tmpfs /var/lib/incus
tar -C /image --exclude=./usr/share/\*/\* --exclude=./var/cache --exclude=./proc --exclude=./sys -c . >/tmp/rootfs.tar
printf "architecture: x86_64\ncreation_date: 1\n" >/tmp/metadata.yaml
tar -C /tmp -c metadata.yaml >/tmp/metadata.tar
/usr/libexec/incus/incusd --group root >/tmp/incusd.log 2>&1 &
for _ in {1..3000}; do if incus info >/dev/null 2>&1; then break; fi; sleep 0.1; done
{
  incus info
  incus storage create pool dir
  incus profile device add default root disk path=/ pool=pool
  incus image import /tmp/metadata.tar /tmp/rootfs.tar --alias base
  incus profile create cgproc </engines/incus/cgproc.yaml
  incus create base without --config security.privileged=true --config raw.lxc="$RAW"
  incus create base profile --profile default --profile cgproc --config security.privileged=true --config raw.lxc="$RAW"
} >/tmp/made 2>&1 || { cat /tmp/made /tmp/incusd.log >&2; exit 1; }
# starts NAME: what programs of the container say. LXC 7 stops none of its containers beside version 1.
starts() {
  local pid
  incus start "$1" >/dev/null 2>&1 || { cat "/var/lib/incus/logs/$1/lxc.log" >&2; exit 1; }
  incus exec "$1" -- env -i /bin/sh -c "echo $1 loaded \$(grep -c libcgproc /proc/self/maps); echo $1 run \$(cd /run && ls)
    touch /run/own; echo $1 mine \$(for it in /run/cgproc /usr/lib/cgproc; do touch \$it/mine 2>/dev/null && echo \$it; done) none"
  pid=$(incus list --format csv --columns p "$1")
  kill -KILL "$pid"
  while [ -e "/proc/$pid" ]; do sleep 0.1; done
  echo "$1 hosts $(cd /run/cgproc && ls) none"
}
echo version engine "$(incus --version)"
starts without
starts profile
'
export RAW="lxc.init.cmd=/bin/sleep 100000
lxc.cgroup.dir=$CGROUP/incus"
# It mounts no cgroups beside version 1, whose cpusets need a parent with CPUs.
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
  RAW+='
lxc.mount.auto=
lxc.mount.auto=proc:mixed sys:mixed'
  cpuset=/sys/fs/cgroup/cpuset
  mkdir "$cpuset/$CGROUP"
  for file in cpuset.cpus cpuset.mems; do cat "$cpuset/$file" >"$cpuset/$CGROUP/$file"; done
  echo 1 >"$cpuset/$CGROUP/cgroup.clone_children"
fi
"$BED/newest" incus bash -euc "$machine"
"#;

/// Its daemon reads the profile, and a container with it has what it names. Whose figures that gives is LXC's part, which
/// its own tests judge: LXC 7 mounts no cgroups beside version 1.
#[test]
fn incus_obeys_its_profile() {
    let said = on_a_host(&["/bin/bash", "-euc", &(prelude() + INCUS)]);
    assert!(version(&said).starts_with(|digit: char| digit.is_ascii_digit()), "{}", said.0);
    let mut findings = Findings::default();
    said.is(&mut findings, "without", &[("loaded", "0")]);
    said.is(&mut findings, "profile", &[("run", "cgproc"), ("mine", "none"), ("hosts", " none")]);
    let loaded = said.value("profile", "loaded").and_then(|count| count.parse::<u32>().ok());
    findings.check(loaded > Some(0), || format!("the library is mapped {loaded:?} times"));
    findings.conclude("incus");
}
