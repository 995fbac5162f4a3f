//! TLS by rustls: whom to trust, and a session that takes and gives bytes.
//!
//! Decides how trust is configured and how rustls' errors become ours. Does not touch sockets: `transport` moves
//! the bytes that a [`Session`] wants read or written. Not in core, since rustls reads clocks and randomness and a
//! trust store is files.

use entreat_core::{Error, Identity, Kind, Result, Roots, TlsRules};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore};
use rustls::{SignatureScheme, client::Resumption};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// One rustls configuration per set of rules, made at its first use and kept: loading a trust store costs
/// milliseconds, and resumption needs a place that lasts.
#[derive(Debug, Default)]
pub(crate) struct Contexts(Mutex<HashMap<TlsRules, Arc<ClientConfig>>>);

impl Contexts {
    /// A session with `host` under `rules`, its first bytes ready to be sent.
    pub(crate) fn session(&self, rules: &TlsRules, host: &str) -> Result<Session> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            Error::new(Kind::InvalidUrl).expected("a host name that TLS can verify").with_source(error)
        })?;
        let connection = ClientConnection::new(self.config(rules)?, name).map_err(explain)?;
        Ok(Session { connection, ciphertext: vec![0; CIPHERTEXT_BUFFER].into_boxed_slice() })
    }

    fn config(&self, rules: &TlsRules) -> Result<Arc<ClientConfig>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(rules) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(configure(rules)?);
        known.insert(rules.clone(), Arc::clone(&config));
        Ok(config)
    }
}

fn configure(rules: &TlsRules) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(explain)?;
    let builder = if rules.accept_any_certificate {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    } else {
        builder.with_root_certificates(load_roots(&rules.roots)?)
    };
    let mut config = match &rules.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = load_identity(identity)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| unusable(&identity.certificate, error))?
        }
    };
    config.resumption = Resumption::in_memory_sessions(256);
    Ok(config)
}

/// The client's own certificate, those behind it, and its key.
fn load_identity(identity: &Identity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let path = &identity.certificate;
    let chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unusable(path, error))?;
    if chain.is_empty() {
        return Err(Error::new(Kind::InvalidConfig)
            .expected("a client certificate in PEM form")
            .seen(format!("none in {}", path.display())));
    }
    let path = identity.key.as_ref().unwrap_or(path);
    let key = PrivateKeyDer::from_pem_file(path).map_err(|error| unusable(path, error))?;
    Ok((chain, key))
}

fn unusable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::InvalidConfig)
        .expected("a client certificate and its key, not encrypted, in PEM form")
        .seen(path.display().to_string())
        .with_source(error)
}

fn load_roots(roots: &Roots) -> Result<RootCertStore> {
    match roots {
        Roots::System => Ok(system_roots()),
        Roots::Path(path) => {
            let mut store = RootCertStore::empty();
            for file in pem_files(path)? {
                let pem = std::fs::read(&file).map_err(|error| unreadable(&file, error))?;
                add_pem(&mut store, &pem);
            }
            nonempty(store, &path.display().to_string())
        }
        Roots::Pem(pem) => {
            let mut store = RootCertStore::empty();
            add_pem(&mut store, pem);
            nonempty(store, "the PEM text")
        }
    }
}

/// What `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the operating system's store, else Mozilla's, compiled in.
fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    // Certificates that cannot be parsed are left out: system stores hold a few that no current rule accepts.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store
}

fn pem_files(path: &Path) -> Result<Vec<std::path::PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, error))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|file| file.is_file()).collect())
}

fn add_pem(store: &mut RootCertStore, pem: &[u8]) {
    store.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
}

fn nonempty(store: RootCertStore, source: &str) -> Result<RootCertStore> {
    if store.is_empty() {
        return Err(Error::new(Kind::InvalidConfig)
            .expected("at least one certificate in PEM form")
            .seen(format!("none in {source}")));
    }
    Ok(store)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::InvalidConfig)
        .expected("a readable CA file or directory")
        .seen(path.display().to_string())
        .with_source(error)
}

/// Room for one TLS record and its header (RFC 8446 section 5.2: at most 2^14 + 256 bytes).
const CIPHERTEXT_BUFFER: usize = 18 * 1024;

/// One TLS connection as bytes in and bytes out.
#[derive(Debug)]
pub(crate) struct Session {
    connection: ClientConnection,
    ciphertext: Box<[u8]>,
}

impl Session {
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

/// Says who is to blame and what to do about it.
fn explain(error: rustls::Error) -> Error {
    let certificate = |hint: &'static str| Error::new(Kind::InvalidCertificate).hint(hint);
    let explained = match &error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            // A bad signature: an authority of the same name, but with another key, is trusted.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => certificate(
                "no trusted root signed it: pass the CA's certificate, or accept that it is not trusted",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                certificate("it has expired")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                certificate("it is not valid yet: is the clock right?")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                certificate("it was made for another host")
            }
            _ => Error::new(Kind::InvalidCertificate),
        },
        rustls::Error::InvalidMessage(_) => {
            Error::new(Kind::Tls).hint("the server speaks no TLS on this port: perhaps http:// was meant")
        }
        _ => Error::new(Kind::Tls),
    };
    explained.with_source(error)
}

/// Accepts any certificate; still checks that the peer holds its key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
