//! All sockets of one event loop that is not ours, in one private epoll or kqueue whose descriptor that loop watches.
//!
//! The loop (asyncio's, in the Python binding) sees a single descriptor, however many connections there are. When that
//! is readable, or the time of [`Nested::next_timer`] has come, it calls [`Nested::turn`], which wakes the futures
//! concerned. There is no thread and no hand-off; a name alone is looked up on a helper thread.
//!
//! A socket is registered once, for reading and writing, on edges: what they said is remembered, so a request on a
//! connection that is kept costs no `epoll_ctl`, and a read begins only where bytes are known to be there. Deadlines cost
//! no system call: `slots` keeps them, and forgets them lazily.
//!
//! After a fork the child shares the parent's epoll, and a change there would be one in the parent. So in the child
//! nothing here touches it: streams just close, connecting fails. A child makes a net of its own.

use super::blocking::{io_error, peek_now};
use super::lookup::{self, Permit};
use super::{Net, Peeked, Spot, race, socket};
use entreat_core::names::Resolve;
use entreat_core::{Deadline, Error, Kind, Network, Result};
use reactor::{Place, Reactor};
use slots::Events;
use socket2::SockRef;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Instant;

mod connect;
mod duplex;
mod executor;
mod reactor;
mod slots;
#[cfg(test)]
mod tests;

pub use executor::block_on;

/// Reads or writes without a wait between them, after which the loop gets its turn: a fast peer must not starve the other
/// sockets, nor whatever else runs in that loop. As buffers are some 16 KiB, half a megabyte, well below a millisecond.
const STREAK: u8 = 32;

/// One epoll, and the timers and name look-ups of one event loop. Cheap to clone; all clones are the same net.
#[derive(Debug, Clone)]
pub struct Nested(Arc<Reactor>);

impl Nested {
    /// A net without sockets.
    ///
    /// # Errors
    /// `Kind::Io`, where the process has no descriptors left.
    pub fn new() -> Result<Nested> {
        Ok(Nested(Arc::new(Reactor::new().map_err(io_error)?)))
    }

    /// The descriptor that is readable when [`Nested::turn`] has something to do.
    pub fn descriptor(&self) -> RawFd {
        self.0.descriptor()
    }

    /// Takes what has happened, without waiting, and wakes the futures concerned through their wakers, on this thread and
    /// with no lock held. To be called whenever the descriptor is readable, and when the time of
    /// [`Nested::next_timer`] has come. The work of one call is bounded: what is left keeps the descriptor readable.
    ///
    /// # Errors
    /// `Kind::Io`, which nothing but a closed descriptor brings about.
    pub fn turn(&self) -> Result<()> {
        self.0.turn().map_err(io_error)
    }

    /// When [`Nested::turn`] must be called at the latest, although nothing is readable; `None` where no timer runs.
    ///
    /// It may be earlier than any deadline: one that was met is forgotten only when its time comes. That keeps it the same
    /// over many requests, so that a loop need not arm a timer of its own for each. To be asked after a turn and after
    /// futures were polled.
    pub fn next_timer(&self) -> Option<Instant> {
        self.0.next_timer()
    }

    /// Makes the descriptor readable, from any thread.
    pub fn notify(&self) {
        self.0.notify();
    }
}

/// A socket of TCP or of the file system, registered with its net for as long as it lives.
#[derive(Debug)]
pub struct Stream {
    /// Stands for any stream socket, as in the other nets.
    socket: TcpStream,
    place: Place,
    /// What may succeed: told by an edge, and not tried in vain since.
    may: Events,
    /// The peer has ended its side: from here on each read finds something out.
    ended: bool,
    /// Reads and writes since the last wait.
    streak: u8,
    /// Who waits, where two tasks use it at once.
    both: Option<Arc<duplex::Both>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.place.deregister(self.socket.as_raw_fd());
    }
}

impl Net for Nested {
    type Stream = Stream;

    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn resolve(
        &self,
        host: &str,
        resolver: Option<&Arc<dyn Resolve>>,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>> {
        let permit = loop {
            match Permit::take() {
                Some(permit) => break permit,
                None => {
                    let then = Instant::now() + lookup::PAUSE;
                    self.sleep_until(then, deadline).await.map_err(lookup::too_many)?;
                }
            }
        };
        let place = Place::new(&self.0);
        let (tell, answer) = mpsc::sync_channel(1);
        let (name, resolver, finish) = (host.to_owned(), resolver.cloned(), place.finish());
        let look_up = move || {
            // Dropped in the opposite order, also by a panic: whoever is woken finds an answer, or that none will come.
            let (_finish, tell, _permit) = (finish, tell, permit);
            let _ = tell.send(lookup::ask(&name, resolver.as_deref(), deadline));
        };
        thread::Builder::new()
            .name("entreat-resolve".into())
            .spawn(look_up)
            .map_err(|error| Error::new(Kind::Resolve).with_source(error))?;
        loop {
            match answer.try_recv() {
                Ok(found) => return found,
                Err(mpsc::TryRecvError::Disconnected) => return Err(lookup::panicked()),
                Err(mpsc::TryRecvError::Empty) => {}
            }
            place.ready(Events::READABLE, deadline).await?;
        }
    }

    async fn connect(
        &self,
        addresses: &[SocketAddr],
        network: &Network,
        deadline: Deadline,
    ) -> Result<Stream> {
        let attempts = connect::Attempts::new(&self.0);
        race::first_connected(self, addresses, network, deadline, attempts).await
    }

    async fn connect_unix(&self, path: &Path, deadline: Deadline) -> Result<Stream> {
        loop {
            match socket::open_unix(path)? {
                Some(socket) => {
                    let mut stream = Stream::register(&self.0, socket.into()).map_err(io_error)?;
                    stream.may = Events::WRITABLE;
                    return Ok(stream);
                }
                None => self.sleep_until(Instant::now() + socket::QUEUE_PAUSE, deadline).await?,
            }
        }
    }

    fn read(
        &self,
        stream: &mut Stream,
        into: &mut [u8],
        deadline: Deadline,
    ) -> impl Future<Output = Result<usize>> + Send {
        Transfer::new(stream, Events::READABLE, deadline, |stream| stream.try_read(into))
    }

    fn write(
        &self,
        stream: &mut Stream,
        bytes: &[u8],
        deadline: Deadline,
    ) -> impl Future<Output = Result<usize>> + Send {
        Transfer::new(stream, Events::WRITABLE, deadline, |stream| stream.try_write(bytes))
    }

    fn write_listening(
        &self,
        stream: &mut Stream,
        bytes: &[u8],
        deadline: Deadline,
    ) -> impl Future<Output = Result<usize>> + Send {
        Transfer::new(stream, Events::READABLE | Events::WRITABLE, deadline, |stream| {
            stream.try_write(bytes).or_else(|| stream.hears_something().then_some(Ok(0)))
        })
    }

    async fn first_of<T: Send>(
        &self,
        mut other: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
        stream: Option<&mut Stream>,
        deadline: Deadline,
    ) -> Result<Option<T>> {
        deadline.remaining(Instant::now())?;
        let Some(stream) = stream else {
            return until(&self.0, deadline, poll_fn(other)).await.map(Some);
        };
        let listening = Listening(stream);
        poll_fn(|context| match other(context) {
            Poll::Ready(value) => Poll::Ready(Ok(Some(value))),
            Poll::Pending => listening.0.poll_unread(deadline, context).map_ok(|()| None),
        })
        .await
    }

    async fn sleep_until(&self, until_then: Instant, deadline: Deadline) -> Result<()> {
        deadline.remaining(Instant::now())?;
        let is_cut = deadline.at.is_some_and(|at| at < until_then);
        let end = if is_cut { deadline } else { Deadline::new(Some(until_then), deadline.kind) };
        // Nothing is wanted of the place, so time ends this.
        let ended = Place::new(&self.0).ready(Events::NONE, end).await.map(drop);
        if is_cut { ended } else { Ok(()) }
    }

    async fn park(&self, spot: &Spot, deadline: Deadline) -> Result<()> {
        until(&self.0, deadline, poll_fn(|context| spot.poll_woken(context))).await
    }

    fn peek(&self, stream: &mut Stream) -> Peeked {
        let found = peek_now(&stream.socket);
        if found != Peeked::Nothing {
            stream.may |= Events::READABLE;
        }
        found
    }

    fn finish(&self, stream: &mut Stream) -> Result<()> {
        SockRef::from(&stream.socket).shutdown(Shutdown::Write).map_err(io_error)
    }

    fn is_drained(&self, stream: &Stream) -> bool {
        !stream.may.intersects(Events::READABLE) && !stream.place.has_happened(Events::READABLE)
    }
}

impl Stream {
    /// Registers a socket that does not block and whose connecting has begun.
    fn register(reactor: &Arc<Reactor>, socket: TcpStream) -> io::Result<Stream> {
        reactor.check_process()?;
        let place = Place::new(reactor);
        place.register(socket.as_raw_fd())?;
        Ok(Stream { socket, place, may: Events::NONE, ended: false, streak: 0, both: None })
    }

    fn note(&mut self, events: Events) {
        self.may |= events;
        self.ended |= events.intersects(Events::ENDED);
    }

    /// `None` where nothing is there to be read until the next edge.
    fn try_read(&mut self, into: &mut [u8]) -> Option<io::Result<usize>> {
        if !self.may.intersects(Events::READABLE) {
            return None;
        }
        let read = attempt(|| (&self.socket).read(into));
        match &read {
            Some(Ok(count)) if *count == into.len() => {}
            // Less than there was room for: all that was there, and what comes next is an edge. The end has had its own.
            Some(_) if self.ended => {}
            Some(_) => self.may.remove(Events::READABLE),
            None => {
                self.may.remove(Events::READABLE);
                self.ended = false;
            }
        }
        read
    }

    /// `None` where the stream takes nothing until the next edge.
    fn try_write(&mut self, bytes: &[u8]) -> Option<io::Result<usize>> {
        if !self.may.intersects(Events::WRITABLE) {
            return None;
        }
        let written = attempt(|| (&self.socket).write(bytes));
        match &written {
            Some(Ok(count)) if *count == bytes.len() => {}
            // The end has had its own edge, and there is no other: whoever writes again must hear of it too.
            Some(Err(_)) => {}
            Some(Ok(_)) | None => self.may.remove(Events::WRITABLE),
        }
        written
    }

    /// True where bytes, or the end, are there to be read; they stay there.
    fn hears_something(&mut self) -> bool {
        if !self.may.intersects(Events::READABLE) {
            return false;
        }
        let heard = peek_now(&self.socket) != Peeked::Nothing;
        if !heard {
            self.may.remove(Events::READABLE);
        }
        heard
    }

    /// Ready where there are bytes to read, or the peer has closed.
    fn poll_unread(&mut self, deadline: Deadline, context: &Context<'_>) -> Poll<Result<()>> {
        while !self.hears_something() {
            let events = ready!(self.place.poll_ready(Events::READABLE, deadline, context))?;
            self.note(events);
        }
        Poll::Ready(Ok(()))
    }
}

/// Whoever listens on a stream, without reading; leaves no waker behind.
struct Listening<'a>(&'a mut Stream);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.place.forget();
    }
}

/// `None` where it would have to wait.
fn attempt(mut call: impl FnMut() -> io::Result<usize>) -> Option<io::Result<usize>> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            outcome => return Some(outcome),
        }
    }
}

/// A read or a write: tried where it may succeed, else waiting for one of `wanted`.
struct Transfer<'a, T> {
    stream: &'a mut Stream,
    wanted: Events,
    deadline: Deadline,
    attempt: T,
    is_waiting: bool,
}

impl<'a, T: FnMut(&mut Stream) -> Option<io::Result<usize>> + Unpin> Transfer<'a, T> {
    fn new(stream: &'a mut Stream, wanted: Events, deadline: Deadline, attempt: T) -> Transfer<'a, T> {
        Transfer { stream, wanted, deadline, attempt, is_waiting: false }
    }

    /// Ready once one of `wanted` came; the deadline's error where that passed first.
    fn poll_wait(&mut self, context: &Context<'_>) -> Poll<Result<()>> {
        let polled = self.stream.place.poll_ready(self.wanted, self.deadline, context);
        // Whoever is dropped while waiting must leave no waker behind.
        self.is_waiting = polled.is_pending();
        self.stream.note(ready!(polled)?);
        Poll::Ready(Ok(()))
    }

    /// A deadline that has passed is an error even where bytes are ready; and whoever had many gives way.
    fn poll_begin(&mut self, context: &Context<'_>) -> Poll<Result<()>> {
        if self.deadline.at.is_some() {
            self.deadline.remaining(Instant::now())?;
        }
        if self.stream.streak == STREAK {
            self.stream.streak = 0;
            self.stream.place.wake_next_turn(context);
            return Poll::Pending;
        }
        self.stream.streak += 1;
        Poll::Ready(Ok(()))
    }
}

impl<T: FnMut(&mut Stream) -> Option<io::Result<usize>> + Unpin> Future for Transfer<'_, T> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<usize>> {
        let transfer = self.get_mut();
        loop {
            if transfer.is_waiting || !transfer.stream.may.intersects(transfer.wanted) {
                transfer.stream.streak = 0;
                ready!(transfer.poll_wait(context))?;
            }
            ready!(transfer.poll_begin(context))?;
            if let Some(outcome) = (transfer.attempt)(transfer.stream) {
                return Poll::Ready(outcome.map_err(io_error));
            }
        }
    }
}

impl<T> Drop for Transfer<'_, T> {
    fn drop(&mut self) {
        if self.is_waiting {
            self.stream.place.forget();
        }
    }
}

/// The future's output, or the deadline's error where that passes first.
async fn until<F: Future>(reactor: &Arc<Reactor>, deadline: Deadline, future: F) -> Result<F::Output> {
    let (mut future, mut place) = (pin!(future), None);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        if deadline.at.is_none() {
            return Poll::Pending;
        }
        let place = place.get_or_insert_with(|| Place::new(reactor));
        // Nothing is wanted of the place, so only the deadline can end this.
        place.poll_ready(Events::NONE, deadline, context).map(|passed| match passed {
            Err(error) => Err(error),
            Ok(_) => unreachable!("no event was asked for"),
        })
    })
    .await
}
