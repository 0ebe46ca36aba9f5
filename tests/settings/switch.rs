//! `cgproc off --all`, `cgproc on`: all programs that see the file pass everything through within a second, those that
//! run already too.

use crate::{
    bed,
    probes::{self, Form, Libc, SMALL, SMALL_KIB, quoted},
};
use std::path::Path;

/// A container with a /run of its own. `$command`, `$object`, `$program`, and what is awaited: `is LINE` waits until the
/// program in the background shows this line.
fn in_own_run(program: &Path, script: &str) -> String {
    bed::log_machine();
    let script = format!(
        "mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 755 /run/cgproc && cd \"$(mktemp -d -p /run)\" || exit\n\
         command={} object={} program={}\n\
         export CGPROC_BOARD=$PWD/board\n\
         is() {{ until [ \"$(tail -n1 log)\" = \"$1\" ]; do sleep 0.02; done; echo \"$2\"; }}\n\
         total() {{ LD_PRELOAD=$object head -n1 /proc/meminfo | tr -dc 0-9; echo; }}\n\
         {script}\n",
        quoted(&bed::command().to_string_lossy()),
        quoted(&bed::object().to_string_lossy()),
        quoted(&program.to_string_lossy()),
    );
    let outcome = SMALL.run(&script, None, bed::PATIENCE_SEC);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text);
    outcome.text
}

fn machines_kib() -> u64 {
    bed::figure(&bed::sh("cat /proc/meminfo"), "MemTotal:").expect("MemTotal")
}

/// Files that are opened, a file that is kept open, and calls, of a program that runs all the time. `is_same` says whether
/// it finds the answer to be the file of that path.
fn a_running_program_follows(program: &Path, start: &str, is_same: &str) {
    let script = format!(
        "kernels=$($program once); kernels=${{kernels/same/{is_same}}}\n\
         : >log; {start} >>log 2>&1 & asker=$!\n\
         until grep -q published log; do sleep 0.02; done; ours=$(tail -n1 log)\n\
         echo \"$ours\" | grep -o 'meminfo.*sysinfo [0-9]*'\n\
         for round in 1 2; do\n\
         $command off --all && is \"$kernels\" 'off'\n\
         $command on && is \"$ours\" 'on'\n\
         done\n\
         kill $asker; wait $asker; tail -n1 log | cmp - <(echo \"$ours\")"
    );
    let pages = SMALL_KIB / 4;
    let expected =
        format!("meminfo {SMALL_KIB} kept {SMALL_KIB} {is_same} pages {pages} sysinfo {SMALL_KIB}\noff\non\noff\non\n");
    assert_eq!(in_own_run(program, &script), expected, "{}", program.display());
}

#[test]
fn a_running_program_gets_the_kernels_answers_and_ours_again() {
    for libc in Libc::ALL {
        a_running_program_follows(&probes::program(libc, "switched"), "LD_PRELOAD=$object $program", "same");
    }
}

#[test]
fn a_supervised_program_gets_the_kernels_answers_and_ours_again() {
    let program = probes::build(Libc::Glibc, "switched", Form::StaticPie);
    // Nobody answers fstat from outside.
    a_running_program_follows(&program, "$command run --static -- $program", "another");
}

/// Without a board, without a sampler, before the program starts; and what the command says about it.
#[test]
fn programs_that_start_and_the_command_follow_it_too() {
    let script = "shown() { $command show meminfo | head -n1 | tr -dc 0-9; echo; }\n\
         said() { $command show -v meminfo 2>&1 >/dev/null; $command explain memory.total --json | grep -o switched | head -n1\n\
         $command doctor --json | grep -o 'switched-off'; }\n\
         rmdir /run/cgproc; umask 077\n\
         total; shown; said\n\
         $command off --all; stat -c '%A %U %s' /run/cgproc /run/cgproc/off | sed 's/ [0-9]*$//'\n\
         total; shown; said; $command off --all\n\
         install -m 755 $object /run/object.so\n\
         setpriv --reuid 12345 --clear-groups env LD_PRELOAD=/run/object.so head -n1 /proc/meminfo | tr -dc 0-9; echo\n\
         CGPROC_BOARD=/run/cgproc/board $command sampler --once; total\n\
         $command on && total && $command on --all && shown; ls /run/cgproc";
    let (ours, machine) = (SMALL_KIB, machines_kib());
    let reason = "cgproc: /proc/meminfo: the kernel's own text: switched off for all programs by /run/cgproc/off";
    let expected = format!(
        "{ours}\n{ours}\ndrwxr-xr-x root\n-rw-r--r-- root\n\
         {machine}\n{machine}\n{reason}\nswitched\nswitched-off\n{machine}\n{machine}\n{ours}\n{ours}\nboard\n"
    );
    assert_eq!(in_own_run(Path::new("/bin/true"), script), expected);
}

#[test]
fn what_is_not_roots_file_switches_nothing_off() {
    let script = "off=/run/cgproc/off\n\
         ignored() { echo \"$(total) $($command show meminfo | head -n1 | tr -dc 0-9) $($command off --all >/dev/null 2>&1; echo $?) \
         $($command doctor --json | grep -o switch-ignored)\"; $command on 2>/dev/null; echo $?; }\n\
         touch file; ln -s $PWD/file $off; ignored; rm $off\n\
         mkfifo $off; ignored; rm $off\n\
         mkdir $off; ignored; rmdir $off\n\
         mknod $off c 1 3; ignored; rm $off\n\
         touch $off; chown 12345 $off; ignored\n\
         chown root $off; chmod g+w $off; ignored; chmod g-w,o+w $off; ignored\n\
         chmod 400 $off; total; $command on; ls /run/cgproc";
    let ignored = format!("{SMALL_KIB} {SMALL_KIB} 125 switch-ignored\n125\n").repeat(7);
    assert_eq!(in_own_run(Path::new("/bin/true"), script), format!("{ignored}{}\n", machines_kib()));
}

/// Whether a sampler runs, ends or starts again makes no difference.
#[test]
fn a_sampler_leaves_the_switch_as_it_is() {
    let script = "export CGPROC_BOARD=/run/cgproc/board\n\
         start() { $command sampler --interval 0.2 & sampler=$!; until $command sampler --check 2>/dev/null; do sleep 0.02; done; }\n\
         stop() { kill $sampler; wait $sampler; }\n\
         start; $command off --all; total; stop; total; start; total; $command on; total; stop; total";
    let (ours, machine) = (SMALL_KIB, machines_kib());
    assert_eq!(
        in_own_run(Path::new("/bin/true"), script),
        format!("{machine}\n{machine}\n{machine}\n{ours}\n{ours}\n")
    );
}

/// A container that has a /run of its own, or that may only read the machine's, can switch nobody else off.
#[test]
fn a_container_switches_nobody_else_off() {
    let script = "export command object; export -f total\n\
         unshare -m bash -c 'mount -t tmpfs tmpfs /run/cgproc && $command off --all && total'; total\n\
         unshare -m bash -c 'mount --bind /run/cgproc /run/cgproc && mount -o remount,bind,ro /run/cgproc &&\n\
         $command off --all 2>&1 | grep -o Read-only; $command off --all >/dev/null 2>&1; echo $?; total'; total\n\
         $command off >/dev/null 2>&1; echo $?; total";
    let (ours, machine) = (SMALL_KIB, machines_kib());
    let expected = format!("{machine}\n{ours}\nRead-only\n125\n{ours}\n{ours}\n125\n{ours}\n");
    assert_eq!(in_own_run(Path::new("/bin/true"), script), expected);
}
