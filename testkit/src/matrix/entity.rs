//! Certificates made on the spot: roots, authorities below them, and servers, each with a twist.

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::IpAddr;
use std::sync::Arc;

/// A certificate, and its key where it is there.
#[derive(Debug, Clone)]
pub struct Made {
    /// In DER.
    pub certificate: CertificateDer<'static>,
    /// In PKCS#8.
    pub key: Option<Arc<PrivateKeyDer<'static>>>,
}

impl Made {
    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        use base64::Engine as _;
        let digits = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        let lines: Vec<&str> =
            digits.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }
}

/// Someone with a certificate who may sign others', rightly or wrongly.
pub struct Entity {
    /// The certificate.
    pub made: Made,
    issuer: Issuer<'static, KeyPair>,
}

/// What makes a certificate special.
pub type Twist<'a> = &'a dyn Fn(&mut CertificateParams);

/// Nothing is special.
pub fn plain(_params: &mut CertificateParams) {}

impl Entity {
    /// A root of that name.
    pub fn root(name: &str, twist: Twist<'_>) -> Entity {
        Entity::root_with(&rcgen::PKCS_ECDSA_P256_SHA256, name, twist)
    }

    /// With a key of that kind.
    pub fn root_with(kind: &'static SignatureAlgorithm, name: &str, twist: Twist<'_>) -> Entity {
        let mut params = authority(name);
        twist(&mut params);
        let key = new_key(kind);
        let certificate = params.self_signed(&key).expect("the parameters make a certificate").der().clone();
        Entity { made: made(certificate, &key), issuer: Issuer::new(params, key) }
    }

    /// An authority below this one.
    pub fn authority(&self, name: &str, twist: Twist<'_>) -> Entity {
        self.authority_over(new_key(&rcgen::PKCS_ECDSA_P256_SHA256), name, twist)
    }

    /// This one's name and key, certified by `other`: a cross-signature.
    pub fn certified_by(&self, other: &Entity, name: &str, twist: Twist<'_>) -> Made {
        let key = KeyPair::try_from(self.made.key.as_ref().expect("it was made here").secret_der());
        other.authority_over(key.expect("rcgen reads its own keys"), name, twist).made
    }

    fn authority_over(&self, key: KeyPair, name: &str, twist: Twist<'_>) -> Entity {
        let mut params = authority(name);
        params.use_authority_key_identifier_extension = true;
        twist(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters make a certificate");
        Entity { made: made(certificate.der().clone(), &key), issuer: Issuer::new(params, key) }
    }

    /// A server's certificate for these names.
    pub fn server(&self, names: &[&str], twist: Twist<'_>) -> Made {
        self.server_with(&rcgen::PKCS_ECDSA_P256_SHA256, names, twist)
    }

    /// With a key of that kind.
    pub fn server_with(&self, kind: &'static SignatureAlgorithm, names: &[&str], twist: Twist<'_>) -> Made {
        let mut params = server(names);
        params.use_authority_key_identifier_extension = true;
        twist(&mut params);
        let key = new_key(kind);
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters make a certificate");
        made(certificate.der().clone(), &key)
    }

    /// A list of revoked certificates in PEM, good until that year: those with these serial numbers.
    pub fn revocation_list(&self, serials: &[u64], until: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("it may sign lists");
        list.pem().expect("a list has a form in PEM")
    }
}

/// A server's certificate that nobody but itself has signed.
pub fn self_signed(names: &[&str], twist: Twist<'_>) -> Made {
    let mut params = server(names);
    twist(&mut params);
    let key = new_key(&rcgen::PKCS_ECDSA_P256_SHA256);
    made(params.self_signed(&key).expect("the parameters make a certificate").der().clone(), &key)
}

/// An extension as it is: the number under id-ce (2.5.29), and its content.
pub fn extension(number: u64, critical: bool, content: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, number], content.to_vec());
    extension.set_criticality(critical);
    extension
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("a server");
    params.subject_alt_names = names.iter().map(|name| alternative_name(name)).collect();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// A name as it is, right or wrong, and an address where it reads as one.
fn alternative_name(name: &str) -> SanType {
    match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => dns_name(name),
    }
}

/// Even where it reads as an address.
pub fn dns_name(name: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(name).expect("the names here are ASCII"))
}

/// A distinguished name with that common name.
pub fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn new_key(kind: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(kind).expect("the system has randomness")
}

fn made(certificate: CertificateDer<'static>, key: &KeyPair) -> Made {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Made { certificate, key: Some(Arc::new(key.into())) }
}
