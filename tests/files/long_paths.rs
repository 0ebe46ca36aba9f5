//! A disk far below the machine's root, as behind the expanders of a SAS fabric: the path of its `stat` is as long as the name of a
//! memory file may be.

use crate::bed::{self, Container, PLAIN, View};

/// The longest path that a memory file is named after (`MFD_NAME_MAX_LEN`).
const LONGEST: usize = 249;

/// Mounts the disk's directory below itself until its path is long enough, and prints the figures by each path.
const SCRIPT: &str = r#"
stat() { tr -s ' ' <"$1/stat" | cut -d ' ' -f 2-; }
short=$(stat "/sys/block/$disk") top=$(readlink -f "/sys/block/$disk"); at=$top
while [ ${#at} -lt 250 ]; do
    mount --bind "$top" "$at/holders" || exit
    at=$at/holders
    echo "${#at} $(stat "$at")"
done
echo "0 $short"
"#;

#[test]
fn a_disk_far_below_the_root_is_the_containers() {
    bed::log_machine();
    let kernels = bed::sh("cat /proc/diskstats");
    let disk = kernels.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // One that has been read from, no partition of another.
    let mut disk = disk.filter(|words| words[3] != "0" && std::path::Path::new("/sys/block").join(words[2]).exists());
    let disk = disk.next().expect("a disk that was read from")[2].to_owned();
    let container = Container { view: View::Namespace, ..PLAIN };
    let outcome = container.run(&format!("disk={disk}\n{SCRIPT}"), Some(&bed::object()), 60);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text);
    let mut rows: Vec<(usize, &str)> = outcome
        .text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(length, figures)| (length.parse::<usize>().expect("a length") + "/stat".len(), figures))
        .collect();
    let (_, short) = rows.pop().expect("the figures by the short path");
    let machines = bed::sh(&format!("tr -s ' ' </sys/block/{disk}/stat | cut -d ' ' -f 2-"));
    assert_ne!(short, machines.trim(), "the container's figures are the machine's");
    assert!(rows.iter().any(|(length, _)| (160..=LONGEST).contains(length)), "{rows:?}");
    for (length, figures) in rows.iter().filter(|(length, _)| *length <= LONGEST) {
        assert_eq!(*figures, short, "by a path of {length} bytes");
    }
}
