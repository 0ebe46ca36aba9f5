//! The rule of each figure in one sentence, with its reference and the files that it uses: docs/figures.md in brief.

mod table;

use super::limit::Resource;
use table::{BEGAN, BOARD, DECLARED, OTHER, RULES, SAME};

/// How a figure comes about.
#[derive(Debug)]
pub(super) struct Rule {
    /// The figure's name; a `*` in it stands for anything.
    of: &'static str,
    /// One sentence.
    pub(super) sentence: &'static str,
    /// What the rule follows: the kernel's source, lxcfs, a manual page.
    pub(super) reference: &'static str,
    /// The ends of the paths of the files that it uses, each with the lines that matter, `memory.stat:file`; `$` means
    /// the figure's own key. If there are none, all files that were read.
    pub(super) sources: &'static [&'static str],
    /// What is limited, if a cgroup that limits it can be named.
    pub(super) limit: Option<Resource>,
}

impl Rule {
    /// The rule of the figure with this name.
    pub(super) fn of(name: &str) -> &'static Self {
        Self::among(RULES, name).unwrap_or(&OTHER)
    }

    /// The rule of the figure if a setting declares it instead of a limit.
    pub(super) fn declared(name: &str) -> Option<&'static Self> {
        Self::among(DECLARED, name)
    }

    fn among(rules: &'static [Self], name: &str) -> Option<&'static Self> {
        let name = SAME.iter().find(|(same, _)| *same == name).map_or(name, |(_, as_this)| as_this);
        let is_of = |rule: &&Self| match rule.of.split_once('*') {
            Some((beginning, end)) => name.starts_with(beginning) && name.ends_with(end),
            None => rule.of == name,
        };
        rules.iter().find(is_of)
    }

    /// Whether the board has it.
    pub(super) fn is_of_board(&self) -> bool {
        self.sources.contains(&BOARD)
    }

    /// Whether only the board has it.
    pub(super) fn is_of_board_alone(&self) -> bool {
        self.sources == [BOARD]
    }

    /// The lines of the file at `path` that matter for this figure: `None` if it does not matter at all, an empty list
    /// if all of it does.
    pub(super) fn lines_of(&self, path: &str, name: &str) -> Option<Vec<String>> {
        if self.sources.is_empty() {
            return Some(Vec::new());
        }
        let is_meant = |end: &str| match end {
            BEGAN => is_beginning(path),
            _ => path.strip_suffix(end).is_some_and(|before| before.ends_with('/')),
        };
        self.sources.iter().find_map(|source| match source.split_once(':') {
            Some((end, lines)) => {
                is_meant(end).then(|| lines.split(',').map(|line| line.replace('$', key_of(name))).collect())
            }
            None => is_meant(source).then(Vec::new),
        })
    }
}

/// Whether the file says when the scope began: a process's, or a declared view's.
pub(super) fn is_beginning(path: &str) -> bool {
    let process = path.strip_prefix("/proc/").and_then(|rest| rest.strip_suffix("/stat"));
    process.is_some_and(|process| !process.contains('/')) || path.ends_with("/cgproc.began")
}

/// The key of a figure's line: `MemFree` for `meminfo.MemFree`.
fn key_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits() {
        let sentence = |name| Rule::of(name).sentence;
        assert!(sentence("meminfo.Cached").starts_with("The cgroup's file pages"));
        assert!(sentence("meminfo.Unheard_Of").starts_with("The machine's, at most"));
        assert!(sentence("cpu3.core_cpus_list").starts_with("The kernel's list"));
        assert!(sentence("cpus.count").starts_with("The CPUs of the cpuset"));
        assert!(sentence("load.5min").starts_with("The kernel's average"));
        assert!(sentence("diskstats.sda.read_time").starts_with("0:"));
        assert!(sentence("diskstats.sda.read").starts_with("What the scope did"));
        assert!(sentence("vmstat.nr_dirty_background_threshold").ends_with("at most MemTotal."));
        assert!(sentence("vmstat.nr_free_cma").ends_with("at most MemFree."));
        assert!(sentence("vmstat.nr_dirty").starts_with("The cgroup's counter"));
        assert!(sentence("vmstat.nr_unstable").starts_with("0:"));
        assert!(sentence("vmstat.pgscan_kswapd").contains("under the same name"));
        assert!(sentence("load.running").starts_with("Threads of the scope that run"));
    }

    #[test]
    fn what_counts_of_a_file() {
        let lines = |name, path| Rule::of(name).lines_of(path, name).map(|lines| lines.join(" "));
        let all = Some(String::new());
        assert_eq!(lines("meminfo.Cached", "/c/memory.stat").as_deref(), Some("file total_cache"));
        assert_eq!(lines("meminfo.Cached", "/c/memory.max"), None);
        assert_eq!(lines("meminfo.Hugepagesize", "/proc/meminfo").as_deref(), Some("Hugepagesize"));
        assert_eq!(lines("vmstat.pgfault", "/c/memory.stat").as_deref(), Some("pgfault total_pgfault"));
        assert_eq!(lines("vmstat.nr_mapped", "/c/memory.stat").as_deref(), Some("file_mapped total_mapped_file"));
        assert_eq!(lines("threads-max", "/c/pids.max"), all);
        assert_eq!(lines("threads-max", "/c/my-pids.max"), None);
        assert_eq!(lines("time.idle", "/proc/1/stat"), all);
        assert_eq!(lines("uptime", "/dev/shm/x/cgproc.began"), all);
        assert_eq!(lines("time.idle", "/proc/stat"), None);
        assert_eq!(lines("pressure.io.some.total", "/c/io.pressure"), all);
    }

    #[test]
    fn every_rule_is_a_sentence() {
        for rule in RULES.iter().chain(DECLARED) {
            assert!(rule.sentence.ends_with('.') && !rule.reference.is_empty(), "{}", rule.of);
        }
    }
}
