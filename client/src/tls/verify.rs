//! Whether the server is who it claims to be: chain, names, dates, purposes, pins, revocation (RFC 5280, RFC 9525).
//!
//! webpki builds the chain and verifies signatures, names and constraints. What it leaves open is decided here, in
//! [`Verifier::check_path`]: what a root's own certificate says, what keys may be used for. And here a server's own
//! certificate may be a root: accepted where it is the same byte by byte, with the same demands on dates and names.

use super::certificate::{Certificate, Purpose};
use super::refusal::Refusal;
use super::roots::{self, TrustStore};
use super::signature;
use aws_lc_rs::digest;
use entreat_core::{Error, Kind, Pin, Result, TlsRules};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::cell::Cell;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};

/// Judges the certificates of all connections under one set of rules.
#[derive(Debug)]
pub(super) struct Verifier {
    /// `None`: any certificate will do.
    trust: Option<TrustStore>,
    pins: Vec<Pin>,
    revoked: Vec<CertRevocationList<'static>>,
    accept_unknown_revocation: bool,
    /// Verified in place of the name that was sent.
    name: Option<ServerName<'static>>,
    algorithms: Vec<&'static dyn SignatureVerificationAlgorithm>,
    supported: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(rules: &TlsRules, provider: &CryptoProvider) -> Result<Verifier> {
        let trust = match rules.accept_any_certificate {
            true => None,
            false => Some(TrustStore::load(rules)?),
        };
        let supported = provider.signature_verification_algorithms;
        Ok(Verifier {
            trust,
            pins: rules.pins.clone(),
            revoked: roots::load_revocation_lists(rules)?,
            accept_unknown_revocation: rules.accept_unknown_revocation,
            name: rules
                .verify_name
                .as_deref()
                .map(|name| server_name("tls.verify_name", name))
                .transpose()?,
            algorithms: signature::for_certificates(&supported),
            supported,
        })
    }

    fn judge(
        &self,
        der: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        if let Some(trust) = &self.trust {
            let certificate = Certificate::read(der).ok_or(Refusal::Malformed)?;
            let parsed = EndEntityCert::try_from(der).map_err(Refusal::of)?;
            match trust.holds(der) {
                true => check_dates(&certificate, now)?,
                false => self.check_chain(trust, &parsed, &certificate, intermediates, now)?,
            }
            check_server(&certificate)?;
            check_name(&parsed, &certificate, name)?;
        }
        self.check_pins(der)
    }

    /// Looks for a way from the certificate to a root.
    fn check_chain(
        &self,
        trust: &TrustStore,
        parsed: &EndEntityCert<'_>,
        certificate: &Certificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let lists: Vec<_> = self.revoked.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            let unknown = match self.accept_unknown_revocation {
                true => UnknownStatusPolicy::Allow,
                false => UnknownStatusPolicy::Deny,
            };
            options.with_status_policy(unknown).with_expiration_policy(ExpirationPolicy::Enforce).build()
        });
        let refusal = Cell::new(None);
        let check = |path: &VerifiedPath<'_>| {
            check_path(trust, path, now).map_err(|reason| {
                refusal.set(Some(reason));
                webpki::Error::UnknownIssuer
            })
        };
        let verified = parsed.verify_for_usage(
            &self.algorithms,
            &trust.anchors,
            intermediates,
            now,
            AnyPurpose,
            revocation,
            Some(&check),
        );
        match verified {
            Ok(_) => Ok(()),
            // A way that led to a root came further than any other.
            Err(error) => Err(refusal.take().unwrap_or_else(|| match error {
                webpki::Error::UnknownIssuer
                | webpki::Error::InvalidSignatureForPublicKey
                | webpki::Error::CaUsedAsEndEntity
                    if certificate.is_self_issued() =>
                {
                    Refusal::SelfSigned
                }
                webpki::Error::InvalidSignatureForPublicKey => {
                    let short = short_issuer(trust, certificate, intermediates);
                    short.unwrap_or(Refusal::of(error))
                }
                error => Refusal::of(error),
            })),
        }
    }

    fn check_pins(&self, der: &CertificateDer<'_>) -> Result<(), Refusal> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let certificate = Certificate::read(der).ok_or(Refusal::Malformed)?;
        let is_pinned = |pin: &Pin| match pin {
            Pin::Spki(pinned) => roots::sha256(certificate.public_key_info) == *pinned,
            Pin::Sha256(pinned) => roots::sha256(der) == *pinned,
            Pin::Sha1(pinned) => digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref() == pinned,
        };
        match self.pins.iter().any(is_pinned) {
            true => Ok(()),
            false => Err(Refusal::Pinned),
        }
    }
}

/// A name to verify or to send.
pub(super) fn server_name(knob: &'static str, name: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).map_err(|error| {
        Error::new(Kind::InvalidConfig)
            .expected(format!("a host name or an IP address as {knob}"))
            .seen(name.to_owned())
            .with_source(error)
    })
}

fn check_dates(certificate: &Certificate<'_>, now: UnixTime) -> Result<(), Refusal> {
    let time = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let (not_before, not_after) = (time(certificate.not_before), time(certificate.not_after));
    if not_before > not_after {
        return Err(Refusal::DatesContradict);
    }
    if now < not_before {
        return Err(Refusal::of(webpki::Error::CertNotValidYet { time: now, not_before }));
    }
    if now > not_after {
        return Err(Refusal::of(webpki::Error::CertExpired { time: now, not_after }));
    }
    Ok(())
}

/// What is asked of a server's certificate, whoever signed it.
fn check_server(certificate: &Certificate<'_>) -> Result<(), Refusal> {
    if certificate.repeats_an_extension() {
        return Err(Refusal::RepeatedExtension);
    }
    if let Some(short) = roots::short_key(certificate) {
        return Err(short);
    }
    // `anyExtendedKeyUsage` alone is not enough, here as in OpenSSL.
    match certificate.purpose() {
        Purpose::Unsaid | Purpose::Server => {}
        Purpose::Any | Purpose::Other => return Err(Refusal::WrongPurpose),
    }
    let Some(usage) = certificate.key_usage() else { return Ok(()) };
    // RFC 8446 section 4.4.2.2: "The certificate MUST allow the key to be used for signing (i.e., the digitalSignature
    // bit MUST be set if the Key Usage extension is present)". RFC 5246 section 7.4.2 says the same of ECDHE.
    if !usage.may_sign_handshakes() {
        return Err(Refusal::WrongKeyUsage);
    }
    // RFC 5280 section 4.2.1.3: "If the keyCertSign bit is asserted, then the cA bit in the basic constraints extension
    // (Section 4.2.1.9) MUST also be asserted."
    let is_authority = certificate.authority().is_some_and(|(is_authority, _)| is_authority);
    if usage.may_sign_certificates() && !is_authority {
        return Err(Refusal::SignsWithoutAuthority);
    }
    Ok(())
}

fn check_name(
    parsed: &EndEntityCert<'_>,
    certificate: &Certificate<'_>,
    name: &ServerName<'_>,
) -> Result<(), Refusal> {
    if !certificate.has_names() {
        return Err(Refusal::NoNames);
    }
    parsed.verify_is_valid_for_subject_name(name).map_err(Refusal::of)
}

/// What webpki leaves open on a way to a root.
fn check_path(trust: &TrustStore, path: &VerifiedPath<'_>, now: UnixTime) -> Result<(), Refusal> {
    let mut authorities = 0;
    for authority in path.intermediate_certificates() {
        let der = authority.der();
        let certificate = Certificate::read(&der).ok_or(Refusal::Malformed)?;
        if certificate.repeats_an_extension() {
            return Err(Refusal::RepeatedExtension);
        }
        if certificate.key_usage().is_some_and(|usage| !usage.may_sign_certificates()) {
            return Err(Refusal::MayNotSign);
        }
        if certificate.purpose() == Purpose::Other {
            return Err(Refusal::WrongPurpose);
        }
        if let Some(short) = roots::short_key(&certificate) {
            return Err(short);
        }
        // RFC 5280 section 6.1.4 (l): those that an authority issued to itself, to change its key, do not count.
        authorities += usize::from(!certificate.is_self_issued());
    }
    match trust.facts_of(path.anchor()) {
        Some(root) => root.check(now.as_secs(), authorities),
        None => Ok(()),
    }
}

/// Signatures by short keys are wrong for webpki, whatever they are: the key of whoever signed one of these.
fn short_issuer(
    trust: &TrustStore,
    certificate: &Certificate<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Option<Refusal> {
    let authorities: Vec<_> = intermediates.iter().filter_map(|der| Certificate::read(der)).collect();
    let issuers = std::iter::once(certificate).chain(&authorities).map(|signed| signed.issuer);
    let mut short = issuers.filter_map(|issuer| {
        let sent = authorities.iter().filter(|authority| authority.subject == issuer);
        sent.filter_map(roots::short_key).next().or_else(|| trust.short_root(issuer))
    });
    short.next()
}

/// Purposes are checked here: webpki asks the same of authorities and servers.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        purposes.into_iter().try_for_each(|purpose| purpose.map(drop))
    }
}

impl ServerCertVerifier for Verifier {
    /// Answers by OCSP are not asked for and not read: without CRLs, revocation is not looked at.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let name = self.name.as_ref().unwrap_or(server_name);
        self.judge(end_entity, intermediates, name, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signature::verify_tls12(&self.supported, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signature::verify_tls13(&self.supported, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature::schemes(&self.supported)
    }
}
