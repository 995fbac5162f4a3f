//! Connecting without blocking: all attempts of a race wait in one `poll(2)`.

use super::{Blocking, SLICE};
use crate::net::{race, socket};
use entreat_core::{Network, Result};
use socket2::{SockAddr, Socket};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Sockets that are connecting.
pub(super) struct Attempts<'a> {
    net: &'a Blocking,
    connecting: Vec<(SocketAddr, Socket)>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(net: &'a Blocking) -> Attempts<'a> {
        Attempts { net, connecting: Vec::with_capacity(1) }
    }

    fn first_now(&mut self, until: Option<Instant>) -> Result<Option<(SocketAddr, io::Result<Socket>)>> {
        let left = until.map_or(SLICE, |until| until.saturating_duration_since(Instant::now()));
        let Some((at, outcome)) = wait_any(&self.connecting, left.min(SLICE)).map_err(super::io_error)?
        else {
            self.net.check_interrupt()?;
            return Ok(None);
        };
        let (address, socket) = self.connecting.swap_remove(at);
        let connected = outcome.and_then(|()| socket.set_nonblocking(false));
        Ok(Some((address, connected.map(|()| socket))))
    }
}

impl race::Attempts for Attempts<'_> {
    type Stream = Socket;

    fn start(&mut self, address: SocketAddr, network: &Network) -> io::Result<()> {
        let socket = socket::open(address, network)?;
        match socket.connect(&SockAddr::from(address)) {
            Err(error) if !socket::is_in_progress(&error) => return Err(error),
            Ok(()) | Err(_) => self.connecting.push((address, socket)),
        }
        Ok(())
    }

    async fn first(&mut self, until: Option<Instant>) -> Result<Option<(SocketAddr, io::Result<Socket>)>> {
        self.first_now(until)
    }
}

/// The place of an attempt that has ended, and how.
type Ended = (usize, io::Result<()>);

/// Whichever of the sockets is connected or has failed; `None` where `limit` passed first, or a signal came.
#[cfg(unix)]
fn wait_any(connecting: &[(SocketAddr, Socket)], limit: Duration) -> io::Result<Option<Ended>> {
    use std::os::fd::AsRawFd;
    let poll = |(_, socket): &(SocketAddr, Socket)| libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    let mut polls: Vec<_> = connecting.iter().map(poll).collect();
    // Rounded up, so that less than a millisecond does not become a busy loop.
    let milliseconds = limit.as_micros().div_ceil(1000) as libc::c_int;
    // SAFETY: `polls` is a valid array of that length which lives across the call, and its descriptors are open, as the
    // sockets are borrowed.
    match unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, milliseconds) } {
        0.. => Ok(polls.iter().position(|poll| poll.revents != 0).map(|at| (at, outcome(&connecting[at].1)))),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            error => Err(error),
        },
    }
}

#[cfg(unix)]
fn outcome(socket: &Socket) -> io::Result<()> {
    match socket.take_error()? {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn wait_any(connecting: &[(SocketAddr, Socket)], limit: Duration) -> io::Result<Option<Ended>> {
    let end = Instant::now() + limit;
    let ended = |socket: &Socket| match socket.take_error() {
        Ok(Some(error)) | Err(error) => Some(Err(error)),
        Ok(None) => socket.peer_addr().is_ok().then_some(Ok(())),
    };
    loop {
        let mut outcomes = connecting.iter().enumerate().map(|(at, (_, socket))| (at, ended(socket)));
        if let Some((at, Some(outcome))) = outcomes.find(|(_, outcome)| outcome.is_some()) {
            return Ok(Some((at, outcome)));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
