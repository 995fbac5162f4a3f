//! One TLS connection as bytes in and bytes out, by rustls.
//!
//! Does not touch sockets: `transport` moves the bytes that a [`Session`] wants read or written.

use super::refusal::explain;
use entreat_core::{Error, Kind, Result, TlsInfo, TlsVersion};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Room for one TLS record and its header (RFC 8446 section 5.2: at most 2^14 + 256 bytes).
const CIPHERTEXT_BUFFER: usize = 18 * 1024;

/// One TLS connection as bytes in and bytes out.
#[derive(Debug)]
pub(crate) struct Session {
    connection: ClientConnection,
    /// What was sent as SNI.
    server_name: Option<String>,
    ciphertext: Box<[u8]>,
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
        Ok(Session { connection, server_name, ciphertext })
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

    /// Where the next bytes from the socket go; then [`Session::received`] tells how many came.
    pub(crate) fn incoming(&mut self) -> &mut [u8] {
        &mut self.ciphertext
    }

    /// Takes in `count` bytes of [`Session::incoming`]; 0 means that the peer closed the socket.
    pub(crate) fn received(&mut self, count: usize) -> Result<()> {
        let mut bytes = &self.ciphertext[..count];
        loop {
            self.connection.read_tls(&mut bytes).map_err(|error| Error::new(Kind::Tls).with_source(error))?;
            self.connection.process_new_packets().map_err(explain)?;
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// Decrypted bytes into `into`: `None` where none are there yet, `Some(0)` after the peer's close_notify.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        match self.connection.reader().read(into) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            // RFC 8446 section 6.1: without close_notify the data may have been cut short by an attacker.
            Err(error) => Err(Error::new(Kind::ClosedEarly)
                .expected("close_notify before the end of the connection")
                .with_source(error)),
        }
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
