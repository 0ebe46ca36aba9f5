//! Containers as their users make them: runc, crun, Docker, podman, systemd as the first process, logins, an engine in
//! a container. free, nproc and uptime show each container its own figures, and without the library the machine's.
//! Needs root.

mod bed;

#[path = "containers/docker.rs"]
mod docker;
#[path = "containers/harness.rs"]
mod harness;
#[path = "containers/logins.rs"]
mod logins;
#[path = "containers/nested.rs"]
mod nested;
#[path = "containers/oci.rs"]
mod oci;
#[path = "containers/podman.rs"]
mod podman;
#[path = "containers/probe.rs"]
mod probe;
#[path = "containers/system.rs"]
mod system;
