//! TLS by rustls: a configuration for each set of rules, and sessions that take and give bytes.
//!
//! Decides how core's `TlsRules` become rustls' settings. Whom to trust is `verify` over `roots` and `certificate`; what
//! the client shows of itself is `identity` over `decrypt` and `pkcs12`; why something was refused is `refusal`; the
//! bytes are `session`. Not in core, since rustls reads clocks and randomness and a trust store is files.

mod certificate;
mod decrypt;
mod der;
mod identity;
mod pkcs12;
mod refusal;
mod roots;
mod session;
mod signature;
mod verify;

pub(crate) use session::Session;

use entreat_core::{Error, Kind, Result, TlsRules, TlsVersion};
use refusal::explain;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, KeyLogFile, SupportedProtocolVersion};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use verify::{Verifier, server_name};

/// Sessions kept for resumption, under one set of rules.
const RESUMABLE: usize = 256;

/// Configurations kept: a trust store is some hundred kilobytes. Who has more sets of rules loads them anew.
const CONFIGURATIONS: usize = 64;

/// One rustls configuration per set of rules, made at its first use and kept: loading a trust store costs
/// milliseconds, and resumption needs a place that lasts. What was agreed on under one set is resumed under no other.
#[derive(Debug, Default)]
pub(crate) struct Contexts(Mutex<HashMap<TlsRules, Arc<ClientConfig>>>);

impl Contexts {
    /// A session with `host` under `rules`, its first bytes ready to be sent.
    pub(crate) fn session(&self, rules: &TlsRules, host: &str) -> Result<Session> {
        if let Some(name) = &rules.server_name {
            let name = server_name("tls.server_name", name)?;
            // Sessions are kept by name anyway: all names share the rest.
            return Session::new(self.config(&TlsRules { server_name: None, ..rules.clone() })?, name);
        }
        let name = ServerName::try_from(without_zone(host).to_owned()).map_err(|error| {
            Error::new(Kind::InvalidUrl).expected("a host name that TLS can verify").with_source(error)
        })?;
        Session::new(self.config(rules)?, name)
    }

    fn config(&self, rules: &TlsRules) -> Result<Arc<ClientConfig>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(rules) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(configure(rules)?);
        if known.len() >= CONFIGURATIONS {
            known.clear();
        }
        known.insert(rules.clone(), Arc::clone(&config));
        Ok(config)
    }
}

/// An IPv6 address as certificates have it: its zone means nothing elsewhere.
fn without_zone(host: &str) -> &str {
    match host.split_once('%') {
        Some((address, _)) if address.contains(':') => address,
        Some(_) | None => host,
    }
}

fn configure(rules: &TlsRules) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Verifier::new(rules, &provider)?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(rules))
        .map_err(explain)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &rules.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = identity::load(identity)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| identity::unusable(&identity.certificate).with_source(error))?
        }
    };
    config.resumption = Resumption::in_memory_sessions(RESUMABLE);
    config.enable_sni = rules.send_server_name;
    config.alpn_protocols = match &rules.alpn {
        None => vec![b"http/1.1".to_vec()],
        Some(names) => names.iter().map(|name| name.as_bytes().to_vec()).collect(),
    };
    if rules.key_log && std::env::var_os("SSLKEYLOGFILE").is_some_and(|path| !path.is_empty()) {
        config.key_log = Arc::new(KeyLogFile::new());
    }
    Ok(config)
}

fn versions(rules: &TlsRules) -> Vec<&'static SupportedProtocolVersion> {
    [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)]
        .into_iter()
        .filter(|(version, _)| (rules.min_version..=rules.max_version).contains(version))
        .map(|(_, supported)| supported)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use entreat_core::Roots;
    use entreat_testkit::ca::Authority;

    #[test]
    fn a_zone_is_no_part_of_the_name_that_is_verified() {
        for (host, name) in [("fe80::1%25eth0", "fe80::1"), ("::1", "::1"), ("a%b", "a%b")] {
            assert_eq!(without_zone(host), name);
        }
        let contexts = Contexts::default();
        assert!(contexts.session(&TlsRules::default(), "fe80::1%25eth0").is_ok());
    }

    #[test]
    fn names_share_a_configuration_and_their_number_is_bounded() {
        let roots = Roots::Pem(Authority::new().pem().as_bytes().into());
        let base = TlsRules { roots, ..TlsRules::default() };
        let contexts = Contexts::default();
        let kept = |contexts: &Contexts| contexts.0.lock().unwrap().len();
        for number in 0..2 * CONFIGURATIONS {
            let server_name = Some(format!("host-{number}.test").into());
            contexts.session(&TlsRules { server_name, ..base.clone() }, "localhost").unwrap();
        }
        assert_eq!(kept(&contexts), 1);
        for number in 0..2 * CONFIGURATIONS {
            let alpn = Some([format!("protocol/{number}")].into());
            contexts.session(&TlsRules { alpn, ..base.clone() }, "localhost").unwrap();
            assert!(kept(&contexts) <= CONFIGURATIONS);
        }
    }
}
