//! What a program measured under each of some variants, which took turns in one container.

use crate::{
    bed::{self, repository},
    containers::{self, Limited, USUAL, output},
    figures::{self, quartiles},
};
use std::{collections::HashMap, path::PathBuf, process::Command};

/// Times in nanoseconds, by operation and variant.
pub(crate) struct Times {
    times: HashMap<(String, String), Vec<f64>>,
    /// The operations, in the order in which they were measured.
    operations: Vec<String>,
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

    /// Tells the figures of all variants.
    pub(crate) fn tell(&self, table: &str) {
        for operation in &self.operations {
            let mut variants: Vec<_> = self.times.iter().filter(|((of, _), _)| of == operation).collect();
            variants.sort_by_key(|((_, variant), _)| variant);
            for ((_, variant), times) in variants {
                figures::tell(table, operation, variant, quartiles(times));
            }
        }
    }
}

/// Compiles benches/supervised.c, as `name`.
pub(crate) fn compile(name: &str, flags: &[&str]) -> PathBuf {
    containers::compile("cc", name, &repository("benches/supervised.c"), flags)
}

/// Takes `turns` in a container that has limits but never throttles a single thread. In each turn a shell runs `lines`,
/// where `label NAME` marks the times of a variant. `command` is what the container is started under.
pub(crate) fn take(turns: usize, lines: &str, mut command: Command) -> Times {
    let script = format!(
        "export CGPROC_OBJECT={}\nlabel() {{ sed \"s/^/$1\\t/\"; }}\nfor turn in $(seq {turns}); do\n{lines}\ndone",
        bed::object().display()
    );
    Limited { quota_usec: Some(200_000), ..USUAL }.enter(&mut command);
    Times::of(&output(command.args(["bash", "-c", &script])))
}
