//! Running a program in a cgroup of its own, under a declared view, or under the view of another cgroup.

mod apart;
mod cgroup;
mod child;
pub(crate) mod cpus;
mod declared;
mod environment;
mod leave;
pub(crate) mod limits;
mod room;
mod sampling;
pub(crate) mod signals;
pub(crate) mod supervise;

use crate::{
    failure::{self, Failure, say},
    host::{descriptors, object, temporary},
    sampler::{self, Root, Sampling},
    see::view::View,
    settings::{self, Settings},
};
use anyhow::{Context, Error, anyhow};
use apart::Apart;
use calc::board::Kind;
use cgroup::{Cgroup, NotMade};
pub(crate) use child::Ending;
use child::{Child, Meanwhile, NotStarted};
use declared::Declared;
use environment::Environment;
use limits::RunLimits;
use signals::Inherited;
use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};
use supervise::{Budget, NotSupervised, Observer, Supervise, Supervision, Terms};

/// A program to run, and how.
pub(crate) struct Job<'p> {
    /// It and its arguments.
    pub(crate) program: &'p [OsString],
    /// Whose view it gets, if not its own.
    pub(crate) cgroup: Option<OsString>,
    pub(crate) limits: &'p RunLimits,
    pub(crate) supervise: Supervise,
    /// Whether it gets a pid namespace of its own.
    pub(crate) has_own_pids: bool,
    pub(crate) watch: Option<&'p Watch>,
}

/// Somebody who watches what a program asks, beside those who answer.
pub(crate) struct Watch {
    /// Is told of the calls that a supervisor receives.
    pub(crate) observer: Arc<dyn Observer>,
    /// A library that is preloaded in front of ours.
    pub(crate) witness: Option<PathBuf>,
    /// A variable of the program's environment.
    pub(crate) variable: (&'static str, OsString),
}

/// Runs a program until it ends.
pub(crate) fn run(job: Job<'_>) -> Result<Ending, Failure> {
    let Job { program, cgroup, limits, supervise, has_own_pids, watch } = job;
    descriptors::hold_closed_standard_descriptors();
    let apart = has_own_pids.then(Apart::prepare).transpose()?;
    let mut settings = Settings::of_environment()?;
    let mut environment = Environment::own();
    let is_supervised = watch.is_some() || supervise.is_wanted_for(&program[0]);
    if !(is_supervised && object::is_absent()) {
        preload(&mut environment, watch.and_then(|watch| watch.witness.as_deref()))?;
    }
    if let Some(Watch { variable: (name, value), .. }) = watch {
        environment.set(name, value);
    }
    if let Some(cgroup) = cgroup {
        View::of(Some(&cgroup), &settings).with_context(|| format!("no cgroup {} is visible", cgroup.display()))?;
        environment.set(settings::CGROUP, &cgroup);
        settings.cgroup = Some(cgroup);
    }
    cgroup::clear_stale();
    temporary::clear_stale();
    let launch = Launch { program, supervise, apart, watch, inherited: signals::take_over() };
    let (child, mut upkeep) = start(&launch, limits, &settings, environment)?;
    let ending = child.wait(&mut upkeep);
    if let Some(watch) = watch {
        watch.observer.has_ended();
    }
    // A namespace of its own ends with the program, and leaves no process.
    drop(child);
    let Upkeep { place, sampling, supervision } = upkeep;
    // Dropped here, because we may be about to die of the program's signal.
    drop(sampling);
    place.leave(&program[0]);
    drop(supervision);
    Ok(ending)
}

impl Ending {
    /// Our exit code after a program has ended like this. If a signal killed it, we die of the same.
    pub(crate) fn as_ours(&self) -> u8 {
        match *self {
            Self::Exited(code) => code,
            Self::Killed(number) => {
                signals::die_of(number);
                u8::try_from(128 + number).unwrap_or(u8::MAX)
            }
        }
    }
}

/// Where the program runs.
enum Place {
    /// In our own cgroups.
    Here,
    /// In a cgroup made for it.
    Cgroup(Cgroup),
    /// In our own cgroups, with limits that are shown but not enforced.
    Declared(Declared),
}

/// What is kept going while a program runs: its place, its load unless somebody else publishes that, and the
/// supervision of programs that bypass libc.
struct Upkeep {
    place: Place,
    sampling: Option<Sampling>,
    supervision: Option<Supervision>,
}

impl Upkeep {
    fn new(place: Place, child: &Child, sampling: Option<Sampling>, supervision: Option<Supervision>) -> Self {
        let mut upkeep = Self { place, sampling, supervision };
        if let Place::Declared(declared) = &mut upkeep.place {
            if let Some(heir) = upkeep.supervision.as_ref().and_then(Supervision::heir) {
                declared.leave_out(heir);
            }
            if let Some(init) = child.init() {
                declared.leave_out_alone(init);
            }
        }
        upkeep
    }
}

impl Meanwhile for Upkeep {
    fn pause(&self) -> Option<Duration> {
        let declared = if let Place::Declared(declared) = &self.place { Some(declared.pause()) } else { None };
        declared.into_iter().chain(self.sampling.as_ref().map(Sampling::pause)).min()
    }

    fn while_stopped(&self, stop: &dyn Fn()) {
        match &self.supervision {
            Some(supervision) => supervision.while_stopped(stop),
            None => stop(),
        }
    }

    fn has_buried(&mut self, pid: i32) {
        let heir = self.supervision.as_mut().and_then(|supervision| supervision.has_buried(pid));
        if let (Place::Declared(declared), Some(heir)) = (&mut self.place, heir) {
            declared.leave_out(heir);
        }
    }

    fn act(&mut self) {
        match &mut self.place {
            Place::Declared(declared) if declared.pause().is_zero() => declared.update(),
            _ => {}
        }
        if let Some(sampling) = &mut self.sampling {
            sampling.act();
        }
    }
}

impl Place {
    /// Cleans up after `program`.
    fn leave(self, program: &OsStr) {
        let program = program.display();
        match self {
            Self::Here => {}
            Self::Cgroup(mut cgroup) => {
                if !cgroup.remove() {
                    let names = cgroup.names();
                    say(format_args!(
                        "processes of {program} are still running in {names}: a later run removes it once it is empty"
                    ));
                }
            }
            Self::Declared(declared) => {
                if declared.has_processes() {
                    say(format_args!(
                        "processes of {program} are still running: they see the machine's figures from now on"
                    ));
                }
            }
        }
    }
}

/// Starts the program in the best place that we have the right to.
fn start(
    launch: &Launch<'_>,
    limits: &RunLimits,
    settings: &Settings,
    mut environment: Environment,
) -> Result<(Child, Upkeep), Failure> {
    let own = View::of(settings.cgroup.as_deref(), settings);
    let failed = |error: NotStarted| launch.failure(error);
    if *limits == RunLimits::default() {
        let sampling = sample(sampling::roots(own.as_ref(), None), settings, &mut environment);
        let (child, supervision) = launch.start(&environment, Vec::new(), Budget::default).map_err(failed)?;
        let upkeep = Upkeep::new(Place::Here, &child, sampling, supervision);
        return Ok((child, upkeep));
    }
    let limits = &room::within_our_own(limits, settings)?;
    let no_right = match Cgroup::make(limits) {
        Ok(cgroup) => {
            environment.remove(settings::CGROUP);
            let sampling = sample(sampling::roots(own.as_ref(), Some(&cgroup)), settings, &mut environment);
            match cgroup.joins().map(|joins| launch.start(&environment, joins, || Budget::beside(limits))) {
                Ok(Ok((child, supervision))) => {
                    let upkeep = Upkeep::new(Place::Cgroup(cgroup), &child, sampling, supervision);
                    return Ok((child, upkeep));
                }
                Ok(Err(NotStarted::Join(error))) => anyhow!("{}: {error}", cgroup.names()),
                Ok(Err(error)) => return Err(failed(error)),
                Err(error) => error,
            }
        }
        Err(NotMade::Refused(error)) => return Err(error.into()),
        Err(NotMade::NoRight(reason)) => reason,
    };
    say(room::no_cgroup(&no_right));
    let declared = Declared::new(limits, settings)?;
    environment.set(settings::CGROUP, declared.directory().as_os_str());
    let sampling = sample(sampling::roots_of_declared(&declared), settings, &mut environment);
    let (child, supervision) = launch.start(&environment, Vec::new(), Budget::default).map_err(failed)?;
    let upkeep = Upkeep::new(Place::Declared(declared), &child, sampling, supervision);
    Ok((child, upkeep))
}

/// What a program is started with, wherever it runs.
struct Launch<'p> {
    program: &'p [OsString],
    supervise: Supervise,
    /// Whether it has a pid namespace of its own.
    apart: Option<Apart>,
    watch: Option<&'p Watch>,
    inherited: Inherited,
}

impl Launch<'_> {
    /// Starts it with this environment, as a member of the cgroups whose `cgroup.procs` files are `joins`; supervised
    /// if that was asked for.
    fn start(
        &self,
        environment: &Environment,
        joins: Vec<File>,
        budget: impl FnOnce() -> Budget,
    ) -> Result<(Child, Option<Supervision>), NotStarted> {
        let start = child::Start {
            command: command(self.program),
            environment: environment.laid_out(),
            joins,
            inherited: self.inherited,
            apart: self.apart,
        };
        let start = move || child::start(start);
        if self.watch.is_none() && !self.supervise.is_wanted_for(&self.program[0]) {
            return Ok((start()?, None));
        }
        let observer = self.watch.map(|watch| Arc::clone(&watch.observer));
        let terms = Terms { gave: environment.clone(), observer };
        let supervised = match self.apart {
            Some(apart) if !apart.can_be_supervised() => Err(NotSupervised(
                anyhow!(
                    "with --pidns, only root's can be supervised, because a user's supervisor would be in the namespace too"
                ),
                start,
            )),
            _ => supervise::start(start, &terms, budget),
        };
        match supervised {
            Ok((child, supervision)) => {
                if let (Some(observer), false) = (&terms.observer, supervision.is_ours()) {
                    observer.sees_nothing("a cgproc run around this one supervises already");
                }
                Ok((child?, Some(supervision)))
            }
            Err(NotSupervised(error, _)) if self.supervise == Supervise::Always => Err(NotStarted::Unsupervised(error)),
            Err(NotSupervised(error, start)) => {
                if let Some(observer) = &terms.observer {
                    observer.sees_nothing(&failure::line(format_args!("{error:#}")));
                    return Ok((start()?, None));
                }
                let program = self.program[0].display();
                say(format_args!("{program} bypasses libc, and sees the machine's figures: {error:#}"));
                Ok((start()?, None))
            }
        }
    }

    fn failure(&self, error: NotStarted) -> Failure {
        match error {
            NotStarted::Join(error) | NotStarted::Exec(error) => Failure::of_exec(self.program[0].clone(), error),
            NotStarted::Unsupervised(error) => {
                error.context("--static: the program cannot be supervised (--static=auto runs it anyway)").into()
            }
            NotStarted::Together(error) => Error::new(error)
                .context("--pidns: no pid namespace with a /proc of its own can be made here; run it without --pidns")
                .into(),
        }
    }
}

/// Publishes the load below `roots` for the program, unless a sampler does. Another run's sampler does not count: it
/// publishes what its own program looks up. Nobody else can publish a declared view's load.
fn sample(roots: Vec<Root>, settings: &Settings, environment: &mut Environment) -> Option<Sampling> {
    let is_declared = roots.iter().any(|root| root.kinds == [Kind::Declared]);
    if !is_declared && !sampling::is_of_a_run(&settings.board) && sampler::is_running(&settings.board) {
        return None;
    }
    let sampling = Sampling::start(roots).unwrap_or_else(|error| {
        say(format_args!("the program sees the machine's load: {error:#}"));
        environment.set(settings::BOARD, settings.board.as_os_str());
        None
    })?;
    environment.set(settings::BOARD, sampling.board().as_os_str());
    Some(sampling)
}

fn command(program: &[OsString]) -> Command {
    let mut command = Command::new(&program[0]);
    command.args(&program[1..]);
    command
}

/// Makes programs that we start preload the object, and in front of it the `witness`, if there is one.
fn preload(environment: &mut Environment, witness: Option<&Path>) -> Result<(), Error> {
    const VARIABLE: &str = "LD_PRELOAD";
    let mut value = object::preload(&object::find()?, env::var_os(VARIABLE).as_deref());
    if let Some(witness) = witness {
        value = object::preload(witness, Some(&value));
    }
    environment.set(VARIABLE, &value);
    Ok(())
}
