//! What the exporter accepts connections on.

use super::{
    address::Address,
    unix::{self, Socket},
};
use anyhow::{Context, Result};
use rustix::net::sockopt;
use std::{net::TcpListener, os::unix::net::UnixListener};

/// A socket that listens.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// How much the kernel keeps for one connection in each direction. Its own defaults grow to some MiB, which count as the
/// sampler's.
const BUFFER_BYTES: usize = 64 << 10;

/// Listens at an address. The second is the socket's file, if it has one.
pub(super) fn listen(address: &Address) -> Result<(Listener, Option<Socket>)> {
    let said = || format!("metrics at {address}");
    let (listener, socket) = match address {
        Address::Tcp(at) => (Listener::Tcp(TcpListener::bind(at).with_context(said)?), None),
        Address::Unix(path) => {
            let (listener, socket) = unix::listen(path).with_context(said)?;
            (Listener::Unix(listener), Some(socket))
        }
    };
    listener.bound().with_context(said)?;
    Ok((listener, socket))
}

impl Listener {
    /// The address in words: the kernel may have chosen the port.
    pub(super) fn url(&self) -> Option<String> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|it| format!("http://{it}/metrics")),
            Self::Unix(_) => None,
        }
    }

    /// Sets what its connections inherit.
    fn bound(&self) -> std::io::Result<()> {
        match self {
            Self::Tcp(listener) => {
                sockopt::set_socket_send_buffer_size(listener, BUFFER_BYTES)?;
                sockopt::set_socket_recv_buffer_size(listener, BUFFER_BYTES)?;
                listener.set_nonblocking(true)
            }
            Self::Unix(listener) => listener.set_nonblocking(true),
        }
    }
}
