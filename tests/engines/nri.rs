//! `cgproc nri` beside a real containerd 2, whose pods and containers are made as a kubelet makes them; and beside
//! engines that say anything.

use crate::{
    bed::{self, Findings},
    harness::{Bed, Library},
    on_a_host,
    probe::{Row, Said, limited, quota_usec},
};
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Runs beside containerd. `run NAME POD OPTION... -- COMMAND...` starts a container of 512 MiB and a quota of CPU time.
const FIGURES: &str = r#"
run() { "$cri" run "$2" "$1" base --memory 536870912 --quota "$quota" "${@:3}"; }
# Starts a plugin whose lines go to $WORK/NAME.log.
plugin() { cgproc nri --namespaces 'team-*' --name "$1" --index "$2" 2>"$WORK/$1.log" & }
await() {
  for _ in {1..3000}; do
    if [ "$(grep -c "$2" "$WORK/$1" || :)" -ge "$3" ]; then return; fi
    sleep 0.1
  done
  echo "$1 never had $3 times '$2':" >&2
  cat "$WORK/$1" >&2
  exit 1
}
probed() { run "$1" "${@:2}" -- sh -c "probe $1; env -u LD_PRELOAD probe bare-$1"; }

plugin cgproc 50
first=$!
await cgproc.log registered 1
sed -n 's/.*registered with containerd \([0-9.]*\).*/version containerd \1/p' "$WORK/cgproc.log"

on=$("$cri" pod on --label cgproc.io/view=on)
plain=$("$cri" pod plain)
probed on "$on"
probed plain "$plain"
container=$(run stays "$on" --stay -- sleep 100000)
"$cri" exec "$container" -- probe exec
"$cri" exec "$container" -- sh -c 'echo stays board $(awk "\$5 == \"/run/cgproc\" {print substr(\$6, 1, 2)}" /proc/self/mountinfo)'
"#;

/// What is the same on every kernel. Starting all these containers would take minutes in the booted one.
const BEHAVIOUR: &str = r#"
both=$("$cri" pod both --label cgproc.io/view=on --annotation cgproc.io/view=off)
team=$("$cri" pod team --namespace team-a)
one=$("$cri" pod one --annotation cgproc.io/view.annotated=on)
probed both "$both"
probed team "$team"
probed annotated "$one"
probed other "$one"
probed read-only "$on" --read-only

# Longer than a frame of the protocol.
others=$(printf '/lib/x86_64-linux-gnu/libz.so.1:%.0s' {1..200})
run own "$on" --env "LD_PRELOAD=$others" -- sh -c 'probe own; echo own preload "${LD_PRELOAD%%:*}" "$(printf %s "${LD_PRELOAD#*:}" | wc -c)"'

mkdir "$WORK/empty"
run volume "$on" --volume "$WORK/empty:/run" -- sh -c 'probe volume; echo volume run $(ls /run | wc -l)'
run occupied "$on" --volume "$WORK/empty:/usr/lib/cgproc" -- sh -c 'probe occupied; echo occupied preload "$LD_PRELOAD"'

plugin again 60
second=$!
await again.log registered 1
run twice "$on" -- sh -c 'probe twice; echo twice preload "$LD_PRELOAD"'
kill $second
rc=0
wait $second || rc=$?
echo second status $rc

mv /usr/lib/cgproc /usr/lib/cgproc.away
probed missing "$on"
mv /usr/lib/cgproc.away /usr/lib/cgproc

kill "$(<"$WORK/containerd.pid")"
await cgproc.log registered 2
probed restarted "$on"
echo restarted lines $(wc -l <"$WORK/cgproc.log")

"$cri" many "$on" "$starts" tiny -- sh -c 'test -z "$LD_PRELOAD" || exit 7' >"$WORK/many" &
many=$!
await many started $((starts / 2))
kill -KILL $first
wait $many
grep -v started "$WORK/many"
probed bereft "$on"
"#;

/// One engine, and its images, serve all tests.
fn said() -> &'static Said {
    static SAID: OnceLock<Said> = OnceLock::new();
    SAID.get_or_init(|| {
        let cri = bed::repository("tests/bed/cri").display().to_string();
        let behaviour = if bed::host().is_uml { "" } else { BEHAVIOUR };
        let script = format!("cri={cri} quota={} starts={STARTS}\n{FIGURES}{behaviour}", quota_usec());
        on_a_host(&["containerd", "bash", "-euo", "pipefail", "-c", &script])
    })
}

/// How many containers are started while the plugin dies.
const STARTS: usize = 200;

/// The container's own figures, without a row in docs/reach.md.
fn sees_itself(findings: &mut Findings, name: &str) {
    let [memory, cpus] = [limited().memory_kib, limited().cpus].map(|figure| figure.to_string());
    said().is(findings, name, &[("free", &memory), ("nproc", &cpus)]);
}

#[test]
fn pods_that_ask_see_themselves() {
    let said = said();
    let version = said.value("version", "containerd").expect("its version");
    let mut findings = Findings::default();
    for (name, runtime) in [("on", "containerd, cgproc nri"), ("exec", "containerd, cgproc nri, exec")] {
        said.shows_container(&mut findings, &Row { runtime, version }, name, limited());
    }
    for name in ["plain", "bare-on"] {
        said.shows_machine(&mut findings, name, limited());
    }
    said.is(&mut findings, "stays", &[("board", "ro")]);
    findings.conclude("figures");
}

/// A plugin, and the socket of the engine that we play.
struct Played {
    plugin: Child,
    engine: UnixListener,
    home: tempfile::TempDir,
}

const LONGEST: Duration = Duration::from_secs(60);

impl Played {
    fn begin() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let socket = home.path().join("nri.sock");
        let engine = UnixListener::bind(&socket).expect("a socket");
        engine.set_nonblocking(true).expect("a socket");
        let lines = fs::File::create(home.path().join("lines")).expect("a file");
        let mut command = Command::new(bed::command());
        command.args(["nri", "--socket"]).arg(&socket).stdin(Stdio::null()).stderr(lines);
        Self { plugin: command.spawn().expect("cgproc nri"), engine, home }
    }

    /// Waits for the plugin to connect and to call.
    fn accept(&mut self) -> UnixStream {
        let begun = Instant::now();
        loop {
            match self.engine.accept() {
                Ok((mut stream, _)) => {
                    stream.set_nonblocking(false).expect("a socket");
                    stream.set_read_timeout(Some(LONGEST)).expect("a socket");
                    let registration = receive(&mut stream);
                    assert!(registration.windows(14).any(|bytes| bytes == b"RegisterPlugin"), "{registration:?}");
                    return stream;
                }
                Err(_) => assert!(begun.elapsed() < LONGEST, "it does not connect: {}", self.lines()),
            }
            let ended = self.plugin.try_wait().expect("a process");
            assert!(ended.is_none(), "it has ended with {ended:?}: {}", self.lines());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn status(&self) -> String {
        fs::read_to_string(format!("/proc/{}/status", self.plugin.id())).expect("its status")
    }

    /// Ends the plugin as a service manager does: what it has said.
    fn end(mut self) -> String {
        let told = Command::new("kill").arg(self.plugin.id().to_string()).status().expect("kill");
        let status = self.plugin.wait().expect("a process");
        assert!(told.success() && status.success(), "{status}: {}", self.lines());
        self.lines()
    }

    fn lines(&self) -> String {
        fs::read_to_string(self.home.path().join("lines")).expect("lines")
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = self.plugin.kill();
        let _ = self.plugin.wait();
    }
}

/// A message of the protocol in one frame: a call (1) or an answer (2).
fn frame(connection: u32, stream: u32, kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a message");
    let message = [&length.to_be_bytes()[..], &stream.to_be_bytes(), &[kind, 0], payload].concat();
    let length = u32::try_from(message.len()).expect("a message");
    [&connection.to_be_bytes()[..], &length.to_be_bytes(), &message].concat()
}

/// A call's protocol buffer.
fn call(method: &str, payload: &[u8]) -> Vec<u8> {
    [field(2, method.as_bytes()), field(3, payload)].concat()
}

/// A field of bytes, with its length in groups of seven bits.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        field.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length).expect("seven bits"));
    [&field, bytes].concat()
}

/// The next frame: its message's payload.
fn receive(stream: &mut UnixStream) -> Vec<u8> {
    let mut header = [0; 18];
    stream.read_exact(&mut header).expect("a frame");
    let length = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    let mut payload = vec![0; usize::try_from(length).expect("a length")];
    stream.read_exact(&mut payload).expect("a message");
    payload
}

/// Whatever is no message ends the connection, and another follows.
#[test]
fn engines_that_say_anything_do_not_end_it() {
    let mut played = Played::begin();
    let huge = [&1u32.to_be_bytes()[..], &u32::MAX.to_be_bytes()].concat();
    let long = frame(1, 1, 1, b"")[..8].iter().chain(&[0xff; 10]).copied().collect();
    let refusal = frame(2, 1, 2, &field(1, &[&[8, 5][..], &field(2, &[b'\n'; 5000])].concat()));
    let half = frame(1, 1, 1, &call("CreateContainer", b""))[..20].to_vec();
    for bytes in [huge, long, frame(1, 1, 1, &[0xff; 9]), refusal, half, Vec::new()] {
        let mut stream = played.accept();
        stream.write_all(&bytes).expect("a connection");
        stream.shutdown(std::net::Shutdown::Write).expect("a connection");
        let mut rest = Vec::new();
        // The plugin closes its end: with an error if it has not read all.
        let _ = stream.read_to_end(&mut rest);
        assert_eq!(rest, b"", "after {bytes:?}");
    }
    drop(played.accept());
    let lines = played.end();
    assert!(lines.lines().count() <= 7 && lines.len() < 3000, "{lines}");
}

#[test]
fn every_call_has_an_answer_that_is_no_error() {
    let mut played = Played::begin();
    let mut stream = played.accept();
    stream.write_all(&frame(2, 1, 2, b"")).expect("a connection");
    // As much as fits into a message, in a field that is skipped (`pods`).
    let much = field(1, &vec![0; (4 << 20) - 100]);
    for (method, payload) in [
        ("Configure", &b"\xff\xff"[..]),
        ("Synchronize", b"\xff"),
        ("Synchronize", &much),
        ("Synchronize", &much),
        ("CreateContainer", b"\xff\xff\xff"),
        ("CreateContainer", b""),
        ("StateChange", b"\xff"),
        ("Unknown", b""),
        ("", b""),
    ] {
        stream.write_all(&frame(3, 9, 9, b"for nobody")).expect("a connection");
        stream.write_all(&frame(1, 5, 1, &call(method, payload))).expect("a connection");
        let answer = receive(&mut stream);
        // An error would be field 1.
        assert!(answer.first().is_none_or(|tag| *tag == 0x12), "{method}: {answer:?}");
    }
    let most_kib = bed::figure(&played.status(), "VmHWM:").expect("VmHWM");
    assert!(most_kib < 16 << 10, "it has had {most_kib} KiB, and its unit allows 32 MiB");
    played.end();
}

/// A service manager that starts it where no engine is does not wait for one.
#[test]
fn without_an_engine_it_is_ready_and_waits() {
    let home = tempfile::tempdir().expect("a directory");
    let manager = std::os::unix::net::UnixDatagram::bind(home.path().join("notify")).expect("a socket");
    manager.set_read_timeout(Some(LONGEST)).expect("a socket");
    let mut command = Command::new(bed::command());
    command.args(["nri", "--socket"]).arg(home.path().join("none")).env("NOTIFY_SOCKET", home.path().join("notify"));
    let mut plugin = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("cgproc nri");
    let mut heard = String::new();
    for _ in 0..2 {
        let mut buffer = [0; 4096];
        let length = manager.recv(&mut buffer).unwrap_or_else(|error| {
            let _ = plugin.kill();
            panic!("{error}, after {heard}");
        });
        heard += &String::from_utf8_lossy(&buffer[..length]);
    }
    let told = Command::new("kill").arg(plugin.id().to_string()).status().expect("kill");
    let status = plugin.wait().expect("a process");
    assert!(told.success() && status.success(), "{status}");
    assert!(heard.contains("STATUS=") && heard.contains("trying again") && heard.contains("READY=1"), "{heard}");
}

/// The unit is one that systemd takes without a word.
#[test]
fn the_unit_is_sound() {
    let text = fs::read_to_string(unit()).expect("the unit");
    let home = tempfile::tempdir().expect("a directory");
    let copy = home.path().join("cgproc-nri.service");
    // What it starts has to be there.
    fs::write(&copy, text.replace("/usr/bin/cgproc", &bed::command().to_string_lossy())).expect("a copy");
    let mut verify = Command::new("systemd-analyze");
    let output = verify.args(["verify", "--man=no"]).arg(&copy).output().expect("systemd-analyze");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
}

fn unit() -> PathBuf {
    bed::repository("examples/systemd/cgproc-nri.service")
}

/// What does not depend on the kernel; the booted one only has to show the figures (tests/run).
mod of_any_kernel {
    use super::*;

    #[test]
    fn pods_and_namespaces_choose_the_view() {
        let mut findings = Findings::default();
        for name in ["annotated", "team", "read-only"] {
            sees_itself(&mut findings, name);
        }
        for name in ["both", "other"] {
            said().shows_machine(&mut findings, name, limited());
        }
        findings.conclude("choice");
    }

    #[test]
    fn what_a_container_has_is_kept() {
        let said = said();
        let mut findings = Findings::default();
        for name in ["own", "volume", "twice"] {
            sees_itself(&mut findings, name);
        }
        said.is(&mut findings, "own", &[("preload", "/usr/lib/cgproc/libcgproc.so 6400")]);
        said.is(&mut findings, "volume", &[("run", "0")]);
        said.is(&mut findings, "twice", &[("preload", "/usr/lib/cgproc/libcgproc.so")]);
        said.shows_machine(&mut findings, "occupied", limited());
        said.is(&mut findings, "occupied", &[("preload", "")]);
        findings.conclude("containers");
    }

    #[test]
    fn containers_start_whatever_is_missing() {
        let said = said();
        let mut findings = Findings::default();
        said.shows_machine(&mut findings, "missing", limited());
        said.is(&mut findings, "second", &[("status", "0")]);
        sees_itself(&mut findings, "restarted");
        // Registered, lost, registered; one more if the socket was away for a while.
        let lines: u32 = said.value("restarted", "lines").and_then(|lines| lines.parse().ok()).expect("lines");
        findings.check((3..=4).contains(&lines), || format!("{lines} lines about one restart"));
        let statuses: Vec<&str> =
            said.0.lines().filter_map(|line| line.strip_prefix("ended ")?.split(' ').nth(1)).collect();
        findings.check(statuses.len() == STARTS, || format!("{} of {STARTS} containers ended", statuses.len()));
        // 7: with the view; 0: without.
        let with_view = statuses.iter().take_while(|status| **status == "7").count();
        findings.check((STARTS / 2..STARTS).contains(&with_view), || format!("it died after {with_view} containers"));
        findings.check(statuses[with_view..].iter().all(|status| *status == "0"), || format!("{statuses:?}"));
        said.shows_machine(&mut findings, "bereft", limited());
        findings.conclude("fail open");
    }

    /// The unit's rights are enough to look for an engine, to say so, and to end.
    #[test]
    fn the_unit_runs() {
        let [command, unit, system] =
            [bed::command(), unit(), bed::repository("tests/bed/system")].map(|path| path.display().to_string());
        let script = format!(
            r#"install -m 755 {command} "$ROOT/usr/bin/cgproc"
        cp {unit} "$ROOT/etc/systemd/system"
        cat >"$ROOT/etc/systemd/system/said.service" <<'UNIT'
        [Service]
        Type=oneshot
        ExecStart=systemctl start cgproc-nri
        ExecStart=sh -c 'systemctl show --property ActiveState,StatusText cgproc-nri | sed "s/^/started /; s/=/ /"'
        ExecStart=systemctl stop cgproc-nri
        ExecStart=sh -c 'systemctl show --property Result,ExecMainStatus,NRestarts cgproc-nri | sed "s/^/stopped /; s/=/ /"'
        ExecStopPost=touch /opt/all-said
        StandardOutput=append:/opt/said
UNIT
        exec {system} probes.target"#
        );
        let private = Bed { userland: "system", library: Library::None };
        let said = private.says(&["/bin/bash", "-euc", &script]);
        let status = "/var/run/nri/nri.sock: No such file or directory; trying again";
        let mut findings = Findings::default();
        said.is(&mut findings, "started", &[("ActiveState", "active"), ("StatusText", status)]);
        said.is(&mut findings, "stopped", &[("Result", "success"), ("ExecMainStatus", "0"), ("NRestarts", "0")]);
        findings.conclude("the unit");
    }
}
