//! The limits that apply to the view, even if something else answers the files that show them.

use super::{
    figures::RecordedView,
    limit::Resource,
    print,
    quantity::{Quantity, Unit},
};
use crate::{
    host::kernel::{self, Kernel},
    see::{
        recorder::Recorder,
        view::{self, View},
    },
};
use calc::source::Files;

/// A limit in force, for a message.
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) imposer: String,
}

type Measure = fn(&View<Recorder<Kernel>>) -> Option<Quantity>;

impl RecordedView<'_> {
    /// Each limit that is lower than what the machine has.
    pub(super) fn limits(&self) -> Vec<Limit> {
        let memory =
            [self.limit("memory.total", Resource::Memory, memory), self.limit("swap.total", Resource::Swap, swap)];
        let counts = [self.limit("cpus.count", Resource::Cpus, cpus), self.limit("threads-max", Resource::Pids, pids)];
        memory.into_iter().chain([self.quota()]).chain(counts).flatten().collect()
    }

    fn limit(&self, name: &str, resource: Resource, value: Measure) -> Option<Limit> {
        let value = value(&self.view)?.to_string();
        let imposer = print::name_of(&self.setters.imposer(resource, &self.view)?);
        Some(Limit { name: name.to_owned(), value, imposer })
    }

    /// It is in no file, so nothing can hide it.
    fn quota(&self) -> Option<Limit> {
        let quota = self.capacity().into_iter().find(|it| it.name == "cpus.quota")?;
        let imposer = print::name_of(&quota.limited_by?);
        Some(Limit { value: quota.here?.to_string(), name: quota.name, imposer })
    }
}

fn memory(view: &View<Recorder<Kernel>>) -> Option<Quantity> {
    Some(Quantity::whole(view.memory()?.total_bytes, Unit::Bytes))
}

fn swap(view: &View<Recorder<Kernel>>) -> Option<Quantity> {
    let swap = view.memory()?.swap.filter(|swap| swap.total_bytes < view.machine.swap_bytes)?;
    Some(Quantity::whole(swap.total_bytes, Unit::Bytes))
}

fn cpus(view: &View<Recorder<Kernel>>) -> Option<Quantity> {
    let count = view.cpus()?.online.count();
    view::machine_cpus().is_some_and(|all| count < all).then(|| Quantity::whole(count, Unit::Cpus))
}

fn pids(view: &View<Recorder<Kernel>>) -> Option<Quantity> {
    let limit = view.threads_limit()?.value;
    let machines = Kernel.open(c"/proc/sys/kernel/threads-max").as_mut().and_then(kernel::whole)?;
    let most: u64 = String::from_utf8(machines).ok()?.trim().parse().ok()?;
    (limit < most).then(|| Quantity::whole(limit, Unit::Threads))
}
