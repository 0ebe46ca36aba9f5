//! The last two fields of `/proc/loadavg`: threads, and the last process.

use crate::{
    bed::{self, Findings},
    boards::{Sampler, load},
    harness::{FREE, Running},
    processes::{Place, until},
};

/// Leaves processes that nobody reaps (nor does `timeout`, the first process), then many new threads.
const SHOW: &str = r#"./busy 0 2 & until [ "$(ps -e -o stat= | grep -c ^D)" = 2 ]; do :; done; kill $!; wait
./busy 0 0 100 & until [ "$(ls /proc/$!/task 2>/dev/null | wc -l)" = 101 ]; do :; done
for i in {1..16}; do
  sleep 0 & last=$!
  read -r a b c tasks pid </proc/loadavg
  set -- /proc/[0-9]*/task/[0-9]*
  echo fields $last $pid ${tasks#*/} $#
  sleep 0.5
done
kill %2; exit 0"#;

/// Programs that size a table by the number of tasks keep rereading it if they can see more.
#[test]
fn no_more_tasks_are_seen_than_there_are() {
    bed::log_machine();
    let mut findings = Findings::default();
    let place = Place::new();
    let _sampler = Sampler::start(&place, &[]);
    let container = Running::start(&FREE, &place, SHOW, bed::PATIENCE_SEC);
    let key = container.key();
    until("its slot", || load(&place.board(), key).is_some());
    let text = container.whole();
    let lines: Vec<Vec<u32>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("fields "))
        .map(|line| line.split(' ').map(|word| word.parse().expect("a number")).collect())
        .collect();
    findings.check(lines.len() == 16, || text.clone());
    for line in lines {
        let [last, pid, tasks, visible] = line[..] else { panic!("four figures: {text}") };
        findings.check(pid == last, || format!("last pid {pid}, not {last}"));
        findings.check(tasks >= visible, || format!("{tasks} tasks in all, {visible} to be seen"));
        findings.check(visible > 100, || format!("only {visible} to be seen"));
    }
    findings.conclude("tasks");
}
