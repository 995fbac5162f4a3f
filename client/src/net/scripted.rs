//! A net in memory on a virtual clock, for tests: peers play scripts, and every await suspends.
//!
//! Time stands still while anything can be done; when everything waits, [`Scripted::run`] moves the clock to the next
//! thing that happens. So a sleep of ten seconds costs nothing, a deadline passes exactly when it should, and a wait
//! for something that never comes is a panic instead of a hang. What a peer does is `script`, which tests play over
//! real sockets as well.
//!
//! Futures of this net must be polled by [`Scripted::run`], and whoever joins several of them polls all of them.

use super::{Duplex, Net, Peeked, Spot, race};
use entreat_core::names::Resolve;
use entreat_core::{Deadline, Error, Kind, Network, Result};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

mod script;

pub use script::{Log, Next, Player, ReceivedRequest, Script, Scripts, Step};

/// Bytes that a peer which does not read takes before writes to it wait.
const WINDOW: usize = 64 * 1024;

/// Peers in memory and the clock they share. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Scripted(Arc<Mutex<World>>);

struct World {
    now: Instant,
    /// The first instant that someone waits for, found while all futures are polled.
    awaited: Option<Instant>,
    listeners: HashMap<SocketAddr, Listener>,
    connections: Vec<Connection>,
}

enum Listener {
    /// Plays its scripts, one for each connection.
    Plays { scripts: Scripts, log: Log },
    /// Takes no notice of those who knock.
    Silent,
}

struct Connection {
    player: Player,
    /// Sent and not yet read, in the pieces in which it was sent: one read takes from one piece.
    pieces: VecDeque<Vec<u8>>,
    end: End,
    /// The player wants more, however much.
    reading: bool,
    /// When the player goes on by itself.
    wakes: Option<Instant>,
    client_gone: bool,
}

/// What a client finds behind the last piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    Reset,
}

/// A connection to a peer in memory.
pub struct Stream {
    net: Scripted,
    index: usize,
}

impl Default for Scripted {
    fn default() -> Scripted {
        Scripted(Arc::new(Mutex::new(World {
            now: Instant::now(),
            awaited: None,
            listeners: HashMap::new(),
            connections: Vec::new(),
        })))
    }
}

impl Scripted {
    /// Listens on a new port of 127.0.0.1.
    pub fn listen(&self, scripts: Scripts, log: Log) -> SocketAddr {
        self.listen_at(Ipv4Addr::LOCALHOST.into(), scripts, log)
    }

    /// Listens on a new port of `host`.
    pub fn listen_at(&self, host: IpAddr, scripts: Scripts, log: Log) -> SocketAddr {
        self.add(host, Listener::Plays { scripts, log })
    }

    /// A new port of `host` where connecting never ends.
    pub fn listen_silently_at(&self, host: IpAddr) -> SocketAddr {
        self.add(host, Listener::Silent)
    }

    fn add(&self, host: IpAddr, listener: Listener) -> SocketAddr {
        let mut world = self.world();
        let port = 20_001 + world.listeners.len() as u16;
        let address = SocketAddr::new(host, port);
        world.listeners.insert(address, listener);
        address
    }

    /// Runs `future` to its end.
    ///
    /// # Panics
    /// Where everything waits for something that will never happen.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            woken.0.store(false, Ordering::SeqCst);
            self.world().awaited = None;
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            if !woken.0.load(Ordering::SeqCst) {
                self.world().pass_time();
            }
        }
    }

    /// Waits for as long on the virtual clock.
    pub async fn sleep(&self, duration: Duration) {
        let end = self.world().now + duration;
        poll_fn(|_| {
            let mut world = self.world();
            if world.now >= end {
                return Poll::Ready(());
            }
            world.wait_until(end);
            Poll::Pending
        })
        .await;
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Suspends once, then asks `attempt` until it has something or the deadline passes.
    async fn wait_for<T>(
        &self,
        deadline: Deadline,
        mut attempt: impl FnMut(&mut World) -> Option<Result<T>>,
    ) -> Result<T> {
        suspend().await;
        poll_fn(|_| {
            let mut world = self.world();
            deadline.remaining(world.now)?;
            world.play();
            match attempt(&mut world) {
                Some(outcome) => Poll::Ready(outcome),
                None => {
                    deadline.at.into_iter().for_each(|at| world.wait_until(at));
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Net for Scripted {
    type Stream = Stream;

    fn now(&self) -> Instant {
        self.world().now
    }

    /// Without a resolver no name exists, and `slow.test` never answers.
    async fn resolve(
        &self,
        host: &str,
        resolver: Option<&Arc<dyn Resolve>>,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>> {
        let slow = host == "slow.test";
        self.wait_for(deadline, |_| (!slow).then_some(Ok(()))).await?;
        match resolver {
            Some(resolver) => resolver.resolve(host, deadline),
            None => Err(Error::new(Kind::Resolve).seen(host.to_owned())),
        }
    }

    async fn connect(
        &self,
        addresses: &[SocketAddr],
        network: &Network,
        deadline: Deadline,
    ) -> Result<Stream> {
        let attempts = Attempts { net: self.clone(), knocking: Vec::new() };
        race::first_connected(self, addresses, network, deadline, attempts).await
    }

    async fn connect_unix(&self, _: &Path, _: Deadline) -> Result<Stream> {
        Err(Error::new(Kind::Connect).expected("a host").seen("a path: there is no file system in memory"))
    }

    async fn read(&self, stream: &mut Stream, into: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.wait_for(deadline, |world| world.connections[stream.index].read(into)).await
    }

    async fn write(&self, stream: &mut Stream, bytes: &[u8], deadline: Deadline) -> Result<usize> {
        self.wait_for(deadline, |world| world.write(stream.index, bytes)).await
    }

    async fn write_listening(&self, stream: &mut Stream, bytes: &[u8], deadline: Deadline) -> Result<usize> {
        self.wait_for(deadline, |world| {
            let unread = world.connections[stream.index].peek() != Peeked::Nothing;
            world.write(stream.index, bytes).or(unread.then_some(Ok(0)))
        })
        .await
    }

    async fn first_of<T: Send>(
        &self,
        mut other: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
        stream: Option<&mut Stream>,
        deadline: Deadline,
    ) -> Result<Option<T>> {
        suspend().await;
        poll_fn(|context| {
            // Outside of the lock, as what it waits for may be the clock of this net.
            if let Poll::Ready(value) = other(context) {
                return Poll::Ready(Ok(Some(value)));
            }
            let mut world = self.world();
            deadline.remaining(world.now)?;
            world.play();
            match &stream {
                Some(stream) if world.connections[stream.index].peek() != Peeked::Nothing => {
                    Poll::Ready(Ok(None))
                }
                Some(_) | None => {
                    deadline.at.into_iter().for_each(|at| world.wait_until(at));
                    Poll::Pending
                }
            }
        })
        .await
    }

    async fn sleep_until(&self, until: Instant, deadline: Deadline) -> Result<()> {
        self.wait_for(deadline, |world| {
            if world.now < until {
                world.wait_until(until);
                return None;
            }
            Some(Ok(()))
        })
        .await
    }

    async fn park(&self, spot: &Spot, deadline: Deadline) -> Result<()> {
        suspend().await;
        poll_fn(|context| {
            let mut world = self.world();
            deadline.remaining(world.now)?;
            deadline.at.into_iter().for_each(|at| world.wait_until(at));
            spot.poll_woken(context).map(Ok)
        })
        .await
    }

    fn peek(&self, stream: &mut Stream) -> Peeked {
        let mut world = self.world();
        world.play();
        world.connections[stream.index].peek()
    }

    fn finish(&self, stream: &mut Stream) -> Result<()> {
        let mut world = self.world();
        let now = world.now;
        let connection = &mut world.connections[stream.index];
        connection.player.note_client_closed();
        connection.player.receive_end();
        connection.play(now);
        Ok(())
    }
}

impl Duplex for Scripted {
    fn poll_read(&self, stream: &mut Stream, _: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>> {
        let mut world = self.world();
        world.play();
        world.connections[stream.index].read(into).map_or(Poll::Pending, Poll::Ready)
    }

    fn poll_write(&self, stream: &mut Stream, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let mut world = self.world();
        world.play();
        world.write(stream.index, bytes).map_or(Poll::Pending, Poll::Ready)
    }
}

/// Where a client knocks at once.
struct Attempts {
    net: Scripted,
    knocking: Vec<SocketAddr>,
}

impl race::Attempts for Attempts {
    type Stream = Stream;

    fn start(&mut self, address: SocketAddr, _: &Network) -> io::Result<()> {
        self.knocking.push(address);
        Ok(())
    }

    async fn first(&mut self, until: Option<Instant>) -> Result<Option<(SocketAddr, io::Result<Stream>)>> {
        suspend().await;
        poll_fn(|_| {
            let mut world = self.net.world();
            world.play();
            let answer = |(at, address): (usize, &SocketAddr)| Some((at, world.accept(*address)?));
            if let Some((at, outcome)) = self.knocking.iter().enumerate().find_map(answer) {
                let address = self.knocking.remove(at);
                let stream = outcome.map(|index| Stream { net: self.net.clone(), index });
                return Poll::Ready(Ok(Some((address, stream))));
            }
            match until {
                Some(until) if world.now >= until => Poll::Ready(Ok(None)),
                Some(until) => {
                    world.wait_until(until);
                    Poll::Pending
                }
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl World {
    /// Lets every peer play as far as it comes now.
    fn play(&mut self) {
        for connection in &mut self.connections {
            connection.play(self.now);
        }
    }

    fn wait_until(&mut self, instant: Instant) {
        self.awaited = Some(self.awaited.map_or(instant, |awaited| awaited.min(instant)));
    }

    /// Everything waits: moves the clock to the next thing that happens.
    fn pass_time(&mut self) {
        let wakes = self.connections.iter().filter_map(|connection| connection.wakes);
        let next = wakes.chain(self.awaited).min();
        self.now = next.expect("a hang: everyone waits, and nothing will ever happen");
        self.play();
    }

    /// A connection to a peer, or a refusal; `None` while nothing answers.
    fn accept(&mut self, address: SocketAddr) -> Option<io::Result<usize>> {
        match self.listeners.get(&address) {
            Some(Listener::Silent) => return None,
            Some(Listener::Plays { scripts, log }) => {
                let player = Player::new(scripts, log);
                self.connections.push(Connection {
                    player,
                    pieces: VecDeque::new(),
                    end: End::Open,
                    reading: false,
                    wakes: None,
                    client_gone: false,
                });
            }
            None => return Some(Err(io::ErrorKind::ConnectionRefused.into())),
        }
        Some(Ok(self.connections.len() - 1))
    }

    fn write(&mut self, index: usize, bytes: &[u8]) -> Option<Result<usize>> {
        let connection = &mut self.connections[index];
        if connection.end == End::Reset {
            return Some(Err(broken(io::ErrorKind::BrokenPipe)));
        }
        let room = match connection.reading || connection.end == End::Closed {
            true => bytes.len(),
            false => WINDOW.saturating_sub(connection.player.unread()),
        };
        if room == 0 {
            return None;
        }
        let count = room.min(bytes.len());
        connection.player.receive(&bytes[..count]);
        connection.play(self.now);
        Some(Ok(count))
    }
}

impl Connection {
    fn play(&mut self, now: Instant) {
        while self.end == End::Open {
            (self.reading, self.wakes) = (false, None);
            match self.player.play(now) {
                Next::Send(bytes) if self.client_gone => drop(bytes),
                Next::Send(bytes) => self.pieces.push_back(bytes),
                Next::Wait(until) => {
                    self.wakes = Some(until);
                    return;
                }
                Next::Receive if self.client_gone => self.player.receive_end(),
                Next::Receive => {
                    self.reading = true;
                    return;
                }
                Next::Close => self.end = End::Closed,
                Next::Reset => self.end = End::Reset,
            }
        }
        // A peer that has closed its side reads on, as a polite one does.
        self.player.discard();
    }

    fn read(&mut self, into: &mut [u8]) -> Option<Result<usize>> {
        let Some(piece) = self.pieces.front_mut() else {
            return match self.end {
                End::Open => None,
                End::Closed => Some(Ok(0)),
                End::Reset => Some(Err(broken(io::ErrorKind::ConnectionReset))),
            };
        };
        let count = piece.len().min(into.len());
        into[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        Some(Ok(count))
    }

    fn peek(&self) -> Peeked {
        match (self.pieces.is_empty(), self.end) {
            (false, _) => Peeked::Bytes,
            (true, End::Open) => Peeked::Nothing,
            (true, End::Closed | End::Reset) => Peeked::Closed,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut world = self.net.world();
        let now = world.now;
        let connection = &mut world.connections[self.index];
        connection.client_gone = true;
        connection.player.note_client_closed();
        connection.play(now);
    }
}

fn broken(kind: io::ErrorKind) -> Error {
    super::blocking::io_error(kind.into())
}

/// Pending once: whatever does not survive a suspension shows here.
async fn suspend() {
    let mut suspended = false;
    poll_fn(|context| {
        if suspended {
            return Poll::Ready(());
        }
        suspended = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Notes that a future wants to be polled again at once.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
