//! Which of the supervisor's calls belong to functions that the witness saw, and what questions come out of both.

use super::{
    question::{Door, Outcome, Question},
    subject::{self, Subject},
};
use crate::run::supervise::{Sighting, is_of_libc};
use std::collections::{HashMap, HashSet};
use witness_event::{Event, Moment};

/// Functions that have been entered and not left, by thread.
#[derive(Default)]
pub(super) struct Ledger {
    /// The key has the process by our numbers, and the thread by its own.
    threads: HashMap<(i32, i32), Vec<Entered>>,
    /// The programs' names, by process: threads may have names of their own.
    names: HashMap<i32, String>,
    /// Processes whose witness has stopped its work: their libc's calls may be of any function.
    unfit: HashSet<i32>,
}

/// A function that a thread has entered.
struct Entered {
    function: Vec<u8>,
    /// A system call within was answered from outside.
    is_answered: bool,
    /// libc or the library called it, within the function below.
    is_nested: bool,
    /// The thread's own code has called another function since, from a handler or a callback; or this one was left by a
    /// jump.
    is_overtaken: bool,
}

/// At most so many threads and nested functions are kept in mind: threads may be ended within a function.
const MOST_THREADS: usize = 4096;
const MOST_NAMES: usize = 4096;
const MOST_NESTED: usize = 8;

impl Ledger {
    /// Takes an event of the witness's, sent by the process `sender`.
    pub(super) fn witnessed(&mut self, event: &Event<'_>, sender: i32) -> Option<Question> {
        let key = (if sender > 0 { sender } else { event.pid }, event.tid);
        if event.pid == event.tid {
            self.name(key.0, &event.comm);
        }
        if event.lost > 0 {
            // One of them may have been the end of a function.
            self.threads.retain(|(process, _), _| *process != key.0);
        }
        if matches!(event.moment, Moment::Start | Moment::Enter) {
            self.unfit.remove(&key.0);
        }
        match event.moment {
            Moment::Start => {
                // The thread has executed another program.
                self.threads.remove(&key);
                None
            }
            Moment::Enter => {
                self.enter(key, event);
                None
            }
            Moment::Leave => {
                let (is_outermost, is_answered) = self.leave(key, event);
                // What a function calls is part of its own question.
                let question = if is_outermost { question(event, key.0, is_answered) } else { None };
                question.map(|it| Question { comm: self.names.get(&key.0).cloned().unwrap_or(it.comm), ..it })
            }
            Moment::Unfit => {
                self.unfit(key.0, event);
                None
            }
        }
    }

    /// All functions of a process are seen no more, if none is named.
    fn unfit(&mut self, process: i32, event: &Event<'_>) {
        if !event.function.is_empty() {
            return;
        }
        if self.unfit.len() >= MOST_NAMES {
            self.unfit.clear();
        }
        self.unfit.insert(process);
        self.threads.retain(|(of, _), _| *of != process);
    }

    fn name(&mut self, process: i32, comm: &[u8]) {
        if self.names.get(&process).is_some_and(|known| known.as_bytes() == comm) {
            return;
        }
        if self.names.len() >= MOST_NAMES {
            self.names.clear();
        }
        self.names.insert(process, text(comm));
    }

    fn enter(&mut self, key: (i32, i32), event: &Event<'_>) {
        if self.threads.len() >= MOST_THREADS && !self.threads.contains_key(&key) {
            self.threads.clear();
        }
        let nested = self.threads.entry(key).or_default();
        let is_nested = !nested.is_empty() && is_called_by_a_function(event);
        if !is_nested {
            // The second time, it was left by a jump, or does not wait for our word.
            nested.retain(|it| !it.is_overtaken);
            nested.iter_mut().for_each(|it| it.is_overtaken = true);
        }
        if nested.len() < MOST_NESTED {
            let function = event.function.to_vec();
            nested.push(Entered { function, is_answered: false, is_nested, is_overtaken: false });
        }
    }

    /// Takes the function off the thread's stack, with those above it that were never left. Returns whether it was
    /// called by none of the others, and whether a call within was answered.
    fn leave(&mut self, key: (i32, i32), event: &Event<'_>) -> (bool, bool) {
        let nested = self.threads.get_mut(&key);
        let at = nested.as_ref().and_then(|it| it.iter().rposition(|it| it.function == *event.function));
        let Some((nested, at)) = nested.zip(at) else {
            return (!self.threads.contains_key(&key) || !is_called_by_a_function(event), false);
        };
        let is_nested = nested[at].is_nested;
        let is_answered = nested.drain(at..).any(|it| it.is_answered);
        match nested.last_mut() {
            Some(outer) if is_nested => outer.is_answered |= is_answered,
            Some(_) => {}
            None => drop(self.threads.remove(&key)),
        }
        (!is_nested, is_answered)
    }

    /// Takes a call that a supervisor received: `None` if it belongs to a function, or is the library's own.
    pub(super) fn sighted(&mut self, it: &Sighting) -> Option<Question> {
        self.name(it.process, &it.comm);
        let within = self.threads.get_mut(&(it.process, it.thread)).and_then(|nested| nested.last_mut());
        if let Some(entered) = within {
            entered.is_answered |= it.is_answered;
            return None;
        }
        if it.caller.is_library {
            return None;
        }
        let (asked, subject) = match &it.path {
            Some(path) => (path.clone(), subject::of_path(path)?),
            None => (it.call.as_bytes().to_vec(), subject::of_function(&it.call, b"")?),
        };
        let outcome = if it.is_answered { Outcome::Answered } else { Outcome::Kernels };
        let comm = text(&it.comm);
        Some(Question {
            process: it.process,
            comm,
            door: door(it, !self.unfit.contains(&it.process)),
            asked: text(&asked),
            subject,
            outcome,
        })
    }
}

/// Whether the code that called is libc's or the library's: then it is within another function.
fn is_called_by_a_function(event: &Event<'_>) -> bool {
    event.caller.as_ref().is_some_and(|caller| is_of_libc(&caller.object))
}

/// The door of a call that belongs to no function.
fn door(it: &Sighting, is_witnessed: bool) -> Door {
    let (call, object) = (it.call.clone().into_owned(), text(&it.caller.object));
    let caller = &it.caller;
    if !caller.has_library {
        return Door::Outside { call, object, has_libc: caller.has_libc };
    }
    match (caller.is_libc, caller.has_witness && is_witnessed) {
        (false, _) => Door::Unhooked { call, object },
        (true, true) => Door::Libc { call, object },
        (true, false) => Door::Unwitnessed { call },
    }
}

/// The question of a function that has returned; `None` if it is about nothing of the machine's.
fn question(event: &Event<'_>, process: i32, is_answered: bool) -> Option<Question> {
    let function = String::from_utf8_lossy(&event.function);
    if function.contains("affinity") && !is_its_own(event) {
        return None;
    }
    let outcome = event.outcome.as_ref()?;
    let got = &outcome.got[..];
    let (path, is_ours) = match got.strip_prefix(b"/memfd:") {
        Some(path) => (path.strip_suffix(b" (deleted)").unwrap_or(path), true),
        None if got.starts_with(b"/") => (got, false),
        None => (&event.argument[..], false),
    };
    let (asked, subject) = match subject::of_function(&function, &event.argument) {
        Some(subject) => (figure(&function, &event.argument, &subject), subject),
        None => (text(path), subject::of_path(path)?),
    };
    // It returns the error's number, and leaves errno alone.
    let returns_its_error = function == "pthread_getaffinity_np";
    let error = if returns_its_error { i32::try_from(outcome.returned).unwrap_or(0) } else { outcome.errno };
    let is_failed = error != 0;
    if is_about_no_text(&function) && !is_failed {
        return None;
    }
    let is_a_figure = !matches!(subject, Subject::File(_) | Subject::Kernels(_));
    let outcome = match error {
        0 if is_ours || is_answered => Outcome::Answered,
        0 if is_a_figure => Outcome::Gave { returned: outcome.returned, text: text(got) },
        0 => Outcome::Kernels,
        error => Outcome::Failed(error),
    };
    let object = event.caller.as_ref().map(|caller| text(&caller.object)).unwrap_or_default();
    let door = Door::Function { name: function.into_owned(), object };
    Some(Question { process, comm: text(&event.comm), door, asked, subject, outcome })
}

/// Whether the process or thread that a function is about is the caller.
fn is_its_own(event: &Event<'_>) -> bool {
    let own = [0, event.pid, event.tid];
    str::from_utf8(&event.argument).is_ok_and(|number| own.iter().any(|it| it.to_string() == number))
}

/// What a function for figures was asked for: the argument if it names the figure, or else the function.
fn figure(function: &str, argument: &[u8], subject: &Subject) -> String {
    match (argument.starts_with(b"_SC_"), subject) {
        (true, _) | (_, Subject::Disk) => text(argument),
        _ => function.to_owned(),
    }
}

/// Whether a function only looks whether something is there, or for what is not figures.
fn is_about_no_text(function: &str) -> bool {
    ["stat", "access", "mmap"].iter().any(|it| function.contains(it))
        && !function.contains("statfs")
        && !function.contains("statvfs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::supervise::Caller;
    use std::borrow::Cow;
    use witness_event::Outcome as Returned;

    fn event(
        moment: Moment,
        function: &'static str,
        argument: &'static str,
        got: Option<&'static str>,
    ) -> Event<'static> {
        let cow = |text: &'static str| Cow::Borrowed(text.as_bytes());
        let returned = if function.contains("affinity") { 0 } else { 3 };
        let outcome = got.map(|got| Returned { returned, errno: 0, got: cow(got) });
        let (comm, function, argument) = (cow("free"), cow(function), cow(argument));
        Event { moment, pid: 5, tid: 6, lost: 0, comm, function, argument, caller: None, outcome }
    }

    fn sighting(path: &str, is_answered: bool, caller: Caller) -> Sighting {
        Sighting {
            process: 50,
            thread: 6,
            comm: b"free".to_vec(),
            call: "openat".into(),
            path: Some(path.into()),
            is_answered,
            caller,
            membership: Vec::new(),
            settings: Vec::new(),
        }
    }

    fn of_libc() -> Caller {
        let object = b"/lib/libc.so.6".to_vec();
        Caller { object, is_libc: true, has_library: true, has_witness: true, has_libc: true, ..Caller::default() }
    }

    #[test]
    fn what_happens_within_a_function_is_its_own() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.witnessed(&event(Moment::Enter, "fopen", "/proc/meminfo", None), 50), None);
        assert_eq!(ledger.sighted(&sighting("/proc/meminfo", false, of_libc())), None);
        let got = Some("/memfd:/proc/meminfo (deleted)");
        let question = ledger.witnessed(&event(Moment::Leave, "fopen", "/proc/meminfo", got), 50).unwrap();
        assert_eq!((&question.asked[..], &question.outcome), ("/proc/meminfo", &Outcome::Answered));
        assert_eq!((question.process, question.door.name()), (50, "fopen"));
        // Afterwards it is none's.
        let question = ledger.sighted(&sighting("/proc/meminfo", false, of_libc())).unwrap();
        assert!(matches!(question.door, Door::Libc { .. }), "{question:?}");
    }

    #[test]
    fn threads_go_by_the_name_of_their_program() {
        let mut ledger = Ledger::default();
        let thread = Event { comm: b"C1 Compiler"[..].into(), ..event(Moment::Leave, "sysinfo", "sysinfo", Some("")) };
        let mut comm = |event: &Event<'_>| ledger.witnessed(event, 50).map(|it| it.comm);
        assert_eq!(comm(&thread).as_deref(), Some("C1 Compiler"), "nothing else is known");
        comm(&Event { pid: 6, ..event(Moment::Start, "", "/lib/witness.so", None) });
        assert_eq!(comm(&thread).as_deref(), Some("free"));
    }

    #[test]
    fn doors_without_a_hook_are_named() {
        let mut ledger = Ledger::default();
        let mut door = |caller: Caller| ledger.sighted(&sighting("/proc/stat", false, caller)).map(|it| it.door);
        let own = Caller { object: b"/opt/libfoo.so".to_vec(), is_libc: false, ..of_libc() };
        assert_eq!(door(own.clone()), Some(Door::Unhooked { call: "openat".into(), object: "/opt/libfoo.so".into() }));
        assert!(matches!(door(Caller { has_library: false, ..own }), Some(Door::Outside { .. })));
        assert!(matches!(door(Caller { has_witness: false, ..of_libc() }), Some(Door::Unwitnessed { .. })));
        assert_eq!(door(Caller { is_library: true, is_libc: false, ..of_libc() }), None);
    }

    #[test]
    fn nested_functions_are_one_question() {
        let mut ledger = Ledger::default();
        let by_libc = |event: Event<'static>| {
            let object = Cow::Borrowed(&b"/lib/libc.so.6"[..]);
            Event { caller: Some(witness_event::Caller { object, offset: 1 }), ..event }
        };
        ledger.witnessed(&event(Moment::Enter, "getloadavg", "", None), 50);
        ledger.witnessed(&by_libc(event(Moment::Enter, "open", "", None)), 50);
        ledger.sighted(&sighting("/proc/loadavg", true, of_libc()));
        let inner = event(Moment::Leave, "open", "/proc/loadavg", Some("/proc/loadavg"));
        assert_eq!(ledger.witnessed(&by_libc(inner), 50), None);
        let question = ledger.witnessed(&event(Moment::Leave, "getloadavg", "", Some("0.5")), 50).unwrap();
        assert_eq!((&question.asked[..], question.outcome), ("getloadavg", Outcome::Answered));
        assert!(ledger.threads.is_empty());
    }

    #[test]
    fn functions_that_are_never_left_are_forgotten() {
        let mut ledger = Ledger::default();
        ledger.witnessed(&event(Moment::Enter, "open", "/proc/stat", None), 50);
        ledger.witnessed(&event(Moment::Start, "", "/lib/witness.so", None), 50);
        assert!(ledger.sighted(&sighting("/proc/stat", true, Caller::default())).is_some());
        for tid in 0..2 * i32::try_from(MOST_THREADS).unwrap() {
            ledger.witnessed(&Event { tid, ..event(Moment::Enter, "open", "/proc/stat", None) }, 50);
        }
        assert!(ledger.threads.len() <= MOST_THREADS);
    }

    #[test]
    fn what_a_jump_has_left_hides_nothing() {
        let mut ledger = Ledger::default();
        ledger.witnessed(&event(Moment::Enter, "open", "/proc/stat", None), 50);
        for _ in 0..2 {
            ledger.witnessed(&event(Moment::Enter, "fopen", "/proc/meminfo", None), 50);
            let left = ledger.witnessed(&event(Moment::Leave, "fopen", "/proc/meminfo", Some("/proc/meminfo")), 50);
            assert_eq!(left.map(|it| it.asked).as_deref(), Some("/proc/meminfo"));
        }
        assert!(ledger.threads.is_empty());
    }

    #[test]
    fn lost_ends_hide_nothing() {
        let mut ledger = Ledger::default();
        ledger.witnessed(&event(Moment::Enter, "open", "/proc/stat", None), 50);
        ledger.witnessed(&Event { lost: 1, ..event(Moment::Unfit, "open", "", None) }, 50);
        assert!(ledger.sighted(&sighting("/proc/meminfo", false, of_libc())).is_some());
    }

    #[test]
    fn in_a_sandbox_functions_are_unknown() {
        let mut ledger = Ledger::default();
        ledger.witnessed(&event(Moment::Unfit, "", "a filter", None), 50);
        let question = ledger.sighted(&sighting("/proc/stat", false, of_libc())).unwrap();
        assert!(matches!(question.door, Door::Unwitnessed { .. }), "{question:?}");
        // The filter was refused.
        ledger.witnessed(&event(Moment::Enter, "open", "/proc/stat", None), 50);
        ledger.witnessed(&event(Moment::Leave, "open", "/proc/stat", Some("/proc/stat")), 50);
        let question = ledger.sighted(&sighting("/proc/stat", false, of_libc())).unwrap();
        assert!(matches!(question.door, Door::Libc { .. }), "{question:?}");
    }

    #[test]
    fn an_error_may_be_returned() {
        let leave = event(Moment::Leave, "pthread_getaffinity_np", "0", Some(""));
        let outcome = Some(Returned { returned: libc::EINVAL.into(), errno: 0, got: Cow::Borrowed(b"") });
        let question = Ledger::default().witnessed(&Event { outcome, ..leave }, 50).unwrap();
        assert_eq!(question.outcome, Outcome::Failed(libc::EINVAL));
    }

    #[test]
    fn only_what_says_something_is_a_question() {
        let leave = |function, argument, got| {
            Ledger::default().witnessed(&event(Moment::Leave, function, argument, Some(got)), 50).map(|it| it.asked)
        };
        assert_eq!(leave("sysconf", "_SC_NPROCESSORS_ONLN", ""), Some("_SC_NPROCESSORS_ONLN".to_owned()));
        assert_eq!(leave("sched_getaffinity", "0", "0-1"), Some("sched_getaffinity".to_owned()));
        assert_eq!(leave("sched_getaffinity", "4711", "0-1"), None);
        assert_eq!(leave("open", "/proc/self/status", "/proc/7/status"), None);
        assert_eq!(leave("stat", "/proc/meminfo", ""), None);
        assert_eq!(leave("statvfs", "/", "total=1 free=1 available=1"), Some("/".to_owned()));
    }
}
