//! The calls themselves: every form is answered, every refusal is the kernel's, none is lost.

use crate::{
    bed,
    harness::{Started, cgproc},
    program::{KIB, LIMITS, Row, compiled, is_at_rest, static_programs, supervisors, told},
};
use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

#[test]
fn files_by_all_their_names() {
    for (runtime, program) in static_programs() {
        let text = told(&LIMITS, &[&program, "forms"]);
        assert_eq!(text.lines().count(), 6, "{runtime}: {text}");
        for line in text.lines() {
            assert!(line.ends_with(&format!(" {KIB}")), "{runtime}: {line}");
        }
    }
}

#[test]
fn refusals_are_the_kernels() {
    for (runtime, program) in static_programs() {
        let native = Command::new(&program).arg("refuses").output().expect(runtime);
        let native = String::from_utf8_lossy(&native.stdout);
        assert!(native.lines().count() == 19 && native.contains("full EMFILE"), "{native}");
        assert_eq!(told(&LIMITS, &[&program, "refuses"]), native, "{runtime}");
    }
}

#[test]
fn a_file_that_is_kept_open_is_told_anew() {
    for (runtime, program) in static_programs() {
        let text = told(&LIMITS, &[&program, "keeps"]);
        Row::new(runtime, "").cell("kept open", text == "lseek tells\npread tells\n");
        assert_eq!(text, "lseek tells\npread tells\n", "{runtime}");
    }
}

#[test]
fn a_mask_that_is_handed_back_changes_nothing() {
    let all = fs::read_to_string("/proc/self/status").expect("status");
    let all = all.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:\t")).expect("the CPUs");
    let program = compiled("past-glibc");
    let expected = format!("shown 1 1\nhanded back 0\nkernel's {all}\nanother 0\nthen 1\n");
    assert_eq!(told(&LIMITS, &[&program, "affinity"]), expected);
    // In a pid namespace, where its numbers differ from those we know.
    let below = ["unshare", "--pid", "--fork", "--mount-proc", &program, "affinity"];
    assert_eq!(told(&[&["--static"], &LIMITS[..]].concat(), &below), expected);
}

#[test]
fn what_else_lies_there_is_not_answered() {
    // Files of others: mounted over the kernel's, below another root's /proc, and behind magic links.
    let script = format!(
        "d=$(mktemp -d); printf 'MemTotal: 77 kB\\n' >$d/meminfo; cd $d
         {1} awk '{{print $2}}' meminfo /proc/self/cwd/meminfo
         (cd /proc; exec {1} sh -c 'cd '$d'; exec {1} awk \"{{print \\$2}}\" /proc/self/cwd/meminfo')
         mount --bind $d/meminfo /proc/meminfo; {0} figures | head -n 1; umount /proc/meminfo
         mkdir $d/proc; mv meminfo proc; cp {0} $d/past; chroot $d /past figures 2>/dev/null | head -n 1; rm -r $d",
        compiled("past-glibc"),
        crate::program::busybox()
    );
    let text = told(&[&["--static"], &LIMITS[..]].concat(), &["unshare", "--mount", "sh", "-c", &script]);
    assert_eq!(text, "77\n77\n77\nopen 77\nopen 77\n");
}

#[test]
fn a_file_system_that_is_served_from_within_is_not_waited_for() {
    // lxcfs is supervised itself: if we looked at its files, we would wait for it, and it for us.
    let script = format!(
        "d=$(mktemp -d); lxcfs -f -l $d/ >/dev/null 2>&1 & p=$!; until [ -e $d/proc/meminfo ]; do sleep 0.1; done
         {} head -n 1 $d/proc/meminfo | grep -c MemTotal; {} figures | head -n 1; kill $p; wait $p; rmdir $d",
        crate::program::busybox(),
        compiled("past-glibc")
    );
    let script = script.replace("lxcfs -f", "mkdir $d/l; d=$d/l; lxcfs -f").replace("rmdir $d", "rmdir $d ${d%/l}");
    let patience = bed::PATIENCE_SEC.to_string();
    let arguments = [&["run", "--static"], &LIMITS[..], &["--", "timeout", &patience, "sh", "-c", &script]].concat();
    let output = cgproc(&arguments).output().expect("cgproc");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("1\nopen {KIB}\n"), "{output:?}");
}

#[test]
fn threads_at_once_lose_nothing() {
    let opens = if bed::host().is_uml { 100 } else { 500 };
    for (runtime, program) in static_programs() {
        let text = told(&LIMITS, &[&program, "threads", "16", &opens.to_string()]);
        let right = format!("right {}\n", 16 * opens);
        Row::new(runtime, "").cell("threads", text == right);
        assert_eq!(text, right, "{runtime}");
    }
}

#[test]
fn a_thousand_processes_lose_nothing_and_leak_nothing() {
    // A call takes 16 times as long in that kernel.
    let [processes, opens] = if bed::host().is_uml { ["100", "50"] } else { ["1000", "50"] };
    let mut command = cgproc(&["run", "--memory", "300M", "--", &compiled("past-glibc"), "forks", processes, opens]);
    let mut run = Started::new(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    assert_eq!(run.line(), "begins");
    // The sources of an answer are open for a moment each, so descriptors are counted while the supervisor is idle.
    let rest = |run: &Started| {
        bed::until("rest", || supervisors(run.pid()).into_iter().all(is_at_rest));
        supervisors(run.pid()).into_iter().map(bed::descriptors).sum::<usize>()
    };
    let before = rest(&run);
    run.0.stdin.as_mut().expect("a pipe").write_all(b"\n").expect("written");
    assert_eq!(run.line(), format!("right {processes}"));
    assert_eq!(run.line(), "more 0");
    let after = rest(&run);
    assert!(after <= before, "{before} descriptors at first, {after} at last");
    drop(run.0.stdin.take());
    assert!(run.ended().success());
}

#[test]
fn a_timer_disturbs_nothing() {
    let often = if bed::host().is_uml { "100" } else { "1000" };
    for (runtime, program) in static_programs() {
        assert_eq!(told(&LIMITS, &[&program, "signals", often]), format!("heard {often}, wrong 0\n"), "{runtime}");
    }
}

#[test]
fn programs_of_both_kinds_in_one_tree() {
    // The library answers programs that have it, also for files they keep open; others are answered from outside.
    let script = format!(
        "free -k | awk '/^Mem:/ {{print $2}}'; {0} forms | tail -n 1; exec {1} sh -c 'python3 -c \"\n\
         import os\n\
         f = open(\\\"/proc/meminfo\\\")\n\
         print(f.readline().split()[1], os.cpu_count())\n\
         f.seek(0)\n\
         print(f.readline().split()[1], os.readlink(\\\"/proc/self/fd/%d\\\" % f.fileno()))\"'",
        compiled("past-musl"),
        crate::program::busybox()
    );
    let text = told(&[&["--static"], &LIMITS[..]].concat(), &["sh", "-c", &script]);
    let expected = format!("{KIB}\nupwards {KIB}\n{KIB} 1\n{KIB} /memfd:/proc/meminfo (deleted)\n");
    assert_eq!(text, expected);
}
