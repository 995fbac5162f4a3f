//! The knobs of proxies. Which of them a request goes through is `policy::proxy`; what each is told, `route`.

use super::{Config, Settings};
use crate::error::{Error, Kind, Result};
use crate::headers::Headers;
use crate::policy::proxy::Map;
use crate::tls::TlsRules;
use std::sync::Arc;

impl Config {
    /// The proxies, by scheme or host: see [`Map`].
    ///
    /// * Default: those of the environment
    /// * Why: a map by `http`, `https`, `all`, `http://host`, `all://host`, the most specific first, and `no_proxy`;
    ///   what it says is all that counts, so that `NO_PROXY` of the environment does not take away from it
    /// * Extremes: an empty one (`no_proxy()`) sends everything straight; a request's map replaces its client's
    pub fn proxies(mut self, map: Map) -> Config {
        self.proxies = Some(Arc::new(map));
        self
    }

    /// One proxy for everything: a URL, or just `host:port`. What cannot be read is an error of the client or request
    /// that has it.
    ///
    /// * Default: as above
    /// * Why: one for everything; `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h`, with `user:password@`
    /// * Extremes: `socks4` and `socks5` look names up here, which tells the local resolver what is visited; `socks4a`
    ///   and `socks5h` leave that to the proxy. `socks4` and `socks4a` reach no IPv6 address
    pub fn proxy(self, url: &str) -> Config {
        self.proxies([("all", url)].into_iter().collect())
    }

    /// No proxy at all, whatever the environment or the client says.
    ///
    /// * Default: as `proxies`
    pub fn no_proxy(self) -> Config {
        self.proxies(Map::new())
    }

    /// Take proxies from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case as well.
    ///
    /// * Default: true
    /// * Why: whoever sets `HTTP_PROXY` means all programs; lower case goes before upper case; `HTTP_PROXY` is not
    ///   read in a CGI script. Read once, when a client is made
    /// * Extremes: false: nothing around the program decides where its requests go
    pub fn trust_environment(mut self, trust: bool) -> Config {
        self.trust_environment = Some(trust);
        self
    }

    /// Fields for the proxy alone, besides `Proxy-Authorization` out of its URL.
    ///
    /// * Default: none
    /// * Why: some proxies are told by a field which customer or route is meant; sent with CONNECT, and with what is
    ///   forwarded where the request has none of that name
    /// * Extremes: Host, Connection and framing are refused
    pub fn proxy_headers(mut self, fields: Headers) -> Config {
        self.proxy_headers = Some(Arc::new(fields));
        self
    }

    /// Whom to trust as an `https://` proxy.
    ///
    /// * Default: as `tls`, without client certificate, pins and names
    /// * Why: those are meant for the origin
    /// * Extremes: `accept_any_certificate` shows the proxy's password to anyone on the way
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
