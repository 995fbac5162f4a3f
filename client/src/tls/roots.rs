//! The certificates at which trust ends, and lists of revoked ones: from the system, from files, from memory.
//!
//! A root is kept as webpki wants it, and with it what webpki does not look at in a root: dates, path length and what
//! it is for. `verify` asks for these.

use super::certificate::{Certificate, Purpose};
use super::der::Reader;
use super::refusal::Refusal;
use aws_lc_rs::digest;
use entreat_core::{Error, Kind, Material, Result, Roots, TlsRules};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};
use std::borrow::Cow;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// All that is trusted under one set of rules.
#[derive(Debug, Default)]
pub(super) struct TrustStore {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    /// One for each anchor; `None` where only the anchor is known.
    facts: Vec<Option<RootFacts>>,
    /// SHA-256 of each certificate.
    known: HashSet<[u8; 32]>,
}

/// What webpki does not look at in a root.
#[derive(Debug)]
pub(super) struct RootFacts {
    not_before: u64,
    not_after: u64,
    /// How many authorities may stand between it and a server's certificate.
    path_length: Option<u32>,
    /// Why it can sign no certificates of servers.
    unfit: Option<Refusal>,
}

impl TrustStore {
    pub(super) fn load(rules: &TlsRules) -> Result<TrustStore> {
        let mut store = TrustStore::default();
        match &rules.roots {
            Roots::System => store.add_system()?,
            Roots::Path(path) => store.add_material(&Material::File(path.clone()))?,
            Roots::Pem(pem) => store.add_material(&Material::Bytes(pem.clone()))?,
        }
        for more in &rules.extra_roots {
            store.add_material(more)?;
        }
        Ok(store)
    }

    /// What `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the operating system's store, else Mozilla's, compiled in.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] where the environment names a place without any: whoever trusts one authority alone would
    /// else trust all of them because of a typing error.
    fn add_system(&mut self) -> Result<()> {
        let loaded = rustls_native_certs::load_native_certs();
        for certificate in &loaded.certs {
            self.add(certificate);
        }
        if self.anchors.is_empty() {
            if let Some((variable, place)) = named_by_environment() {
                let error = Error::new(Kind::InvalidConfig)
                    .expected(format!("at least one certificate in PEM form, as {variable} is set"))
                    .seen(format!("none in {}", place.display()));
                return Err(match loaded.errors.into_iter().next() {
                    Some(cause) => error.with_source(cause),
                    None => error,
                });
            }
            self.anchors.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            self.facts.resize_with(self.anchors.len(), || None);
        }
        Ok(())
    }

    fn add_material(&mut self, material: &Material) -> Result<()> {
        let mut found = false;
        for bytes in read_all(material)? {
            for certificate in certificates(&bytes) {
                found |= self.add(&certificate);
            }
        }
        if !found {
            return Err(Error::new(Kind::InvalidConfig)
                .expected("at least one certificate in PEM form")
                .seen(format!("none in {}", name_of(material))));
        }
        Ok(())
    }

    /// Certificates that cannot be read are left out, with false: system stores hold a few that no current rule accepts.
    fn add(&mut self, certificate: &CertificateDer<'_>) -> bool {
        let Some(read) = Certificate::read(certificate) else { return false };
        let Ok(anchor) = webpki::anchor_from_trusted_cert(certificate) else { return false };
        if self.known.insert(sha256(certificate)) {
            self.anchors.push(anchor.to_owned());
            self.facts.push(Some(RootFacts::of(&read)));
        }
        true
    }

    /// True where this very certificate, byte by byte, is one of the roots.
    pub(super) fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        self.known.contains(&sha256(certificate))
    }

    /// Of an anchor of this store.
    pub(super) fn facts_of(&self, anchor: &TrustAnchor<'_>) -> Option<&RootFacts> {
        // By identity: a renewed root may have name and key of an expired one.
        let at = self.anchors.iter().position(|known| std::ptr::eq::<TrustAnchor<'_>>(known, anchor))?;
        self.facts.get(at)?.as_ref()
    }

    /// Why a root of that name cannot be used, where that is its key's length.
    pub(super) fn short_root(&self, name: &[u8]) -> Option<Refusal> {
        let name = Reader::new(name).element()?.content;
        let of_that_name =
            self.anchors.iter().zip(&self.facts).filter(|(anchor, _)| *anchor.subject == *name);
        let mut unfit = of_that_name.filter_map(|(_, facts)| facts.as_ref()?.unfit.clone());
        unfit.find(|reason| matches!(reason, Refusal::ShortKey(_)))
    }
}

/// The variable that says where trust is to be found, and what it says.
fn named_by_environment() -> Option<(&'static str, PathBuf)> {
    let named = |variable| std::env::var_os(variable).filter(|place| !place.is_empty());
    ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().find_map(|variable| Some((*variable, named(variable)?.into())))
}

impl RootFacts {
    fn of(root: &Certificate<'_>) -> RootFacts {
        let constraints = root.authority();
        RootFacts {
            not_before: root.not_before,
            not_after: root.not_after,
            path_length: constraints.and_then(|(_, length)| length),
            unfit: unfit(root, constraints.map(|(is_authority, _)| is_authority)),
        }
    }

    /// Whether it can have signed a chain with so many authorities below it.
    pub(super) fn check(&self, now: u64, authorities: usize) -> Result<(), Refusal> {
        if let Some(unfit) = &self.unfit {
            return Err(unfit.clone());
        }
        if now < self.not_before {
            return Err(Refusal::RootNotValidYet);
        }
        if now > self.not_after {
            return Err(Refusal::RootExpired);
        }
        match self.path_length {
            Some(allowed) if authorities > allowed as usize => Err(Refusal::TooDeep),
            Some(_) | None => Ok(()),
        }
    }
}

/// A root may be of version 1, in which none could say that it is an authority. Otherwise RFC 5280 section 4.2.1.9 holds:
/// "If the basic constraints extension is not present in a version 3 public key certificate, or the extension is present
/// but the cA boolean is not asserted, then the certified public key MUST NOT be used to verify certificate signatures."
fn unfit(root: &Certificate<'_>, says_authority: Option<bool>) -> Option<Refusal> {
    if root.key_usage().is_some_and(|usage| !usage.may_sign_certificates()) {
        return Some(Refusal::MayNotSign);
    }
    let is_authority = says_authority.unwrap_or(root.version == 1 && root.is_self_issued());
    if !is_authority {
        return Some(Refusal::NotAnAuthority);
    }
    if root.has_unknown_critical_extension() {
        return Some(Refusal::UnknownExtension);
    }
    if root.purpose() == Purpose::Other {
        return Some(Refusal::WrongPurpose);
    }
    short_key(root)
}

/// RSA keys of fewer bits are within reach (NIST SP 800-131A), and authorities may not certify them any more.
pub(super) fn short_key(certificate: &Certificate<'_>) -> Option<Refusal> {
    certificate.rsa_bits().filter(|bits| *bits < 2048).map(Refusal::ShortKey)
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    array.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    array
}

/// The lists of revoked certificates that these rules name.
pub(super) fn load_revocation_lists(rules: &TlsRules) -> Result<Vec<webpki::CertRevocationList<'static>>> {
    let mut lists = Vec::new();
    for material in &rules.crls {
        let before = lists.len();
        for bytes in read_all(material)? {
            for list in revocation_lists(&bytes) {
                let list = webpki::OwnedCertRevocationList::from_der(&list).map_err(|error| {
                    Error::new(Kind::InvalidConfig)
                        .expected("a list of revoked certificates (CRL) that can be read")
                        .seen(name_of(material).into_owned())
                        .with_source(error)
                })?;
                lists.push(webpki::CertRevocationList::from(list));
            }
        }
        if lists.len() == before {
            return Err(Error::new(Kind::InvalidConfig)
                .expected("at least one list of revoked certificates (CRL), in PEM or DER")
                .seen(format!("none in {}", name_of(material))));
        }
    }
    Ok(lists)
}

/// Certificates in PEM, or one in DER.
fn certificates(bytes: &[u8]) -> Vec<CertificateDer<'_>> {
    match is_der(bytes) {
        true => vec![CertificateDer::from(bytes)],
        false => CertificateDer::pem_slice_iter(bytes).flatten().collect(),
    }
}

fn revocation_lists(bytes: &[u8]) -> Vec<CertificateRevocationListDer<'_>> {
    match is_der(bytes) {
        true => vec![CertificateRevocationListDer::from(bytes)],
        false => CertificateRevocationListDer::pem_slice_iter(bytes).flatten().collect(),
    }
}

/// All of these are sequences, and longer than 127 bytes; no text begins like that.
pub(super) fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x84, ..])
}

/// The bytes of each file, where it names several.
fn read_all(material: &Material) -> Result<Vec<Cow<'_, [u8]>>> {
    match material {
        Material::Bytes(bytes) => Ok(vec![Cow::Borrowed(bytes)]),
        Material::File(path) => {
            let read = |file: PathBuf| std::fs::read(&file).map_err(|error| unreadable(&file, error));
            files(path)?.into_iter().map(|file| read(file).map(Cow::Owned)).collect()
        }
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, error))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|file| file.is_file()).collect())
}

fn name_of(material: &Material) -> Cow<'_, str> {
    match material {
        Material::File(path) => path.to_string_lossy(),
        Material::Bytes(_) => Cow::Borrowed("the bytes"),
    }
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::InvalidConfig)
        .expected("a readable CA file or directory")
        .seen(path.display().to_string())
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authority_that_systems_trust_can_sign() {
        let mut store = TrustStore::default();
        store.add_system().unwrap();
        assert!(!store.anchors.is_empty());
        let unfit = store.facts.iter().flatten().filter_map(|facts| facts.unfit.as_ref());
        // Debian's directory also has a server's certificate, snakeoil, which is none.
        let unfit: Vec<_> = unfit.filter(|reason| **reason != Refusal::NotAnAuthority).collect();
        assert!(unfit.is_empty(), "{unfit:?}");
    }
}
