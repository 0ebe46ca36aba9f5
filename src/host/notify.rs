//! What the service manager is told (`sd_notify(3)`).

use sd_notify::NotifyState;
use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// Tells the service manager a state, if there is one. It is no failure if nobody listens.
pub(crate) fn tell(state: NotifyState<'_>) {
    let _ = match env::var_os("NOTIFY_SOCKET") {
        Some(name) if name.as_bytes().starts_with(b"@") => send(&name, &state.to_string()),
        _ => sd_notify::notify(&[state]),
    };
}

/// Sends to an abstract socket, which the library would take for a file.
fn send(name: &OsStr, state: &str) -> io::Result<()> {
    let address = SocketAddr::from_abstract_name(&name.as_bytes()[1..])?;
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}
