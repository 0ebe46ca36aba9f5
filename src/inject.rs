//! What a container is given so that its programs see it, whoever gives it: an OCI runtime, a plugin of an engine, a
//! device of CDI. The container's image stays as it is.

pub(crate) mod choice;
pub(crate) mod layout;
pub(crate) mod preload;
pub(crate) mod room;
