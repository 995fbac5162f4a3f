//! A PKCS#12 store (RFC 7292): the client's certificate, those behind it, and its key, under one passphrase.
//!
//! Reads what OpenSSL (before 3 and since), Java, macOS and Windows write: DER, authenticated by a passphrase's HMAC.
//! The certificate is the one with the key's `localKeyID`, or the first. Called by `identity`; opening is `decrypt`.

use super::certificate::Certificate;
use super::decrypt::{self, Locked, Purpose, pkcs12_key};
use super::der::{self, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use aws_lc_rs::{digest, hmac};

const SET: u8 = 0x31;
/// 1.2.840.113549.1: RSA's own arc, under which all of these are.
const PKCS: [u8; 7] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1];

/// What a store holds.
#[derive(Debug)]
pub(super) struct Store {
    /// The client's own first.
    pub(super) certificates: Vec<Vec<u8>>,
    /// In PKCS#8.
    pub(super) key: Vec<u8>,
}

/// What was found so far, with the numbers by which certificates and keys belong together.
#[derive(Default)]
struct Found {
    certificates: Vec<(Option<Vec<u8>>, Vec<u8>)>,
    key: Option<(Option<Vec<u8>>, Vec<u8>)>,
}

/// Opens a store. One without a passphrase is opened by none, and by an empty one.
pub(super) fn open(der: &[u8], passphrase: Option<&str>) -> Result<Store, Locked> {
    let mut store = Reader::new(der).nested(SEQUENCE).ok_or(Locked::Malformed)?;
    if store.number() != Some(3) {
        return Err(Locked::Malformed);
    }
    let mut content = store.nested(SEQUENCE).ok_or(Locked::Malformed)?;
    let safe = data(&mut content)?.ok_or(Locked::Unsupported)?;
    let password = passphrase.unwrap_or_default();
    if let Some(mac) = store.nested(SEQUENCE) {
        authenticate(mac, safe, password).map_err(|locked| match (locked, passphrase) {
            (Locked::WrongPassphrase, None) => Locked::NoPassphrase,
            (locked, _) => locked,
        })?;
    }
    let mut found = Found::default();
    let mut parts = Reader::new(safe).nested(SEQUENCE).ok_or(Locked::Malformed)?;
    while !parts.is_empty() {
        let mut part = parts.nested(SEQUENCE).ok_or(Locked::Malformed)?;
        match data(&mut part.clone())? {
            Some(plain) => found.add_bags(plain, password)?,
            None => found.add_bags(&encrypted_data(&mut part, password)?, password)?,
        }
    }
    found.into_store()
}

/// A ContentInfo of type `data` (RFC 2315 section 14): its bytes; `None` where it is of another type.
fn data<'a>(content: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Locked> {
    if content.expect(OBJECT_IDENTIFIER).and_then(|identifier| identifier.strip_prefix(&PKCS))
        != Some(&[7, 1])
    {
        return Ok(None);
    }
    let bytes = content.nested(der::context(0)).and_then(|mut inner| inner.expect(OCTET_STRING));
    bytes.map(Some).ok_or(Locked::Malformed)
}

/// A ContentInfo of type `encryptedData` (RFC 2315 section 13), decrypted.
fn encrypted_data(content: &mut Reader<'_>, password: &str) -> Result<Vec<u8>, Locked> {
    if content.expect(OBJECT_IDENTIFIER).and_then(|identifier| identifier.strip_prefix(&PKCS))
        != Some(&[7, 6])
    {
        return Err(Locked::Unsupported);
    }
    let read = || {
        let mut encrypted = content.nested(der::context(0))?.nested(SEQUENCE)?;
        encrypted.expect(INTEGER)?;
        let mut info = encrypted.nested(SEQUENCE)?;
        info.expect(OBJECT_IDENTIFIER)?;
        // [0] IMPLICIT OCTET STRING.
        Some((info.expect(SEQUENCE)?, info.expect(0x80)?))
    };
    let mut read = read;
    let (algorithm, ciphertext) = read().ok_or(Locked::Malformed)?;
    decrypt::decrypt(algorithm, ciphertext, password)
}

/// RFC 7292 section 4: MacData, an HMAC over all of the store.
fn authenticate(mut mac: Reader<'_>, content: &[u8], password: &str) -> Result<(), Locked> {
    let mut info = mac.nested(SEQUENCE).ok_or(Locked::Malformed)?;
    let algorithm = info.nested(SEQUENCE).and_then(|mut algorithm| algorithm.expect(OBJECT_IDENTIFIER));
    let expected = info.expect(OCTET_STRING).ok_or(Locked::Malformed)?;
    let salt = mac.expect(OCTET_STRING).ok_or(Locked::Malformed)?;
    let iterations = match mac.optional(INTEGER) {
        Some(number) => decrypt::bounded(der::small_number(number))?,
        None => 1,
    };
    let (hash, hmac) = match algorithm.ok_or(Locked::Malformed)? {
        [0x2b, 0x0e, 3, 2, 26] => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1] => (&digest::SHA256, hmac::HMAC_SHA256),
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2] => (&digest::SHA384, hmac::HMAC_SHA384),
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3] => (&digest::SHA512, hmac::HMAC_SHA512),
        _ => return Err(Locked::Unsupported),
    };
    let key = pkcs12_key(hash, password, salt, iterations, Purpose::Mac, hash.output_len());
    let key = hmac::Key::new(hmac, &key);
    hmac::verify(&key, content, expected).map_err(|_| Locked::WrongPassphrase)
}

impl Found {
    /// RFC 7292 section 4.2: SafeContents, a sequence of bags.
    fn add_bags(&mut self, bytes: &[u8], password: &str) -> Result<(), Locked> {
        let mut bags = Reader::new(bytes).nested(SEQUENCE).ok_or(Locked::Malformed)?;
        while !bags.is_empty() {
            let mut bag = bags.nested(SEQUENCE).ok_or(Locked::Malformed)?;
            let identifier = bag.expect(OBJECT_IDENTIFIER).ok_or(Locked::Malformed)?;
            let value = bag.expect(der::context(0)).ok_or(Locked::Malformed)?;
            let belongs = local_key(bag.optional(SET));
            match identifier.strip_prefix(&PKCS) {
                // A key as it is, and one that is encrypted once more.
                Some([12, 10, 1, 1]) => self.key = Some((belongs, value.to_vec())),
                Some([12, 10, 1, 2]) => self.key = Some((belongs, decrypt::private_key(value, password)?)),
                Some([12, 10, 1, 3]) => {
                    let certificate = certificate(value).ok_or(Locked::Malformed)?;
                    self.certificates.push((belongs, certificate.to_vec()));
                }
                // Revocation lists, secrets and nested bags are of no use here.
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// The client's own certificate first, then up to its authority, as TLS wants them (RFC 5246 section 7.4.2).
    fn into_store(self) -> Result<Store, Locked> {
        let (belongs, key) = self.key.ok_or(Locked::Malformed)?;
        let own = self.certificates.iter().position(|(number, _)| belongs.is_some() && *number == belongs);
        let mut rest: Vec<_> = self.certificates.into_iter().map(|(_, certificate)| certificate).collect();
        if rest.is_empty() {
            return Err(Locked::Malformed);
        }
        let mut certificates = vec![rest.remove(own.unwrap_or(0))];
        while let Some(next) = issuer_of(certificates.last(), &rest) {
            certificates.push(rest.remove(next));
        }
        Ok(Store { certificates, key })
    }
}

fn issuer_of(certificate: Option<&Vec<u8>>, others: &[Vec<u8>]) -> Option<usize> {
    let issuer = Certificate::read(certificate?)?.issuer;
    others.iter().position(|other| Certificate::read(other).is_some_and(|other| other.subject == issuer))
}

/// A CertBag's certificate, of X.509.
fn certificate(bag: &[u8]) -> Option<&[u8]> {
    let mut bag = Reader::new(bag).nested(SEQUENCE)?;
    bag.expect(OBJECT_IDENTIFIER).filter(|kind| kind.ends_with(&[9, 22, 1]))?;
    bag.nested(der::context(0))?.expect(OCTET_STRING)
}

/// The attribute `localKeyID` (RFC 2985 section 5.5.2).
fn local_key(attributes: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut attributes = Reader::new(attributes?);
    while let Some(mut attribute) = attributes.nested(SEQUENCE) {
        if attribute.expect(OBJECT_IDENTIFIER)?.ends_with(&[1, 9, 21]) {
            return attribute.nested(SET)?.expect(OCTET_STRING).map(<[u8]>::to_vec);
        }
    }
    None
}
