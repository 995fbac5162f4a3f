//! The knobs of proxies. Which of them a request goes through is `policy::proxy`; what each is told, `route`.

use super::{Config, Settings};
use crate::error::{Error, Kind, Result};
use crate::headers::Headers;
use crate::policy::proxy::Map;
use crate::tls::TlsRules;
use std::sync::Arc;

impl Config {
    /// The proxies, by scheme or host: see [`Map`]. Default: those of the environment, while
    /// [`Config::trust_environment`] holds.
    ///
    /// What is said here is all that counts: variables are asked no more, `NO_PROXY` included, and the map's own
    /// `no_proxy` takes its place. A request's map replaces its client's. An empty one sends everything straight.
    pub fn proxies(mut self, map: Map) -> Config {
        self.proxies = Some(Arc::new(map));
        self
    }

    /// One proxy for everything: `http://`, `https://`, `socks4://`, `socks4a://`, `socks5://` or `socks5h://`, with
    /// `user:password@` where it asks for them, or just `host:port`. What cannot be read is an error of the client
    /// or request that has it. Default: as [`Config::proxies`].
    pub fn proxy(self, url: &str) -> Config {
        self.proxies([("all", url)].into_iter().collect())
    }

    /// No proxy at all, whatever the environment or the client says.
    pub fn no_proxy(self) -> Config {
        self.proxies(Map::new())
    }

    /// Take proxies from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case as well. Default true:
    /// whoever sets them means all programs. They are read once, when the client is made. With false, nothing that
    /// surrounds the program changes where its requests go.
    pub fn trust_environment(mut self, trust: bool) -> Config {
        self.trust_environment = Some(trust);
        self
    }

    /// Fields for the proxy alone: with CONNECT, and with what it forwards where the request has none of that name.
    /// Default none but `Proxy-Authorization` out of the proxy's URL. Host and the framing fields are refused.
    pub fn proxy_headers(mut self, fields: Headers) -> Config {
        self.proxy_headers = Some(Arc::new(fields));
        self
    }

    /// Whom to trust as an `https://` proxy. Default: as [`Config::tls`], without what is meant for the origin alone:
    /// client certificate, pins and names.
    pub fn proxy_tls(mut self, rules: TlsRules) -> Config {
        self.proxy_tls = Some(Arc::new(rules));
        self
    }
}

impl Settings {
    /// The rules for TLS with the proxy itself.
    pub fn tls_with_proxy(&self) -> TlsRules {
        match &self.proxy_tls {
            Some(rules) => (**rules).clone(),
            None => TlsRules {
                // With pins it was they who made any certificate acceptable.
                accept_any_certificate: self.tls.accept_any_certificate && self.tls.pins.is_empty(),
                pins: Vec::new(),
                identity: None,
                server_name: None,
                verify_name: None,
                ..(*self.tls).clone()
            },
        }
    }
}

/// Refuses fields that would contradict those that a request to a proxy has anyway.
pub(super) fn check_fields(fields: Option<&Headers>) -> Result<()> {
    const OURS: [&str; 4] = ["Host", "Content-Length", "Transfer-Encoding", "Connection"];
    let contains = |name: &&&str| fields.is_some_and(|fields| fields.contains(name));
    match OURS.iter().find(contains) {
        Some(name) => Err(Error::new(Kind::InvalidConfig)
            .expected("proxy_headers without Host, Connection and framing")
            .seen(*name)),
        None => Ok(()),
    }
}
