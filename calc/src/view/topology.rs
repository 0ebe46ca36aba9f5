//! How the view's CPUs share packages.

use crate::{
    answer::CPUS,
    cpus::CpuSet,
    path,
    scan::{self, Name},
    source::{self, Files},
    text,
};

/// The number of packages in the largest machines that we know; any further ones are left out.
const MOST: usize = 16;

/// The view's part of each package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    known: [Package; MOST],
}

/// The view's part of one package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// `physical id` of cpuinfo.
    pub id: u32,
    /// CPUs in the view; 0 for no package.
    pub siblings: u32,
    /// Cores with a CPU in the view.
    pub cores: u32,
}

/// A list of CPUs: its old name, which kernels since 5.3 still have, and its new one.
type Names = [Name; 2];

static PACKAGE: Names = [Name::new("core_siblings_list"), Name::new("package_cpus_list")];
static CORE: Names = [Name::new("thread_siblings_list"), Name::new("core_cpus_list")];

impl Packages {
    /// Reads the packages in place; those unknown to the kernel are left out.
    ///
    /// Two files are opened per package and one per core: CPUs that share either are not asked again.
    pub fn read(&mut self, files: &impl Files, online: &CpuSet, scratch: &mut [u8]) {
        let mut left = *online;
        let mut known = self.known.iter_mut();
        while let Some(cpu) = left.iter().next()
            && let Some(package) = known.next()
        {
            *package = Package::take(&mut left, cpu, files, scratch).unwrap_or_default();
        }
    }

    /// Exactly these packages.
    #[cfg(test)]
    pub(crate) fn of_known(packages: &[Package]) -> Self {
        let mut known = [Package::default(); MOST];
        known[..packages.len()].copy_from_slice(packages);
        Self { known }
    }

    /// The package with this `physical id`; `None` if there are two: on s390x, each book counts anew.
    pub fn of(&self, id: u64) -> Option<Package> {
        let mut packages = self.known.into_iter().filter(|package| package.siblings > 0 && u64::from(package.id) == id);
        packages.next().filter(|_| packages.next().is_none())
    }
}

impl Package {
    /// Takes the package of `cpu` out of `left`, or only `cpu` if its package is unknown.
    fn take(left: &mut CpuSet, cpu: u64, files: &impl Files, scratch: &mut [u8]) -> Option<Self> {
        let mut own = CpuSet::EMPTY;
        let is_known = shared(&PACKAGE, cpu, &mut own, files, scratch);
        own.keep(left);
        left.remove(&own);
        is_known?;
        let id = physical_id(cpu, files, scratch)?;
        let siblings = u32::try_from(own.count()).ok()?;
        Some(Self { id, siblings, cores: cores(&mut own, files, scratch)? })
    }
}

/// The number of cores that `cpus` are on; takes the CPUs out of the set.
fn cores(cpus: &mut CpuSet, files: &impl Files, scratch: &mut [u8]) -> Option<u32> {
    let mut count = 0_u32;
    while let Some(cpu) = cpus.iter().next() {
        let mut core = CpuSet::EMPTY;
        shared(&CORE, cpu, &mut core, files, scratch)?;
        cpus.remove(&core);
        count = count.checked_add(1)?;
    }
    Some(count)
}

/// Adds to the empty `set` the CPUs that share with `cpu` what the lists of these names describe, and `cpu` itself;
/// only `cpu` if none can be understood.
#[inline(never)]
fn shared(names: &Names, cpu: u64, set: &mut CpuSet, files: &impl Files, scratch: &mut [u8]) -> Option<()> {
    let mut is_known = None;
    for name in names {
        *set = CpuSet::EMPTY;
        is_known = open(cpu, name.text(), files, scratch).and_then(|mut file| set.read(&mut file, scratch));
        if is_known.is_some() {
            break;
        }
        *set = CpuSet::EMPTY;
    }
    set.insert(cpu, cpu)?;
    is_known
}

/// `topology/physical_package_id`, which is −1 if unknown.
#[inline(never)]
fn physical_id(cpu: u64, files: &impl Files, scratch: &mut [u8]) -> Option<u32> {
    let mut file = open(cpu, b"physical_package_id", files, scratch)?;
    u32::try_from(scan::whole_number(source::read_whole(&mut file, scratch)?)?).ok()
}

/// Opens a file in a CPU's `topology` directory.
fn open<F: Files>(cpu: u64, name: &[u8], files: &F, scratch: &mut [u8]) -> Option<F::File> {
    let number = &mut [0; _];
    files.open(path::join(scratch, &[CPUS, b"/cpu", text::decimal(cpu, number), b"/topology/", name])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Tree;
    use proptest::prelude::*;
    use std::{collections::BTreeMap, format, string::ToString, vec::Vec};

    /// A machine with CPUs in these packages and cores.
    fn machine(cpus: &[(i64, u64)], names: [&str; 2]) -> Tree {
        let list = |is_with: &dyn Fn(&(i64, u64)) -> bool| {
            let with = cpus.iter().enumerate().filter(|(_, place)| is_with(place)).map(|(cpu, _)| cpu.to_string());
            with.collect::<Vec<_>>().join(",") + "\n"
        };
        cpus.iter().enumerate().fold(Tree::default(), |tree, (cpu, place)| {
            let path = |name| format!("/sys/devices/system/cpu/cpu{cpu}/topology/{name}");
            let tree = tree.with(&path(names[0]), list(&|other| other.0 == place.0));
            let tree = tree.with(&path(names[1]), list(&|other| other == place));
            tree.with(&path("physical_package_id"), format!("{}\n", place.0))
        })
    }

    const OLD: [&str; 2] = ["core_siblings_list", "thread_siblings_list"];
    const NEW: [&str; 2] = ["package_cpus_list", "core_cpus_list"];
    /// Two packages of two cores of two threads.
    const SMALL: [(i64, u64); 8] = [(0, 0), (1, 0), (0, 1), (1, 1), (0, 0), (1, 0), (0, 1), (1, 1)];

    /// The siblings and cores of a package.
    fn of(tree: &Tree, online: &str, id: u64) -> Option<(u32, u32)> {
        let mut packages = Packages::default();
        packages.read(tree, &CpuSet::parse(online.as_bytes()).unwrap(), &mut [0; 512]);
        packages.of(id).map(|package| (package.siblings, package.cores))
    }

    #[test]
    fn only_the_views_cpus_are_counted() {
        for names in [OLD, NEW] {
            let tree = machine(&SMALL, names);
            assert_eq!((of(&tree, "0-7", 0), of(&tree, "0-7", 1)), (Some((4, 2)), Some((4, 2))));
            assert_eq!((of(&tree, "0,2-4", 0), of(&tree, "0,2-4", 1)), (Some((3, 2)), Some((1, 1))));
            assert_eq!((of(&tree, "2", 0), of(&tree, "2", 1)), (Some((1, 1)), None));
        }
    }

    #[test]
    fn what_is_not_known_stays_out() {
        assert_eq!(of(&Tree::default(), "0-2047", 0), None);
        let path = |name| format!("/sys/devices/system/cpu/cpu0/topology/{name}");
        for (name, text) in
            [("core_siblings_list", "all\n"), ("thread_siblings_list", "-\n"), ("physical_package_id", "-1\n")]
        {
            let tree = machine(&SMALL, OLD).with(&path(name), text);
            assert_eq!(of(&tree, "0-1", 0), None, "{name}");
            assert_eq!(of(&tree, "0-1", 1), Some((1, 1)), "{name}");
        }
    }

    #[test]
    fn a_list_that_is_odd_leaves_it_to_the_other() {
        let path = |name| format!("/sys/devices/system/cpu/cpu0/topology/{name}");
        for (name, list) in [("core_siblings_list", "3,0-1,x\n"), ("thread_siblings_list", "0,1-\n")] {
            let tree = machine(&SMALL, OLD);
            let whole = of(&tree, "0-7", 0);
            let tree = tree.with(&path(name), list);
            let other = machine(&SMALL, NEW);
            let mut known = std::vec![0; 64];
            let new = if name == "core_siblings_list" { NEW[0] } else { NEW[1] };
            let c = std::ffi::CString::new(path(new)).unwrap();
            let list = source::read_whole(&mut other.open(&c).unwrap(), &mut known).unwrap().to_vec();
            assert_eq!(of(&tree.with(&path(new), list), "0-7", 0), whole, "{name}");
        }
    }

    #[test]
    fn an_id_that_two_packages_have_says_nothing() {
        let tree = machine(&SMALL, OLD).with("/sys/devices/system/cpu/cpu1/topology/physical_package_id", "0\n");
        assert_eq!(of(&tree, "0-7", 0), None);
        assert_eq!(of(&tree, "0,2", 0), Some((2, 2)));
    }

    #[test]
    fn of_many_packages_some_are_known() {
        let cpus: Vec<_> = (0..20).map(|package| (package, 0)).collect();
        let tree = machine(&cpus, NEW);
        assert_eq!(of(&tree, "0-19", 15), Some((1, 1)));
        assert_eq!(of(&tree, "0-19", 16), None);
    }

    proptest! {
        #[test]
        fn packages_are_those_of_the_model(cpus in prop::collection::vec((0_i64..5, 0_u64..4), 1..40), view in prop::collection::btree_set(0_u64..40, 1..20)) {
            let online: Vec<_> = view.into_iter().filter(|cpu| *cpu < cpus.len() as u64).collect();
            let mut model = BTreeMap::<i64, Vec<u64>>::new();
            for cpu in &online {
                let (package, core) = cpus[*cpu as usize];
                model.entry(package).or_default().push(core);
            }
            let list = online.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let tree = machine(&cpus, NEW);
            for id in 0..5 {
                let expected = model.get(&id).map(|cores| {
                    let distinct: std::collections::BTreeSet<_> = cores.iter().collect();
                    (cores.len() as u32, distinct.len() as u32)
                });
                prop_assert_eq!(of(&tree, &list, id as u64), expected);
            }
        }
    }
}
