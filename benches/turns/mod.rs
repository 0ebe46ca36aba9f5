//! What a program measured under each of some variants, which took turns in one container.

use crate::bed::{self, PLAIN, repository};
use std::{
    collections::HashMap,
    path::Path,
    process::{Command, Stdio},
};

/// Times in nanoseconds, by operation and variant.
pub(crate) struct Times {
    times: HashMap<(String, String), Vec<f64>>,
    /// The operations, in the order in which they were measured.
    pub(crate) operations: Vec<String>,
}

impl Times {
    /// Those in lines of `variant <tab> operation <tab> nanoseconds`.
    fn of(text: &str) -> Self {
        let mut all = Self { times: HashMap::new(), operations: Vec::new() };
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [variant, operation, nsec] = fields[..] else { continue };
            if !all.operations.iter().any(|known| known == operation) {
                all.operations.push(operation.to_owned());
            }
            let nsec = nsec.parse().expect("a number");
            all.times.entry((operation.to_owned(), variant.to_owned())).or_default().push(nsec);
        }
        all
    }

    /// The median of a variant's turns, in microseconds; `None` if it was not measured.
    pub(crate) fn median_usec(&self, operation: &str, variant: &str) -> Option<f64> {
        let mut values = self.times.get(&(operation.to_owned(), variant.to_owned()))?.clone();
        values.sort_by(f64::total_cmp);
        Some(values[values.len() / 2] / 1e3)
    }
}

/// Compiles benches/supervised.c, as `name`.
pub(crate) fn compile(name: &str, flags: &[&str]) -> String {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cost");
    std::fs::create_dir_all(&directory).expect("a directory");
    let program = directory.join(name);
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-o"]).arg(&program).args(flags).arg(repository("benches/supervised.c"));
    assert!(compiler.status().expect("cc").success(), "cc benches/supervised.c");
    program.display().to_string()
}

/// Takes `turns` in a container that has limits but never throttles a single thread. In each turn a shell runs `lines`,
/// where `label NAME` marks the times of a variant. `container` is what starts the container.
pub(crate) fn take(turns: usize, lines: &str, mut container: Command) -> Times {
    let script = format!(
        "export CGPROC_OBJECT={}\nlabel() {{ sed \"s/^/$1\\t/\"; }}\nfor turn in $(seq {turns}); do\n{lines}\ndone",
        bed::object().display()
    );
    let view = if bed::version() == bed::Version::V1 { "bind" } else { "ns" };
    container.args(["-m", PLAIN.memory, "-q", "200000", "-V", view, "--", "bash", "-c", &script]);
    let output = container.stderr(Stdio::inherit()).output().expect("a container");
    assert!(output.status.success(), "{}", output.status);
    Times::of(&String::from_utf8(output.stdout).expect("UTF-8"))
}
