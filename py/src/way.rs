//! How a call's request reaches its origin: whom it trusts, what certificate it shows, and through which proxy.
//!
//! requests' precedence (`Session.merge_environment_settings`, `utils.select_proxy`), decided by core's `policy::proxy`.
//! What is not plain, or would fail before anything is sent, is `None`: then Python says what is wrong with it. Called by
//! `state`, for calls of the express lane and for the redirects that follow.

use crate::environment::Environment;
use crate::express::is_empty;
use crate::support::Support;
use entreat::{Config, ExpectRules, Headers, Identity, Roots, Timeout, TlsRules, Url};
use entreat_core::policy::proxy::{self, Decision, Facts, Map, Server, Style};
use entreat_core::route::Proxy;
use entreat_core::{Scheme, Settings};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// The settings of one exchange, and the proxy that it goes through.
pub(crate) struct Way {
    pub(crate) settings: Arc<Settings>,
    pub(crate) proxy: Option<Box<Proxy>>,
}

/// What a call, or a redirect of one, says about its way; `None` objects say nothing.
pub(crate) struct Said<'a, 'py> {
    pub(crate) verify: &'a Bound<'py, PyAny>,
    pub(crate) cert: &'a Bound<'py, PyAny>,
    pub(crate) proxies: &'a Bound<'py, PyAny>,
}

impl Way {
    /// The way of a request, by what the call says, the session says, and the environment says.
    pub(crate) fn of(
        support: &Support,
        url: &Url,
        call: &Said<'_, '_>,
        session: &Said<'_, '_>,
        environment: &Environment,
    ) -> PyResult<Option<Way>> {
        let cert = if call.cert.is_none() { session.cert } else { call.cert };
        let straight = is_empty(call.proxies) && is_empty(session.proxies) && !environment.proxy;
        if straight && url.scheme() == Scheme::Http && cert.is_none() {
            return Ok(Some(Way { settings: Arc::clone(&PLAIN), proxy: None }));
        }
        // requests puts the environment's into the dictionary that the program passed.
        if environment.proxy && !is_empty(call.proxies) {
            return Ok(None);
        }
        let server = match straight {
            true => None,
            false => match server(support, url, call, session, environment)? {
                Some(server) => server,
                None => return Ok(None),
            },
        };
        let is_secure = url.scheme() == Scheme::Https
            || server.as_ref().is_some_and(|server| server.scheme == proxy::Scheme::Https);
        let Some(identity) = identity(cert) else { return Ok(None) };
        let settings = match is_secure {
            false => Arc::clone(&PLAIN),
            true => match roots(support, call.verify, session.verify, environment)? {
                Some(trust) => settings(Trust { identity, ..trust }),
                None => return Ok(None),
            },
        };
        let Some(server) = server else { return Ok(Some(Way { settings, proxy: None })) };
        // What its URL holds and no field can, Python refuses.
        let proxy = Proxy::new(server, &Headers::new(), &settings).ok();
        Ok(proxy.map(|proxy| Way { settings, proxy: Some(Box::new(proxy)) }))
    }
}

/// The proxy of a request; `Some(None)` for none.
fn server(
    support: &Support,
    url: &Url,
    call: &Said<'_, '_>,
    session: &Said<'_, '_>,
    environment: &Environment,
) -> PyResult<Option<Option<Server>>> {
    let maps = (map(support, call.proxies), map(support, session.proxies));
    let (Some(request), Some(client)) = maps else { return Ok(None) };
    let variables = environment.proxy.then(|| environment.proxies());
    let facts = Facts {
        scheme: url.scheme().as_str(),
        host: url.host(),
        port: explicit_port(url),
        request: Some(&request),
        client: Some(&client),
        environment: variables.as_ref(),
    };
    let Decision::Through(text) = proxy::decide(Style::Requests, &facts) else { return Ok(Some(None)) };
    let Ok(server) = Server::parse(&text) else { return Ok(None) };
    if let Some(credentials) = &server.credentials {
        // Of a user without a password requests says nothing, and what is not ASCII it encodes in a way of its own.
        let plain = credentials.user.is_ascii() && credentials.password.is_ascii();
        if !plain || credentials.password.is_empty() {
            return Ok(None);
        }
    }
    if server.scheme.is_socks() && !support.call(call.proxies.py(), "speaks_socks", ())?.is_truthy()? {
        return Ok(None);
    }
    Ok(Some(Some(server)))
}

/// The port, where the URL says one.
fn explicit_port(url: &Url) -> Option<u16> {
    let (_, rest) = url.as_str().split_once("://")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let (_, port) = authority.rsplit_once(':')?;
    port.parse().ok()
}

/// A dictionary, in order or not, from text to text, or to `None`.
fn map(support: &Support, proxies: &Bound<'_, PyAny>) -> Option<Map> {
    let mut map = Map::new();
    if is_empty(proxies) {
        return Some(map);
    }
    let proxies = proxies.cast::<PyDict>().ok()?;
    if !proxies.is_exact_instance_of::<PyDict>() && !proxies.get_type().is(&support.ordered_dict) {
        return None;
    }
    for (key, proxy) in proxies {
        let key = key.cast_exact::<PyString>().ok()?;
        match proxy.is_none() {
            true => map.set(key.to_str().ok()?, None),
            false => map.set(key.to_str().ok()?, Some(proxy.cast_exact::<PyString>().ok()?.to_str().ok()?)),
        }
    }
    Some(map)
}

/// What decides about TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trust {
    pub(crate) roots: Roots,
    pub(crate) accept_any_certificate: bool,
    /// The client's certificate and key.
    pub(crate) identity: Option<Identity>,
}

/// A path, or a pair of paths, of files that are there; `Some(None)` for none.
fn identity(cert: &Bound<'_, PyAny>) -> Option<Option<Identity>> {
    if cert.is_none() {
        return Some(None);
    }
    let path = |value: &Bound<'_, PyAny>| -> Option<PathBuf> {
        let path = PathBuf::from(value.cast_exact::<PyString>().ok()?.to_str().ok()?);
        path.exists().then_some(path)
    };
    match cert.cast_exact::<PyTuple>() {
        Err(_) => path(cert).map(|certificate| Some(Identity::files(certificate, None))),
        Ok(pair) if pair.len() == 2 => {
            let key = path(&pair.get_item(1).ok()?)?;
            Some(Some(Identity::files(path(&pair.get_item(0).ok()?)?, Some(key))))
        }
        Ok(_) => None,
    }
}

/// requests' precedence: an explicit path before the environment's bundle, and that before the session's `verify`.
fn roots(
    support: &Support,
    call: &Bound<'_, PyAny>,
    session: &Bound<'_, PyAny>,
    environment: &Environment,
) -> PyResult<Option<Trust>> {
    let trust = |roots, accept_any_certificate| Trust { roots, accept_any_certificate, identity: None };
    let unsaid = call.is_none() || call.cast_exact::<PyBool>().is_ok_and(PyBoolMethods::is_true);
    if unsaid && let Some(bundle) = environment.bundle() {
        return Ok(bundle.exists().then(|| trust(Roots::Path(bundle.into()), false)));
    }
    let verify = if call.is_none() { session } else { call };
    if let Ok(verify) = verify.cast_exact::<PyBool>() {
        if !verify.is_true() {
            return Ok(Some(trust(Roots::System, true)));
        }
        let bundle: Option<String> = support.call(verify.py(), "default_bundle", ())?.extract()?;
        return Ok(Some(trust(bundle.map_or(Roots::System, |path| Roots::Path(path.into())), false)));
    }
    let path = verify.extract::<PathBuf>().ok().filter(|path| path.exists());
    Ok(path.map(|path| trust(Roots::Path(path), false)))
}

/// The settings of a trust, made at its first use: most programs have one or two.
pub(crate) fn settings(trust: Trust) -> Arc<Settings> {
    static KNOWN: Mutex<Vec<(Trust, Arc<Settings>)>> = Mutex::new(Vec::new());
    const REMEMBERED: usize = 32;
    // Locked only with the GIL held, so never across a fork; and what a panic leaves is whole.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, settings)) = known.iter().find(|(other, _)| *other == trust) {
        return Arc::clone(settings);
    }
    let tls = TlsRules {
        roots: trust.roots.clone(),
        accept_any_certificate: trust.accept_any_certificate,
        identity: trust.identity.clone(),
        ..TlsRules::default()
    };
    let settings = Arc::new(Settings { tls: tls.into(), ..(**PLAIN).clone() });
    known.truncate(REMEMBERED - 1);
    known.insert(0, (trust, Arc::clone(&settings)));
    settings
}

/// Bodies are decoded above the engine, since a coding that fails must fail as it does in urllib3; proxies are decided
/// here, and are not told who asks; names are looked up as by requests, anew for each connection.
pub(crate) fn plain() -> Config {
    Config::new()
        .decompress(false)
        .cookies(false)
        .trust_environment(false)
        .timeout(Timeout::NONE)
        .dns_cache(Duration::ZERO)
        .user_agent("")
        // http.client sends the body at once, whatever the request expects.
        .expect_continue(ExpectRules { from: None, wait: Duration::ZERO })
}

static PLAIN: LazyLock<Arc<Settings>> =
    LazyLock::new(|| Arc::new(plain().resolve().expect("these settings are valid")));
