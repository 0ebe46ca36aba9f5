//! From whom an answer was, and why: by the rules of the answers themselves, for the cgroup and the settings of the
//! program that asked.

use super::{
    member::Member,
    question::{Door, Outcome, Question},
    subject::{self, Subject},
};
use crate::{
    run::supervise::Sighting,
    see::{
        answers::Asked,
        explain::{Headline, headline},
        view::View,
    },
    settings::Settings,
};
use calc::{answer::Answer, cpus::CpuSet, doubt::Doubt};
use std::{
    collections::HashMap,
    ffi::{CString, OsStr},
    fs, io,
    os::unix::ffi::OsStrExt,
    sync::Arc,
    time::{Duration, Instant},
};

/// Who answered a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Container,
    /// The kernel, for this reason.
    Kernel(String),
    /// There is nothing of this name.
    Nobody(String),
}

/// The answer to "from whom?".
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) who: Who,
    /// What was shown, and what the kernel would have.
    pub(super) headline: Option<Headline>,
}

/// What is known of programs, to judge with.
pub(super) struct Judge {
    contexts: HashMap<i32, Arc<Context>>,
    /// That of the program that was seen last: those of which nothing is known are most likely its children.
    last: Option<Arc<Context>>,
    /// The settings in our own environment.
    own_settings: Vec<u8>,
    views: Vec<Kept>,
}

/// Where a program is, and its settings: texts as a sighting has them.
#[derive(Debug, PartialEq, Eq)]
struct Context {
    membership: Option<Vec<u8>>,
    settings: Vec<u8>,
}

/// What programs of one name and context see. It is calculated anew after a second.
struct Kept {
    comm: String,
    context: Arc<Context>,
    settings: Settings,
    view: Option<View<Member>>,
    headlines: HashMap<(CString, Option<&'static str>), Headline>,
    when: Instant,
}

const FRESH: Duration = Duration::from_secs(1);
const MOST_VIEWS: usize = 16;
const MOST_HEADLINES: usize = 256;
const MOST_CONTEXTS: usize = 4096;

const NOT_EXPLAINED: &str =
    "the library left it to the kernel, for a reason that only CGPROC_DEBUG shows (or the program forbade it)";
const PASSES_BY: &str = "the call passes by the library";
const NOT_FROM_OUTSIDE: &str = "it is not answered from outside";

impl Judge {
    pub(super) fn new() -> Self {
        let own = std::env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"CGPROC"));
        let entry = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat()
        };
        let own_settings = own.flat_map(entry).collect();
        Self { contexts: HashMap::new(), last: None, own_settings, views: Vec::new() }
    }

    /// Learns from a call where its program is, and its settings.
    pub(super) fn learn(&mut self, it: &Sighting) {
        if self.contexts.len() >= MOST_CONTEXTS && !self.contexts.contains_key(&it.process) {
            self.contexts.clear();
        }
        let membership = Some(it.membership.clone()).filter(|text| !text.is_empty());
        let context = Context { membership, settings: it.settings.clone() };
        let known = self.last.clone().filter(|last| **last == context).unwrap_or_else(|| Arc::new(context));
        self.contexts.insert(it.process, Arc::clone(&known));
        self.last = Some(known);
    }

    /// Learns from a process itself what no supervisor tells, if it has not ended: then it is in no cgroup any more.
    pub(super) fn look_at(&mut self, process: i32) {
        if self.contexts.contains_key(&process) || self.contexts.len() >= MOST_CONTEXTS {
            return;
        }
        let text = fs::read(format!("/proc/{process}/cgroup")).ok();
        let stat = procfs::process::Process::new(process).and_then(|process| process.stat());
        if let Some(membership) = text.filter(|_| stat.is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))) {
            let context = Context { membership: Some(membership), settings: self.own_settings.clone() };
            let context = Arc::new(context);
            self.contexts.insert(process, Arc::clone(&context));
            self.last = Some(context);
        }
    }

    fn context(&self, process: i32) -> Arc<Context> {
        let ours = || Arc::new(Context { membership: None, settings: self.own_settings.clone() });
        self.contexts.get(&process).or(self.last.as_ref()).cloned().unwrap_or_else(ours)
    }

    /// Judges a question.
    pub(super) fn judge(&mut self, question: &Question) -> Verdict {
        if let Outcome::Failed(error) = question.outcome {
            return Verdict { who: failed(error, &question.asked), headline: None };
        }
        let of_cpus = || Asked::of(Answer::CpuOnline);
        let headline = match &question.subject {
            Subject::Kernels(reason) => {
                return Verdict { who: Who::Kernel(reason.words().to_owned()), headline: None };
            }
            Subject::File(file) => Some(self.headline(question, file, None)),
            Subject::Figure { file, name } => Some(self.headline(question, file, Some(name))),
            Subject::Listing => of_cpus().map(|file| self.headline(question, &file, None)),
            Subject::Disk => Some(Headline::without_figure(self.kept(question).doubt_of_the_disk())),
        };
        let keeps_mask =
            question.door.name().contains("affinity") && self.kept(question).settings.affinity_is_the_kernels;
        let reason = headline.as_ref().and_then(|it| it.reason).map(|doubt| doubt.to_string());
        let reason = reason.or_else(|| keeps_mask.then(|| "CGPROC_AFFINITY=kernel".to_owned()));
        let who = who(question, headline.as_ref(), reason);
        let headline = headline.map(|it| if who == Who::Container { it } else { it.of_the_kernel() });
        Verdict { who, headline }
    }

    fn headline(&mut self, question: &Question, file: &Asked, name: Option<&'static str>) -> Headline {
        let kept = self.kept(question);
        let key = (file.path.clone(), name);
        if let Some(known) = kept.headlines.get(&key) {
            return known.clone();
        }
        let made = match &kept.view {
            Some(view) => headline(file, name, view, &kept.settings),
            None => Headline::without_figure(Some(Doubt::NoCgroup)),
        };
        if kept.headlines.len() < MOST_HEADLINES {
            kept.headlines.insert(key, made.clone());
        }
        made
    }

    fn kept(&mut self, question: &Question) -> &mut Kept {
        self.views.retain(|kept| kept.when.elapsed() < FRESH);
        let context = self.context(question.process);
        let is_same = |kept: &Kept| kept.comm == question.comm && kept.context == context;
        let at = self.views.iter().position(is_same).unwrap_or_else(|| {
            self.views.truncate(MOST_VIEWS - 1);
            self.views.push(Kept::new(question.comm.clone(), context));
            self.views.len() - 1
        });
        &mut self.views[at]
    }
}

impl Kept {
    fn new(comm: String, context: Arc<Context>) -> Self {
        let of = |text: &[u8]| Settings::of_process(OsStr::new(&comm), text, b"", || true);
        // The library treats settings that it does not understand as `off`.
        let settings = of(&context.settings).or_else(|_| of(b"CGPROC=off\0"));
        let settings = settings.unwrap_or_else(|_| unreachable!("it is understood"));
        let files = Member::of(context.membership.as_deref());
        let view = View::over(files, settings.cgroup.as_deref(), &settings);
        Self { comm, context, settings, view, headlines: HashMap::new(), when: Instant::now() }
    }

    fn doubt_of_the_disk(&self) -> Option<Doubt> {
        if let Some(doubt) = self.settings.passes_all() {
            return Some(doubt);
        }
        let is_measured = || self.view.as_ref().is_some_and(|view| view.disk_used_bytes().is_some());
        match self.settings.disk_bytes {
            None => Some(Doubt::NoDiskSize),
            Some(_) if !is_measured() => Some(Doubt::NoDiskUse),
            Some(_) => None,
        }
    }
}

/// Who answered a call that succeeded; `reason` is why the kernel would in this view.
fn who(question: &Question, headline: Option<&Headline>, reason: Option<String>) -> Who {
    let is_listing = question.subject == Subject::Listing;
    let passes = |why: &str| Who::Kernel(reason.clone().unwrap_or_else(|| why.to_owned()));
    match (&question.outcome, &question.door) {
        (Outcome::Answered, _) => Who::Container,
        (_, Door::Unhooked { .. } | Door::Libc { .. }) => passes(PASSES_BY),
        (_, Door::Outside { .. }) => passes(NOT_FROM_OUTSIDE),
        (_, _) if reason.is_some() => passes(""),
        (Outcome::Gave { returned, text }, Door::Function { name, .. }) => {
            let numbers = headline.and_then(Headline::numbers).filter(|(here, kernel)| here != kernel);
            let shown = shown(name, &question.asked, *returned, text);
            let is_the_kernels = match numbers.zip(shown) {
                // What is free changes from one look to the next.
                Some(((here, kernel), shown)) if is_of_the_moment(name, &question.asked) => {
                    shown.abs_diff(kernel) < shown.abs_diff(here)
                }
                Some(((_, kernel), shown)) => shown == kernel,
                None => false,
            };
            if is_the_kernels && !is_listing { passes(NOT_EXPLAINED) } else { Who::Container }
        }
        (Outcome::Kernels, Door::Function { .. }) if !is_listing => passes(NOT_EXPLAINED),
        _ => Who::Container,
    }
}

/// Whether the figure is another one at every look.
fn is_of_the_moment(function: &str, asked: &str) -> bool {
    asked == "_SC_AVPHYS_PAGES" || function == "get_avphys_pages"
}

/// The number that a function gave, in the unit of the headline: bytes, or CPUs.
fn shown(function: &str, asked: &str, returned: i64, text: &str) -> Option<u64> {
    let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
    let returned = u64::try_from(returned).ok();
    if function.contains("getaffinity") {
        return CpuSet::parse(text.as_bytes()).map(|set| set.count());
    }
    if function.contains("sysinfo") {
        return text.split(' ').find_map(|word| word.strip_prefix("totalram="))?.parse().ok();
    }
    if asked.ends_with("_PAGES") || function.ends_with("_pages") {
        return returned?.checked_mul(page_bytes);
    }
    if function == "getloadavg" { None } else { returned }
}

/// Who is behind a failure: the container, if the kernel has what is not found.
fn failed(error: i32, asked: &str) -> Who {
    // A program may forge the path: nothing but the kernel's own files there is looked at.
    let path = subject::plain(asked.as_bytes());
    let is_there = || path.starts_with(b"/sys/devices/system/") && rustix::fs::lstat(&path[..]).is_ok();
    if error == libc::ENOENT && is_there() {
        return Who::Container;
    }
    Who::Nobody(crate::failure::line(io::Error::from_raw_os_error(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(function: &str, asked: &str, outcome: Outcome) -> Question {
        let door = Door::Function { name: function.to_owned(), object: String::new() };
        let subject = subject::of_function(function, asked.as_bytes()).or_else(|| subject::of_path(asked.as_bytes()));
        Question {
            process: 0,
            comm: "sh".to_owned(),
            door,
            asked: asked.to_owned(),
            subject: subject.unwrap(),
            outcome,
        }
    }

    fn judged(settings: &str, question: &Question) -> Who {
        let mut judge = Judge::new();
        let context = Context { membership: None, settings: settings.as_bytes().to_vec() };
        judge.last = Some(Arc::new(context));
        judge.judge(question).who
    }

    #[test]
    fn reasons_are_those_of_the_answers() {
        let open = |outcome| question("open", "/proc/meminfo", outcome);
        assert_eq!(judged("", &open(Outcome::Answered)), Who::Container);
        assert_eq!(judged("CGPROC=off\0", &open(Outcome::Kernels)), Who::Kernel("CGPROC=off".to_owned()));
        let others = Who::Kernel("CGPROC_FILES does not name it".to_owned());
        assert_eq!(judged("CGPROC_FILES=stat\0", &open(Outcome::Kernels)), others);
        assert_eq!(judged("CGPROC=perhaps\0", &open(Outcome::Kernels)), Who::Kernel("CGPROC=off".to_owned()));
        let slab = question("open", "/proc/slabinfo", Outcome::Kernels);
        assert_eq!(judged("", &slab), Who::Kernel("no cgroup has it".to_owned()));
        let disk = question("statvfs", "/", Outcome::Gave { returned: 0, text: String::new() });
        assert_eq!(judged("", &disk), Who::Kernel("CGPROC_DISK is not set".to_owned()));
    }

    #[test]
    fn a_number_tells_whose_it_is() {
        let machine = crate::see::view::machine().memory_bytes;
        let pages = |bytes: u64| {
            let returned = i64::try_from(bytes / u64::try_from(rustix::param::page_size()).unwrap()).unwrap();
            question("sysconf", "_SC_PHYS_PAGES", Outcome::Gave { returned, text: String::new() })
        };
        let settings = "CGPROC_MEMORY=64M\0";
        assert_eq!(judged(settings, &pages(64 << 20)), Who::Container);
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
        assert!(meminfo.starts_with("MemTotal:") && machine > 64 << 20);
        assert_eq!(judged(settings, &pages(machine)), Who::Kernel(NOT_EXPLAINED.to_owned()));
    }

    #[test]
    fn what_is_free_is_told_by_nearness() {
        let pages = |bytes: u64| {
            let returned = i64::try_from(bytes / u64::try_from(rustix::param::page_size()).unwrap()).unwrap();
            question("sysconf", "_SC_AVPHYS_PAGES", Outcome::Gave { returned, text: String::new() })
        };
        let settings = "CGPROC_MEMORY=64M\0";
        assert_eq!(judged(settings, &pages(1 << 20)), Who::Container);
        assert_eq!(judged(settings, &pages(1 << 60)), Who::Kernel(NOT_EXPLAINED.to_owned()), "nearer to the kernel's");
    }

    #[test]
    fn what_is_hidden_is_the_containers_doing() {
        let gone = |path| judged("", &question("open", path, Outcome::Failed(libc::ENOENT)));
        assert_eq!(gone("/sys/devices/system/cpu/online"), Who::Container);
        let beyond = format!("/sys/devices/system/../../..{}", std::env::current_exe().unwrap().display());
        assert!(matches!(failed(libc::ENOENT, &beyond), Who::Nobody(_)), "it is there, and none of the kernel's");
        assert!(matches!(gone("/sys/devices/system/cpu/no-such-file"), Who::Nobody(why) if why.starts_with("No such")));
    }
}
