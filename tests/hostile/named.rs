//! Files named by a variable or by the administrator's file, when somebody with fewer rights than the program chose
//! them: only files meant for it are made or written, and it waits for none.

use super::by_line;
use crate::{
    bed::{Container, OWN_ETC, View},
    probes::{self, Case, Figures, Libc, Result, SMALL, figures, program, quoted},
};

/// Runs these lines of bash in one container, in a directory of their own. `$run` is the program under the object.
fn in_turn(lines: &[String]) -> (Figures, Vec<Result>) {
    let container = Container { view: View::Namespace, ..SMALL };
    figures(&container, Libc::Glibc, |object, figures| {
        let run = format!("run='env LD_PRELOAD={} timeout 60 {}'", object.display(), figures.display());
        std::iter::once(run)
            .chain(lines.iter().cloned())
            .map(|command| Case { title: command.clone(), command })
            .collect()
    })
}

/// Settings that are worth a note.
const NOTED: &str = "CGPROC_CGROUP=/no/where CGPROC_DEBUG";
const NOTE: &str = "cgproc: no cgroup of this process found: passed through";

#[test]
fn notes_go_to_a_file_that_was_made_for_them() {
    let trial = |prepare: &str, name: &str, look: &str| format!("{prepare}; {NOTED}={name} $run >/dev/null; {look}");
    let cases = [
        (trial("touch notes", "notes", "head -n1 notes"), NOTE),
        (trial(":", "$PWD/notes", "sort -u notes"), NOTE),
        (trial(":", "none", "ls none 2>&1 | tr -dc N"), "N"),
        (trial("echo root:x:0:0 >other", "other", "cat other"), "root:x:0:0"),
        (trial("printf x >short", "short", "cat short"), "x"),
        (trial("touch theirs; chown 12345 theirs", "theirs", "cat theirs"), ""),
        (trial("touch target; ln -s target link", "link", "cat target"), ""),
        (trial("mkfifo pipe; exec 9<>pipe", "pipe", "read -t 0.1 -u 9 line; echo \"$line\""), ""),
    ];
    let (_, results) = in_turn(&cases.each_ref().map(|(line, _)| line.clone()));
    for ((line, expected), result) in cases.iter().zip(&results[1..]) {
        assert_eq!(result.text, *expected, "{line}");
    }
}

/// A file without a limit in sight stays the kernel's own, and is noted by its name. An answered file is not.
#[test]
fn what_is_passed_through_is_noted_by_its_name() {
    let object = crate::bed::object();
    let read = "for file in /proc/meminfo /proc/sys/kernel/threads-max /proc/sys/kernel/threads-max; do read -r first <$file; done";
    let command = format!(
        "touch notes; CGPROC_DEBUG=notes LD_PRELOAD={} bash -c {}; sort -u notes",
        object.display(),
        quoted(read)
    );
    let results = probes::run(&SMALL, &[Case { title: "notes".into(), command }]);
    let note = "cgproc: /proc/sys/kernel/threads-max: the kernel's own text stands: no limit on processes is set";
    assert_eq!(results[0].text, note);
}

/// A note beyond the file size limit would raise a signal.
#[test]
fn a_note_ends_no_program() {
    let limits = program(Libc::Glibc, "limits");
    let object = crate::bed::object();
    let case = |note: &str| Case {
        title: note.into(),
        command: format!("touch notes; {note} LD_PRELOAD={} {} size 0", object.display(), limits.display()),
    };
    let results = probes::run(&SMALL, &[case(""), case("CGPROC_DEBUG=notes")]);
    assert_eq!(results[0].status, 0);
    assert_eq!(results[1], results[0]);
}

/// Files named in the administrator's file, also for a program with more rights than its caller.
#[test]
fn the_administrators_file_names_no_file_of_the_users() {
    let conf = |text: &str| format!("printf '%s\\n' {text} >/etc/cgproc.conf; chmod 644 /etc/cgproc.conf");
    let privileged =
        "chown 65534 notes /etc/figures; chmod 4755 /etc/figures; : >notes; /etc/figures >/dev/null; cat notes";
    let lines = [
        format!("{OWN_ETC}; chmod 755 .; touch notes"),
        conf("CGPROC_CGROUP=/no/where CGPROC_DEBUG=$PWD/notes"),
        "$run >/dev/null; sort -u notes".into(),
        format!("cp {} /etc/figures", program(Libc::Glibc, "figures").display()),
        "cp ${run#*LD_PRELOAD=} /etc/object.so 2>/dev/null; set -- ${run#*LD_PRELOAD=}; cp $1 /etc/object.so; echo /etc/object.so >/etc/ld.so.preload".into(),
        privileged.replace("4755", "755"),
        privileged.into(),
        "rm /etc/ld.so.preload".into(),
        conf("CGPROC_CGROUP=/no/where CGPROC_DEBUG=notes"),
        ": >notes; chown 0 notes; $run >/dev/null; cat notes".into(),
    ];
    let (_, results) = in_turn(&lines);
    let text = |index: usize| results[index + 1].text.as_str();
    assert_eq!((text(2), text(6), text(9)), (NOTE, "", ""), "{results:?}");
    assert_eq!(text(5), "", "root's program writes to no file of another user's");
}

/// Whether the file may name others is checked once, however many it names.
#[test]
fn a_long_file_of_the_administrators_holds_nobody_up() {
    let lines = [
        OWN_ETC.into(),
        "yes CGPROC_BOARD=/no/where | head -n 3000 >/etc/cgproc.conf; chmod 644 /etc/cgproc.conf".into(),
        "set -- ${run#*LD_PRELOAD=}; strace -f -o trace -E LD_PRELOAD=$1 $4 >/dev/null; grep -c 'readlink.*/proc/self/exe' trace".into(),
    ];
    let (_, results) = in_turn(&lines);
    assert_eq!(results[3].text, "1");
}

/// Anything may lie below the directory that `CGPROC_CGROUP` names.
#[test]
fn a_pipe_in_a_cgroups_place_holds_nobody_up() {
    let lines = [
        "mkdir v; echo 100000000 >v/memory.max; echo 0 >v/memory.current; echo anon 0 >v/memory.stat; echo $$ >v/cgroup.procs; mkfifo v/cpu.max; echo secret >s; ln -s ../s v/cpu.pressure".into(),
        "CGPROC_CGROUP=$PWD/v $run; echo $?".into(),
        "CGPROC_CGROUP=$PWD/v CGPROC_BOARD=$PWD/v/cpu.max $run | wc -l".into(),
        "rm v/cpu.max; set -- ${run#*LD_PRELOAD=}; \
         CGPROC_CGROUP=$PWD/v LD_PRELOAD=$1 bash -c 'exec 3<>/proc/pressure/cpu && echo some 150000 1000000 >&3'; cat s".into(),
    ];
    let (seen, results) = in_turn(&lines);
    assert!(results[2].text.ends_with("\n0"), "hangs: {}", results[2].text);
    assert!(results[2].text.contains("meminfo: 97656"), "{}", by_line(&seen.kernels, &results[2].text));
    assert_eq!(results[3].text, seen.kernels.lines().count().to_string(), "hangs at the board");
    assert!(results[4].text.ends_with("secret"), "{}", results[4].text);
}

/// Files longer than any of the kernel's, and one that is reread for each device in it.
#[test]
fn a_file_without_an_end_holds_nobody_up() {
    let show = "set -- ${run#*LD_PRELOAD=}; CGPROC_CGROUP=$PWD/v LD_PRELOAD=$1 timeout 300 cat /proc/vmstat /proc/meminfo >text; echo $?; grep -E '^(pgpgin|MemTotal:)' text";
    let lines = [
        "mkdir v; echo 100000000 >v/memory.max; echo 0 >v/memory.current; echo anon 0 >v/memory.stat; echo $$ >v/cgroup.procs; echo '9:1 rbytes=4096' >v/io.stat".into(),
        show.to_owned(),
        "for i in {1..20000}; do echo \"9:$i rbytes=1048576 wbytes=1048576 rios=1 wios=1 dbytes=0 dios=0\"; done >v/io.stat".into(),
        show.to_owned(),
        "truncate -s 8T v/io.stat v/memory.stat || truncate -s 1T v/io.stat v/memory.stat".into(),
        show.to_owned(),
    ];
    let (_, results) = in_turn(&lines);
    let of_kernel = |index: usize| !results[index].text.lines().any(|line| line == "pgpgin 4");
    assert!(results[2].text.starts_with("0\n") && !of_kernel(2), "{}", results[2].text);
    assert_eq!((results[5].text.as_str(), results[5].status), ("", 0), "longer files");
    for (index, what) in [(4, "read for each device"), (6, "without an end")] {
        assert!(results[index].text.starts_with("0\n") && of_kernel(index), "{what}: {}", results[index].text);
        assert!(results[index].text.contains("MemTotal: "), "{what}: {}", results[index].text);
    }
}

/// A program of the host that enters an image: the image's file is not from the host's administrator.
#[test]
fn settings_below_another_root_name_no_files() {
    let lines = [
        "chmod 755 .; mkdir -p i/etc i/proc i/v; mount --bind /proc i/proc; touch i/notes; mkfifo i/v/cpu.max".into(),
        "printf '%s\\n' CGPROC_CGROUP=/v CGPROC_DEBUG=/notes >i/etc/cgproc.conf; chmod 644 i/etc/cgproc.conf".into(),
        format!(
            "set -- ${{run#*LD_PRELOAD=}}; LD_PRELOAD=$1 timeout 60 {} \"$PWD/i\"; echo $?",
            program(Libc::Glibc, "rooted").display()
        ),
        "cat i/notes; umount i/proc".into(),
    ];
    let (_, results) = in_turn(&lines);
    assert!(results[3].text.ends_with("\n0"), "hangs: {}", results[3].text);
    assert_eq!(results[4].text, "");
}
