//! What is asked of TLS: whom to trust, what to show, which versions and names. Values only.
//!
//! [`TlsRules::check`] refuses knobs that contradict each other, and [`Pin::parse`] reads how people write pins. What
//! files hold, and what a certificate is worth, is found out in the crate `entreat`.

use crate::error::{Error, Kind, Result, excerpt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

/// Whom to trust and what to show, for `https`.
///
/// ```
/// use entreat_core::{Pin, TlsRules, TlsVersion};
/// let pin = "sha256/uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
/// let rules = TlsRules {
///     min_version: TlsVersion::Tls13,
///     pins: vec![Pin::parse(pin)?],
///     ..TlsRules::default()
/// };
/// # Ok::<(), entreat_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsRules {
    /// Which certificates may sign a server's.
    ///
    /// * Default: `Roots::System`: `SSL_CERT_FILE`, `SSL_CERT_DIR`, the system's store, else Mozilla's, compiled in
    /// * Why: what the machine trusts. A variable that is set, and under which nothing is found, is an error: nothing
    ///   else is trusted in its stead
    /// * Extremes: a file, a directory or PEM text replaces it altogether. A server's own certificate may be a root:
    ///   accepted byte by byte, with its dates and names checked; it signs nothing else unless it is an authority. An
    ///   authority below a root may be one, too, and its root need not
    pub roots: Roots,
    /// More of them, beside `roots`: PEM or DER, files or directories.
    ///
    /// * Default: none
    /// * Why: an inner authority beside the public ones
    /// * Extremes: whoever holds its key can pose as every site
    pub extra_roots: Vec<Material>,
    /// Accept any certificate and any name.
    ///
    /// * Default: false
    /// * Extremes: anyone on the way can read and change all. That the server holds its certificate's key is checked
    ///   even so
    pub accept_any_certificate: bool,
    /// The server's own certificate must be one of these, on top of all other checks.
    ///
    /// * Default: none
    /// * Why: the server's own certificate must be one of these: `sha256/BASE64` of the public key, as curl and HPKP
    ///   write it, or the certificate's SHA-256 or SHA-1 in hexadecimal digits, as urllib3's `assert_fingerprint`
    /// * Extremes: they come on top of all other checks; with `accept_any_certificate` they alone decide, as in
    ///   urllib3. Without a spare pin, a new key locks the program out
    pub pins: Vec<Pin>,
    /// Lists of revoked certificates, PEM or DER, files or directories.
    ///
    /// * Default: none: public lists are large, and to ask tells who is visited; OCSP is not asked either
    /// * Why: private authorities that revoke
    /// * Extremes: as for curl's `--crlfile`, each certificate below the root must be covered by a list that has not
    ///   expired: who forgets to renew a list is locked out. A certificate that is itself a root is not looked up
    pub crls: Vec<Material>,
    /// Accept certificates on which `crls` say nothing.
    ///
    /// * Default: false
    /// * Why: a list that is missing may be kept away by an attacker
    /// * Extremes: true refuses only what a list names
    pub accept_unknown_revocation: bool,
    /// What the client shows a server that asks for a certificate.
    ///
    /// * Default: none
    /// * Why: `Identity::files`, `Identity::bytes`: PEM (one file or two), or PKCS#12; encrypted ones with
    ///   `.passphrase(..)`: PKCS#8 (PBES2 with PBKDF2; PKCS#12's schemes) and OpenSSL's `Proc-Type: 4,ENCRYPTED`
    /// * Extremes: scrypt is not supported. Files are read once for each client
    pub identity: Option<Identity>,
    /// The oldest version that is spoken.
    ///
    /// * Default: `Tls12`
    /// * Why: older ones are broken (RFC 8996) and not implemented
    /// * Extremes: 1.3 alone shuts out servers from before 2018
    pub min_version: TlsVersion,
    /// The newest one.
    ///
    /// * Default: `Tls13`
    /// * Extremes: 1.2 alone gives up privacy: certificates are readable on the way
    pub max_version: TlsVersion,
    /// Protocols offered by ALPN (RFC 7301), the preferred one first. What a server picks changes nothing: HTTP/1.1 is
    /// spoken.
    ///
    /// * Default: `http/1.1`
    /// * Why: as requests and urllib3
    /// * Extremes: an empty list sends no extension; `h2` is refused, as only HTTP/1.1 is spoken
    pub alpn: Option<Arc<[String]>>,
    /// The name that is sent (SNI) and verified in place of the URL's host.
    ///
    /// * Default: the URL's host
    /// * Why: the name that is sent (SNI) and verified, for a server reached by another name or address
    pub server_name: Option<Arc<str>>,
    /// The name that is verified, in place of that which is sent.
    ///
    /// * Default: the name that is sent
    /// * Why: urllib3's `assert_hostname`
    pub verify_name: Option<Arc<str>>,
    /// Tell the server which host is meant (SNI). The name is readable on the way.
    ///
    /// * Default: true
    /// * Why: one address serves many hosts
    /// * Extremes: without SNI, many servers show the wrong certificate or none
    pub send_server_name: bool,
    /// Append the sessions' keys to the file that `SSLKEYLOGFILE` names.
    ///
    /// * Default: true: where `SSLKEYLOGFILE` is set, the sessions' keys are appended to that file
    /// * Why: as curl and Python; Wireshark reads it
    /// * Extremes: whoever has the file can read the traffic
    pub key_log: bool,
}

impl Default for TlsRules {
    fn default() -> TlsRules {
        TlsRules {
            roots: Roots::System,
            extra_roots: Vec::new(),
            accept_any_certificate: false,
            pins: Vec::new(),
            crls: Vec::new(),
            accept_unknown_revocation: false,
            identity: None,
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            alpn: None,
            server_name: None,
            verify_name: None,
            send_server_name: true,
            key_log: true,
        }
    }
}

impl Hash for TlsRules {
    /// Rules are hashed with each request, and most name roots at the most: what else is at its default costs a look.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.roots, self.accept_any_certificate).hash(state);
        if !self.is_plain() {
            (&self.extra_roots, &self.pins, &self.crls, self.accept_unknown_revocation).hash(state);
            (&self.identity, self.min_version, self.max_version, &self.alpn).hash(state);
            (&self.server_name, &self.verify_name, self.send_server_name, self.key_log).hash(state);
        }
    }
}

impl TlsRules {
    /// True where all that most programs never set is as it was.
    fn is_plain(&self) -> bool {
        self.extra_roots.is_empty()
            && self.pins.is_empty()
            && self.crls.is_empty()
            && !self.accept_unknown_revocation
            && self.identity.is_none()
            && self.min_version == TlsVersion::Tls12
            && self.max_version == TlsVersion::Tls13
            && self.alpn.is_none()
            && self.server_name.is_none()
            && self.verify_name.is_none()
            && self.send_server_name
            && self.key_log
    }

    /// Refuses what cannot be: versions that exclude each other, protocols without a name or that are not spoken,
    /// lists of revoked certificates for whoever accepts any.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] with the knob named.
    pub fn check(&self) -> Result<()> {
        let refused = |expected: &'static str| Err(Error::new(Kind::InvalidConfig).expected(expected));
        if self.min_version > self.max_version {
            return refused("tls.min_version no newer than tls.max_version");
        }
        for name in self.alpn.iter().flat_map(|names| names.iter()) {
            if name.is_empty() || name.len() > 255 {
                return refused("names of 1 to 255 bytes in tls.alpn");
            }
            if ["h2", "h3"].contains(&name.as_str()) {
                return refused("no h2 or h3 in tls.alpn: HTTP/1.1 is spoken");
            }
        }
        if self.accept_any_certificate && !self.crls.is_empty() {
            return refused("either tls.crls or tls.accept_any_certificate");
        }
        Ok(())
    }
}

/// The certificates at which trust ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Roots {
    /// The operating system's store, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name in its place; Mozilla's
    /// roots, compiled in, where the system has none.
    #[default]
    System,
    /// A PEM file, or a directory of PEM files, and nothing else.
    Path(PathBuf),
    /// PEM text, and nothing else.
    Pem(Arc<[u8]>),
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl fmt::Display for TlsVersion {
    /// As OpenSSL and Python write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsVersion::Tls12 => "TLSv1.2",
            TlsVersion::Tls13 => "TLSv1.3",
        })
    }
}

/// Something that is in a file, which is read when it is first used, or in memory.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Material {
    /// A file; where several make sense, a directory of them.
    File(PathBuf),
    /// What such a file would hold.
    Bytes(Arc<[u8]>),
}

impl fmt::Debug for Material {
    /// Without the bytes: they may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Material::File(path) => f.debug_tuple("File").field(path).finish(),
            Material::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
        }
    }
}

impl From<&str> for Material {
    /// The text itself, such as PEM: not the name of a file.
    fn from(text: &str) -> Material {
        Material::Bytes(text.as_bytes().into())
    }
}

impl From<&[u8]> for Material {
    fn from(bytes: &[u8]) -> Material {
        Material::Bytes(bytes.into())
    }
}

impl From<PathBuf> for Material {
    fn from(path: PathBuf) -> Material {
        Material::File(path)
    }
}

/// A client's certificate and key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The certificate, and those that lead from it to its authority, in PEM; or a PKCS#12 store of all that and the
    /// key. Which of the two it is shows in its first bytes.
    pub certificate: Material,
    /// Its key in PEM; `None` where it stands in the same place.
    pub key: Option<Material>,
    /// What the key or the store is encrypted with. Default none.
    pub passphrase: Option<Passphrase>,
}

impl Identity {
    /// PEM files, or a PKCS#12 file alone.
    pub fn files(certificate: impl Into<PathBuf>, key: Option<PathBuf>) -> Identity {
        let certificate = Material::File(certificate.into());
        Identity { certificate, key: key.map(Material::File), passphrase: None }
    }

    /// The same from memory: PEM text with certificate and key, or the bytes of a PKCS#12 store.
    pub fn bytes(bytes: impl AsRef<[u8]>) -> Identity {
        Identity { certificate: bytes.as_ref().into(), key: None, passphrase: None }
    }

    /// With the passphrase of its key or store.
    pub fn passphrase(mut self, passphrase: impl Into<Arc<str>>) -> Identity {
        self.passphrase = Some(Passphrase(passphrase.into()));
        self
    }
}

/// A passphrase. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Passphrase(Arc<str>);

impl Passphrase {
    /// The passphrase itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// What the server's own certificate must be.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pin {
    /// SHA-256 of its public key (SubjectPublicKeyInfo), which a renewed certificate may keep.
    Spki([u8; 32]),
    /// SHA-256 of the certificate.
    Sha256([u8; 32]),
    /// SHA-1 of the certificate. Whoever made the certificate could make another one of the same SHA-1; others cannot.
    Sha1([u8; 20]),
}

impl Pin {
    /// Reads `sha256/BASE64` of the public key, as curl (`sha256//BASE64`) and HPKP write it, or the certificate's
    /// fingerprint in hexadecimal digits, 64 or 40, with or without colons, as `openssl x509 -fingerprint` and
    /// urllib3 write it.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] for anything else, MD5 included.
    pub fn parse(text: &str) -> Result<Pin> {
        let pin = match text.strip_prefix("sha256/") {
            Some(rest) => {
                // A slash may be curl's second one, or the first digit: the number of digits tells.
                let digits = if rest.len() == 45 { rest.strip_prefix('/').unwrap_or(rest) } else { rest };
                STANDARD.decode(digits).ok().and_then(|bytes| bytes.try_into().ok()).map(Pin::Spki)
            }
            None => hexadecimal(text).and_then(|bytes| match bytes.len() {
                32 => bytes.try_into().ok().map(Pin::Sha256),
                20 => bytes.try_into().ok().map(Pin::Sha1),
                _ => None,
            }),
        };
        pin.ok_or_else(|| {
            Error::new(Kind::InvalidConfig)
                .expected("sha256/ and 44 characters of base64, or 64 or 40 hexadecimal digits, as a pin")
                .seen(excerpt(text.as_bytes()))
        })
    }
}

impl fmt::Display for Pin {
    /// As [`Pin::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: &[u8] = match self {
            Pin::Spki(digest) => return write!(f, "sha256/{}", STANDARD.encode(digest)),
            Pin::Sha256(digest) => digest,
            Pin::Sha1(digest) => digest,
        };
        digits.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| match *pair {
        [high, low] => Some((digit(high)? * 16 + digit(low)?) as u8),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}

/// What a TLS connection came to: one value for each connection, shared by its responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// The version spoken.
    pub version: TlsVersion,
    /// The cipher suite by its name in IANA's registry, such as `TLS13_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
    /// The server's certificate and what it sent behind it, in DER.
    pub peer_certificates: Vec<Vec<u8>>,
    /// The protocol that the server picked by ALPN.
    pub alpn: Option<String>,
    /// An earlier session was resumed: its certificates are the ones above, and were not sent again.
    pub resumed: bool,
    /// The name that was sent (SNI): none for an IP address.
    pub server_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: [u8; 32] = [0xab; 32];

    #[test]
    fn pins_are_read_as_people_write_them() {
        for digest in [DIGEST, [0xff; 32]] {
            let base64 = STANDARD.encode(digest);
            for text in [format!("sha256/{base64}"), format!("sha256//{base64}")] {
                assert_eq!(Pin::parse(&text).unwrap(), Pin::Spki(digest), "{text}");
            }
        }
        let colons = ["AB"; 32].join(":");
        assert_eq!(Pin::parse(&colons).unwrap(), Pin::Sha256(DIGEST));
        assert_eq!(Pin::parse(&"ab".repeat(20)).unwrap(), Pin::Sha1([0xab; 20]));
    }

    #[test]
    fn a_pin_is_written_as_it_is_read() {
        for pin in [Pin::Spki(DIGEST), Pin::Sha256(DIGEST), Pin::Sha1([1; 20])] {
            assert_eq!(Pin::parse(&pin.to_string()).unwrap(), pin);
        }
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        let md5 = "ab".repeat(16);
        for text in ["", "sha256/", "sha256/AAAA", "sha1/AAAA", "xy", &md5, "abc", "é"] {
            assert_eq!(Pin::parse(text).unwrap_err().kind(), Kind::InvalidConfig, "{text}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let identity = Identity::bytes("PRIVATE").passphrase("hunter2");
        let shown = format!("{:?}", TlsRules { identity: Some(identity), ..TlsRules::default() });
        assert!(!shown.contains("hunter2") && !shown.contains("PRIVATE"), "{shown}");
    }

    #[test]
    fn rules_that_differ_in_any_knob_differ_in_their_hash() {
        let base = TlsRules::default;
        let name = || Some(Arc::from("a"));
        let all = [
            base(),
            TlsRules { roots: Roots::Path("a".into()), ..base() },
            TlsRules { extra_roots: vec![Material::from("a")], ..base() },
            TlsRules { accept_any_certificate: true, ..base() },
            TlsRules { pins: vec![Pin::Spki(DIGEST)], ..base() },
            TlsRules { crls: vec![Material::from("a")], ..base() },
            TlsRules { accept_unknown_revocation: true, ..base() },
            TlsRules { identity: Some(Identity::bytes("a")), ..base() },
            TlsRules { identity: Some(Identity::bytes("a").passphrase("b")), ..base() },
            TlsRules { min_version: TlsVersion::Tls13, ..base() },
            TlsRules { max_version: TlsVersion::Tls12, ..base() },
            TlsRules { alpn: Some(Arc::from([])), ..base() },
            TlsRules { server_name: name(), ..base() },
            TlsRules { verify_name: name(), ..base() },
            TlsRules { send_server_name: false, ..base() },
            TlsRules { key_log: false, ..base() },
        ];
        let hash = |rules: &TlsRules| {
            let mut hasher = std::hash::DefaultHasher::new();
            rules.hash(&mut hasher);
            hasher.finish()
        };
        let distinct: std::collections::HashSet<u64> = all.iter().map(hash).collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn contradictions_are_refused() {
        let base = TlsRules::default;
        let versions = TlsRules { min_version: TlsVersion::Tls13, max_version: TlsVersion::Tls12, ..base() };
        let nameless = TlsRules { alpn: Some(Arc::from([String::new()])), ..base() };
        let unspoken = TlsRules { alpn: Some(Arc::from(["h2".to_owned()])), ..base() };
        let lists = TlsRules { accept_any_certificate: true, crls: vec![Material::from("")], ..base() };
        for rules in [versions, nameless, unspoken, lists] {
            assert_eq!(rules.check().unwrap_err().kind(), Kind::InvalidConfig, "{rules:?}");
        }
        assert!(base().check().is_ok());
    }
}
