//! Making a connection: addresses, a socket, and TLS where the URL says so, all within the connect time-out.
//!
//! Called by `engine` when the pool has nothing. The way through a proxy is `proxied`. Decides nothing about reuse:
//! [`origin`] and [`settings_id`] say which requests may share what was made here.

use crate::connection::{Connection, Counted};
use crate::engine::Outgoing;
use crate::net::Net;
use crate::reach::Reach;
use crate::resolve::Names;
use crate::timings::Making;
use crate::tls;
use entreat_core::policy::proxy;
use entreat_core::pool::Key;
use entreat_core::{Result, Scheme, TlsRules};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// What it takes to make a connection for one request.
pub(crate) struct Dialler<'a, N: Net> {
    pub(crate) net: &'a N,
    pub(crate) tls: &'a tls::Contexts,
    pub(crate) names: &'a Names,
    pub(crate) outgoing: &'a Outgoing<'a>,
    /// How many connections the client has open.
    pub(crate) open: &'a Arc<AtomicUsize>,
}

impl<N: Net> Dialler<'_, N> {
    /// Resolves, connects and, for https, shakes hands; all within the connect time-out.
    pub(crate) async fn open(&self, key: Key<'_>) -> Result<Box<Connection<N::Stream>>> {
        let (outgoing, url, now) = (self.outgoing, self.outgoing.url, self.net.now());
        if let Some(proxy) = outgoing.proxy {
            // In a box, so that the way without a proxy does not carry the room for it.
            return Box::pin(self.open_through(proxy, key)).await;
        }
        let deadline = outgoing.deadlines.connect(now);
        // First of all, as it finds out whether what the rules name can be read.
        let session = match url.scheme() {
            Scheme::Http | Scheme::HttpUnix => None,
            Scheme::Https => Some(self.tls.session(&outgoing.settings.tls, url.host())?),
        };
        let (stream, resolved) = self.reach().url(url, deadline).await?;
        let making = Making::new(now, resolved);
        let mut connection = Box::new(Connection::new(stream, key, Counted::new(self.open), now, making));
        match session {
            Some(session) => connection.secure(self.net, session, deadline).await?,
            None => connection.note(|making| making.connected(self.net.now())),
        }
        Ok(connection)
    }

    pub(crate) fn reach(&self) -> Reach<'_, N> {
        Reach { net: self.net, names: self.names, network: &self.outgoing.settings.network }
    }
}

/// What the pool files a connection for the request under: its origin; where a proxy forwards for all origins, the proxy.
pub(crate) fn origin<'a>(outgoing: &Outgoing<'a>) -> Cow<'a, str> {
    match outgoing.proxy {
        Some(proxy) if proxy.forwards(outgoing.url.scheme()) => Cow::Borrowed(proxy.name()),
        Some(_) | None => outgoing.url.origin(),
    }
}

/// A number for the settings that a connection was made under, the proxy among them; 0 where they are the defaults.
pub(crate) fn settings_id(outgoing: &Outgoing<'_>) -> u64 {
    let (rules, network) = (&outgoing.settings.tls, outgoing.settings.network.id());
    let is_secure = outgoing.url.scheme() == Scheme::Https;
    if outgoing.proxy.is_none() && (!is_secure || **rules == TlsRules::default()) {
        return network;
    }
    let mut hasher = DefaultHasher::new();
    network.hash(&mut hasher);
    if is_secure {
        rules.hash(&mut hasher);
    }
    if let Some(proxy) = outgoing.proxy {
        proxy.id().hash(&mut hasher);
        if proxy.server().scheme == proxy::Scheme::Https {
            outgoing.settings.tls_with_proxy().hash(&mut hasher);
        }
    }
    hasher.finish()
}
