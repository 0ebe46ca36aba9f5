//! The limits of cgroups that a program leaves because its own is created above them: it keeps those limits.

use super::Setting;
use anyhow::{Context, Result, anyhow, bail, ensure};
use calc::cpus::CpuSet;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Version 2 values by file name: the strictest of all cgroups that are left.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Carried(BTreeMap<String, String>);

/// The lists that a cgroup can set, each with its effective list, which depends on the cgroups above.
const LISTS: [(&str, &str); 2] = [("cpuset.cpus", "cpuset.cpus.effective"), ("cpuset.mems", "cpuset.mems.effective")];

impl Carried {
    /// The limits of the cgroups `left`, innermost first. The children of their common parent have all of these limits
    /// too.
    pub(super) fn from(left: &[PathBuf]) -> Result<Self> {
        let mut carried = Self::default();
        for directory in left {
            let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
            for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
                if let Some(value) = limit(directory, &name)? {
                    carried.add(name, value)?;
                }
            }
        }
        for (name, effective) in LISTS {
            let texts = |file| left.iter().filter_map(move |it| fs::read_to_string(it.join(file)).ok());
            if texts(name).any(|list| !list.trim().is_empty()) {
                let list = texts(effective).next().with_context(|| effective.to_owned())?;
                carried.0.insert(name.to_owned(), list.trim().to_owned());
            }
        }
        Ok(carried)
    }

    fn add(&mut self, name: String, value: String) -> Result<()> {
        let value = match self.0.get(&name) {
            Some(inner) => stricter(&name, inner, &value)?,
            None => value,
        };
        self.0.insert(name, value);
        Ok(())
    }

    /// The values to write, in this order, so that both the `asked` limits and the carried ones hold.
    pub(super) fn and(mut self, asked: Vec<Setting>) -> Result<Vec<(String, String)>> {
        let mut all = Vec::new();
        for Setting { file, value, .. } in asked {
            let carried = self.0.remove(file);
            let value = carried.map_or(Ok(value.clone()), |carried| stricter(file, &value, &carried))?;
            all.push((file.to_owned(), value));
        }
        all.extend(self.0);
        Ok(all)
    }
}

/// The limit in the file `name` in `directory`; `None` if it limits nothing.
fn limit(directory: &Path, name: &str) -> Result<Option<String>> {
    if !(name.ends_with(".max") || name.ends_with(".high")) {
        return Ok(None);
    }
    let path = directory.join(name);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let text = text.trim();
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    // `8:16 rbps=max wbps=1048576`, in a file with several limits.
    let is_limit = text.split([' ', '\n', '=']).any(is_number) && !text.starts_with("max");
    let is_known = name == "cpu.max" || text.parse::<u64>().is_ok();
    if is_limit && !is_known {
        bail!(
            "{} is {text:?}, and a cgroup beside it would escape that limit: set it on a cgroup above, or run from another one",
            path.display()
        );
    }
    Ok(is_limit.then(|| text.to_owned()))
}

/// The stricter of two values of the file `name`.
fn stricter(name: &str, one: &str, other: &str) -> Result<String> {
    let is_one = match name {
        "cpu.max" => {
            let ((quota, period), (others_quota, others_period)) = (rate(one)?, rate(other)?);
            quota * others_period <= others_quota * period
        }
        "cpuset.cpus" | "cpuset.mems" => {
            let sets = [one, other].map(|list| CpuSet::parse(list.as_bytes()));
            let [Some(asked), Some(there)] = sets else { bail!("{name}: {one}, {other}") };
            ensure!(asked.and(&there) == asked, "{name} {one}: our own cgroup has {other}");
            true
        }
        _ => number(one)? <= number(other)?,
    };
    Ok(if is_one { one } else { other }.to_owned())
}

/// A quota and its period.
fn rate(text: &str) -> Result<(u128, u128)> {
    let (quota, period) = text.split_once(' ').with_context(|| format!("cpu.max {text}"))?;
    Ok((number(quota)?, number(period)?))
}

fn number(text: &str) -> Result<u128> {
    text.parse().map_err(|_| anyhow!("{text:?} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limits carried from cgroups with these files, innermost first.
    fn carried(left: &[&[(&str, &str)]]) -> Result<Carried> {
        let home = tempfile::tempdir().unwrap();
        let directories: Vec<PathBuf> = (0..left.len()).map(|level| home.path().join(level.to_string())).collect();
        for (directory, files) in directories.iter().zip(left) {
            fs::create_dir_all(directory).unwrap();
            files.iter().for_each(|(name, text)| fs::write(directory.join(name), format!("{text}\n")).unwrap());
        }
        Carried::from(&directories)
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_strictest_of_all_levels_and_of_what_is_asked() {
        let inner = [("memory.max", "max"), ("memory.high", "4096"), ("cpu.max", "20000 40000"), ("pids.max", "7")];
        let outer = [("memory.max", "8192"), ("memory.high", "2048"), ("cpu.max", "60000 100000"), ("io.max", "")];
        let carried = carried(&[&inner, &outer]).unwrap();
        let asked = vec![
            Setting::new("memory", "memory.max", 4096),
            Setting::new("cpu", "cpu.max", "90000 100000"),
            Setting::new("pids", "pids.max", 8),
        ];
        let all = [("memory.max", "4096"), ("cpu.max", "20000 40000"), ("pids.max", "7"), ("memory.high", "2048")];
        assert_eq!(carried.and(asked).unwrap(), pairs(&all));
    }

    #[test]
    fn lists_are_what_the_innermost_has() {
        let left = [("cpuset.cpus", ""), ("cpuset.cpus.effective", "0-1"), ("cpuset.mems", "")];
        let above = [("cpuset.cpus", "0-3"), ("cpuset.cpus.effective", "0-3"), ("cpuset.mems", "")];
        let asked = |list| vec![Setting::new("cpuset", "cpuset.cpus", list)];
        let both = || carried(&[&left, &above]).unwrap();
        assert_eq!(both().and(Vec::new()).unwrap(), pairs(&[("cpuset.cpus", "0-1")]));
        assert_eq!(both().and(asked("1")).unwrap(), pairs(&[("cpuset.cpus", "1")]));
        assert!(both().and(asked("1-2")).is_err());
        assert_eq!(carried(&[&left]).unwrap(), Carried::default(), "nobody has set any");
    }

    #[test]
    fn what_cannot_be_carried_is_refused() {
        for (name, text) in [
            ("io.max", "8:16 rbps=max wbps=1048576 riops=max wiops=max"),
            ("rdma.max", "mlx4_0 hca_handle=2 hca_object=max"),
            ("misc.max", "sev 10"),
            ("cpu.uclamp.max", "50.00"),
        ] {
            let reason = carried(&[&[(name, text)]]).unwrap_err().to_string();
            assert!(reason.contains(name) && reason.contains(text), "{reason}");
        }
        let none = [("io.max", ""), ("misc.max", "sev max"), ("cpu.uclamp.max", "max"), ("cpu.max", "max 100000")];
        assert_eq!(carried(&[&none]).unwrap(), Carried::default());
    }
}
