//! A socket before it connects: made, bound and set up as the knobs say. The same for every net that has sockets.

use entreat_core::{Error, Keepalive, Kind, Network, Result, SocketOptions};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// How long to wait for a listener on a path whose queue is full: nothing tells when there is room.
pub(super) const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// A socket that can connect to `address`, non-blocking.
pub(super) fn open(address: SocketAddr, network: &Network) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    set_options(&socket, &network.socket)?;
    if let Some(name) = &network.interface {
        bind_device(&socket, name).map_err(|error| during(&format!("interface {name}"), &error))?;
    }
    if let Some(local) = network.local_address {
        let bound = socket.bind(&SocketAddr::new(local, 0).into());
        bound.map_err(|error| during(&format!("local address {local}"), &error))?;
    }
    Ok(socket)
}

/// A socket that is connected to `path`, non-blocking; `None` where the listener's queue is full.
///
/// # Errors
/// [`Kind::Connect`].
#[cfg(unix)]
pub(super) fn open_unix(path: &Path) -> Result<Option<Socket>> {
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&socket2::SockAddr::unix(path)?) {
            Ok(()) => Ok(Some(socket)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    };
    let shown = path.to_string_lossy().replace('\0', "@");
    connect().map_err(|error: io::Error| Error::new(Kind::Connect).seen(shown).with_source(error))
}

#[cfg(not(unix))]
pub(super) fn open_unix(path: &Path) -> Result<Option<Socket>> {
    let expected = "a system that has sockets in its file system";
    Err(Error::new(Kind::Connect).expected(expected).seen(path.display().to_string()))
}

/// Why `connect` said that it will take time: not an error.
pub(super) fn is_in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    let expected = matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR));
    #[cfg(not(unix))]
    let expected = error.kind() == io::ErrorKind::WouldBlock;
    expected
}

fn set_options(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    if options.nodelay {
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(keepalive) = options.keepalive {
        socket.set_tcp_keepalive(&probes(keepalive))?;
    }
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    if options.user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.user_timeout)?;
    }
    set_raw(socket, options)
}

fn probes(keepalive: Keepalive) -> TcpKeepalive {
    let probes = TcpKeepalive::new().with_time(keepalive.time);
    #[cfg(any(
        target_os = "android",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        windows,
    ))]
    let probes = {
        let probes = match keepalive.interval {
            Some(interval) => probes.with_interval(interval),
            None => probes,
        };
        match keepalive.count {
            Some(count) => probes.with_retries(count),
            None => probes,
        }
    };
    probes
}

#[cfg(unix)]
fn set_raw(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    for option in &options.raw {
        let (value, length) = (option.value.as_ptr().cast(), option.value.len() as libc::socklen_t);
        // SAFETY: `value` points to `length` bytes that live across the call, and the descriptor is open, as the socket is
        // borrowed. The kernel copies the bytes.
        let status =
            unsafe { libc::setsockopt(socket.as_raw_fd(), option.level, option.name, value, length) };
        if status != 0 {
            let what = format!("socket option {} of level {}", option.name, option.level);
            return Err(during(&what, &io::Error::last_os_error()));
        }
    }
    Ok(())
}

/// `Config::resolve` lets none through.
#[cfg(not(unix))]
fn set_raw(_: &Socket, _: &SocketOptions) -> io::Result<()> {
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
fn bind_device(socket: &Socket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

/// `Config::resolve` lets no interface through.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")))]
fn bind_device(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn during(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
