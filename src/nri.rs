//! A plugin of container engines: it gives containers the view as they are created, by the Node Resource Interface of
//! containerd, CRI-O and Docker.
//!
//! The engine listens on a socket. Its frames (`trunk`) carry two connections: on one, the engine calls us, and on the
//! other, we call the engine, which we do once, to register. Both speak ttRPC (`ttrpc`), whose calls are protocol
//! buffers (`messages`). `session` holds one conversation with an engine, `plugin` answers its calls, and `adjustment`
//! is what a new container is given. `service` begins again whenever an engine has gone.
//!
//! An engine waits for our answer, and fails a container whose answer is an error. So each answer is given at once, and
//! none is an error: in doubt, the container stays as it is.

mod adjustment;
mod messages;
mod plugin;
mod service;
mod session;
mod trunk;
mod ttrpc;

pub(crate) use service::{NriOptions, run};
