//! Where the exporter listens.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

/// An address as it is written on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A port of this machine's, or of its loopback alone.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    /// `PORT` and `:PORT` mean the loopback: nobody else's machine is let in without an address that says so. Names are
    /// not looked up.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Unix(path)) } else { Err("not an absolute path".to_owned()) };
        }
        let port = text.strip_prefix(':').unwrap_or(text);
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if is_port {
            let port = port.parse().map_err(|_| "not a port from 0 to 65535".to_owned())?;
            return Ok(Self::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        text.parse().map(Self::Tcp).map_err(|_| "not PORT, IP:PORT, [IPV6]:PORT or unix:/PATH".to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(to),
            Self::Unix(path) => write!(to, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_the_loopbacks() {
        let said = |text: &str| text.parse::<Address>().map(|it| it.to_string());
        for (text, address) in [
            ("9753", "127.0.0.1:9753"),
            (":9753", "127.0.0.1:9753"),
            ("0", "127.0.0.1:0"),
            ("10.1.2.3:80", "10.1.2.3:80"),
            ("0.0.0.0:9753", "0.0.0.0:9753"),
            ("[::]:9753", "[::]:9753"),
            ("unix:/run/cgproc-metrics/socket", "unix:/run/cgproc-metrics/socket"),
        ] {
            assert_eq!(said(text).as_deref(), Ok(address), "{text}");
        }
        for text in ["", ":", "65536", "-1", "9753x", "localhost:9753", "10.1.2.3", "::1:80", "unix:", "unix:socket"] {
            assert!(said(text).is_err(), "{text}");
        }
    }
}
