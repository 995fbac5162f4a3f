//! The engine: one exchange from its first byte to the head of the answer, over any net.
//!
//! [`Engine::exchange`] is the whole journey in order: a connection from the pool or a new one, the request out,
//! the head of the response in, and a replay where the connection turned out to be stale. It sends what it is given:
//! which fields, redirects and cookies is the work of `client` with core's `exchange`. The body that follows the
//! head is `incoming`. How a connection is made is `dial`; how a request goes out is `sender`.

use crate::body::Body;
use crate::connection::Connection;
use crate::dial::{self, Dialler};
use crate::fork;
use crate::in_process;
use crate::incoming::Incoming;
use crate::mock::Transport;
use crate::net::Net;
use crate::permits::{Permit, Permits};
use crate::rare::rarely;
use crate::reach::check_beyond_proxy;
use crate::receiver::Receiver;
use crate::resolve::Names;
use crate::sender::{Sender, Sent};
use crate::timings::Begun;
use crate::tls;
use crate::trace;
use entreat_core::exchange::{BodyFraming, Failure, Recovery, is_idempotent, recover};
use entreat_core::h1::Verdict;
use entreat_core::pool::{self, Key, Pool};
use entreat_core::route::Proxy;
use entreat_core::{Deadline, Deadlines, Error, Headers, Kind, ResponseHead, Result, Settings, Url};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long closing may wait, in all, for peers that do not read a good-bye.
const GOODBYE: Duration = Duration::from_millis(100);

/// Connections of one client and what it takes to make them.
pub struct Engine<N: Net> {
    pub(crate) net: N,
    pool: Mutex<Pool<Box<Connection<N::Stream>>>>,
    /// Who may have a connection, where that is limited.
    permits: Option<Arc<Permits>>,
    tls: Arc<tls::Contexts>,
    names: Names,
    closed: AtomicBool,
    open: Arc<AtomicUsize>,
    opened: AtomicU64,
    /// Taken from the pool in vain: their peers had gone.
    stale: AtomicU64,
    /// What answers in the place of connections.
    transport: Option<Box<dyn Transport>>,
}

/// What a client's connections are doing, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStats {
    /// Connections that wait for a request.
    pub idle: usize,
    /// Connections that serve one, or hold a response that is neither read to its end nor dropped.
    pub in_use: usize,
    /// Requests that wait for a connection: the limits of [`PoolRules`](crate::PoolRules) are reached.
    pub waiting: usize,
    /// Connections made since the client was.
    pub opened: u64,
    /// Exchanges that took a connection which had served before.
    pub reused: u64,
}

/// A request as it goes over the wire: nothing is added to it any more.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// A token; `exchange::prepare` or the caller has checked it.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a Url,
    /// The proxy on its way.
    pub proxy: Option<&'a Proxy>,
    /// All fields, Host included, in their order.
    pub headers: &'a Headers,
    /// How the body goes.
    pub framing: BodyFraming,
    /// The body.
    pub body: &'a Body,
    /// The knobs that count here: head limits and TLS.
    pub settings: &'a Settings,
    /// When to give up.
    pub deadlines: Deadlines,
    /// Take a connection from the pool and give it back. Without it a fresh one is used, and closed.
    pub keep_alive: bool,
    /// CONNECT names host and port, as RFC 9112 section 3.2.3 wants it; requests sends a path for it as for any method.
    pub authority_form: bool,
}

/// A failed attempt, and how far it came.
struct Attempt {
    error: Error,
    /// Some of the request may have reached the peer.
    sent: bool,
    /// Some of a response has arrived.
    answered: bool,
}

impl Outgoing<'_> {
    /// What the request line asks for: a path, the whole URL of a proxy that forwards, or, for CONNECT, host and port (RFC
    /// 9112 section 3.2).
    pub(crate) fn target(&self) -> Cow<'_, str> {
        match self.proxy {
            _ if self.authority_form && self.method == "CONNECT" => Cow::Owned(self.url.authority_target()),
            Some(proxy) if proxy.forwards(self.url.scheme()) => Cow::Owned(self.url.absolute_target()),
            Some(_) | None => self.url.target(),
        }
    }

    /// True where it may be sent again after all of it was sent in vain.
    fn is_repeatable(&self) -> bool {
        is_idempotent(self.method) && self.body.is_in_memory()
    }
}

impl<N: Net> Engine<N> {
    /// An engine without connections.
    pub fn new(net: N, rules: pool::Rules) -> Arc<Engine<N>> {
        Engine::with_contexts(net, rules, Arc::default(), None)
    }

    /// An engine that makes no connections: `transport` answers in this process.
    pub fn in_process(net: N, rules: pool::Rules, transport: Box<dyn Transport>) -> Arc<Engine<N>> {
        Engine::with_contexts(net, rules, Arc::default(), Some(transport))
    }

    /// True where a transport answers in the place of connections.
    pub fn is_in_process(&self) -> bool {
        self.transport.is_some()
    }

    /// An engine with connections of its own, which shares with this one what is costly to make: trust stores that have
    /// been read, and what TLS needs to resume.
    pub fn beside(&self, net: N, rules: pool::Rules) -> Arc<Engine<N>> {
        Engine::with_contexts(net, rules, Arc::clone(&self.tls), None)
    }

    fn with_contexts(
        net: N,
        rules: pool::Rules,
        tls: Arc<tls::Contexts>,
        transport: Option<Box<dyn Transport>>,
    ) -> Arc<Engine<N>> {
        fork::watch();
        Arc::new(Engine {
            net,
            pool: Mutex::new(Pool::new(rules)),
            permits: Permits::new(&rules),
            tls,
            names: Names::default(),
            closed: AtomicBool::new(false),
            open: Arc::default(),
            opened: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            transport,
        })
    }

    /// Sends a request and receives the head of its response.
    ///
    /// # Errors
    /// All that the network and the peer can do wrong, with the request's URL.
    pub async fn exchange(
        self: &Arc<Self>,
        outgoing: &Outgoing<'_>,
    ) -> Result<(ResponseHead, Box<Incoming<N>>)> {
        if let Some(transport) = &self.transport {
            return rarely(self.exchange_in_process(&**transport, outgoing)).await;
        }
        let mut replayed = false;
        loop {
            let (mut connection, now) =
                self.connection(outgoing, replayed).await.map_err(|error| at(outgoing, error))?;
            let reused = connection.exchanges > 0;
            connection.exchanges += 1;
            let attempt = self.attempt(&mut connection, outgoing, now);
            let attempt = match trace::attempt(outgoing, reused, attempt).await {
                Ok((head, verdict)) => {
                    let queue = connection.permit.as_ref().map_or(Duration::ZERO, |permit| permit.waited);
                    let begun = Begun { at: now, queue, making: connection.making.take() };
                    let incoming = Incoming::new(self, connection, verdict, &head, outgoing, begun);
                    return Ok((head, incoming));
                }
                Err(attempt) => attempt,
            };
            let failure = Failure {
                method: outgoing.method,
                kind: attempt.error.kind(),
                // A connection that brought some of an answer was not stale.
                reused: reused && !attempt.answered,
                sent: attempt.sent,
                rewindable: true,
                replayed,
            };
            match recover(&failure) {
                Recovery::GiveUp => return Err(at(outgoing, attempt.error)),
                Recovery::Replay => {
                    if outgoing.body.rewind().is_err() {
                        let hint = "the connection was stale, and the body cannot be sent a second time";
                        return Err(at(outgoing, attempt.error.hint(hint)));
                    }
                    replayed = true;
                }
            }
        }
    }

    async fn exchange_in_process(
        self: &Arc<Self>,
        transport: &dyn Transport,
        outgoing: &Outgoing<'_>,
    ) -> Result<(ResponseHead, Box<Incoming<N>>)> {
        let outcome = match self.check_open() {
            Err(error) => Err(error),
            Ok(()) => in_process::exchange(self, transport, outgoing).await,
        };
        outcome.map_err(|error| at(outgoing, error))
    }

    /// Closes the idle connections; those in use are closed when their responses are done. Requests are refused
    /// from now on.
    pub async fn close(&self) {
        let idle = {
            let mut pool = self.pool();
            // Under the lock, so that no connection comes back behind this.
            self.closed.store(true, Ordering::Relaxed);
            pool.clear()
        };
        let deadline = Deadline::new(self.net.now().checked_add(GOODBYE), Kind::WriteTimeout);
        for connection in idle {
            connection.close(&self.net, deadline).await;
        }
    }

    /// Drops the idle connections; the engine goes on serving.
    pub fn close_idle(&self) {
        let idle = self.pool().clear();
        drop(idle);
    }

    /// True after [`Engine::close`].
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// How many connections are idle in the pool.
    pub fn idle(&self) -> usize {
        self.pool().idle()
    }

    /// What the connections are doing.
    pub fn stats(&self) -> PoolStats {
        let pool = self.pool();
        let (idle, taken) = (pool.idle(), pool.taken());
        drop(pool);
        PoolStats {
            idle,
            in_use: self.open.load(Ordering::Relaxed).saturating_sub(idle),
            waiting: self.permits.as_ref().map_or(0, |permits| permits.waiting()),
            opened: self.opened.load(Ordering::Relaxed),
            reused: taken.saturating_sub(self.stale.load(Ordering::Relaxed)),
        }
    }

    /// Closes connections that idled too long; returns when to look again.
    pub fn expire(&self) -> Option<Instant> {
        let (expired, next) = self.pool().expire(self.net.now());
        drop(expired);
        next
    }

    /// An idle connection whose peer is still there, or a new one; where their number is limited, when it is this
    /// request's turn. And when that was.
    async fn connection(
        &self,
        outgoing: &Outgoing<'_>,
        fresh: bool,
    ) -> Result<(Box<Connection<N::Stream>>, Instant)> {
        self.check_open()?;
        if outgoing.proxy.is_some() {
            // Here and not where it is dialled, as a kept connection to a proxy serves any origin.
            check_beyond_proxy(outgoing.url, &outgoing.settings.network)?;
        }
        let origin = dial::origin(outgoing);
        let key = Key { origin: &origin, settings: dial::settings_id(outgoing) ^ self.net.home() };
        let permit = match &self.permits {
            None => None,
            Some(permits) => Some(rarely(self.turn(permits, outgoing, &origin)).await?),
        };
        if permit.is_some() {
            self.check_open()?;
        }
        let (mut connection, now) = self.connection_for(outgoing, key, fresh).await?;
        connection.permit = permit;
        Ok((connection, now))
    }

    fn check_open(&self) -> Result<()> {
        match self.is_closed() {
            true => Err(Error::new(Kind::Closed).hint("make a new client, or close this one later")),
            false => Ok(()),
        }
    }

    async fn turn(&self, permits: &Arc<Permits>, outgoing: &Outgoing<'_>, origin: &str) -> Result<Permit> {
        permits.acquire(&self.net, &Arc::from(origin), outgoing.deadlines.pool(self.net.now())).await
    }

    async fn connection_for(
        &self,
        outgoing: &Outgoing<'_>,
        key: Key<'_>,
        fresh: bool,
    ) -> Result<(Box<Connection<N::Stream>>, Instant)> {
        if outgoing.keep_alive && !fresh {
            let (now, repeatable) = (self.net.now(), outgoing.is_repeatable());
            while let Some(mut connection) = self.take_idle(key, now) {
                if connection.generation == fork::generation()
                    && connection.is_alive(&self.net, repeatable, now).await
                {
                    return Ok((connection, now));
                }
                self.stale.fetch_add(1, Ordering::Relaxed);
            }
        }
        if let Some(permits) = &self.permits {
            let evicted = self.pool().make_room(key.origin, permits.in_use(key.origin));
            drop(evicted);
        }
        // Making one is costly anyhow.
        let lost = self.pool().remove_if(|connection| connection.is_lost(&self.net));
        drop(lost);
        let Engine { net, tls, names, open, .. } = self;
        let dialler = Dialler { net, tls, names, outgoing, open };
        let connection = rarely(trace::connect(outgoing, dialler.open(key))).await?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok((connection, self.net.now()))
    }

    fn take_idle(&self, key: Key<'_>, now: Instant) -> Option<Box<Connection<N::Stream>>> {
        let mut expired = Vec::new();
        // The lock ends with this line: sockets are closed behind it.
        let candidate = self.pool().take(key, now, &mut expired);
        drop(expired);
        candidate
    }

    /// One request out and one head in, on one connection, from `now` on.
    async fn attempt(
        &self,
        connection: &mut Connection<N::Stream>,
        outgoing: &Outgoing<'_>,
        now: Instant,
    ) -> Result<(ResponseHead, Verdict), Attempt> {
        let written = connection.written();
        let mut receiver = Receiver::new(&self.net, outgoing);
        let sending =
            Sender { net: &self.net, connection, outgoing, receiver: &mut receiver }.send(now).await;
        let sent = connection.written() > written;
        let sending = match sending {
            Ok(sending) => sending,
            Err(error) if error.kind() == Kind::Io => Sent::Broken(error),
            // The peer waits for the rest of the request, which will not come: there is no answer to wait for.
            Err(error) => {
                return Err(Attempt { error, sent, answered: receiver.is_answered(connection) });
            }
        };
        match (receiver.receive(connection).await, sending) {
            (Ok(answer), Sent::Whole) => Ok(answer),
            (Ok((head, verdict)), Sent::Refused | Sent::Withheld | Sent::Broken(_)) => {
                Ok((head, Verdict { keep_alive: false, ..verdict }))
            }
            (Err(error), Sent::Whole | Sent::Refused | Sent::Withheld) | (Err(_), Sent::Broken(error)) => {
                Err(Attempt { error, sent, answered: receiver.is_answered(connection) })
            }
        }
    }

    /// Takes a connection back for later exchanges, and says when that was.
    pub(crate) fn release(&self, mut connection: Box<Connection<N::Stream>>) -> Instant {
        connection.received.shrink();
        let origin = Arc::clone(&connection.origin);
        let key = Key { origin: &origin, settings: connection.settings };
        let (born, now) = (connection.born, self.net.now());
        connection.released = now;
        let is_ours = connection.generation == fork::generation();
        let permit = connection.permit.take();
        let mut pool = self.pool();
        let surplus = match self.is_closed() || !is_ours {
            true => Some(connection),
            false => pool.put(key, connection, born, now),
        };
        // Closing a socket is a system call: not under the lock.
        drop(pool);
        drop(surplus);
        // The next in line finds the connection in the pool, or room for its own.
        drop(permit);
        now
    }

    fn pool(&self) -> MutexGuard<'_, Pool<Box<Connection<N::Stream>>>> {
        // Whoever panicked with the lock held did not leave half a change: each method of Pool is one step.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at(outgoing: &Outgoing<'_>, error: Error) -> Error {
    error.with_url(outgoing.url.as_str())
}
