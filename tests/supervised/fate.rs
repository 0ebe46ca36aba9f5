//! Statuses, signals, and who dies first: a supervised program fares as if it ran alone.

use crate::{
    bed,
    harness::{Started, cgproc, children, has_obeyed, kill, out, read, run, state, tempfile, until},
    program::{Answering, KIB, LIMITS, busybox, comm, compiled, told, until_no_heir_is_left, who_answers},
};
use std::{fs, os::unix::process::ExitStatusExt as _, process::Stdio};

fn always() -> Vec<&'static str> {
    [&["--static"], &LIMITS[..]].concat()
}

#[test]
fn the_programs_status_is_the_commands() {
    for code in [0, 1, 7, 125, 255] {
        assert_eq!(run(&always(), &format!("exit {code}")).status.code(), Some(code));
    }
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSEGV] {
        assert_eq!(run(&always(), &format!("kill -{signal} $$")).status.signal(), Some(signal));
    }
    let missing = cgproc(&["run", "--static", "/no/such/program"]).output().expect("cgproc");
    assert_eq!(missing.status.code(), Some(127), "{missing:?}");
    let text = cgproc(&["run", "--static", "/etc/passwd"]).output().expect("cgproc");
    assert_eq!(text.status.code(), Some(126), "{text:?}");
    until_no_heir_is_left();
}

#[test]
fn signals_reach_it() {
    let script = "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.02; done";
    let busybox = busybox();
    let arguments = [&["run"], &always()[..], &["--", &busybox, "sh", "-c", script]].concat();
    let mut program = Started::new(cgproc(&arguments).stdout(Stdio::piped()));
    assert_eq!(program.line(), "ready");
    kill(program.pid(), libc::SIGTERM);
    assert_eq!(program.line(), "got");
    assert_eq!(program.ended().code(), Some(9));
}

#[test]
fn its_parent_lives_as_long_as_it() {
    // The kernel sends the signal that a program asks for when the thread that started it ends.
    for _ in 0..100 {
        told(&LIMITS, &[&compiled("past-glibc"), "parent"]);
    }
}

#[test]
fn it_goes_on_when_it_is_continued_and_the_command_is_not() {
    Answering::BOTH.into_iter().for_each(goes_on_when_it_is_continued);
}

fn goes_on_when_it_is_continued(answering: Answering) {
    let file = tempfile();
    let mut command = answering.cgproc(&["run", "--memory", "300M", "--", &compiled("past-glibc"), "waits"]);
    let mut run = Started::new(command.arg(&file).stdout(Stdio::piped()));
    assert_eq!(run.line(), "ready");
    let program = run.children().into_iter().find(|pid| comm(*pid) == "past-glibc").expect("the program");
    let is_stopped = |pid: i32| state(pid) == 'T';
    for _ in 0..3 {
        kill(program, libc::SIGSTOP);
        until("both stopped", || is_stopped(program) && is_stopped(run.pid()));
        kill(program, libc::SIGCONT);
        // It opens files, and the stopped command cannot answer, so the heir must.
        let opens = || fs::read_to_string(format!("/proc/{program}/io")).expect("io");
        let before = opens();
        until("the program going on", || opens() != before);
        assert!(is_stopped(run.pid()));
        kill(run.pid(), libc::SIGCONT);
        // It passes the signal on to a stopped program; by then ours must not be stopped again.
        until("the command going on", || has_obeyed(run.pid()));
        let before = opens();
        until("the program going on with the command", || opens() != before);
    }
    fs::write(&file, "").expect("written");
    assert_eq!((run.line(), run.line()), ("failed 0".to_owned(), format!("total {KIB}")));
    assert!(run.ended().success());
    fs::remove_file(&file).expect("removed");
}

#[test]
fn nothing_of_it_is_left_where_nobody_buries_the_dead() {
    let script = format!(
        "for i in 1 2 3; do {} run --static=auto -- {} true; done; ps -eo stat,comm | grep -c cgproc",
        bed::command().display(),
        busybox()
    );
    // A first process that only waits for its own children.
    let program = "import subprocess, sys; subprocess.run(['sh', '-c', sys.argv[1]])";
    let output = std::process::Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc", "python3", "-c", program, &script])
        .env("CGPROC_OBJECT", bed::object())
        .output()
        .expect("unshare");
    assert_eq!(out(&output), "0\n", "{output:?}");
}

#[test]
fn what_cannot_be_run_is_not_opened() {
    let fifo = tempfile();
    bed::sh(&format!("mkfifo -m 755 {}", fifo.display()));
    let mut command = std::process::Command::new("timeout");
    command
        .arg(bed::PATIENCE_SEC.to_string())
        .arg(bed::command())
        .arg("run")
        .arg(&fifo)
        .env("CGPROC_OBJECT", bed::object());
    let output = command.output().expect("timeout");
    fs::remove_file(&fifo).expect("removed");
    assert_eq!(output.status.code(), Some(126), "{output:?}");
}

#[test]
fn the_command_itself_sees_the_machine() {
    // It explains both what the kernel shows and what the container has.
    let inner = format!("{} explain memory.total --json", bed::command().display());
    let text = out(&run(&always(), &inner));
    assert!(text.contains(&(KIB * 1024).to_string()), "{text}");
    assert!(text.contains(&(crate::program::machines_kib() * 1024).to_string()), "{text}");
}

#[test]
fn it_goes_on_when_the_command_is_killed() {
    Answering::BOTH.into_iter().for_each(goes_on_when_the_command_is_killed);
}

fn goes_on_when_the_command_is_killed(answering: Answering) {
    let file = tempfile();
    let output = tempfile();
    let program = compiled("past-glibc");
    let mut command = answering.cgproc(&["run", "--static", "--memory", "300M", "--", &program, "waits"]);
    let stdout = fs::File::create(&output).expect("a file");
    let mut killed = Started::new(command.arg(&file).stdout(stdout));
    until("the program", || read(&output) == "ready");
    kill(killed.pid(), libc::SIGKILL);
    assert_eq!(killed.ended().signal(), Some(libc::SIGKILL));
    fs::write(&file, "").expect("written");
    until("the program's end", || read(&output).contains("total"));
    assert_eq!(read(&output), format!("ready\nfailed 0\ntotal {KIB}"));
    until_no_heir_is_left();
    for path in [file, output] {
        fs::remove_file(path).expect("removed");
    }
}

/// Waits until the program has opened another file.
fn until_it_goes_on(run: &Started) {
    let program = run.children().into_iter().find(|pid| comm(*pid) == "past-glibc").expect("the program");
    let opens = || fs::read_to_string(format!("/proc/{program}/io")).expect("io");
    let before = opens();
    until("the program going on", || opens() != before);
}

#[test]
fn it_goes_on_when_whoever_answers_is_killed() {
    let file = tempfile();
    let mut command = cgproc(&["run", "--static", "--memory", "300M", "--", &compiled("past-glibc"), "waits"]);
    let mut run = Started::new(command.arg(&file).stdout(Stdio::piped()));
    assert_eq!(run.line(), "ready");
    let mut last = 0;
    for _ in 0..100 {
        let mut next = last;
        until("another one", || {
            next = who_answers(run.pid());
            next != last
        });
        // A call is let pass after two answerers have died over it.
        until_it_goes_on(&run);
        // In the middle of its work, because the program does nothing but ask.
        kill(next, libc::SIGKILL);
        last = next;
    }
    fs::write(&file, "").expect("written");
    assert_eq!((run.line(), run.line()), ("failed 0".to_owned(), format!("total {KIB}")));
    assert!(run.ended().success());
    fs::remove_file(&file).expect("removed");
    until_no_heir_is_left();
}

#[test]
fn it_goes_on_when_its_heir_is_killed() {
    for answering in Answering::BOTH {
        let file = tempfile();
        let arguments = ["run", "--static", "--memory", "300M", "--", &compiled("past-glibc"), "waits"];
        let mut run = Started::new(answering.cgproc(&arguments).arg(&file).stdout(Stdio::piped()));
        assert_eq!(run.line(), "ready");
        let pid = run.pid();
        let another = |than: i32| {
            let mut heir = None;
            until("another heir", || {
                heir = children(pid).into_iter().find(|it| comm(*it) == "cgproc-heir" && *it != than);
                heir.is_some()
            });
            heir.expect("it was awaited")
        };
        let mut last = another(0);
        for _ in 0..5 {
            kill(last, libc::SIGKILL);
            last = another(last);
        }
        // The last of them watches as the first did.
        if answering == Answering::Apart {
            let answers = who_answers(pid);
            until_it_goes_on(&run);
            kill(answers, libc::SIGKILL);
            until_it_goes_on(&run);
        }
        fs::write(&file, "").expect("written");
        assert_eq!((run.line(), run.line()), ("failed 0".to_owned(), format!("total {KIB}")), "{answering:?}");
        assert!(run.ended().success());
        fs::remove_file(&file).expect("removed");
    }
    until_no_heir_is_left();
}

#[test]
fn daemons_may_outlive_the_program() {
    Answering::BOTH.into_iter().for_each(daemons_outlive_the_program);
}

fn daemons_outlive_the_program(answering: Answering) {
    let output = tempfile();
    let gone = tempfile();
    let script = format!(
        "(until [ -e {2} ]; do {0} sleep 0.02; done; {0} awk '/^MemTotal:/ {{print $2}}' /proc/meminfo >{1}.new; mv {1}.new {1}) >/dev/null 2>&1 & exit 3",
        busybox(),
        output.display(),
        gone.display()
    );
    let arguments = [&["run"], &always()[..], &["--", "sh", "-c", &script]].concat();
    let ended = answering.cgproc(&arguments).output().expect("cgproc");
    assert_eq!(ended.status.code(), Some(3), "{answering:?}");
    fs::write(&gone, "").expect("written");
    until("the daemon", || output.exists());
    assert_eq!(read(&output), KIB.to_string());
    for path in [output, gone] {
        fs::remove_file(path).expect("removed");
    }
    until_no_heir_is_left();
}

#[test]
fn nobody_waits_for_who_supervises_on() {
    // A held pipe end would keep its reader waiting for as long as the daemon lives.
    let script = "sleep 600 >/dev/null 2>&1 </dev/null & echo $!";
    let output = run(&always(), script);
    kill(out(&output).trim().parse().expect("a pid"), libc::SIGTERM);
    until_no_heir_is_left();
}

#[test]
fn a_run_within_a_run() {
    let object = bed::object();
    let inner = format!(
        "CGPROC_OBJECT={} {} run --static --memory 100M -- {} awk '/^MemTotal:/ {{print $2}}' /proc/meminfo",
        object.display(),
        bed::command().display(),
        busybox()
    );
    let output = run(&always(), &inner);
    assert_eq!((out(&output).trim(), output.status.code()), ("102400", Some(0)), "{output:?}");
    // Whatever is answered, it knows which container it is in.
    let inner = inner.replace("CGPROC_OBJECT=", "CGPROC_FILES=meminfo CGPROC_OBJECT=");
    let output = run(&always(), &inner);
    assert_eq!((out(&output).trim(), output.status.code()), ("102400", Some(0)), "{output:?}");
    until_no_heir_is_left();
}

#[test]
fn a_static_program_is_known_by_itself() {
    let total = |program: &[&str]| told(&LIMITS, program).trim().to_owned();
    let awk = ["awk", "/^MemTotal:/ {print $2}", "/proc/meminfo"];
    let own = KIB.to_string();
    assert_eq!(total(&[&[&*busybox()], &awk[..]].concat()), own, "static");
    let script = tempfile();
    fs::write(&script, format!("#!{} sh\n{} awk '/^MemTotal:/ {{print $2}}' /proc/meminfo\n", busybox(), busybox()))
        .expect("written");
    bed::sh(&format!("chmod +x {}", script.display()));
    assert_eq!(total(&[&script.display().to_string()]), own, "by its interpreter");
    fs::remove_file(&script).expect("removed");
    // A libc program: the library answers, and no system call is intercepted.
    let filters = bed::sh("grep ^Seccomp /proc/self/status");
    assert_eq!(told(&LIMITS, &["grep", "^Seccomp", "/proc/self/status"]), filters);
}
