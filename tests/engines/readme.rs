//! The lines of README.md by which a container gets the view, as they stand there: a newcomer's first.

use crate::bed::{self, Findings};
use crate::on_a_host;
use crate::probe::Said;

/// Runs the line, in which the image has the name that the README gives it, and once the same without the option. All
/// that is added is what this place needs: a cgroup, and no network.
const SCRIPT: &str = r#"
mkdir /etc/cdi
cgproc cdi --output /usr/lib/cgproc/cdi.json
ln -s /usr/lib/cgproc/cdi.json /etc/cdi/cgproc.json
"$ENGINE" tag base ubuntu
started() { shift; command "$ENGINE" run --rm --network none --cgroup-parent "/$CGROUP" "$@"; }
docker() { started "$@"; }
podman() { started "$@"; }
echo "line total $(eval "$LINE" | awk '$1 == "Mem:" {print $2}')"
echo "without total $(started run -m 512m ubuntu free -h | awk '$1 == "Mem:" {print $2}')"
"#;

/// The lines of README.md that start with these words, without what is said about them.
fn lines(words: &str) -> Vec<String> {
    let path = bed::repository("README.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| line.starts_with(words));
    lines.map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned()).collect()
}

fn says(engine: &str, start: &[&str], line: &str) -> Said {
    let head = format!("ENGINE={engine} LINE='{line}'");
    on_a_host(&[start, &["bash", "-euc", &format!("{head}\n{SCRIPT}")]].concat())
}

#[test]
fn the_readmes_lines_show_a_container() {
    let mut findings = Findings::default();
    let (docker, podman) = (lines("docker run "), lines("podman run "));
    // One by a device, which takes a newer Docker than this release's, and one by the runtime.
    assert_eq!((docker.len(), podman.len()), (2, 1), "{docker:?} {podman:?}");
    for line in docker.iter().chain(&podman) {
        let start: (&str, &[&str]) = match line {
            line if line.starts_with("podman") => ("podman", &["podman"]),
            line if line.contains("--device") => ("docker", &["newer", "docker"]),
            _ => ("docker", &["docker"]),
        };
        let said = says(start.0, start.1, line);
        println!("{line}: {:?}, {:?}", said.value("line", "total"), said.value("without", "total"));
        said.is(&mut findings, "line", &[("total", "512Mi")]);
        let without = said.value("without", "total");
        findings.check(without.is_some_and(|total| total.ends_with("Gi")), || format!("without {line}: {without:?}"));
    }
    findings.conclude("the README's lines");
}
