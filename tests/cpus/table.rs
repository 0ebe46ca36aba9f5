//! The table: every program, every quota, both versions, all CPUs and some of them.

use crate::{
    bed::{Findings, Version},
    cells::{Cells, QUOTAS, SETS, counts, versions},
    page,
    programs::{By, CPUS, PROGRAMS, Program, Rule, is_of_mask, shown},
};
use serde_json::Value;
use std::thread;

/// One cell of the table.
pub(crate) struct Place<'c> {
    pub(crate) cells: &'c Cells,
    pub(crate) version: Version,
    pub(crate) set: &'static str,
    pub(crate) cpus: u64,
    pub(crate) milli: u64,
}

impl Place<'_> {
    fn name(&self) -> String {
        format!("{:?}, CPUs {}, quota {}", self.version, self.set, self.milli)
    }

    /// A program's output. If a quota makes no difference to it, its native output is that of the first.
    pub(crate) fn text(&self, program: &Program, how: &str) -> &str {
        let milli = if how == "ours" { self.milli } else { program.natively_run_in(self.milli) };
        self.cells.text(self.set, milli, program.name, how)
    }

    /// What a program takes, by its own count.
    pub(crate) fn own(&self, program: &Program, how: &str) -> Option<u64> {
        counts(self.text(program, how)).first().map(|(_, count)| *count)
    }
}

#[test]
fn the_quota_truth_table() {
    let [v1, v2] = thread::scope(|scope| {
        [Version::V1, Version::V2]
            .map(|version| scope.spawn(move || Cells::of(version)))
            .map(|it| it.join().expect("cells"))
    });
    let mut findings = Findings::default();
    let kernels = [(Version::V1, &v1), (Version::V2, &v2)];
    for (version, cells) in kernels {
        for ((set, cpus), milli) in SETS.into_iter().flat_map(|set| QUOTAS.map(|milli| (set, milli))) {
            let place = Place { cells, version, set, cpus, milli };
            for program in &PROGRAMS {
                judge(&place, program, &mut findings);
            }
            explained(&place, &mut findings);
        }
    }
    page::keep(kernels, &versions(), &mut findings);
    findings.conclude("one truth about CPUs");
}

fn judge(place: &Place<'_>, program: &Program, findings: &mut Findings) {
    let Place { version, cpus, milli, .. } = *place;
    let native = program.native(version, milli, cpus);
    let ours = program.with_us(version, milli, cpus);
    let told = |how| format!("{}: {}, {how}: {:?}", place.name(), program.title, place.text(program, how));
    for (how, own) in [("native", native), ("ours", ours)] {
        let printed = counts(place.text(program, how));
        findings.check(printed.first().is_some_and(|(_, count)| *count == own), || {
            format!("{}, expected {own}", told(how))
        });
        // Its other ways of asking give what we show, whatever its own rule is; the mask that Go keeps has what Go
        // takes.
        for (way, count) in printed.iter().skip(1) {
            let expected = match how {
                "native" if is_of_mask(way) => cpus,
                "native" => CPUS,
                _ if program.rule == Rule::UpTwo && *way == "NumCPU" => own,
                _ => shown(milli, cpus),
            };
            findings.check(*count == expected, || format!("{}: {way}, expected {expected}", told(how)));
        }
    }
    if program.has_rule(version) {
        let is_given = place.own(program, "ours").is_some_and(|count| count >= native);
        findings.check(is_given, || format!("{}, fewer than the {native} of its own rule", told("ours")));
    }
    if matches!(program.by, By::Supervision) && milli == QUOTAS[0] {
        // The object alone does not reach it, and takes nothing away.
        let native = place.text(program, "native");
        let is_alike = place.text(program, "preloaded") == native;
        findings.check(is_alike, || format!("{}, natively {native:?}", told("preloaded")));
    }
}

/// `cgproc explain` says how many CPUs each runtime takes, with us and without.
fn explained(place: &Place<'_>, findings: &mut Findings) {
    let text = place.cells.text(place.set, place.milli, "explain", "ours");
    let figures: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    for program in &PROGRAMS {
        let figure = figures.iter().find(|figure| figure["name"] == program.explained);
        let told = |key: &str| figure.and_then(|figure| figure[key].as_u64());
        for (how, key) in [("ours", "value_cpus"), ("native", "kernel_cpus")] {
            if how == "native" && !program.is_told_natively(place.version) {
                continue;
            }
            let (told, own) = (told(key), place.own(program, how));
            let is_right = told.is_some() && told == own;
            findings.check(is_right, || {
                format!(
                    "{}: explain {}, {key}: {told:?}; {} took {own:?}: {text}",
                    place.name(),
                    program.explained,
                    program.title
                )
            });
        }
    }
}
