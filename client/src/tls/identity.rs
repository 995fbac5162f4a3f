//! What the client shows of itself: its certificate and key, from PEM or PKCS#12, encrypted or not.
//!
//! Reads what an [`Identity`] names. A key that is encrypted is opened by `decrypt`, a PKCS#12 store by `pkcs12`; the
//! errors say whether a passphrase is missing or wrong.

use entreat_core::{Error, Identity, Kind, Material, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::borrow::Cow;

/// The client's own certificate, those behind it, and its key.
pub(super) fn load(identity: &Identity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let bytes = read(&identity.certificate)?;
    let chain = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| unusable(&identity.certificate).with_source(error))?;
    if chain.is_empty() {
        return Err(Error::new(Kind::InvalidConfig)
            .expected("a client certificate in PEM form")
            .seen(format!("none in {}", name_of(&identity.certificate))));
    }
    let material = identity.key.as_ref().unwrap_or(&identity.certificate);
    let key = PrivateKeyDer::from_pem_slice(&read(material)?)
        .map_err(|error| unusable(material).with_source(error))?;
    Ok((chain, key))
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
