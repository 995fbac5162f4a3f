//! Connecting without blocking: the attempts of a race are registered like any socket, and their ends are events.

use super::reactor::Reactor;
use super::slots::Events;
use super::{Stream, until};
use crate::net::{race, socket};
use entreat_core::{Deadline, Network, Result};
use socket2::{SockAddr, SockRef};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// Sockets that are connecting.
pub(super) struct Attempts<'a> {
    reactor: &'a Arc<Reactor>,
    connecting: Vec<(SocketAddr, Stream)>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(reactor: &'a Arc<Reactor>) -> Attempts<'a> {
        Attempts { reactor, connecting: Vec::with_capacity(1) }
    }

    fn poll_first(&mut self, context: &Context<'_>) -> Poll<(SocketAddr, io::Result<Stream>)> {
        let ended = |(_, stream): &mut (SocketAddr, Stream)| stream.poll_connected(context).is_ready();
        match self.connecting.iter_mut().position(ended) {
            None => Poll::Pending,
            Some(at) => {
                let (address, stream) = self.connecting.swap_remove(at);
                Poll::Ready((address, stream.outcome()))
            }
        }
    }
}

impl race::Attempts for Attempts<'_> {
    type Stream = Stream;

    fn start(&mut self, address: SocketAddr, network: &Network) -> io::Result<()> {
        let socket = socket::open(address, network)?;
        match socket.connect(&SockAddr::from(address)) {
            Err(error) if !socket::is_in_progress(&error) => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // Only now: a socket that has not begun to connect is said to be closed.
        self.connecting.push((address, Stream::register(self.reactor, socket.into())?));
        Ok(())
    }

    async fn first(
        &mut self,
        until_then: Option<Instant>,
    ) -> Result<Option<(SocketAddr, io::Result<Stream>)>> {
        let end = Deadline::new(until_then, Deadline::NEVER.kind);
        Ok(until(self.reactor, end, poll_fn(|context| self.poll_first(context))).await.ok())
    }
}

impl Stream {
    /// Ready once connecting has ended, one way or the other.
    fn poll_connected(&mut self, context: &Context<'_>) -> Poll<()> {
        match self.place.poll_ready(Events::WRITABLE, Deadline::NEVER, context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(events)) => {
                self.note(events);
                Poll::Ready(())
            }
            Poll::Ready(Err(never)) => unreachable!("there is no deadline: {never}"),
        }
    }

    /// The stream, where it is connected.
    fn outcome(self) -> io::Result<Stream> {
        match SockRef::from(&self.socket).take_error()? {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }
}
