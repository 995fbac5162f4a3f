//! A proxy that opens tunnels (CONNECT), in the clear or over TLS: for real nets, so that what goes through a tunnel
//! can be TLS.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The proxy; its threads end with the process.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    /// Answers each CONNECT with `answer`, and relays where that is a 2xx. Whatever the host's name, the target is on
    /// 127.0.0.1.
    pub(crate) fn start(tls: Option<Arc<ServerConfig>>, answer: &'static str) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback can be listened on");
        let address = listener.local_addr().expect("a bound socket has an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heads);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (tls, log) = (tls.clone(), Arc::clone(&log));
                // A client that leaves in the middle is part of many tests.
                thread::spawn(move || serve(stream, tls, answer, &log).unwrap_or_default());
            }
        });
        Relay { address, heads }
    }

    /// The heads of the CONNECTs that arrived.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no test panics here").clone()
    }
}

trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

fn serve(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    answer: &str,
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.try_clone()?;
    let mut client: Box<dyn Wire> = match tls {
        None => Box::new(stream),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(connection, stream))
        }
    };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let authority = head.split(' ').nth(1).unwrap_or_default();
    let port = authority.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
    log.lock().expect("no test panics here").push(head);
    client.write_all(answer.as_bytes())?;
    client.flush()?;
    let target = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    relay(&mut *client, &socket, target)
}

/// Moves bytes both ways on one thread, as TLS on one side cannot be shared by two.
fn relay(client: &mut dyn Wire, socket: &TcpStream, mut target: TcpStream) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_millis(1);
    socket.set_read_timeout(Some(PATIENCE))?;
    target.set_read_timeout(Some(PATIENCE))?;
    target.set_nodelay(true)?;
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(count) = ready(client.read(&mut buffer))? {
            target.write_all(&buffer[..count])?;
        }
        if let Some(count) = ready(target.read(&mut buffer))? {
            client.write_all(&buffer[..count])?;
            client.flush()?;
        }
    }
}

/// The bytes that came, if any; the end of either side is the end of the tunnel.
fn ready(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}
