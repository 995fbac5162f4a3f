//! The knobs of a client and of one request, from Python's keywords to the engine's `Config`.
//!
//! Both scopes read the same names by the same function, [`Knobs::set`]; what only a client has is in
//! [`Knobs::set_for_client`]. A value of a wrong type is a `TypeError`; one that cannot be, or contradicts another, is
//! `entreat.errors.InvalidConfig`, raised when the client or the request is made.

use crate::client::errors::{contradiction, raise, wrong_type};
use crate::state::{Limits, limits};
use entreat::{
    Config, Error, Guard, Identity, Kind, Material, PoolRules, Proxies, RateLimit, RedirectRules, RetryRules,
    Roots, Timeout, TlsRules,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString, PyTuple};
use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

/// Settings under construction, and what of a client's a request changes only in part.
#[derive(Clone, Default)]
pub(super) struct Knobs {
    config: Config,
    tls: TlsRules,
    redirects: RedirectRules,
    guarded: bool,
    allows: bool,
}

impl Knobs {
    /// Those of one request, over a client's.
    pub(super) fn over(client: &Knobs) -> Knobs {
        Knobs { config: Config::new(), allows: false, ..client.clone() }
    }

    /// Reads one of the knobs that clients and requests share; false where it is none of them.
    pub(super) fn set(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let config = std::mem::take(&mut self.config);
        self.config = match name {
            "timeout" => config.timeout(timeout(value)?),
            "retries" => config.retries(retries(value)?),
            "follow_redirects" => {
                self.redirects.follow = boolean(name, value)?;
                config.redirects(self.redirects.clone())
            }
            "max_redirects" => {
                self.redirects.limit = value.extract().map_err(|_| wrong_type(name, "a number", value))?;
                config.redirects(self.redirects.clone())
            }
            "max_body" => match value.is_none() {
                true => config.max_body(u64::MAX),
                false => config.max_body(whole_number(name, value)?),
            },
            "proxies" => proxies(config, value)?,
            "verify" => {
                verify(&mut self.tls, value)?;
                config.tls(self.tls.clone())
            }
            "cert" => {
                self.tls.identity = if value.is_none() { None } else { Some(identity(value)?) };
                config.tls(self.tls.clone())
            }
            "resolve" => resolve(config, value)?,
            "guard" => {
                self.guarded = !value.is_none();
                config.guard(guard(value)?)
            }
            "guard_allow" => {
                self.allows = true;
                texts(name, value)?.iter().fold(config, Config::guard_allow)
            }
            _ => {
                self.config = config;
                return Ok(false);
            }
        };
        Ok(true)
    }

    /// Reads one that only a client has; false where it is none.
    pub(super) fn set_for_client(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let config = std::mem::take(&mut self.config);
        self.config = match name {
            "limits" => config.pool(pool(value)?),
            "rate_limit" => rate_limit(config, value)?,
            "trust_env" => config.trust_environment(boolean(name, value)?),
            "hsts" => config.hsts(boolean(name, value)?),
            "cookies" => match value.cast::<PyBool>() {
                Ok(keep) => config.cookies(keep.is_true()),
                // A dictionary, which the client puts into its jar.
                Err(_) => config,
            },
            "user_agent" => match value.is_none() {
                true => config,
                false => config.user_agent(text(name, value)?),
            },
            _ => {
                self.config = config;
                return self.set(name, value);
            }
        };
        Ok(true)
    }

    /// The settings, once all have been read.
    pub(super) fn config(&self, py: Python<'_>) -> PyResult<Config> {
        if self.allows && !self.guarded {
            return Err(contradiction(py, "guard_allow together with guard=\"public\"", "guard_allow alone"));
        }
        Ok(self.config.clone())
    }
}

/// Seconds for each wait, a pair (connect, read), an `entreat.Timeout`, or None for no limit at all.
fn timeout(value: &Bound<'_, PyAny>) -> PyResult<Timeout> {
    if value.is_none() {
        return Ok(Timeout::NONE);
    }
    if let Some(all) = seconds("timeout", value)? {
        return Ok(Timeout { connect: all, read: all, write: all, pool: all, total: None });
    }
    if let Ok(pair) = value.cast::<PyTuple>()
        && pair.len() == 2
    {
        let part = |at: usize, name: &str| -> PyResult<Option<Duration>> {
            let value = pair.get_item(at)?;
            if value.is_none() {
                return Ok(None);
            }
            seconds(name, &value)?.ok_or_else(|| wrong_type("timeout", "a pair of numbers or None", &value))
        };
        let (connect, read) = (part(0, "connect")?, part(1, "read")?);
        return Ok(Timeout { connect, read, write: read, ..Timeout::default() });
    }
    if value.hasattr("parts")? {
        let parts: Limits = value.call_method0("parts")?.extract()?;
        return limits(parts).ok_or_else(|| raise(value.py(), &Error::new(Kind::InvalidTimeout)));
    }
    Err(wrong_type("timeout", "seconds, a pair (connect, read), an entreat.Timeout or None", value))
}

/// A number of seconds: `Some(Some(_))`; `None` where it is not a number.
fn seconds(part: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<Option<Duration>>> {
    let number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
    if !number || value.is_instance_of::<PyBool>() {
        return Ok(None);
    }
    let read = entreat_core::deadline::seconds(part, value.extract()?);
    read.map(|seconds| Some(Some(seconds))).map_err(|error| raise(value.py(), &error))
}

/// A number of retries, or an `entreat.client.Retry`.
fn retries(value: &Bound<'_, PyAny>) -> PyResult<RetryRules> {
    if value.is_none() {
        return Ok(RetryRules::never());
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        let total = value.extract().map_err(|_| wrong_type("retries", "a number from 0 on", value))?;
        return Ok(RetryRules::times(total));
    }
    if !value.hasattr("max_retry_after")? {
        return Err(wrong_type("retries", "a number, an entreat.client.Retry or None", value));
    }
    let part = |name: &str| value.getattr(name);
    let span = |name: &str| -> PyResult<Duration> {
        let seconds: f64 = part(name)?.extract()?;
        Duration::try_from_secs_f64(seconds).map_err(|_| {
            let seen = format!("{name}={seconds}");
            contradiction(value.py(), "seconds from 0 on in retries", seen)
        })
    };
    let mut rules = RetryRules::times(part("total")?.extract()?);
    rules.connect = part("connect")?.extract()?;
    rules.read = part("read")?.extract()?;
    rules.status = part("status")?.extract()?;
    rules.statuses =
        Cow::Owned(part("statuses")?.try_iter()?.map(|each| each?.extract()).collect::<PyResult<_>>()?);
    rules.methods =
        Cow::Owned(part("methods")?.try_iter()?.map(|each| known_method(&each?)).collect::<PyResult<_>>()?);
    (rules.backoff, rules.max_backoff) = (span("backoff")?, span("max_backoff")?);
    rules.jitter = part("jitter")?.extract()?;
    rules.retry_after = part("retry_after")?.extract()?;
    rules.max_retry_after = span("max_retry_after")?;
    Ok(rules)
}

fn known_method(value: &Bound<'_, PyAny>) -> PyResult<&'static str> {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH"];
    let name = text("retries.methods", value)?;
    KNOWN.into_iter().find(|known| *known == name).ok_or_else(|| {
        contradiction(value.py(), "methods among GET, HEAD, PUT, DELETE, OPTIONS, TRACE, POST, PATCH", name)
    })
}

/// An `entreat.client.Limits`.
fn pool(value: &Bound<'_, PyAny>) -> PyResult<PoolRules> {
    if value.is_none() {
        return Ok(PoolRules::default());
    }
    if !value.hasattr("idle_per_origin")? {
        return Err(wrong_type("limits", "an entreat.client.Limits or None", value));
    }
    let part = |name: &str| value.getattr(name);
    let span = |name: &str| -> PyResult<Option<Duration>> {
        let seconds: Option<f64> = part(name)?.extract()?;
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
    };
    let rules = PoolRules {
        idle_per_origin: part("idle_per_origin")?.extract()?,
        idle_total: part("idle_total")?.extract()?,
        idle_timeout: span("idle_timeout")?,
        max_age: span("max_age")?,
        per_origin: part("per_origin")?.extract()?,
        total: part("total")?.extract()?,
    };
    if let (Some(total), Some(each)) = (rules.total, rules.per_origin)
        && each > total
    {
        let seen = format!("per_origin={each} and total={total}");
        return Err(contradiction(value.py(), "limits.per_origin no larger than limits.total", seen));
    }
    Ok(rules)
}

/// `(requests, seconds)` or `(requests, seconds, burst)`; None for as often as one likes.
fn rate_limit(config: Config, value: &Bound<'_, PyAny>) -> PyResult<Config> {
    if value.is_none() {
        return Ok(config);
    }
    let expected = "(requests, seconds), (requests, seconds, burst) or None";
    let wrong = || wrong_type("rate_limit", expected, value);
    let parts = value.cast::<PyTuple>().map_err(|_| wrong())?;
    let number = |at: usize| -> PyResult<u32> { parts.get_item(at)?.extract().map_err(|_| wrong()) };
    let burst = match parts.len() {
        2 => 1,
        3 => number(2)?,
        _ => return Err(wrong()),
    };
    let seconds: f64 = parts.get_item(1)?.extract().map_err(|_| wrong())?;
    // What no period can be becomes none at all, which is refused.
    let period = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Ok(config.rate_limit(RateLimit::new(number(0)?, period).burst(burst)))
}

/// One URL for everything, or a dictionary by scheme or host; None leaves it to the environment.
fn proxies(config: Config, value: &Bound<'_, PyAny>) -> PyResult<Config> {
    if value.is_none() {
        return Ok(config);
    }
    if let Ok(url) = value.cast::<PyString>() {
        return Ok(config.proxy(url.to_str()?));
    }
    let expected = "a URL, a dictionary of them, or None";
    let entries = value.cast::<PyDict>().map_err(|_| wrong_type("proxies", expected, value))?;
    let mut map = Proxies::new();
    for (key, proxy) in entries {
        let proxy = if proxy.is_none() { None } else { Some(text("a proxy", &proxy)?) };
        // As httpx and the URL itself write the key.
        let key = text("the key of a proxy", &key)?;
        map.set(key.strip_suffix("://").unwrap_or(&key), proxy.as_deref());
    }
    Ok(config.proxies(map))
}

/// True, False, the path of a bundle of authorities, or the bundle itself in PEM.
fn verify(rules: &mut TlsRules, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(verify) = value.cast::<PyBool>() {
        rules.accept_any_certificate = !verify.is_true();
        rules.roots = Roots::System;
        return Ok(());
    }
    rules.accept_any_certificate = false;
    rules.roots = match material("verify", "True, False, a path, or certificates in PEM", value)? {
        Material::Bytes(pem) => Roots::Pem(pem),
        Material::File(path) => Roots::Path(path),
    };
    Ok(())
}

/// A path or PEM text with certificate and key, a pair of them, or a triple with the key's passphrase.
fn identity(value: &Bound<'_, PyAny>) -> PyResult<Identity> {
    let expected = "a certificate, (certificate, key) or (certificate, key, passphrase), each a path or PEM";
    let Ok(parts) = value.cast::<PyTuple>() else {
        let certificate = material("cert", expected, value)?;
        return Ok(Identity { certificate, key: None, passphrase: None });
    };
    if !(2..=3).contains(&parts.len()) {
        return Err(PyTypeError::new_err(format!("cert must be {expected}, not {} parts", parts.len())));
    }
    let key = parts.get_item(1)?;
    let identity = Identity {
        certificate: material("cert", expected, &parts.get_item(0)?)?,
        key: if key.is_none() { None } else { Some(material("cert", expected, &key)?) },
        passphrase: None,
    };
    match parts.get_item(2) {
        Ok(passphrase) if !passphrase.is_none() => {
            let passphrase: String = text("the passphrase of cert", &passphrase)?;
            Ok(identity.passphrase(passphrase))
        }
        Ok(_) | Err(_) => Ok(identity),
    }
}

/// Bytes and text that begin as PEM does are the thing itself; else a path.
fn material(name: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyResult<Material> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Material::Bytes(bytes.as_bytes().into()));
    }
    if let Ok(text) = value.cast::<PyString>()
        && text.to_str()?.trim_start().starts_with("-----BEGIN")
    {
        return Ok(Material::Bytes(text.to_str()?.as_bytes().into()));
    }
    let path: PathBuf = value.extract().map_err(|_| wrong_type(name, expected, value))?;
    match path.exists() {
        true => Ok(Material::File(path)),
        false => {
            let error = Error::new(Kind::InvalidConfig).expected(format!("a file that exists for {name}"));
            Err(raise(value.py(), &error.seen(path.display().to_string())))
        }
    }
}

/// A dictionary from hosts to addresses, as text or lists.
fn resolve(mut config: Config, value: &Bound<'_, PyAny>) -> PyResult<Config> {
    if value.is_none() {
        return Ok(config);
    }
    let expected = "a dictionary from \"host\" or \"host:port\" to addresses";
    for (host, addresses) in value.cast::<PyDict>().map_err(|_| wrong_type("resolve", expected, value))? {
        let addresses = texts("resolve", &addresses)?.join(",");
        config = config.resolve_to(text("resolve", &host)?, addresses);
    }
    Ok(config)
}

fn guard(value: &Bound<'_, PyAny>) -> PyResult<Guard> {
    if value.is_none() {
        return Ok(Guard::Off);
    }
    match text("guard", value)?.as_str() {
        "public" => Ok(Guard::Public),
        other => Err(contradiction(value.py(), "guard=\"public\" or None", other)),
    }
}

/// Text alone, or several.
fn texts(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if value.is_instance_of::<PyString>() {
        return Ok(vec![text(name, value)?]);
    }
    let each = value.try_iter().map_err(|_| wrong_type(name, "text or a list of it", value))?;
    each.map(|each| text(name, &each?)).collect()
}

pub(super) fn text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = value.cast::<PyString>().map_err(|_| wrong_type(name, "str", value))?;
    Ok(text.to_str()?.to_owned())
}

fn boolean(name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.cast::<PyBool>().map_err(|_| wrong_type(name, "True or False", value))?.is_true())
}

fn whole_number(name: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract().map_err(|_| wrong_type(name, "a whole number of bytes from 0 on", value))
}
