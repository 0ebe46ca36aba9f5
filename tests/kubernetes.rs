//! `examples/kubernetes`, without a cluster: manifests are built by kustomize, read by the API server's decoder and validated
//! against published schemas; policies are applied to pods by the API server's own admission code. Needs what
//! tests/bed/kubernetes makes.

mod bed;

#[path = "kubernetes/admission.rs"]
mod admission;
#[path = "kubernetes/component.rs"]
mod component;
#[path = "kubernetes/manifests.rs"]
mod manifests;
#[path = "kubernetes/page.rs"]
mod page;
#[path = "kubernetes/pods.rs"]
mod pods;
#[path = "kubernetes/tools.rs"]
mod tools;
