//! One TLS connection as bytes in and bytes out, by rustls.
//!
//! Does not touch sockets: `transport` moves the bytes that a [`Session`] wants read or written.

use super::refusal::explain;
use entreat_core::{Error, Kind, Result, TlsInfo, TlsVersion};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;

/// Room for one TLS record and its header (RFC 8446 section 5.2: at most 2^14 + 256 bytes).
const CIPHERTEXT_BUFFER: usize = 18 * 1024;

/// rustls takes no more ciphertext while more plaintext than this waits to be read.
const PLAINTEXT_LIMIT: usize = 16 * 1024;

/// One TLS connection as bytes in and bytes out.
#[derive(Debug)]
pub(crate) struct Session {
    connection: ClientConnection,
    /// What was sent as SNI.
    server_name: Option<String>,
    ciphertext: Box<[u8]>,
    /// The part of `ciphertext` that waits until there is room for what it decrypts to.
    waiting: Range<usize>,
}

impl Session {
    /// A session whose first bytes are ready to be sent.
    pub(super) fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Session> {
        let server_name = match &name {
            ServerName::DnsName(name) if config.enable_sni => Some(name.as_ref().to_owned()),
            _ => None,
        };
        let connection = ClientConnection::new(config, name).map_err(explain)?;
        let ciphertext = vec![0; CIPHERTEXT_BUFFER].into_boxed_slice();
        Ok(Session { connection, server_name, ciphertext, waiting: 0..0 })
    }

    /// What the handshake came to, once it is over.
    pub(crate) fn info(&self) -> TlsInfo {
        let connection = &self.connection;
        let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let certificates = connection.peer_certificates().unwrap_or_default();
        TlsInfo {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
                _ => TlsVersion::Tls13,
            },
            cipher_suite: suite.unwrap_or_default().to_owned(),
            peer_certificates: certificates.iter().map(|certificate| certificate.to_vec()).collect(),
            alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            server_name: self.server_name.clone(),
        }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Where the next bytes from the socket go, once [`Session::read`] has nothing more; then [`Session::received`] tells
    /// how many came.
    pub(crate) fn incoming(&mut self) -> &mut [u8] {
        &mut self.ciphertext
    }

    /// Takes in `count` bytes of [`Session::incoming`]; 0 means that the peer closed the socket.
    pub(crate) fn received(&mut self, count: usize) -> Result<()> {
        if count == 0 {
            return self.take_in(0..0).map(drop);
        }
        self.waiting = 0..count;
        self.decrypt()
    }

    /// Decrypted bytes into `into`: `None` where none are there yet, `Some(0)` after the peer's close_notify.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        loop {
            match self.connection.reader().read(into) {
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.waiting.is_empty() => {
                    return Ok(None);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.decrypt()?,
                // RFC 8446 section 6.1: without close_notify the data may have been cut short by an attacker.
                Err(error) => {
                    return Err(Error::new(Kind::ClosedEarly)
                        .expected("close_notify before the end of the connection")
                        .with_source(error));
                }
            }
        }
    }

    /// Decrypts what waits, as far as there is room.
    fn decrypt(&mut self) -> Result<()> {
        let mut decrypted = 0;
        while !self.waiting.is_empty() && decrypted <= PLAINTEXT_LIMIT {
            let (taken, plaintext) = self.take_in(self.waiting.clone())?;
            self.waiting.start += taken;
            decrypted = plaintext;
            if taken == 0 {
                // RFC 8446 section 6.1: "Any data received after a closure alert has been received MUST be ignored."
                self.waiting = 0..0;
            }
        }
        Ok(())
    }

    /// How many of these bytes of ciphertext rustls took, and how much plaintext waits now.
    fn take_in(&mut self, range: Range<usize>) -> Result<(usize, usize)> {
        let mut bytes = &self.ciphertext[range];
        let taken = self.connection.read_tls(&mut bytes);
        let taken = taken.map_err(|error| Error::new(Kind::Tls).with_source(error))?;
        let state = self.connection.process_new_packets().map_err(explain)?;
        Ok((taken, state.plaintext_bytes_to_read()))
    }

    /// Encrypts some of `bytes`; says how many were taken. [`Session::outgoing`] has the result.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.connection.writer().write(bytes).map_err(|error| Error::new(Kind::Io).with_source(error))
    }

    /// Appends what must be sent to `into`.
    pub(crate) fn outgoing(&mut self, into: &mut Vec<u8>) -> Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(into).map_err(|error| Error::new(Kind::Io).with_source(error))?;
        }
        Ok(())
    }

    /// Says good-bye; [`Session::outgoing`] has it.
    pub(crate) fn close(&mut self) {
        self.connection.send_close_notify();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Contexts;
    use entreat_core::TlsRules;
    use entreat_testkit::ca::{Authority, LOOPBACK};
    use rustls::ServerConnection;

    /// A session with a server in memory, the handshake done.
    fn connected() -> (Session, ServerConnection) {
        let rules = TlsRules { accept_any_certificate: true, ..TlsRules::default() };
        let mut session = Contexts::default().session(&rules, "localhost").unwrap();
        let mut server = ServerConnection::new(Authority::new().leaf(LOOPBACK).server(&[])).unwrap();
        while session.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            session.outgoing(&mut bytes).unwrap();
            let mut bytes = bytes.as_slice();
            while !bytes.is_empty() {
                server.read_tls(&mut bytes).unwrap();
                server.process_new_packets().unwrap();
            }
            feed(&mut session, &flight(&mut server)).unwrap();
        }
        (session, server)
    }

    /// What the server wants sent.
    fn flight(server: &mut ServerConnection) -> Vec<u8> {
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    fn feed(session: &mut Session, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(CIPHERTEXT_BUFFER) {
            session.incoming()[..piece.len()].copy_from_slice(piece);
            session.received(piece.len())?;
        }
        Ok(())
    }

    #[test]
    fn large_and_small_records_may_come_at_once() {
        let (mut session, mut server) = connected();
        let sizes = [8_000, 16_384].into_iter().chain(std::iter::repeat_n(10, 600));
        let mut bytes = Vec::new();
        for size in sizes.clone() {
            server.writer().write_all(&vec![b'x'; size]).unwrap();
            bytes.extend(flight(&mut server));
        }
        let (mut total, mut buffer) = (0, vec![0; 64 * 1024]);
        for piece in bytes.chunks(CIPHERTEXT_BUFFER) {
            feed(&mut session, piece).unwrap();
            while let Some(count) = session.read(&mut buffer).unwrap() {
                total += count;
            }
        }
        assert_eq!(total, sizes.sum::<usize>());
    }

    #[test]
    fn what_comes_behind_close_notify_is_ignored() {
        let (mut session, mut server) = connected();
        server.writer().write_all(b"last").unwrap();
        server.send_close_notify();
        let bytes = [flight(&mut server), vec![0x17; 100]].concat();
        feed(&mut session, &bytes).unwrap();
        let mut buffer = [0; 10];
        assert_eq!(session.read(&mut buffer).unwrap(), Some(4));
        assert_eq!(session.read(&mut buffer).unwrap(), Some(0));
    }
}
