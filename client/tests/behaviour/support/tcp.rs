//! Plays scripts over real sockets on loopback: a thread that accepts, and one for each connection.

use entreat::net::scripted::{Log, Next, Player, Scripts};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The listeners of one test; they end with it.
#[derive(Default)]
pub(crate) struct Tcp {
    stopping: Arc<AtomicBool>,
    listening: Mutex<Vec<SocketAddr>>,
    kept: Mutex<Vec<Socket>>,
}

/// How a peer speaks TLS.
#[derive(Clone)]
pub(crate) struct TlsPeer {
    pub(crate) config: Arc<ServerConfig>,
    /// Whether it says good-bye before it closes.
    pub(crate) close_notify: bool,
}

impl Tcp {
    /// Plays `scripts` on a free port of 127.0.0.1.
    pub(crate) fn listen(&self, scripts: Scripts, log: &Log, tls: Option<TlsPeer>) -> SocketAddr {
        self.listen_at(Ipv4Addr::LOCALHOST.into(), scripts, log, tls)
    }

    /// As [`Tcp::listen`], on another of this machine's addresses.
    pub(crate) fn listen_at(
        &self,
        host: IpAddr,
        scripts: Scripts,
        log: &Log,
        tls: Option<TlsPeer>,
    ) -> SocketAddr {
        let listener = TcpListener::bind((host, 0)).expect("loopback can be listened on");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (log, stopping) = (log.clone(), Arc::clone(&self.stopping));
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept()
                && !stopping.load(Ordering::SeqCst)
            {
                let player = Player::new(&scripts, &log);
                let tls = tls.clone();
                // A client that leaves in the middle is part of many tests.
                thread::spawn(move || play(stream, tls, player).unwrap_or_default());
            }
        });
        self.listening.lock().expect("no test panics here").push(address);
        address
    }

    /// A port whose queue of connections is full: the kernel lets the next ones wait for ever.
    pub(crate) fn listen_silently_at(&self, host: IpAddr) -> SocketAddr {
        let new = || Socket::new(Domain::for_address(SocketAddr::new(host, 0)), Type::STREAM, None);
        let socket = new().expect("sockets can be made");
        socket.bind(&SockAddr::from(SocketAddr::new(host, 0))).expect("a port is free");
        socket.listen(0).expect("loopback can be listened on");
        let address = socket.local_addr().expect("a bound socket has an address");
        let mut kept = self.kept.lock().expect("no test panics here");
        kept.push(socket);
        loop {
            let filler = new().expect("sockets can be made");
            let connected = filler.connect_timeout(&address, Duration::from_millis(50));
            kept.push(filler);
            if connected.is_err() {
                return address.as_socket().expect("an address of IP");
            }
        }
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        for address in self.listening.lock().expect("no test panics here").drain(..) {
            // Wakes the thread that waits for a connection.
            drop(TcpStream::connect(address));
        }
    }
}

/// A connection, encrypted or not.
trait Wire: Read + Write {
    /// What it says before it closes.
    fn say_goodbye(&mut self) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn say_goodbye(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn say_goodbye(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()
    }
}

fn play(stream: TcpStream, tls: Option<TlsPeer>, mut player: Player) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.try_clone()?;
    let polite = tls.as_ref().is_some_and(|tls| tls.close_notify);
    let mut wire: Box<dyn Wire> = match tls {
        None => Box::new(stream),
        Some(tls) => {
            let connection = ServerConnection::new(tls.config).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(connection, stream))
        }
    };
    if play_steps(&mut *wire, &socket, &mut player)? {
        return Ok(());
    }
    if polite {
        wire.say_goodbye()?;
    }
    // Bytes that arrive at a closed socket would turn the close into a reset: it is read for a while.
    socket.shutdown(Shutdown::Write)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    io::copy(&mut wire, &mut io::sink()).map(drop)
}

/// Plays until the script ends: true where it ends with a reset.
fn play_steps(wire: &mut dyn Wire, socket: &TcpStream, player: &mut Player) -> io::Result<bool> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match player.play(Instant::now()) {
            Next::Send(bytes) => {
                // Nobody takes anything any more.
                let sent = wire.write_all(&bytes).and_then(|()| wire.flush());
                sent.inspect_err(|_| player.note_client_closed())?;
            }
            Next::Wait(until) => thread::sleep(until.saturating_duration_since(Instant::now())),
            Next::Receive => match wire.read(&mut buffer) {
                Ok(count) if count > 0 => player.receive(&buffer[..count]),
                Ok(_) | Err(_) => player.receive_end(),
            },
            Next::Close => return Ok(false),
            Next::Reset => {
                SockRef::from(socket).set_linger(Some(Duration::ZERO))?;
                return Ok(true);
            }
        }
    }
}
