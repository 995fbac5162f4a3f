//! Making a connection through a proxy: to it, past it, and on to the origin, all within the connect time-out.
//!
//! Called by `dial`. Moves the bytes of core's `tunnel` (CONNECT) and `socks`, and lays TLS over what they give, inside
//! the TLS with the proxy where that speaks it. Everything that can be refused is refused before the proxy is bothered.
//! Which proxy it is was decided before, by core's `route`.

use crate::connection::{Connection, Counted};
use crate::dial::Dialler;
use crate::net::Net;
use crate::timings::Making;
use crate::tls;
use entreat_core::policy::guard::Guard;
use entreat_core::policy::proxy;
use entreat_core::pool::Key;
use entreat_core::route::Proxy;
use entreat_core::socks::{Handshake, Refusal, Target};
use entreat_core::tunnel::{self, Tunnel};
use entreat_core::{Deadline, Error, Kind, Result, Scheme, socks};
use std::time::Duration;

/// How long the rest of a refusal is waited for: what the proxy says is worth that, but not a time-out in its place.
const REASONS: Duration = Duration::from_millis(250);

impl<N: Net> Dialler<'_, N> {
    /// A connection to the origin through `proxy`, or to the proxy itself where it forwards.
    pub(crate) async fn open_through(
        &self,
        proxy: &Proxy,
        key: Key<'_>,
    ) -> Result<Box<Connection<N::Stream>>> {
        let (outgoing, now) = (self.outgoing, self.net.now());
        let deadline = outgoing.deadlines.connect(now);
        let session = match outgoing.url.scheme() {
            Scheme::Http | Scheme::HttpUnix => None,
            Scheme::Https => Some(self.tls.session(&outgoing.settings.tls, outgoing.url.host())?),
        };
        let mut connection = match proxy.server().scheme {
            proxy::Scheme::Http | proxy::Scheme::Https => self.open_by_http(proxy, key, deadline).await?,
            proxy::Scheme::Socks4
            | proxy::Scheme::Socks4a
            | proxy::Scheme::Socks5
            | proxy::Scheme::Socks5h => self.open_by_socks(proxy, key, deadline).await?,
        };
        match session {
            Some(session) => connection.secure(self.net, session, deadline).await?,
            None => connection.note(|making| making.connected(self.net.now())),
        }
        Ok(connection)
    }

    async fn open_by_http(
        &self,
        proxy: &Proxy,
        key: Key<'_>,
        deadline: Deadline,
    ) -> Result<Box<Connection<N::Stream>>> {
        let outgoing = self.outgoing;
        let forwards = proxy.forwards(outgoing.url.scheme());
        let request = match forwards {
            true => Vec::new(),
            false => tunnel::request(outgoing.url, &outgoing.settings.user_agent, proxy.fields())?,
        };
        let mut connection = self.open_to(proxy, key, deadline).await?;
        if !forwards {
            let tunnelled = self.tunnel(&mut connection, &request, deadline).await;
            tunnelled.map_err(|error| at(proxy, error))?;
        }
        Ok(connection)
    }

    /// Sends a CONNECT and reads its answer up to where the tunnel begins.
    async fn tunnel(
        &self,
        connection: &mut Connection<N::Stream>,
        request: &[u8],
        deadline: Deadline,
    ) -> Result<()> {
        connection.send_until(self.net, request, deadline).await?;
        let mut tunnel = Tunnel::new(self.outgoing.settings.head_limits);
        let mut patience = deadline;
        loop {
            let waited = tunnel.is_refused();
            match tunnel.receive(connection.received.as_slice())? {
                tunnel::Step::More(taken) => connection.received.consume(taken),
                tunnel::Step::Open(taken) => {
                    connection.received.consume(taken);
                    return Ok(());
                }
            }
            if tunnel.is_refused() && !waited {
                patience = sooner(deadline, self.net.now() + REASONS);
            }
            match connection.receive(self.net, patience).await {
                Ok(0) => return Err(tunnel.end(connection.received.as_slice())),
                Err(error) if tunnel.is_refused() && error.kind() != Kind::Interrupted => {
                    return Err(tunnel.end(connection.received.as_slice()));
                }
                received => received?,
            };
        }
    }

    async fn open_by_socks(
        &self,
        proxy: &Proxy,
        key: Key<'_>,
        deadline: Deadline,
    ) -> Result<Box<Connection<N::Stream>>> {
        let mut greeted = self.greet(proxy, key, deadline).await?;
        let mut handshakes = Vec::new();
        for target in self.targets(proxy.server().scheme, deadline).await? {
            handshakes.push(Handshake::new(proxy.server(), &target, self.outgoing.url.port())?);
        }
        let mut refused = None;
        for (handshake, greeting) in handshakes {
            let (mut connection, greeting) = match greeted.take() {
                Some(connection) => (connection, Vec::new()),
                None => (self.open_to(proxy, key, deadline).await?, greeting),
            };
            let shaken = self.shake_hands(&mut connection, handshake, &greeting, deadline).await;
            match shaken.map_err(|error| at(proxy, error))? {
                None => return Ok(connection),
                Some(refusal) if refusal.is_about_the_address() => refused = Some(refusal),
                Some(refusal) => return Err(at(proxy, refusal.into_error())),
            }
        }
        // There is a refusal, as there was a target: a net finds at least one address, or fails.
        Err(at(proxy, refused.unwrap_or(Refusal::General).into_error()))
    }

    /// A proxy that is told addresses is greeted before they are looked up, and has to answer, as PySocks has it: whether it
    /// is there is found out first. Not behind a guard, which may refuse what is found.
    async fn greet(
        &self,
        proxy: &Proxy,
        key: Key<'_>,
        deadline: Deadline,
    ) -> Result<Option<Box<Connection<N::Stream>>>> {
        let is_guarded = self.outgoing.settings.network.guard.guard != Guard::Off;
        if is_guarded || proxy.server().scheme != proxy::Scheme::Socks5 {
            return Ok(None);
        }
        let greeting = Handshake::greeting_5(proxy.server())?;
        let mut connection = self.open_to(proxy, key, deadline).await?;
        let sent = connection.send_until(self.net, &greeting, deadline).await;
        sent.map_err(|error| at(proxy, error))?;
        match connection.receive(self.net, deadline).await.map_err(|error| at(proxy, error))? {
            0 => {
                let gone = Error::new(Kind::Proxy).expected("an answer to the greeting (SOCKS)");
                Err(at(proxy, gone.seen("the end of the connection")))
            }
            _ => Ok(Some(connection)),
        }
    }

    /// Whom a SOCKS proxy is asked for, one after the other: the host by its name, or its addresses where the version
    /// wants them from us.
    async fn targets(&self, scheme: proxy::Scheme, deadline: Deadline) -> Result<Vec<Target>> {
        let url = self.outgoing.url;
        let only_v4 = match scheme {
            proxy::Scheme::Socks4 => true,
            proxy::Scheme::Socks5 => false,
            proxy::Scheme::Socks4a | proxy::Scheme::Socks5h | proxy::Scheme::Http | proxy::Scheme::Https => {
                return Ok(vec![Target::of_host(url.host())]);
            }
        };
        let found = self.reach().resolve(url, deadline).await?;
        let mut addresses: Vec<_> = found.iter().map(|found| found.ip().to_canonical()).collect();
        if only_v4 && addresses.iter().any(|address| address.is_ipv4()) {
            addresses.retain(|address| address.is_ipv4());
        }
        Ok(addresses.into_iter().map(Target::Address).collect())
    }

    /// Runs a SOCKS handshake to its end: what the proxy refused it for, or nothing.
    async fn shake_hands(
        &self,
        connection: &mut Connection<N::Stream>,
        mut handshake: Handshake,
        greeting: &[u8],
        deadline: Deadline,
    ) -> Result<Option<Refusal>> {
        connection.send_until(self.net, greeting, deadline).await?;
        loop {
            match handshake.receive(connection.received.as_slice())? {
                socks::Step::More => {
                    if connection.receive(self.net, deadline).await? == 0 {
                        return Err(handshake.end(connection.received.as_slice()));
                    }
                }
                socks::Step::Send(taken, bytes) => {
                    connection.received.consume(taken);
                    connection.send_until(self.net, &bytes, deadline).await?;
                }
                socks::Step::Open(taken) => {
                    connection.received.consume(taken);
                    return Ok(None);
                }
                socks::Step::Refused(refusal) => return Ok(Some(refusal)),
            }
        }
    }

    /// A connection to the proxy itself, with TLS where it speaks that.
    async fn open_to(
        &self,
        proxy: &Proxy,
        key: Key<'_>,
        deadline: Deadline,
    ) -> Result<Box<Connection<N::Stream>>> {
        let session = match proxy.server().scheme {
            proxy::Scheme::Https => {
                let rules = self.outgoing.settings.tls_with_proxy();
                Some(self.tls.session(&rules, &proxy.server().host).map_err(|error| at(proxy, error))?)
            }
            proxy::Scheme::Http
            | proxy::Scheme::Socks4
            | proxy::Scheme::Socks4a
            | proxy::Scheme::Socks5
            | proxy::Scheme::Socks5h => None,
        };
        self.connect(proxy, session, key, deadline).await.map_err(|error| at(proxy, error))
    }

    async fn connect(
        &self,
        proxy: &Proxy,
        session: Option<tls::Session>,
        key: Key<'_>,
        deadline: Deadline,
    ) -> Result<Box<Connection<N::Stream>>> {
        let (server, now) = (proxy.server(), self.net.now());
        let (stream, resolved) = self.reach().proxy(&server.host, server.port, deadline).await?;
        let making = Making::new(now, resolved);
        let mut connection = Box::new(Connection::new(stream, key, Counted::new(self.open), now, making));
        if let Some(session) = session {
            connection.secure(self.net, session, deadline).await?;
        }
        Ok(connection)
    }
}

/// The error as one of the proxy's: a connection that breaks while it is asked is its failure.
fn at(proxy: &Proxy, error: Error) -> Error {
    match error.kind() {
        Kind::Io | Kind::ClosedEarly => Error::new(Kind::Proxy).with_source(error),
        _ => error,
    }
    .with_proxy(proxy.name())
}

fn sooner(deadline: Deadline, at: std::time::Instant) -> Deadline {
    Deadline::new(Some(deadline.at.map_or(at, |other| other.min(at))), deadline.kind)
}
