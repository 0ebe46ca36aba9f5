//! What containers read from and write to one disk, past the page cache so that all of it is theirs: each of them sees every disk
//! of the machine, with its own traffic.

use crate::{
    bed::{self, Container, Findings, PLAIN, View, disk::Disk},
    harness::Running,
    processes::Place,
    text::{line_with, number, section},
};
use std::fs;

/// What a container does with the disk, in MiB.
struct Case {
    written: u64,
    read: u64,
}

const CASES: [Case; 3] = [Case { written: 24, read: 10 }, Case { written: 5, read: 0 }, Case { written: 0, read: 0 }];

#[test]
fn each_container_sees_its_own_traffic() {
    bed::log_machine();
    let (place, disk) = (Place::new(), Disk::new());
    let all_are_done = place.file("done");
    let show = format!(
        "echo done; until [ -e {} ]; do sleep 0.1; done
        show() {{ echo \"== $*\"; \"$@\"; }}
        show iostat -k -d; show vmstat -d; show cat /proc/diskstats; show cat /proc/vmstat",
        all_are_done.display()
    );
    let start = |case: &Case| {
        let traffic = disk.traffic(case.written, case.read);
        Running::start(&PLAIN, &place, &format!("{traffic}{show}"), bed::PATIENCE_SEC)
    };
    let running: Vec<Running> = CASES.iter().map(start).collect();
    running.iter().for_each(|container| container.said("done"));
    fs::write(all_are_done, "").expect("a file in memory");
    let mut findings = Findings::default();
    for (case, container) in CASES.iter().zip(running) {
        check(&mut findings, case, &disk.name, &container.whole());
    }
    findings.conclude("disks");
}

fn check(findings: &mut Findings, case: &Case, disk: &str, text: &str) {
    let (written, read) = (case.written << 10, case.read << 10);
    let diskstats = section(text, "cat /proc/diskstats");
    // The program, where a disk is named in its lines, and there KiB read and written.
    for (program, at, columns, sectors) in
        [("iostat -k -d", 0, [5, 6], 1), ("vmstat -d", 0, [3, 7], 2), ("cat /proc/diskstats", 2, [5, 9], 2)]
    {
        let line = line_with(section(text, program), disk, at);
        let shown = line.as_ref().map(|words| columns.map(|column| number(words, column) / sectors));
        let right = match shown {
            Some([shown_read, shown_written]) => is_close(shown_read, read) && is_close(shown_written, written),
            None => written == 0,
        };
        println!("{program}: {disk} {shown:?} KiB of {read} and {written}");
        findings.check(right, || format!("{program} shows {shown:?} KiB of {read} and {written}: {line:?}"));
    }
    check_columns(findings, diskstats);
    check_rows(findings, disk, diskstats);
    check_paging(findings, diskstats, section(text, "cat /proc/vmstat"));
}

/// Within 5 %.
fn is_close(shown: u64, truth: u64) -> bool {
    shown.abs_diff(truth) * 20 <= truth
}

/// The machine's, all of them; the disk's own is there whether it was used or not.
fn check_rows(findings: &mut Findings, disk: &str, diskstats: &str) {
    let kernels = fs::read_to_string("/proc/diskstats").expect("the kernel's");
    let names = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.split_whitespace().nth(2).map(str::to_owned)).collect()
    };
    let (shown, all) = (names(diskstats), names(&kernels));
    findings.check(shown.iter().any(|name| name == disk), || format!("no {disk} in {shown:?}"));
    // Other tests' loop devices come and go.
    let lasting = |name: &&String| !name.starts_with("loop");
    findings.check(shown.iter().filter(lasting).eq(all.iter().filter(lasting)), || format!("{shown:?}, not {all:?}"));
}

/// Programs that give up where the file has no line, in a container that used no disk.
#[test]
fn programs_that_need_a_disk_to_be_listed() {
    let (place, _disk) = (Place::new(), Disk::new());
    let script = "dstat --nocolor -d 1 1 2>&1; echo dstat $?; procinfo 2>&1; echo procinfo $?; cat /proc/partitions";
    let text = Running::start(&PLAIN, &place, script, 60).whole();
    let mut findings = Findings::default();
    for program in ["dstat", "procinfo"] {
        let ended = line_with(&text, program, 0).map(|words| number(&words, 1));
        findings.check(ended == Some(0), || format!("{program}: {ended:?}: {text}"));
    }
    findings.check(!text.contains("failed to load"), || format!("dstat: {text}"));
    findings.check(text.contains("major minor  #blocks  name"), || format!("partitions: {text}"));
    findings.conclude("programs that need a disk to be listed");
}

/// As many as the kernel has.
fn check_columns(findings: &mut Findings, diskstats: &str) {
    let kernels = fs::read_to_string("/proc/diskstats").expect("the kernel's");
    let count = |line: &str| line.split_whitespace().count();
    let expected = kernels.lines().next().map_or(0, count);
    for line in diskstats.lines() {
        findings.check(count(line) == expected, || format!("diskstats: not {expected} columns: {line}"));
    }
}

/// Paging is what went to and from all the disks.
fn check_paging(findings: &mut Findings, diskstats: &str, vmstat: &str) {
    for (key, column) in [("pgpgin ", 5), ("pgpgout ", 9)] {
        let words = diskstats.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        // A partition's traffic is its disk's too.
        let disks = words.filter(|words| fs::exists(format!("/sys/block/{}", words[2])).expect("/sys/block"));
        let moved: u64 = disks.map(|words| number(&words, column) / 2).sum();
        let shown = bed::figure(vmstat, key).unwrap_or_else(|| panic!("no {key} in {vmstat}"));
        findings.check(is_close(shown, moved), || format!("vmstat: {key} {shown}, disks {moved}"));
    }
}

/// Programs that look twice show what was done between, and not what others do.
#[test]
fn programs_show_what_is_done_while_they_watch() {
    let (place, disk) = (Place::new(), Disk::new());
    // Whatever the traffic takes: they look until it is over and they have looked twice more.
    let script = format!(
        "looks() {{ echo $(($(grep -c Device {0}.iostat) < $(wc -l <{0}.vmstat) - 2 ? $(grep -c Device {0}.iostat) : $(wc -l <{0}.vmstat) - 2)); }}
        more() {{ until [ $(looks) -ge $1 ]; do sleep 0.1; done; }}
        stdbuf -oL iostat -k -d 1 >{0}.iostat & stdbuf -oL vmstat -n 1 >{0}.vmstat & more 1; echo watching
        {1}more $(($(looks) + 3)); kill %1 %2; wait; echo '== iostat'; cat {0}.iostat; echo '== vmstat'; cat {0}.vmstat",
        place.file("shown").display(),
        disk.traffic(CASES[0].written, CASES[0].read)
    );
    let container = Running::start(&PLAIN, &place, &script, bed::PATIENCE_SEC);
    container.said("watching");
    bed::sh(&disk.traffic(7, 3));
    let text = container.whole();
    let (written, read) = (CASES[0].written << 10, CASES[0].read << 10);
    let mut findings = Findings::default();
    // The first of each is since the beginning; then what was moved between two looks.
    let looks = section(&text, "iostat").split("Device").skip(2).filter_map(|look| line_with(look, &disk.name, 0));
    let iostat = looks.fold([0, 0], |[read, written], words| [read + number(&words, 5), written + number(&words, 6)]);
    let seconds = section(&text, "vmstat").lines().skip(3).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let vmstat = seconds.fold([0, 0], |[read, written], words| [read + number(&words, 8), written + number(&words, 9)]);
    println!("KiB read and written: iostat {iostat:?}, vmstat {vmstat:?}, in truth [{read}, {written}]");
    for (program, [shown_read, shown_written]) in [("iostat", iostat), ("vmstat", vmstat)] {
        findings.check(is_close(shown_read, read) && is_close(shown_written, written), || {
            format!("{program}: {shown_read} and {shown_written} of {read} and {written}: {text}")
        });
    }
    findings.conclude("disks that are watched");
}

/// Removes the cgroup `below`. Version 1 forgets what a cgroup did some time after it has gone: a look before would find it,
/// and none after.
const REMOVE: &str = "def kept():
    files = glob.glob(os.path.dirname(below) + '/blkio.throttle.io_service_bytes_recursive')
    return [open(file).read() for file in files]
def remove():
    before = kept()
    os.rmdir(below)
    for _ in range(200 if before else 0):
        if kept() != before: break
        time.sleep(0.02)
";

/// Version 1 takes back what a cgroup did that is gone; a program that watches does not see that.
#[test]
fn nothing_is_taken_back() {
    let (place, disk) = (Place::new(), Disk::new());
    let script = format!(
        "exec python3 - <<'END'
import glob, os, subprocess, time
below = (glob.glob('/sys/fs/cgroup/blkio') or ['/sys/fs/cgroup'])[0] + '/below'
def counters():
    vmstat = dict(line.split() for line in open('/proc/vmstat'))
    stat = open('/sys/block/{name}/stat').read().split()
    lines = [line.split() for line in open('/proc/diskstats')]
    mine = [line for line in lines if line[2] == '{name}'] or [[0] * 10]
    return [int(n) for n in (vmstat['pgpgin'], vmstat['pgpgout'], stat[2], stat[6])], [int(mine[0][5]), int(mine[0][9])]
def traffic(inside):
    enter = (lambda: open(below + '/cgroup.procs', 'w').write(str(os.getpid()))) if inside else None
    subprocess.run(['sh', '-c', {traffic:?}], preexec_fn=enter, check=True)
{REMOVE}os.mkdir(below)
looks = [counters()]
traffic(False); looks.append(counters())
traffic(True); looks.append(counters())
remove(); looks.append(counters())
traffic(False); looks.append(counters())
for look in looks: print(*(look[0] + look[1]))
END",
        name = disk.name,
        traffic = disk.traffic(4, 2),
    );
    let text =
        Running::start(&Container { view: View::Namespace, ..PLAIN }, &place, &script, bed::PATIENCE_SEC).whole();
    let numbers = |line: &str| line.split(' ').map(|word| word.parse().ok()).collect::<Option<Vec<u64>>>();
    let looks: Vec<Vec<u64>> = text.lines().filter_map(numbers).collect();
    assert_eq!(looks.len(), 5, "{text}");
    let mut findings = Findings::default();
    for (step, pair) in looks.windows(2).enumerate() {
        findings.check(pair[0].iter().zip(&pair[1]).all(|(before, after)| before <= after), || {
            format!("step {step}: {pair:?}")
        });
    }
    // What is done after the cgroup has gone is seen: 4 MiB written are 4096 KiB and 8192 sectors.
    let [.., before, after] = &looks[..] else { unreachable!("five looks") };
    findings.check(after[1] - before[1] == 4096 && after[3] - before[3] == 8192, || format!("{before:?}, {after:?}"));
    findings.conclude("what is taken back");
}
