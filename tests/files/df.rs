//! The size of the root: where a container is told how much of the disk it may take, and a sampler measures what it has taken,
//! `df` and its like show that. Everywhere else they show the kernel's figures.

use crate::{
    bed::{self, PLAIN, until, until_but},
    boards::{Sampler, slot},
    harness::Running,
    processes::Place,
};
use std::{fs, path::PathBuf, process::Command};

const LIMIT_BYTES: u64 = 64 << 20;

/// What a sampler is told to look at disks every few seconds.
const DISK: [&str; 3] = ["--disk", "--interval", "0.5"];

/// Gives the container an overlay for its root, as engines do, then prints what the doors show until a file is there.
const ROOTED: &str = "set -e; mkdir work root
mount -t overlay overlay -o lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work root
mount -t proc proc root/proc; for it in sys dev; do mount --rbind /$it root/$it; done
cd root; mkdir old; pivot_root . old; umount -l old
head -c 8M /dev/zero >/written
until [ -e $END ]; do
  echo df $(df -B1 --output=size,used,avail / | tail -n 1)
  echo busybox $(busybox df -k / | awk 'NR == 2 {print $2 * 1024, $3 * 1024, $4 * 1024}')
  echo stat $(stat -f -c '%b %f %a %S' / | awk '{print $1 * $4, ($1 - $2) * $4, $3 * $4}')
  echo python $(python3 -c 'import shutil; print(*shutil.disk_usage(\"/\"))')
  echo below $(df -B1 --output=size,used,avail /written | tail -n 1)
  echo other $(df -B1 --output=size /dev/shm | tail -n 1)
  sleep 0.2
done";

const DOORS: [&str; 5] = ["df", "busybox", "stat", "python", "below"];

/// A container with an overlay for its root.
struct Rooted {
    container: Running,
    home: PathBuf,
    end: PathBuf,
}

impl Rooted {
    fn start(place: &Place, settings: &str) -> Self {
        let home = place.file("home");
        fs::create_dir_all(home.join("upper")).expect("its upper layer");
        let end = place.file("end");
        let script = format!("{settings}\nEND={}; cd {}; {ROOTED}", end.display(), home.display());
        Self { container: Running::start(&PLAIN, place, &script, bed::PATIENCE_SEC), home, end }
    }

    fn end(self) {
        fs::write(self.end, "").expect("a file in memory");
        self.container.whole();
    }

    /// The last that `door` showed: size, used, available.
    fn last(&self, door: &str) -> Option<Vec<u64>> {
        let text = self.container.text();
        let line = text.lines().filter_map(|line| line.strip_prefix(door)?.strip_prefix(' ')).next_back()?;
        line.split(' ').map(|word| word.parse().ok()).collect()
    }

    fn upper_bytes(&self) -> u64 {
        let du = Command::new("du").args(["-sx", "--block-size=1"]).arg(self.home.join("upper")).output().expect("du");
        let text = String::from_utf8_lossy(&du.stdout);
        text.split_whitespace().next().and_then(|size| size.parse().ok()).expect("bytes")
    }
}

fn with_limit() -> String {
    format!("export CGPROC_DISK={LIMIT_BYTES}")
}

#[test]
fn the_root_is_as_large_as_allowed() {
    bed::log_machine();
    let place = Place::new();
    let _sampler = Sampler::start(&place, &DISK);
    let rooted = Rooted::start(&place, &with_limit());
    let agree = || {
        let used = rooted.upper_bytes();
        let shown = [LIMIT_BYTES, used, LIMIT_BYTES - used];
        used >= 8 << 20 && DOORS.iter().all(|door| rooted.last(door).is_some_and(|last| last[..] == shown))
    };
    let seen = || format!("{} in the upper layer, {:?}", rooted.upper_bytes(), DOORS.map(|door| rooted.last(door)));
    until_but("every door shows what was measured", agree, seen);
    println!("df: {:?}", rooted.last("df"));
    let kernels = bed::sh("df -B1 --output=size /dev/shm | tail -n 1");
    assert_eq!(rooted.last("other"), Some(vec![kernels.trim().parse().expect("bytes")]));
    rooted.end();
}

/// A limit and nobody who measures, or a measure without a limit: the kernel's figures.
#[test]
fn the_root_is_the_kernels_otherwise() {
    let limit = with_limit();
    for (settings, options) in [(&*limit, None), (&*limit, Some(&[][..])), ("", Some(&DISK[..]))] {
        let place = Place::new();
        let sampler = options.map(|options| Sampler::start(&place, options));
        let rooted = Rooted::start(&place, settings);
        let key = rooted.container.key();
        let published = || slot(&place.board(), key);
        until("what is measured", || match options {
            None => true,
            Some([]) => published().is_some(),
            Some(_) => published().is_some_and(|block| block.disk_used_bytes().is_some()),
        });
        let rounds = || rooted.container.text().matches("other").count();
        let before = rounds();
        until("two more looks", || rounds() >= before + 2);
        let (root, other) = (rooted.last("df"), rooted.last("other"));
        println!("{settings:?}, sampler {}: {root:?}", sampler.is_some());
        // The upper layer is there.
        assert_eq!(root.map(|shown| shown[0]), other.map(|shown| shown[0]));
        rooted.end();
    }
}
