//! Listening sockets on loopback, the only place where this crate's servers listen. Called by `origin` and `bench`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// 127.0.0.1 and, if this machine has IPv6, `::1` on the same port; 0 is any free one. The
/// sockets block.
pub(crate) fn listen(port: u16) -> io::Result<Vec<TcpListener>> {
    const ATTEMPTS: usize = 20;
    for _ in 0..ATTEMPTS {
        let first = listen_on(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let same_port = first.local_addr()?.port();
        match listen_on(SocketAddr::from((Ipv6Addr::LOCALHOST, same_port))) {
            Ok(second) => return Ok(vec![first, second]),
            // The free port of one family may be taken in the other: try the next.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port == 0 => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(_) => return Ok(vec![first]),
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free on both 127.0.0.1 and ::1"))
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}
