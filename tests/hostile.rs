//! Programs in bad circumstances, each run with the object and without it in the same container. Both must fare the
//! same.

mod bed;
mod probes;

#[path = "hostile/allocators.rs"]
mod allocators;
#[path = "hostile/changing.rs"]
mod changing;
#[path = "hostile/floors.rs"]
mod floors;
#[path = "hostile/left_alone.rs"]
mod left_alone;
#[path = "hostile/loaders.rs"]
mod loaders;
#[path = "hostile/named.rs"]
mod named;
#[path = "hostile/paths.rs"]
mod paths;
#[path = "hostile/starts.rs"]
mod starts;
#[path = "hostile/strangers.rs"]
mod strangers;
#[path = "hostile/trees.rs"]
mod trees;

use bed::{Container, Findings, View};
use probes::{Case, Form, Libc, Result, SMALL, SMALL_KIB, SMALL_PAGES, figures, program, quoted};
use std::{fs, path::Path};

/// How a program's output changes with the object. The exit status never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// What the kernel shows.
    Kernels,
    /// The container's figures instead of the kernel's.
    Containers,
}

use Shows::{Containers, Kernels};

/// A program of `tests/probes` and its arguments.
type Trial<'a> = (&'a str, &'a [&'a str], Shows);

#[test]
fn limits_that_the_program_set() {
    fare(&[
        ("limits", &["size", "0"], Kernels),
        ("limits", &["size", "1"], Kernels),
        ("limits", &["size", "1000000"], Containers),
        ("limits", &["kept"], Kernels),
        ("limits", &["files", "4"], Kernels),
        ("limits", &["files", "5"], Kernels),
        ("limits", &["files", "7"], Kernels),
    ]);
}

#[test]
fn a_signal_on_a_small_stack() {
    fare(&[("interrupt", &[], Kernels)]);
}

/// Once the program filters its syscalls, the kernel answers, whatever was answered before.
#[test]
fn a_program_that_filters_its_own_syscalls() {
    fare(&[
        ("filtered", &["prctl"], Kernels),
        ("filtered", &["syscall"], Kernels),
        ("filtered", &["kept"], Kernels),
        ("filtered", &["masks"], Kernels),
        ("filtered", &["strict"], Kernels),
        ("filtered", &["refused"], Kernels),
    ]);
}

#[test]
fn a_number_that_became_another_file() {
    fare(&[("reuse", &[], Kernels)]);
}

#[test]
fn a_step_too_far() {
    fare(&[("edges", &["paths"], Kernels), ("edges", &["counter"], Containers), ("edges", &["earliest"], Kernels)]);
}

#[test]
fn children() {
    fare(&[
        ("children", &["vfork"], Containers),
        ("children", &["vfork-first"], Containers),
        ("children", &["vfork-pids"], Containers),
        ("children", &["fork"], Containers),
        ("children", &["fork-first"], Kernels),
    ]);
}

#[test]
fn threads_that_ask_at_once() {
    fare(&[("threads", &[], Containers)]);
}

#[test]
fn threads_that_share_a_descriptor() {
    fare(&[("shared", &[], Kernels)]);
}

#[test]
fn no_standard_descriptors() {
    let object = bed::object();
    for libc in Libc::ALL {
        let bare = program(libc, "bare");
        let results = probes::run(&SMALL, &[trial(None, &bare, &[]), trial(Some(&object), &bare, &[])]);
        let statuses: Vec<_> = results.iter().map(|r| r.status).collect();
        assert_eq!(statuses, [4, 3], "{libc:?}: 4: the kernel's figures, 3: the container's, others: a failure");
    }
}

/// Whatever can be asked of an answered descriptor comes out as for the kernel's file.
#[test]
fn a_descriptor_like_the_kernels() {
    fare(&[("alike", &[], Kernels)]);
}

#[test]
fn one_file_by_many_names() {
    fare(&[("places", &[], Containers)]);
}

#[test]
fn a_root_without_proc_and_sys() {
    let root = std::env::temp_dir().join(format!("cgproc-test-root-{}", std::process::id()));
    let own = root.join("own");
    fs::create_dir_all(root.join("empty")).expect("a directory");
    fs::create_dir_all(own.join("proc")).expect("a directory");
    fs::write(own.join("proc/meminfo"), "MemTotal: 1 kB\n").expect("a file");
    fare(&[
        ("rooted", &[root.join("empty").to_str().expect("UTF-8")], Kernels),
        ("rooted", &[own.to_str().expect("UTF-8")], Kernels),
    ]);
    fs::remove_dir_all(&root).expect("the directory");
}

/// Runs each trial with the object and without, on both libcs.
fn fare(trials: &[Trial]) {
    for libc in Libc::ALL {
        fare_with(libc, trials);
    }
}

/// Runs each trial with the object and without.
fn fare_with(libc: Libc, trials: &[Trial]) {
    let object = bed::object();
    let mut findings = Findings::default();
    let mut cases = Vec::new();
    for (name, arguments, _) in trials {
        let program = program(libc, name);
        cases.push(trial(None, &program, arguments));
        cases.push(trial(Some(&object), &program, arguments));
    }
    let results = probes::run(&SMALL, &cases);
    for ((name, arguments, shows), pair) in trials.iter().zip(results.chunks(2)) {
        judge(&format!("{name} {} on {libc:?}", arguments.join(" ")), *shows, pair, &mut findings);
    }
    findings.conclude("with the object as without");
}

fn trial(preload: Option<&Path>, program: &Path, arguments: &[&str]) -> Case {
    Case::new(preload, &[("PROBE_LIMIT_PAGES", &SMALL_PAGES.to_string())], program, arguments)
}

fn judge(title: &str, shows: Shows, pair: &[Result], findings: &mut Findings) {
    let [native, ours] = pair else { unreachable!("two runs per trial") };
    let expected = match shows {
        Kernels => native.text.clone(),
        Containers => native.text.replace(" kernel", " container"),
    };
    assert!(shows == Kernels || native.text != expected, "{title}: shows no figure:\n{}", native.text);
    findings.check(ours.status == native.status, || format!("{title}: status {} for {}", ours.status, native.status));
    findings.check(ours.text == expected, || format!("{title}:\n{}", by_line(&expected, &ours.text)));
}

fn by_line(expected: &str, seen: &str) -> String {
    let mut text = String::new();
    let (mut expected, mut seen) = (expected.lines(), seen.lines());
    loop {
        match (expected.next(), seen.next()) {
            (None, None) => return text,
            (a, b) if a == b => {}
            (a, b) => text += &format!("    {:?} for {:?}\n", b.unwrap_or_default(), a.unwrap_or_default()),
        }
    }
}

/// A value that a key does not know: the kernel answers, silently.
#[test]
fn garbage_in_the_environment() {
    const GARBAGE: [(&str, &str); 18] = [
        ("CGPROC", "maybe"),
        ("CGPROC_CPUS", "abc"),
        ("CGPROC_CPUS", "-1"),
        ("CGPROC_CPUS", "0"),
        ("CGPROC_CPUS", "1e99"),
        ("CGPROC_CPUS", ""),
        ("CGPROC_CPUS", "99999999999999999999999999"),
        ("CGPROC_MEMORY", "12Q"),
        ("CGPROC_MEMORY", "-5M"),
        ("CGPROC_MEMORY", "99999999999999999999G"),
        ("CGPROC_MEMORY", "\u{fffd}\u{fffd}"),
        ("CGPROC_CGROUP", "/no/such/cgroup"),
        ("CGPROC_CGROUP", "no slash"),
        ("CGPROC_CGROUP", "/proc/0/cgroup"),
        ("CGPROC_UPTIME", "maybe"),
        ("CGPROC_AFFINITY", "maybe"),
        ("CGPROC_FILES", "no-such-file"),
        ("CGPROC_FILES", ",,,"),
    ];
    let mut findings = Findings::default();
    for libc in Libc::ALL {
        let (seen, results) = figures(&SMALL, libc, |object, figures| {
            GARBAGE.iter().map(|variable| Case::new(Some(object), &[*variable], figures, &[])).collect()
        });
        for ((name, value), result) in GARBAGE.iter().zip(results) {
            findings.check(result.status == 0 && result.text == seen.kernels, || {
                format!("{name}={value:?} on {libc:?}: {}\n{}", result.status, by_line(&seen.kernels, &result.text))
            });
        }
    }
    findings.conclude("garbage");
}

#[test]
fn a_switch_and_a_file_for_what_was_wrong() {
    for libc in Libc::ALL {
        let note = std::env::temp_dir().join(format!("cgproc-test-debug-{}-{libc:?}", std::process::id()));
        fs::write(&note, "").expect("a file");
        let to = note.to_str().expect("UTF-8");
        let (seen, results) = figures(&SMALL, libc, |object, figures| {
            let with = |variables: &[_]| Case::new(Some(object), variables, figures, &[]);
            vec![
                with(&[("CGPROC", "off")]),
                with(&[("CGPROC_CPUS", "abc"), ("CGPROC_DEBUG", to)]),
                with(&[("CGPROC_CPUS", "abc"), ("CGPROC_DEBUG", "/no/such/directory/file")]),
                Case { title: "the file".into(), command: format!("cat {}", quoted(to)) },
            ]
        });
        for result in &results[..3] {
            assert_eq!(result.text, seen.kernels, "{libc:?}");
        }
        assert!(results[3].text.contains("CGPROC_"), "{libc:?}: CGPROC_DEBUG got {:?}", results[3].text);
        let _ = fs::remove_file(&note);
    }
}

/// Preloads that ask within their first malloc and from a constructor, in both orders.
#[test]
fn an_allocator_and_a_constructor_that_ask_first() {
    let object = bed::object();
    for libc in Libc::ALL {
        let early = probes::build(libc, "early", Form::Object);
        let (first, second) = (object.display(), early.display());
        let limit = SMALL_PAGES.to_string();
        let (seen, results) = figures(&SMALL, libc, |_, figures| {
            let with =
                |order: String| Case::new(Some(Path::new(&order)), &[("PROBE_LIMIT_PAGES", &limit)], figures, &[]);
            vec![
                with(format!("{first}:{second}")),
                with(format!("{second}:{first}")),
                with(early.display().to_string()),
            ]
        });
        for result in &results[..2] {
            assert_eq!(result.text, format!("early: container 1\n{}", seen.containers), "{libc:?}");
        }
        let native = format!("early: kernel {}\n{}", bed::host().cpus, seen.kernels);
        assert_eq!(results[2].text, native, "{libc:?}: the preload alone");
    }
}

/// A program started by posix_spawn sees what one started by exec sees; so does its parent.
#[test]
fn a_spawned_program() {
    for libc in Libc::ALL {
        let children = program(libc, "children");
        let (seen, results) = figures(&SMALL, libc, |object, figures| {
            vec![trial(Some(object), &children, &["spawn", figures.to_str().expect("UTF-8")])]
        });
        assert_eq!(results[0].text, format!("{}\nspawn: 0 0\nparent: container", seen.containers), "{libc:?}");
    }
}

/// If nothing can be known, the kernel answers.
#[test]
fn no_cgroups_to_be_seen() {
    for libc in Libc::ALL {
        let (seen, results) = figures(&SMALL, libc, |object, figures| {
            let in_place = |prepare: &str| Case {
                title: prepare.into(),
                command: format!(
                    "unshare -m sh -c {}",
                    quoted(&format!("{prepare} && LD_PRELOAD={} exec {}", object.display(), figures.display()))
                ),
            };
            vec![
                in_place("mount -t tmpfs none /sys/fs/cgroup"),
                in_place(
                    "mount -t tmpfs none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/memory && echo x >/sys/fs/cgroup/memory/memory.stat && echo y >/sys/fs/cgroup/memory.stat",
                ),
                in_place("mount --bind /dev/null /proc/self/cgroup"),
            ]
        });
        assert_eq!(results[0].text, seen.kernels, "{libc:?}: no cgroup file system");
        assert_eq!(results[1].text, seen.kernels, "{libc:?}: something else in its place");
        assert_eq!(
            results[2].text, seen.containers,
            "{libc:?}: /proc/self is the shell's here, the program has its own"
        );
    }
}

/// lxcfs, or anybody, may have mounted a file over the kernel's: that file stands.
#[test]
fn a_file_mounted_over_the_kernels() {
    for libc in Libc::ALL {
        let (seen, results) = figures(&SMALL, libc, |object, figures| {
            let script = format!(
                "f=$(mktemp) && echo 'MemTotal: 1 kB' >$f && mount --bind $f /proc/meminfo && rm $f && LD_PRELOAD={} exec {}",
                object.display(),
                figures.display()
            );
            vec![Case { title: "mounted over".into(), command: format!("unshare -m sh -c {}", quoted(&script)) }]
        });
        let expected = seen.containers.replace(&format!("meminfo: {SMALL_KIB}"), "meminfo: 1");
        assert_eq!(results[0].text, expected, "{libc:?}");
    }
}

/// If the pid namespace allows no executable memory files, a non-executable one still answers.
#[test]
fn a_strict_rule_for_memory_files() {
    for libc in Libc::ALL {
        let (seen, results) = figures(&SMALL, libc, |object, figures| {
            let set = "if [ -e /proc/sys/vm/memfd_noexec ]; then echo 2 >/proc/sys/vm/memfd_noexec; fi";
            vec![Case { title: "the rule".into(), command: set.into() }, Case::new(Some(object), &[], figures, &[])]
        });
        assert_eq!(results[0].text, "", "{libc:?}");
        assert_eq!(results[1].text, seen.containers, "{libc:?}");
    }
}

/// A program with more rights than its user: only /etc/ld.so.preload (glibc) brings the object in, and the environment
/// is ignored.
#[test]
fn a_setuid_program_ignores_the_environment() {
    let scratch = std::env::temp_dir().join(format!("cgproc-test-setuid-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("a directory");
    let at = quoted(scratch.to_str().expect("UTF-8"));
    let container = Container { view: View::Namespace, ..SMALL };
    let (seen, results) = figures(&container, Libc::Glibc, |object, figures| {
        let script = format!(
            "cp {} {at}/object.so && cp {} {at}/plain && cp {at}/plain {at}/setuid && chmod 755 {at} {at}/* && \
             chown 65534 {at}/setuid && chmod 4755 {at}/setuid && {} && echo {at}/object.so >/etc/ld.so.preload",
            object.display(),
            figures.display(),
            bed::OWN_ETC
        );
        let run = |variables: &str, program: &str| Case {
            title: format!("{variables} {program}"),
            command: format!("{variables} {at}/{program}"),
        };
        vec![
            Case { title: "prepare".into(), command: script },
            run("", "plain"),
            run("CGPROC=off", "plain"),
            run("CGPROC=off", "setuid"),
            run("CGPROC_CPUS=abc CGPROC_MEMORY=64M", "setuid"),
            run(&format!("CGPROC_DEBUG={at}/note CGPROC_CPUS=abc"), "setuid"),
            Case { title: "no note".into(), command: format!("ls {at}/note") },
        ]
    });
    fs::remove_dir_all(&scratch).expect("the directory");
    assert_eq!(results[0], Result { text: String::new(), status: 0 });
    assert_eq!(results[1].text, seen.containers, "by /etc/ld.so.preload");
    assert_eq!(results[2].text, seen.kernels, "the environment of a plain program");
    for result in &results[3..6] {
        assert_eq!(result.text, seen.containers, "the environment of a setuid program");
    }
    assert_ne!(results[6].status, 0, "a setuid program wrote to the file that its environment names");
}

/// A shell under the object opens standard input; a program without the object reads the view from it.
#[test]
fn an_inherited_descriptor() {
    let object = bed::object();
    let command = |prefix: &str| format!("{prefix} sh -c 'exec env -u LD_PRELOAD grep MemTotal </proc/meminfo'");
    let results = probes::run(
        &SMALL,
        &[
            Case { title: "without".into(), command: command("") },
            Case {
                title: "with".into(),
                command: command(&format!("LD_PRELOAD={}", quoted(&object.to_string_lossy()))),
            },
        ],
    );
    assert_ne!(bed::figure(&results[0].text, "MemTotal:"), Some(SMALL_KIB));
    assert_eq!(bed::figure(&results[1].text, "MemTotal:"), Some(SMALL_KIB));
}

/// A signal handler's stack may leave no more than this: no hook may use more, except where libc's own function does.
#[test]
fn the_stack_of_every_hook() {
    const LIMIT: u64 = 3072;
    /// What our frame may add if libc's own function needs more than that.
    const FRAME: u64 = 1024;
    let object = bed::object();
    let mut findings = Findings::default();
    for libc in Libc::ALL {
        let mut names = Vec::new();
        let mut cases = Vec::new();
        for probe in probes::WITH_ROWS {
            let program = program(libc, probe);
            for name in probes::rows(&program) {
                cases.push(Case::new(None, &[], &program, &["depth", &name]));
                cases.push(Case::new(Some(&object), &[], &program, &["depth", &name]));
                names.push(name);
            }
        }
        let results = probes::run(&SMALL, &cases);
        let depth = |result: &Result| result.text.lines().last()?.strip_prefix("depth=")?.parse::<u64>().ok();
        let native = |name: &str| depth(&results[names.iter().position(|it| it == name)? * 2]);
        for (name, pair) in names.iter().zip(results.chunks(2)) {
            let ours = depth(&pair[1]).unwrap_or(u64::MAX);
            // In a libc without `scandirat`, its `scandir` does the work.
            let native =
                native(name).or_else(|| native(name.split_once("at").filter(|(base, _)| *base == "scandir")?.0));
            let native = native.unwrap_or(0);
            println!("{libc:?} {name}: {ours} bytes of stack, {native} without the object");
            findings.check(ours <= LIMIT.max(native + FRAME), || {
                format!("{libc:?} {name}: {ours} bytes, {native} without")
            });
        }
    }
    findings.conclude("stack");
}
