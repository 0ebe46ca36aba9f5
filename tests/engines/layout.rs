//! The layout by itself: what an engine mounts into a container is enough for the view.

use crate::{
    bed::Findings,
    on_a_host,
    probe::{Row, limited, quota_usec},
};

#[test]
fn three_mounts_give_a_container_the_view() {
    let quota = quota_usec();
    let script = format!(
        "echo version podman $(podman version --format '{{{{.Client.Version}}}}')
         podman run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --cgroup-parent /$CGROUP \
         --memory 512m --cpu-period 100000 --cpu-quota {quota} --volume /usr/lib/cgproc:/usr/lib/cgproc:ro \
         --volume /run/cgproc:/run/cgproc:ro --volume /usr/lib/cgproc/ld.so.preload:/etc/ld.so.preload:ro \
         base env -u LD_PRELOAD probe mounts"
    );
    let said = on_a_host(&["podman", "bash", "-euc", &script]);
    let mut findings = Findings::default();
    let row = Row { runtime: "podman, by mounts", version: said.value("version", "podman").expect("its version") };
    said.shows_container(&mut findings, &row, "mounts", limited());
    findings.conclude("layout");
}
