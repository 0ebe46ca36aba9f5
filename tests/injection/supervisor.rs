//! A supervised program sees the kernel's figures or the container's, or `cgproc run` says why it did not start it.

use crate::{
    bed::{self, Findings},
    command::{Traced, fault_of_refusal},
};
use std::process::{Command, Output};

/// Makes a thread of the command answer, instead of a process of its own: it may not inspect other users' programs.
const WITHIN: [&str; 3] = ["setpriv", "--inh-caps=-sys_ptrace", "--bounding-set=-sys_ptrace"];

#[test]
fn a_supervised_program_has_one_answer_or_the_other() {
    in_turn(&[]);
}

#[test]
fn a_program_that_a_thread_supervises_has_one_answer_or_the_other() {
    in_turn(&WITHIN);
}

fn in_turn(before: &[&str]) {
    let program = bed::programs().join("past-glibc").display().to_string();
    let options = ["run", "--static", "--memory", "300M", "--cpus", "1", "--"];
    let command = bed::command().display().to_string();
    let words = [&[command.as_str()], &options[..], &[program.as_str(), "figures"]].concat();
    let said = |output: &Output| -> Vec<String> {
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    };
    let natively = said(&Command::new(&program).arg("figures").output().expect("the program"));
    let ours = said(&Command::new(&command).args(&words[1..]).output().expect("cgproc"));
    assert!(natively.len() == ours.len() && natively != ours, "{natively:?}, {ours:?}");
    let traced = Traced { before: owned(before), command: owned(&words) };
    let mut findings = Findings::default();
    traced.fail_in_turn(&mut findings, |output| {
        let now = said(output);
        if !output.status.success() && now.is_empty() {
            return fault_of_refusal(output);
        }
        let is_known = |(line, (native, own)): (&String, (&String, &String))| {
            line.contains("uptime ") || [native, own].contains(&line)
        };
        let are_known = now.len() == ours.len() && now.iter().zip(natively.iter().zip(&ours)).all(is_known);
        (!output.status.success() || !are_known).then(|| format!("{output:?}"))
    });
    findings.conclude("the supervised program");
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
