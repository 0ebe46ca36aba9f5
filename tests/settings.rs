//! Settings in force: what the environment and `/etc/cgproc.conf` say, in real containers. Needs root.

mod bed;
mod probes;
#[path = "settings/switch.rs"]
mod switch;

use bed::{Container, PLAIN, View};

const CONTAINER: Container = Container { memory: "256M", view: View::Raw, ..PLAIN };

/// What `script` prints in a container with an `/etc/cgproc.conf` of this text, once `then` has been done to that.
fn under(text: &str, then: &str, script: &str) -> String {
    bed::log_machine();
    let script = format!(
        "{} || exit\n\
         rm -f /etc/cgproc.conf && cat >/etc/cgproc.conf <<'END' || exit\n{text}\nEND\n\
         chmod 644 /etc/cgproc.conf && cd /etc && {{ {then}; }} || exit\n\
         total() {{ \"$@\" /proc/meminfo | tr -dc 0-9; echo; }}\n\
         shown() {{ {} show meminfo | head -1 | tr -dc 0-9; echo; }}\n\
         {script}",
        bed::OWN_ETC,
        bed::command().display()
    );
    let outcome = CONTAINER.run(&script, Some(&bed::object()), bed::PATIENCE_SEC);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text);
    outcome.text
}

fn kib(mib: u64) -> String {
    format!("{}\n", mib << 10)
}

const FILE: &str = "\
CGPROC_MEMORY = 200M
no line of ours
CGPROC_MEMORY = lots

[grep a-name-of-more-than-fifteen-bytes]
CGPROC_MEMORY = 100M
[sed
CGPROC_MEMORY = 90M
[awk]
CGPROC = off";

#[test]
fn a_section_wins_over_general_lines_and_the_environment_over_both() {
    let script = "total head -n1; total grep MemTotal; total sed -n 1p\n\
                  export CGPROC_MEMORY=50M; total head -n1; total grep MemTotal; CGPROC_MEMORY=max; total head -n1";
    let expected: String = [200, 100, 200, 50, 50, 256].map(kib).concat();
    assert_eq!(under(FILE, ":", script), expected);
}

#[test]
fn a_program_may_be_switched_off_and_on_again() {
    let machine = bed::figure(&bed::sh("cat /proc/meminfo"), "MemTotal:").expect("MemTotal");
    let script = "total awk 'NR==1'; CGPROC=on total awk 'NR==1'";
    assert_eq!(under(FILE, ":", script), format!("{machine}\n{}", kib(200)));
}

#[test]
fn a_program_with_a_long_name_is_known_by_what_the_kernel_keeps_of_it() {
    let script = "cp \"$(type -P head)\" /mnt/a-name-of-more-than-fifteen-bytes\n\
                  cp \"$(type -P head)\" /mnt/a-name-of-more\n\
                  total /mnt/a-name-of-more-than-fifteen-bytes -n1; total /mnt/a-name-of-more -n1";
    assert_eq!(under(FILE, ":", script), kib(100) + &kib(200));
}

#[test]
fn the_command_goes_by_the_same_rules() {
    let script = "shown; CGPROC_MEMORY=50M shown; CGPROC_MEMORY=lots shown 2>&1";
    let text = under(FILE, ":", script);
    let (figures, rest) = text.split_at(kib(200).len() + kib(50).len());
    assert_eq!(figures, kib(200) + &kib(50));
    assert!(rest.contains("CGPROC_MEMORY=lots is not understood"), "{rest}");
}

#[test]
fn a_bad_variable_turns_everything_off_whatever_the_file_says() {
    let machine = bed::figure(&bed::sh("cat /proc/meminfo"), "MemTotal:").expect("MemTotal");
    assert_eq!(under(FILE, ":", "CGPROC_CPUS=x total head -n1"), format!("{machine}\n"));
}

#[test]
fn a_file_that_others_may_have_written_does_not_count() {
    let refused = [
        "chmod g+w cgproc.conf",
        "chmod o+w cgproc.conf",
        "chown 12345 cgproc.conf",
        "mv cgproc.conf c && ln -s c cgproc.conf",
        "rm cgproc.conf && mkfifo cgproc.conf",
        "rm cgproc.conf && mkdir cgproc.conf",
    ];
    for then in refused {
        assert_eq!(under(FILE, then, "total head -n1; shown"), kib(256).repeat(2), "{then}");
    }
    for then in ["chmod 600 cgproc.conf", "chmod 444 cgproc.conf", "chgrp 12345 cgproc.conf"] {
        assert_eq!(under(FILE, then, "total head -n1; shown"), kib(200).repeat(2), "{then}");
    }
}

/// With more rights than its caller has, a program goes by the file alone. It is reached through `/etc/ld.so.preload`.
#[test]
fn a_privileged_program_goes_by_the_file_and_not_by_the_environment() {
    let script = format!(
        "cp \"$(type -P head)\" /mnt/plain && cp /mnt/plain /mnt/privileged && chmod 4755 /mnt/privileged || exit
         install -m755 {} /mnt/object.so && echo /mnt/object.so >/etc/ld.so.preload && export LD_PRELOAD=/mnt/object.so || exit
         for it in plain privileged; do
             CGPROC_MEMORY=50M total setpriv --reuid 65534 --clear-groups /mnt/$it -n1
         done",
        bed::object().display()
    );
    assert_eq!(under(FILE, ":", &script), kib(50) + &kib(200));
}

#[test]
fn memory_high_is_the_total_where_it_is_asked_for() {
    let script = "high=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/memory.high\n\
                  if [ -e \"$high\" ]; then echo 128M >\"$high\"; fi\n\
                  total head -n1; shown; CGPROC_MEMORY=max total head -n1";
    let high = if bed::version() == bed::Version::V2 { 128 } else { 256 };
    assert_eq!(under("CGPROC_MEMORY = high", ":", script), [high, high, 256].map(kib).concat());
}

#[test]
fn the_weight_counts_cpus_where_it_is_asked_for() {
    let script = "v2=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/cpu.weight\n\
                  v1=/sys/fs/cgroup/cpu$(sed -n 's/^[0-9]*:cpu\\(,[a-z]*\\)*://p' /proc/self/cgroup)/cpu.shares\n\
                  if [ -e \"$v2\" ]; then echo 20 >\"$v2\"; else echo 200 >\"$v1\"; fi || exit\n\
                  nproc; CGPROC_CPUS=quota nproc";
    let by_quota = bed::host().cpus.min(2);
    assert_eq!(under("CGPROC_CPUS = weight", ":", script), format!("1\n{by_quota}\n"));
}

/// What a program reads under these variables, where `CGPROC_CGROUP` names a directory with these files (`NAME=TEXT`), and what the notes say then.
const REFUSALS: &[(&str, &[&str], &str, &str)] = &[
    ("", &[], "/proc/meminfo", "no memory limit is set, or its files cannot be read"),
    ("", &["memory.max=67108864", "memory.current=4096"], "/proc/swaps", "swap is not accounted"),
    ("", &[], "/proc/stat", "the CPU time of the cgroup is unknown"),
    ("", &["cpu.stat=user_usec 1\nsystem_usec 1"], "/proc/uptime", "the start of the container is unknown"),
    ("CGPROC_UPTIME=host", &[], "/proc/uptime", "CGPROC_UPTIME=host, or a program such as ps that needs the host's"),
    ("CGPROC_BOARD=/no/where", &[], "/proc/loadavg", "no sampler publishes the load of the cgroup"),
    ("", &[], "/proc/diskstats", "the cgroup's reads and writes are not counted"),
    ("", &["pids.max=max"], "/proc/sys/kernel/threads-max", "no limit on processes is set"),
    (
        "",
        &["pids.max=99999999"],
        "/proc/sys/kernel/threads-max",
        "the kernel's text has an unknown form, or needs no change",
    ),
];

#[test]
fn each_refusal_is_noted_with_its_reason() {
    let script: String = REFUSALS
        .iter()
        .map(|(variables, files, file, _)| {
            let files: String = files
                .iter()
                .filter_map(|file| file.split_once('='))
                .map(|(name, text)| format!("printf '{text}\\n' >scope/{name}; "))
                .collect();
            format!("rm -rf scope; mkdir scope; : >notes; {files}read_under {variables} {file}\n")
        })
        .collect();
    let script = format!(
        "cd /mnt\n\
         read_under() {{ env CGPROC_CGROUP=/mnt/scope CGPROC_DEBUG=/mnt/notes \"${{@:1:$#-1}}\" head -c1 \"${{@: -1}}\" >/dev/null; cat notes; }}\n\
         {script}\
         : >notes; echo 1 >other; mount --bind other /proc/meminfo; read_under /proc/meminfo"
    );
    let text = under("", ":", &script);
    let of_files = REFUSALS.iter().map(|(_, _, file, reason)| (*file, *reason));
    let all = of_files.chain([("/proc/meminfo", "something other than the kernel's file is mounted there")]);
    let expected: String =
        all.map(|(file, reason)| format!("cgproc: {file}: the kernel's own text stands: {reason}\n")).collect();
    assert_eq!(text, expected);
}
