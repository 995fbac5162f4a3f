//! Whether the server signed the handshake with its certificate's key (RFC 8446 section 4.4.3, RFC 5246 section 7.4.3).
//!
//! The same as rustls' own check, for more certificates: RSA keys that are for PSS alone (RFC 8446 section 4.2.3,
//! `rsa_pss_pss_*`), and, where any certificate is accepted, those that webpki cannot read. The arithmetic is aws-lc's.

use super::certificate::Certificate;
use super::refusal::Refusal;
use super::roots::short_key;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use rustls::{DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use webpki::aws_lc_rs as algorithms;

/// What a certificate may be signed with: rustls' algorithms, and PSS by keys that are for nothing else.
pub(super) fn for_certificates(
    supported: &WebPkiSupportedAlgorithms,
) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    let pss_only = PSS_ONLY.iter().flat_map(|(_, algorithms)| algorithms.iter());
    supported.all.iter().copied().chain(pss_only.map(|algorithm| algorithm as _)).collect()
}

/// What a handshake may be signed with.
pub(super) fn schemes(supported: &WebPkiSupportedAlgorithms) -> Vec<SignatureScheme> {
    let pss_only = PSS_ONLY.iter().map(|(number, _)| SignatureScheme::from(*number));
    supported.supported_schemes().into_iter().chain(pss_only).collect()
}

/// Checks a signature by TLS 1.3, whose schemes fix the curve and leave out PKCS#1.
pub(super) fn verify_tls13(
    supported: &WebPkiSupportedAlgorithms,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let scheme = u16::from(signed.scheme);
    if let Some((_, algorithms)) = PSS_ONLY.iter().find(|(number, _)| *number == scheme) {
        let algorithms: Vec<_> = algorithms.iter().map(|algorithm| algorithm as _).collect();
        return verify(&algorithms, message, certificate, signed);
    }
    if [
        SignatureScheme::RSA_PKCS1_SHA256,
        SignatureScheme::RSA_PKCS1_SHA384,
        SignatureScheme::RSA_PKCS1_SHA512,
    ]
    .contains(&signed.scheme)
    {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    verify(&algorithms_of(supported, signed.scheme)?[..1], message, certificate, signed)
}

/// Checks a signature by TLS 1.2.
pub(super) fn verify_tls12(
    supported: &WebPkiSupportedAlgorithms,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    verify(algorithms_of(supported, signed.scheme)?, message, certificate, signed)
}

fn algorithms_of(
    supported: &WebPkiSupportedAlgorithms,
    scheme: SignatureScheme,
) -> Result<&'static [&'static dyn SignatureVerificationAlgorithm], Error> {
    let found = supported.mapping.iter().find(|(known, _)| *known == scheme);
    match found {
        Some((_, algorithms)) if !algorithms.is_empty() => Ok(algorithms),
        Some(_) | None => Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()),
    }
}

fn verify(
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = Certificate::read(certificate).ok_or(Refusal::Malformed)?;
    let fits = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
        algorithm.public_key_alg_id().as_ref() == certificate.key_algorithm
    };
    let algorithm = algorithms.iter().find(fits).ok_or(Refusal::ForeignKey)?;
    match algorithm.verify_signature(certificate.key, message, signed.signature()) {
        Ok(()) => Ok(HandshakeSignatureValid::assertion()),
        // Signatures by short keys are not even looked at.
        Err(InvalidSignature) => Err(short_key(&certificate).unwrap_or(Refusal::KeyNotHeld).into()),
    }
}

/// PSS by a key whose identifier is id-RSASSA-PSS, without parameters or with those of one hash (RFC 4055 section 3.1).
#[derive(Debug)]
struct PssOnly {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    algorithm: fn() -> &'static dyn SignatureVerificationAlgorithm,
}

impl SignatureVerificationAlgorithm for PssOnly {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        (self.algorithm)().verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// Schemes of RFC 8446 section 4.2.3 that rustls has no names for, and what they mean.
static PSS_ONLY: [(u16, [PssOnly; 2]); 3] = [
    (0x0809, pss_only(alg_id::RSA_PSS_SHA256, || algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY)),
    (0x080a, pss_only(alg_id::RSA_PSS_SHA384, || algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY)),
    (0x080b, pss_only(alg_id::RSA_PSS_SHA512, || algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY)),
];

const fn pss_only(
    signature: AlgorithmIdentifier,
    algorithm: fn() -> &'static dyn SignatureVerificationAlgorithm,
) -> [PssOnly; 2] {
    // The object identifier 1.2.840.113549.1.1.10 alone.
    let any_hash =
        AlgorithmIdentifier::from_slice(&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a]);
    [PssOnly { key: any_hash, signature, algorithm }, PssOnly { key: signature, signature, algorithm }]
}
