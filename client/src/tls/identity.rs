//! What the client shows of itself: its certificate and key, from PEM or PKCS#12, encrypted or not.
//!
//! Reads what an [`Identity`] names. A key that is encrypted is opened by `decrypt`, a PKCS#12 store by `pkcs12`; the
//! errors say whether a passphrase is missing or wrong.

use super::decrypt::{self, Locked};
use super::pkcs12;
use super::roots::is_der;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entreat_core::{Error, Identity, Kind, Material, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::borrow::Cow;

/// A client's certificate, those behind it, and its key.
type Loaded = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Reads and opens it.
pub(super) fn load(identity: &Identity) -> Result<Loaded> {
    let bytes = read(&identity.certificate)?;
    if is_der(&bytes) {
        return open_store(identity, &bytes);
    }
    let chain = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| unusable(&identity.certificate).with_source(error))?;
    if chain.is_empty() {
        return Err(Error::new(Kind::InvalidConfig)
            .expected("a client certificate in PEM form or PKCS#12")
            .seen(format!("none in {}", name_of(&identity.certificate))));
    }
    let material = identity.key.as_ref().unwrap_or(&identity.certificate);
    let text = read(material)?;
    let section = Section::private_key(&text).ok_or_else(|| {
        unusable(material).hint("no private key is there: it may be in another file, to be passed as well")
    })?;
    let passphrase = identity.passphrase.as_ref().map(|passphrase| passphrase.reveal());
    let key = section.open(passphrase).map_err(|locked| explain(locked, material))?;
    Ok((chain, key))
}

fn open_store(identity: &Identity, bytes: &[u8]) -> Result<Loaded> {
    let passphrase = identity.passphrase.as_ref().map(|passphrase| passphrase.reveal());
    let store = pkcs12::open(bytes, passphrase).map_err(|locked| explain(locked, &identity.certificate))?;
    let chain = store.certificates.into_iter().map(CertificateDer::from).collect();
    let key =
        PrivateKeyDer::try_from(store.key).map_err(|why| unusable(&identity.certificate).with_source(why))?;
    Ok((chain, key))
}

/// A private key in PEM (RFC 7468, and RFC 1421 for what OpenSSL wrote before).
struct Section<'a> {
    label: &'a str,
    /// How it is encrypted, by the header `DEK-Info`.
    encryption: Option<&'a str>,
    der: Vec<u8>,
}

impl<'a> Section<'a> {
    /// The first one with a key. Text around the sections is explanatory.
    fn private_key(text: &'a [u8]) -> Option<Section<'a>> {
        // Certificates are often preceded by their owner's name, in any encoding: not here.
        let begin = b"-----BEGIN ";
        let mut rest = text;
        loop {
            let at = rest.windows(begin.len()).position(|window| window == begin)?;
            rest = &rest[at + begin.len()..];
            let end = rest.windows(5).position(|window| window == b"-----")?;
            let label = std::str::from_utf8(&rest[..end]).ok()?;
            rest = &rest[end + 5..];
            if label.ends_with("PRIVATE KEY") {
                let body = &rest[..rest.windows(9).position(|window| window == b"-----END ")?];
                return Section::read(label, std::str::from_utf8(body).ok()?);
            }
        }
    }

    fn read(label: &'a str, body: &'a str) -> Option<Section<'a>> {
        let mut encryption = None;
        let mut digits = String::new();
        for line in body.lines().map(str::trim) {
            match line.split_once(':') {
                Some(("DEK-Info", value)) => encryption = Some(value.trim()),
                Some(_) => {}
                None => digits.push_str(line),
            }
        }
        Some(Section { label, encryption, der: STANDARD.decode(digits).ok()? })
    }

    fn open(self, passphrase: Option<&str>) -> Result<PrivateKeyDer<'static>, Locked> {
        if let Some(encryption) = self.encryption {
            let passphrase = passphrase.ok_or(Locked::NoPassphrase)?;
            return typed(self.label, decrypt::traditional(encryption, &self.der, passphrase)?);
        }
        if self.label == "ENCRYPTED PRIVATE KEY" {
            let passphrase = passphrase.ok_or(Locked::NoPassphrase)?;
            return typed("PRIVATE KEY", decrypt::private_key(&self.der, passphrase)?);
        }
        // A passphrase that is not needed is no mistake, as for OpenSSL.
        typed(self.label, self.der)
    }
}

fn typed(label: &str, der: Vec<u8>) -> Result<PrivateKeyDer<'static>, Locked> {
    match label {
        "PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs8(der.into())),
        "RSA PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs1(der.into())),
        "EC PRIVATE KEY" => Ok(PrivateKeyDer::Sec1(der.into())),
        _ => Err(Locked::Unsupported),
    }
}

fn read(material: &Material) -> Result<Cow<'_, [u8]>> {
    match material {
        Material::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
        Material::File(path) => match std::fs::read(path) {
            Ok(bytes) => Ok(Cow::Owned(bytes)),
            Err(error) => Err(unusable(material).with_source(error)),
        },
    }
}

fn explain(locked: Locked, material: &Material) -> Error {
    let error = unusable(material);
    match locked {
        Locked::NoPassphrase => error.hint("the key is encrypted, and no passphrase was given"),
        Locked::WrongPassphrase => error.hint("the passphrase is wrong"),
        Locked::Unsupported => error.hint(
            "this kind of key, or of encryption, is not supported: openssl pkcs8 -topk8 makes one that is",
        ),
        Locked::Malformed => error.hint("it is malformed"),
    }
}

pub(super) fn unusable(material: &Material) -> Error {
    Error::new(Kind::InvalidConfig)
        .expected("a client certificate and its key in PEM form or PKCS#12")
        .seen(name_of(material))
}

fn name_of(material: &Material) -> String {
    match material {
        Material::File(path) => path.display().to_string(),
        Material::Bytes(_) => "the bytes given".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entreat_testkit::matrix::{fixture, fixture_bytes};
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;

    const PASSPHRASE: &str = "open sesame";
    const ENCRYPTED: [&str; 13] = [
        "client.pkcs8-aes-128-cbc.pem",
        "client.pkcs8-aes-192-cbc.pem",
        "client.pkcs8-aes-256-cbc.pem",
        "client.pkcs8-des3.pem",
        "client.pkcs8-hmacWithSHA1.pem",
        "client.pkcs8-hmacWithSHA384.pem",
        "client.pkcs8-hmacWithSHA512.pem",
        "client.pkcs8-v1.pem",
        "client.traditional-aes-128-cbc.pem",
        "client.traditional-aes-192-cbc.pem",
        "client.traditional-aes-256-cbc.pem",
        "client.traditional-des3.pem",
        "client.rsa-traditional.pem",
    ];
    const STORES: [&str; 3] = ["client.p12", "client.legacy.p12", "client.3des.p12"];

    fn with_key(key: &str) -> Identity {
        Identity::files(fixture("client.pem"), Some(fixture(key)))
    }

    /// The public key of a private one, as rustls sees it.
    fn public(key: &PrivateKeyDer<'_>) -> Vec<u8> {
        any_supported_type(key).unwrap().public_key().unwrap().to_vec()
    }

    #[test]
    fn every_way_of_encrypting_a_key_is_undone_by_its_passphrase() {
        let plain = public(&load(&with_key("client.key.pem")).unwrap().1);
        for name in ENCRYPTED {
            let (chain, key) = load(&with_key(name).passphrase(PASSPHRASE)).unwrap();
            assert_eq!((chain.len(), public(&key) == plain), (1, !name.contains("rsa")), "{name}");
        }
    }

    #[test]
    fn a_store_holds_certificate_chain_and_key() {
        let plain = load(&with_key("client.key.pem")).unwrap();
        let stores = STORES.map(|name| Identity::files(fixture(name), None).passphrase(PASSPHRASE));
        let open = Identity::files(fixture("client.unlocked.p12"), None);
        let memory = Identity::bytes(fixture_bytes("client.p12")).passphrase(PASSPHRASE);
        for identity in stores.into_iter().chain([open.clone(), open.passphrase(""), memory]) {
            let (chain, key) = load(&identity).unwrap_or_else(|why| panic!("{identity:?}: {why}"));
            assert_eq!(chain[0], plain.0[0], "{identity:?}");
            assert_eq!(public(&key), public(&plain.1), "{identity:?}");
        }
    }

    #[test]
    fn the_error_says_whether_a_passphrase_is_missing_or_wrong() {
        let keys = ENCRYPTED.map(with_key);
        let stores = STORES.map(|name| Identity::files(fixture(name), None));
        for identity in keys.into_iter().chain(stores) {
            let missing = load(&identity).unwrap_err();
            assert_eq!(
                missing.hint_text(),
                Some("the key is encrypted, and no passphrase was given"),
                "{missing}"
            );
            let wrong = load(&identity.passphrase("hunter2")).unwrap_err();
            assert_eq!(
                (wrong.kind(), wrong.hint_text()),
                (Kind::InvalidConfig, Some("the passphrase is wrong"))
            );
            assert!(!wrong.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_key_that_is_not_encrypted_needs_no_passphrase_and_minds_none() {
        assert!(load(&with_key("client.key.pem").passphrase("anything")).is_ok());
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let unsupported = load(&with_key("client.pkcs8-scrypt.pem").passphrase(PASSPHRASE)).unwrap_err();
        assert!(unsupported.hint_text().unwrap().contains("not supported"), "{unsupported}");
        let keyless = load(&Identity::files(fixture("client.pem"), None)).unwrap_err();
        assert!(keyless.hint_text().unwrap().contains("no private key"), "{keyless}");
        let missing = load(&Identity::files("/nonexistent", None)).unwrap_err();
        assert!(missing.seen_text() == Some("/nonexistent") && missing.kind() == Kind::InvalidConfig);
    }

    #[test]
    fn a_file_that_would_take_hours_to_open_is_refused() {
        for (count, locked) in [(u32::MAX, Locked::Unsupported), (10_000_001, Locked::Unsupported)] {
            assert_eq!(decrypt::bounded(Some(count)), Err(locked));
        }
        assert_eq!(decrypt::bounded(Some(600_000)), Ok(600_000));
    }

    #[test]
    fn a_store_cut_short_or_changed_is_an_error_and_no_panic() {
        let store = fixture_bytes("client.p12");
        for end in 0..store.len() {
            assert!(pkcs12::open(&store[..end], Some(PASSPHRASE)).is_err(), "{end}");
        }
    }
}
