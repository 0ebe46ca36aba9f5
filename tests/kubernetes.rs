//! `examples/kubernetes`, without a cluster: manifests are built by kustomize, read by the API server's decoder and validated
//! against published schemas; policies are applied to pods by the API server's own admission code; the node agent runs
//! beside a real containerd. Needs root, and what tests/bed/kubernetes makes.

mod bed;

#[path = "kubernetes/admission.rs"]
mod admission;
#[path = "kubernetes/agent.rs"]
mod agent;
#[path = "kubernetes/component.rs"]
mod component;
#[path = "containers/harness.rs"]
#[allow(dead_code, reason = "the ring of containers uses the rest")]
mod harness;
#[path = "kubernetes/manifests.rs"]
mod manifests;
#[path = "kubernetes/page.rs"]
mod page;
#[path = "kubernetes/pods.rs"]
mod pods;
#[path = "containers/probe.rs"]
#[allow(dead_code, reason = "the ring of containers uses the rest")]
mod probe;
#[path = "kubernetes/tools.rs"]
mod tools;
