//! Why a certificate is refused, and how TLS' failures read: each reason with a hint of its own.
//!
//! `verify` makes a [`Refusal`]; it travels through rustls and comes out in [`explain`], which makes it, and all else
//! that rustls reports, an [`Error`]. Where rustls has a reason of the same meaning that one is used, since it decides
//! which alert the server reads in its log.

use entreat_core::{Error, Kind};
use rustls::{AlertDescription, CertificateError, OtherError, PeerIncompatible};
use std::fmt;
use std::sync::Arc;

/// Why a certificate is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refusal {
    /// One that rustls knows as well.
    Known(CertificateError),
    Malformed,
    Version1,
    SelfSigned,
    AuthorityAsServer,
    NoNames,
    DatesContradict,
    WrongPurpose,
    WrongKeyUsage,
    SignsWithoutAuthority,
    NotAnAuthority,
    MayNotSign,
    TooDeep,
    TooManySteps,
    ConstrainedName,
    MalformedConstraint,
    WeakSignature,
    ForeignKey,
    ShortKey(usize),
    RepeatedExtension,
    UnknownExtension,
    AlgorithmsDiffer,
    KeyNotHeld,
    RootExpired,
    RootNotValidYet,
    UnusableRevocationList,
    Pinned,
}

impl Refusal {
    pub(super) fn of(error: webpki::Error) -> Refusal {
        use webpki::Error as Reason;
        match error {
            Reason::CertExpired { time, not_after } => {
                Refusal::Known(CertificateError::ExpiredContext { time, not_after })
            }
            Reason::CertNotValidYet { time, not_before } => {
                Refusal::Known(CertificateError::NotValidYetContext { time, not_before })
            }
            Reason::CertNotValidForName(names) => Refusal::Known(CertificateError::NotValidForNameContext {
                expected: names.expected,
                presented: names.presented,
            }),
            Reason::CrlExpired { time, next_update } => {
                Refusal::Known(CertificateError::ExpiredRevocationListContext { time, next_update })
            }
            Reason::CertRevoked => Refusal::Known(CertificateError::Revoked),
            Reason::UnknownRevocationStatus => Refusal::Known(CertificateError::UnknownRevocationStatus),
            Reason::UnknownIssuer => Refusal::Known(CertificateError::UnknownIssuer),
            // An authority of the same name, but with another key, is trusted.
            Reason::InvalidSignatureForPublicKey => Refusal::Known(CertificateError::BadSignature),
            Reason::InvalidCertValidity => Refusal::DatesContradict,
            Reason::CaUsedAsEndEntity => Refusal::AuthorityAsServer,
            Reason::EndEntityUsedAsCa => Refusal::NotAnAuthority,
            Reason::PathLenConstraintViolated => Refusal::TooDeep,
            Reason::MaximumPathDepthExceeded
            | Reason::MaximumPathBuildCallsExceeded
            | Reason::MaximumSignatureChecksExceeded
            | Reason::MaximumNameConstraintComparisonsExceeded => Refusal::TooManySteps,
            Reason::NameConstraintViolation => Refusal::ConstrainedName,
            Reason::MalformedNameConstraint | Reason::InvalidNetworkMaskConstraint => {
                Refusal::MalformedConstraint
            }
            Reason::EmptyEkuExtension | Reason::RequiredEkuNotFoundContext(_) => Refusal::WrongPurpose,
            Reason::UnsupportedCertVersion => Refusal::Version1,
            Reason::UnsupportedCriticalExtension => Refusal::UnknownExtension,
            Reason::ExtensionValueInvalid => Refusal::RepeatedExtension,
            Reason::SignatureAlgorithmMismatch => Refusal::AlgorithmsDiffer,
            Reason::UnsupportedSignatureAlgorithmContext(_) => Refusal::WeakSignature,
            Reason::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Refusal::ForeignKey,
            Reason::InvalidCrlSignatureForPublicKey
            | Reason::InvalidCrlNumber
            | Reason::IssuerNotCrlSigner
            | Reason::UnsupportedCrlVersion
            | Reason::UnsupportedDeltaCrl
            | Reason::UnsupportedIndirectCrl
            | Reason::UnsupportedCrlSignatureAlgorithmContext(_) => Refusal::UnusableRevocationList,
            _ => Refusal::Malformed,
        }
    }

    /// What the caller can do about it, or tell the server's owner.
    fn hint(&self) -> &'static str {
        match self {
            Refusal::Known(reason) => hint_of(reason).unwrap_or("it cannot be verified"),
            Refusal::Malformed => "it is malformed",
            Refusal::Version1 => "it is an X.509 certificate of version 1, which names no hosts",
            Refusal::SelfSigned => {
                "it is self-signed, and not among the trusted roots: pass it as one if it is the server's own"
            }
            Refusal::AuthorityAsServer => {
                "it is an authority's certificate, not a server's: to trust it even so, make it a root itself"
            }
            Refusal::NoNames => {
                "it names no hosts: subjectAltName is missing, and a common name is no host name"
            }
            Refusal::DatesContradict => "its validity ends before it begins",
            Refusal::WrongPurpose => "it is for another purpose than servers: its extended key usage says so",
            Refusal::WrongKeyUsage => {
                "its key usage does not allow digital signatures, which every handshake needs"
            }
            Refusal::SignsWithoutAuthority => {
                "its key usage allows to sign certificates, but it is no authority"
            }
            Refusal::NotAnAuthority => {
                "it was signed with a certificate that is no authority: its basic constraints lack CA"
            }
            Refusal::MayNotSign => "it was signed with a certificate whose key usage does not allow that",
            Refusal::TooDeep => "its chain is longer than an authority's path length allows",
            Refusal::TooManySteps => "its chain is too long, or has too many ways, to be verified",
            Refusal::ConstrainedName => "it has a name that its authority's name constraints do not allow",
            Refusal::MalformedConstraint => "its authority's name constraints are malformed",
            Refusal::WeakSignature => {
                "it, or one above it, was signed with SHA-1, MD5 or another weak algorithm"
            }
            Refusal::ForeignKey => "its signature is of another kind than its authority's key",
            Refusal::ShortKey(_) => {
                "an RSA key of fewer than 2048 bits, its own or an authority's, can be broken"
            }
            Refusal::RepeatedExtension => "an extension is malformed, or there twice",
            Refusal::UnknownExtension => "it has a critical extension that is not understood",
            Refusal::AlgorithmsDiffer => "it names two different algorithms for its signature",
            Refusal::KeyNotHeld => "the server does not hold the certificate's key",
            Refusal::RootExpired => "the root that signed it has expired",
            Refusal::RootNotValidYet => "the root that signed it is not valid yet",
            Refusal::UnusableRevocationList => "a list of revoked certificates cannot be used",
            Refusal::Pinned => "it is none of those that were pinned",
        }
    }
}

impl fmt::Display for Refusal {
    /// The reason's name in words: `SelfSigned` is "self signed". The sentence is the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Refusal::Known(reason) = self {
            return reason.fmt(f);
        }
        for (at, letter) in format!("{self:?}").char_indices() {
            match letter.is_ascii_uppercase() && at > 0 {
                true => write!(f, " {}", letter.to_ascii_lowercase())?,
                false => write!(f, "{}", letter.to_ascii_lowercase())?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for rustls::Error {
    fn from(refusal: Refusal) -> rustls::Error {
        rustls::Error::InvalidCertificate(match refusal {
            Refusal::Known(reason) => reason,
            other => CertificateError::Other(OtherError(Arc::new(other))),
        })
    }
}

/// Says who is to blame and what to do about it.
pub(super) fn explain(error: rustls::Error) -> Error {
    if let rustls::Error::InvalidCertificate(reason) = error {
        return refused(reason);
    }
    let hint = hint_of_handshake(&error);
    let explained = Error::new(Kind::Tls).with_source(error);
    match hint {
        Some(hint) => explained.hint(hint),
        None => explained,
    }
}

fn refused(reason: CertificateError) -> Error {
    let refusal = match &reason {
        CertificateError::Other(OtherError(inner)) => inner.downcast_ref::<Refusal>().cloned(),
        _ => None,
    };
    let refusal = refusal.unwrap_or(Refusal::Known(reason));
    Error::new(Kind::InvalidCertificate).hint(refusal.hint()).with_source(refusal)
}

fn hint_of(reason: &CertificateError) -> Option<&'static str> {
    Some(match reason {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no trusted root signed it: pass the CA's certificate, or accept that it is not trusted"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet: is the clock right?"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was made for another host"
        }
        CertificateError::Revoked => "it, or an authority above it, has been revoked",
        CertificateError::UnknownRevocationStatus => {
            "no list of revoked certificates covers it: pass the one of its authority, and of those above"
        }
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            "its authority's list of revoked certificates has expired: fetch a new one"
        }
        _ => return None,
    })
}

fn hint_of_handshake(error: &rustls::Error) -> Option<&'static str> {
    const OLD: &str = "the server speaks only versions of TLS that are broken, or that min_version and \
                       max_version exclude";
    const NOTHING_IN_COMMON: &str = "client and server have no cipher suite or key exchange in common";
    Some(match error {
        rustls::Error::InvalidMessage(_) => {
            "the server speaks no TLS on this port: perhaps http:// was meant"
        }
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::ProtocolVersion => OLD,
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => NOTHING_IN_COMMON,
            AlertDescription::CertificateRequired => "the server wants a client certificate",
            AlertDescription::NoApplicationProtocol => "the server speaks none of the protocols of tls.alpn",
            AlertDescription::UnrecognisedName => "the server knows no host of this name",
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied => {
                "the server refuses the client's certificate, or that there is none"
            }
            _ => return None,
        },
        rustls::Error::PeerIncompatible(why) => match why {
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => OLD,
            PeerIncompatible::NoCipherSuitesInCommon | PeerIncompatible::NoKxGroupsInCommon => {
                NOTHING_IN_COMMON
            }
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_as_words_and_a_hint() {
        let error = explain(Refusal::SelfSigned.into());
        assert_eq!(error.kind(), Kind::InvalidCertificate);
        let text = error.to_string();
        assert!(
            text.starts_with("the server's certificate was refused: self signed (it is self-signed"),
            "{text}"
        );
        assert_eq!(Refusal::ShortKey(1024).to_string(), "short key(1024)");
    }

    #[test]
    fn what_rustls_knows_keeps_its_reason() {
        let error = explain(Refusal::Known(CertificateError::Revoked).into());
        assert!(error.hint_text().unwrap().contains("revoked"), "{error}");
    }
}
