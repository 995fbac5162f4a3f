//! Certificates that a client must accept and others that it must refuse, each with a server that shows it.
//!
//! In the manner of badssl.com and x509-limbo, but on loopback and with an authority of its own for each run. A [`Case`]
//! says which roots are trusted, what the server shows, by which name it is asked for, and what must come of it. Made
//! by rcgen, or read from `fixtures/`, where `make.sh` has put what rcgen refuses to make. Clients' tests walk over
//! [`cases`]; the name is given as such, since no resolver knows it.

mod accepted;
mod entity;
mod refused;

pub use entity::{Entity, Made, Twist, dns_name, extension, named, plain, self_signed};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use std::path::PathBuf;
use std::sync::Arc;

/// The host of most cases.
pub const HOST: &str = "www.site.test";

/// What must come of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The request is answered.
    Accept,
    /// The certificate is refused, and the error's hint contains this.
    Refuse(&'static str),
}

/// A server's certificate, and who trusts whom.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is special about it.
    pub name: &'static str,
    /// What must come of it.
    pub expected: Expected,
    /// By which name or address the server is asked for.
    pub host: &'static str,
    /// The roots that are trusted, in PEM.
    pub roots: String,
    /// What the server shows, its own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key with which it signs; `None`: it has none, and signs with zeros.
    pub key: Option<Arc<PrivateKeyDer<'static>>>,
}

/// All cases, those to be accepted first.
pub fn cases() -> Vec<Case> {
    let mut cases = accepted::cases();
    cases.extend(refused::cases());
    cases
}

/// The path of a file that `fixtures/make.sh` made.
pub fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src/matrix/fixtures", name].iter().collect()
}

/// Its bytes.
///
/// # Panics
/// If there is none of that name.
pub fn fixture_bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

impl Case {
    /// A case where the server shows `leaf` and then `others`, and holds the leaf's key.
    fn new(name: &'static str, roots: &[&Made], leaf: &Made, others: &[&Made]) -> Case {
        Case {
            name,
            expected: Expected::Accept,
            host: HOST,
            roots: roots.iter().map(|root| root.pem()).collect(),
            chain: [&[leaf], others].concat().iter().map(|made| made.certificate.clone()).collect(),
            key: leaf.key.clone(),
        }
    }

    fn host(self, host: &'static str) -> Case {
        Case { host, ..self }
    }

    fn refused(self, hint: &'static str) -> Case {
        Case { expected: Expected::Refuse(hint), ..self }
    }

    /// A server that shows this, in TLS 1.2 and 1.3.
    ///
    /// # Panics
    /// Never: the provider speaks both.
    pub fn server(&self) -> Arc<ServerConfig> {
        let key: Arc<dyn SigningKey> = match &self.key {
            // No server here signs with an RSA key of 1024 bits.
            Some(key) => {
                any_supported_type(key).unwrap_or_else(|_| Arc::new(Forger(SignatureAlgorithm::RSA)))
            }
            None => Arc::new(Forger(SignatureAlgorithm::ECDSA)),
        };
        // Nothing is checked here, as `with_single_cert` would: these certificates are wrong on purpose.
        let shown = Arc::new(CertifiedKey::new(self.chain.clone(), key));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown(shown)));
        Arc::new(config)
    }
}

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Signs with zeros, for whoever has a certificate and not its key.
#[derive(Debug)]
struct Forger(SignatureAlgorithm);

impl SigningKey for Forger {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(Forger(self.0)))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0
    }
}

impl Signer for Forger {
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![0; 256])
    }

    fn scheme(&self) -> SignatureScheme {
        match self.0 {
            SignatureAlgorithm::ECDSA => SignatureScheme::ECDSA_NISTP256_SHA256,
            _ => SignatureScheme::RSA_PSS_SHA256,
        }
    }
}

/// A certificate from `fixtures/`, with its key where there is a file of it, else that of `rsa_2048`.
fn from_fixture(name: &str) -> Made {
    let certificate = CertificateDer::from_pem_slice(&fixture_bytes(&format!("{name}.pem")));
    let own = fixture(&format!("{name}.key.pem"));
    let key = if own.exists() { own } else { fixture("rsa_2048.key.pem") };
    Made {
        certificate: certificate.expect("make.sh makes PEM"),
        key: PrivateKeyDer::from_pem_file(key).ok().map(Arc::new),
    }
}
