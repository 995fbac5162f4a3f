//! A TCP socket before it connects: made, bound and set up as the knobs say. The same for every net that has sockets.

use entreat_core::Network;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A socket that can connect to `address`, non-blocking.
pub(super) fn open(address: SocketAddr, _network: &Network) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    // A peer that vanished without a word is noticed while a long wait goes on.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)))?;
    Ok(socket)
}

/// Why `connect` said that it will take time: not an error.
pub(super) fn is_in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    let expected = matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR));
    #[cfg(not(unix))]
    let expected = error.kind() == io::ErrorKind::WouldBlock;
    expected
}
