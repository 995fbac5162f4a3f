//! From a host to a connected stream: its addresses, the guard over them, and the race between them; or a socket of the
//! file system.
//!
//! Called for an origin, or for a proxy on the way to one. A proxy that is told an address gets it from
//! [`Reach::resolve`]; what a proxy resolves by itself goes through [`check_beyond_proxy`]. Decides nothing: which
//! addresses are let through is core's `policy::guard`.

use crate::net::Net;
use crate::resolve::Names;
use entreat_core::policy::guard::{self, Decision, Guard};
use entreat_core::{Deadline, Error, Kind, Network, Result, Url};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What it takes to reach a host.
pub(crate) struct Reach<'a, N: Net> {
    pub(crate) net: &'a N,
    pub(crate) names: &'a Names,
    pub(crate) network: &'a Network,
}

impl<N: Net> Reach<'_, N> {
    /// A stream to the URL's origin itself, and when its addresses were known.
    pub(crate) async fn url(&self, url: &Url, deadline: Deadline) -> Result<(N::Stream, Instant)> {
        if let Some(path) = socket_of(url, self.network)? {
            if self.network.guard.guard == Guard::Public {
                return Err(blocked(format!("{}, a socket of the file system", path.display())));
            }
            let resolved = self.net.now();
            return Ok((self.net.connect_unix(&path, deadline).await?, resolved));
        }
        let allowed = self.resolve(url, deadline).await?;
        self.connect(url.host(), &allowed, deadline).await
    }

    /// The addresses of the URL's host that the guard lets through: also for a proxy that is told an address.
    pub(crate) async fn resolve(&self, url: &Url, deadline: Deadline) -> Result<Vec<SocketAddr>> {
        let found = self.addresses(url.host(), url.port(), deadline).await?;
        allowed(found, &self.network.guard)
    }

    /// The same to a proxy, wherever that is: whoever named it meant it.
    pub(crate) async fn proxy(
        &self,
        host: &str,
        port: u16,
        deadline: Deadline,
    ) -> Result<(N::Stream, Instant)> {
        let found = self.addresses(host, port, deadline).await?;
        self.connect(host, &found, deadline).await
    }

    async fn addresses(&self, host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>> {
        self.names.addresses(self.net, host, port, self.network, deadline).await
    }

    async fn connect(
        &self,
        host: &str,
        addresses: &[SocketAddr],
        deadline: Deadline,
    ) -> Result<(N::Stream, Instant)> {
        let resolved = self.net.now();
        let connected = self.net.connect(addresses, self.network, deadline).await;
        if connected.is_err() {
            self.names.forget(host);
        }
        Ok((connected?, resolved))
    }
}

/// Refuses what a proxy is asked to reach where the guard can tell that it is not public: the name itself goes to the
/// proxy, which resolves it.
///
/// # Errors
/// [`Kind::BlockedAddress`].
pub(crate) fn check_beyond_proxy(url: &Url, network: &Network) -> Result<()> {
    match guard::decide_name(&network.guard, url.host()) {
        Decision::Pass => Ok(()),
        Decision::Refuse(class) => Err(blocked(format!("{} ({class})", url.host()))),
    }
}

/// The addresses that the guard lets through; the others are never dialled.
fn allowed(mut found: Vec<SocketAddr>, rules: &guard::Rules) -> Result<Vec<SocketAddr>> {
    let mut refused = None;
    found.retain(|address| match guard::decide(rules, address.ip()) {
        Decision::Pass => true,
        Decision::Refuse(class) => {
            refused.get_or_insert_with(|| format!("{} ({class})", address.ip()));
            false
        }
    });
    match refused {
        Some(refused) if found.is_empty() => Err(blocked(refused)),
        Some(_) | None => Ok(found),
    }
}

fn blocked(seen: String) -> Error {
    let hint = "guard_allow lets through what is meant to be reached";
    Error::new(Kind::BlockedAddress).expected("a public address").seen(seen).hint(hint)
}

/// The socket of the file system that stands for the URL's host.
fn socket_of<'a>(url: &Url, network: &'a Network) -> Result<Option<Cow<'a, Path>>> {
    match (url.socket_path(), &network.unix_socket) {
        (Some(bytes), _) => path_of(bytes.into_owned()).map(|path| Some(Cow::Owned(path))),
        (None, Some(path)) => Ok(Some(Cow::Borrowed(path))),
        (None, None) => Ok(None),
    }
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> Result<PathBuf> {
    let text = String::from_utf8(bytes);
    text.map(PathBuf::from).map_err(|error| Error::new(Kind::InvalidUrl).with_source(error))
}
