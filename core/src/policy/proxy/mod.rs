//! Which proxy a request goes through, or none: explicit settings, environment variables, and exceptions.
//!
//! Decides by names alone. The environment comes as data; `exceptions` reads NO_PROXY; `server` takes a
//! proxy's URL apart. Does not connect. The engine calls [`decide`] for each request, each redirect included;
//! the drop-in for requests also calls [`bypasses`].
//!
//! No RFC says any of this. The convention is curl's manual, and for the drop-in `requests.utils` over
//! `urllib.request`. The one exception below is theirs: upper case counts unless this is a CGI script, where a
//! client's field named Proxy would set it.
//!
//! > curl(1), Environment: "The environment variables can be specified in lower case or upper case. The lower case
//! > version has precedence. http_proxy is an exception as it is only available in lower case."

mod exceptions;
mod server;

pub use crate::policy::credentials::Credentials;
pub use exceptions::bypasses;
pub use server::{Scheme, Server};

use crate::error::Result;
use std::collections::BTreeMap;
use std::fmt;

/// The key of the exceptions.
const NO_PROXY: &str = "no_proxy";

/// Whose precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// What was said for the request, or else for the client, or else the environment: the first that says
    /// anything is the only one, so that an empty map means no proxy.
    #[default]
    Modern,
    /// The request's entries, then the environment's, then the session's, key by key: requests has it in this
    /// order.
    Requests,
}

/// Proxies that a program names, by `http`, `https`, `all`, `http://host`, `all://host`, and `no_proxy`.
///
/// `Debug` shows their URLs without credentials.
///
/// ```
/// use entreat_core::policy::proxy::Map;
/// let proxies: Map = [
///     ("http", "http://proxy.test:3128"),
///     ("https", "http://user:password@proxy.test:3128"),
///     ("https://onion.test", "socks5h://127.0.0.1:9050"),
///     ("no_proxy", "localhost, 10.0.0.0/8, .internal.test"),
/// ]
/// .into_iter()
/// .collect();
/// # proxies.check()?;
/// # Ok::<(), entreat_core::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Map {
    entries: BTreeMap<String, Option<String>>,
}

impl Map {
    /// No entries.
    pub fn new() -> Map {
        Map::default()
    }

    /// Adds an entry. The proxy is a URL or `host:port`; empty goes direct; None hides entries of the same
    /// key in settings behind this one, and is none itself.
    pub fn set(&mut self, key: &str, proxy: Option<&str>) {
        self.entries.insert(key.to_ascii_lowercase(), proxy.map(str::to_owned));
    }

    /// True where it names no proxy, so that all goes straight.
    pub fn is_empty(&self) -> bool {
        !self
            .entries
            .iter()
            .any(|(key, proxy)| key != NO_PROXY && proxy.as_ref().is_some_and(|url| !url.is_empty()))
    }

    /// Refuses a map that names a proxy which cannot be read.
    ///
    /// # Errors
    /// As [`Server::parse`].
    pub fn check(&self) -> Result<()> {
        let proxies = self.entries.iter().filter(|(key, _)| *key != NO_PROXY);
        let named = proxies.filter_map(|(_, proxy)| proxy.as_deref());
        named.filter(|url| !url.is_empty()).try_for_each(|url| Server::parse(url).map(drop))
    }

    fn get(&self, key: &str) -> Option<&Option<String>> {
        self.entries.get(key)
    }

    fn exceptions(&self) -> Option<&str> {
        self.entries.get(NO_PROXY)?.as_deref()
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |url: &str| match url.rsplit_once('@') {
            Some((_, address)) => format!("…@{address}"),
            None => url.to_owned(),
        };
        f.debug_map().entries(self.entries.iter().map(|(key, url)| (key, url.as_deref().map(shown)))).finish()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Map {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(entries: I) -> Map {
        let mut map = Map::new();
        entries.into_iter().for_each(|(key, proxy)| map.set(key, Some(proxy)));
        map
    }
}

/// The proxies that a process's environment variables name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    map: Map,
    exceptions: Option<String>,
    /// As `exceptions`, but an empty `no_proxy` lets `NO_PROXY` through: requests asks twice, in two ways.
    exceptions_of_requests: Option<String>,
}

impl Environment {
    /// Picks `…_proxy` from all variables. Lower case wins over upper case, and where it is empty takes it
    /// away.
    pub fn from_variables<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Environment {
        let variables: Vec<_> = variables.into_iter().collect();
        let named = |name: &str| {
            let found = variables.iter().find(|(other, value)| *other == name && !value.is_empty());
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut proxies = BTreeMap::new();
        for (name, value) in &variables {
            if let Some(scheme) = name.to_ascii_lowercase().strip_suffix("_proxy")
                && !value.is_empty()
            {
                proxies.insert(scheme.to_owned(), Some((*value).to_owned()));
            }
        }
        // In a CGI script HTTP_PROXY may be the request's own field "Proxy:" (CVE-2016-1000110).
        if variables.iter().any(|(name, _)| *name == "REQUEST_METHOD") {
            proxies.remove("http");
        }
        for (name, value) in &variables {
            if let Some(scheme) = name.strip_suffix("_proxy") {
                let scheme = scheme.to_ascii_lowercase();
                if value.is_empty() {
                    proxies.remove(&scheme);
                } else {
                    proxies.insert(scheme, Some((*value).to_owned()));
                }
            }
        }
        let exceptions = proxies.remove("no").flatten();
        let exceptions_of_requests = named("no_proxy").or_else(|| named("NO_PROXY"));
        Environment { map: Map { entries: proxies }, exceptions, exceptions_of_requests }
    }

    /// True where no variable names a proxy.
    pub fn is_empty(&self) -> bool {
        self.map.entries.is_empty()
    }
}

/// One request and what was said about proxies.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// In lower case, an IPv6 address without brackets.
    pub host: &'a str,
    /// Where the URL names one.
    pub port: Option<u16>,
    /// For this request.
    pub request: Option<&'a Map>,
    /// For the client or session.
    pub client: Option<&'a Map>,
    /// None where the environment is not to be trusted.
    pub environment: Option<&'a Environment>,
}

/// Where the request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// To the origin itself.
    Direct,
    /// To a proxy, named as it was given; [`Server::parse`] takes it apart.
    Through(String),
}

/// Chooses the proxy of one request.
pub fn decide(style: Style, facts: &Facts<'_>) -> Decision {
    let proxy = match style {
        Style::Modern => decide_modern(facts),
        Style::Requests => decide_requests(facts),
    };
    match proxy {
        Some(proxy) if !proxy.is_empty() => Decision::Through(proxy),
        Some(_) | None => Decision::Direct,
    }
}

fn decide_modern(facts: &Facts<'_>) -> Option<String> {
    let excepted = |list: Option<&str>| {
        list.is_some_and(|list| bypasses(Style::Modern, list, facts.scheme, facts.host, facts.port))
    };
    let (map, exceptions) = match (facts.request.or(facts.client), facts.environment) {
        (Some(map), _) => (map, map.exceptions()),
        (None, Some(environment)) => (&environment.map, environment.exceptions.as_deref()),
        (None, None) => return None,
    };
    if excepted(exceptions) { None } else { select(facts, &[map]) }
}

fn decide_requests(facts: &Facts<'_>) -> Option<String> {
    let exceptions = facts.request.and_then(Map::exceptions);
    let environment = facts.environment.filter(|environment| {
        let first = exceptions.or(environment.exceptions_of_requests.as_deref());
        let second = exceptions.or(environment.exceptions.as_deref());
        !exceptions::requests_bypasses(first, second, facts.host, facts.port)
    });
    let layers = [facts.request, environment.map(|environment| &environment.map), facts.client];
    select(facts, &layers.into_iter().flatten().collect::<Vec<_>>())
}

/// `requests.utils.select_proxy`, over the union of layers in which an earlier one hides a later one key by
/// key.
fn select(facts: &Facts<'_>, layers: &[&Map]) -> Option<String> {
    let Facts { scheme, host, .. } = facts;
    let keys = if host.is_empty() {
        vec![(*scheme).to_owned(), "all".to_owned()]
    } else {
        vec![format!("{scheme}://{host}"), (*scheme).to_owned(), format!("all://{host}"), "all".to_owned()]
    };
    keys.iter().find_map(|key| layers.iter().find_map(|layer| layer.get(key))?.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: Facts<'_> =
        Facts { scheme: "http", host: "a.test", port: None, request: None, client: None, environment: None };

    fn through(proxy: &str) -> Decision {
        Decision::Through(proxy.to_owned())
    }

    fn environment(variables: &[(&'static str, &'static str)]) -> Environment {
        Environment::from_variables(variables.iter().copied())
    }

    #[test]
    fn the_more_specific_key_wins() {
        let all = [("http://a.test", "1"), ("http", "2"), ("all://a.test", "3"), ("all", "4")];
        for first in 0..all.len() {
            let map: Map = all[first..].iter().copied().collect();
            for style in [Style::Modern, Style::Requests] {
                assert_eq!(decide(style, &Facts { request: Some(&map), ..URL }), through(all[first].1));
            }
        }
        let map: Map = [("https", "1"), ("http://b.test", "2")].into_iter().collect();
        assert_eq!(decide(Style::Modern, &Facts { request: Some(&map), ..URL }), Decision::Direct);
    }

    #[test]
    fn whose_word_counts() {
        let request: Map = [("http", "request")].into_iter().collect();
        let client: Map = [("http", "client")].into_iter().collect();
        let environment = environment(&[("HTTP_PROXY", "environment")]);
        let all =
            Facts { request: Some(&request), client: Some(&client), environment: Some(&environment), ..URL };
        let without_request = Facts { request: None, ..all };
        for style in [Style::Modern, Style::Requests] {
            assert_eq!(decide(style, &all), through("request"));
            assert_eq!(decide(style, &Facts { client: None, ..without_request }), through("environment"));
            assert_eq!(decide(style, &URL), Decision::Direct);
        }
        assert_eq!(decide(Style::Modern, &without_request), through("client"));
        assert_eq!(decide(Style::Requests, &without_request), through("environment"));
    }

    #[test]
    fn an_empty_map_turns_proxies_off_but_not_in_requests() {
        let (empty, environment) = (Map::new(), environment(&[("http_proxy", "e")]));
        let facts = Facts { request: Some(&empty), environment: Some(&environment), ..URL };
        assert_eq!(decide(Style::Modern, &facts), Decision::Direct);
        assert_eq!(decide(Style::Requests, &facts), through("e"));
    }

    #[test]
    fn a_map_without_a_proxy_is_empty_and_one_that_cannot_be_read_is_refused() {
        let mut map: Map = [("no_proxy", "a.test"), ("http", "")].into_iter().collect();
        assert!(map.is_empty() && map.check().is_ok());
        map.set("all", Some("ftp://user:hush@proxy"));
        assert!(!map.is_empty());
        let error = map.check().unwrap_err();
        assert!(!format!("{error} {map:?}").contains("hush"), "{error} {map:?}");
    }

    #[test]
    fn none_hides_the_key_and_empty_goes_direct_in_requests() {
        let environment = environment(&[("http_proxy", "e"), ("all_proxy", "all")]);
        let mut map = Map::new();
        map.set("http", None);
        let decide = |map: &Map| {
            decide(Style::Requests, &Facts { request: Some(map), environment: Some(&environment), ..URL })
        };
        assert_eq!(decide(&map), through("all"));
        map.set("http", Some(""));
        assert_eq!(decide(&map), Decision::Direct);
    }

    #[test]
    fn lower_case_variables_win_and_empty_ones_take_away() {
        let read = |variables: &[(&'static str, &'static str)]| {
            decide(Style::Modern, &Facts { environment: Some(&environment(variables)), ..URL })
        };
        assert_eq!(read(&[("http_proxy", "low"), ("HTTP_PROXY", "UP")]), through("low"));
        assert_eq!(read(&[("HTTP_PROXY", "UP"), ("http_proxy", "")]), Decision::Direct);
        assert_eq!(read(&[("ALL_PROXY", "all"), ("https_proxy", "other")]), through("all"));
        assert_eq!(read(&[("HTTP_PROXY", "evil"), ("REQUEST_METHOD", "GET")]), Decision::Direct);
        assert_eq!(read(&[("http_proxy", "low"), ("REQUEST_METHOD", "GET")]), through("low"));
    }

    #[test]
    fn exceptions_belong_to_where_the_proxy_was_named() {
        let environment = environment(&[("http_proxy", "e"), ("no_proxy", "a.test")]);
        let explicit: Map = [("http", "x")].into_iter().collect();
        let excepted: Map = [("http", "x"), ("no_proxy", "a.test")].into_iter().collect();
        let from = |request| Facts { request, environment: Some(&environment), ..URL };
        for style in [Style::Modern, Style::Requests] {
            assert_eq!(decide(style, &from(None)), Decision::Direct);
            assert_eq!(decide(style, &from(Some(&explicit))), through("x"));
        }
        assert_eq!(decide(Style::Modern, &from(Some(&excepted))), Decision::Direct);
        assert_eq!(decide(Style::Requests, &from(Some(&excepted))), through("x"));
    }
}
