//! Send HTTP requests: as simple as `requests`, as fast as the socket, as careful as rustls.
//!
//! ```no_run
//! let text = entreat::get("http://example.org/")?.text()?;
//! # Ok::<(), entreat::Error>(())
//! ```
//!
//! ```
//! # use entreat::{Config, mock::{Mock, Reply}};
//! # let mock = Mock::new();
//! # mock.on("POST", "/").reply(Reply::json(&serde_json::json!({ "id": 7 })));
//! let client = entreat::Client::new(); // keeps connections and cookies
//! # let client = entreat::Client::with_transport(mock, Config::new())?;
//! let request = entreat::Request::post("http://example.org/").form([("name", "John"), ("job", "developer")]);
//! let answer: serde_json::Value = client.send(request)?.json()?;
//! # assert_eq!(answer["id"], 7);
//! # Ok::<(), entreat::Error>(())
//! ```
//!
//! [`mock`](crate::mock) answers in the place of a network, as it does in the examples of this documentation.
//!
//! The crate's root is blocking and needs no runtime; [`aio`](crate::aio) (feature `aio`) is the same on tokio.
//! Requests are values; every knob is in [`Config`], for a client or for one request; one [`Error`] says what
//! happened ([`Kind`]) and who can mend it ([`Blame`]).
//!
//! # Features
//!
//! * `tls` (default): `https` by rustls, trusting the operating system's certificates.
//! * `json` (default): `Request::json` and `Response::json` through serde.
//! * `brotli`, `zstd`: content codings besides gzip and deflate, both ways.
//! * `psl`: the list of public suffixes, so that no site sets cookies for all of `co.uk`.
//! * `aio`: the async face, on tokio.
//! * `http`: to and from the types of the crate `http`.
//! * `tower`: the async client as a `tower::Service`, bodies as those of the crate `http-body`.
//! * `tracing`: spans for requests, attempts and connections, without secrets.

#![deny(missing_docs)]

#[cfg(feature = "aio")]
pub mod aio;
mod asking;
mod body;
mod client;
mod compressed;
mod connection;
mod consent;
mod consume;
mod cookies;
mod dial;
mod download;
#[doc(hidden)]
pub mod engine;
mod environment;
mod fork;
#[cfg(feature = "http")]
mod http_types;
mod in_process;
#[doc(hidden)]
pub mod incoming;
mod login;
pub mod mock;
mod multipart;
#[doc(hidden)]
pub mod net;
mod permits;
mod progress;
mod proxied;
mod random;
mod rare;
mod rates;
mod reach;
mod receiver;
mod refused;
mod request;
mod resolve;
mod response;
mod retries;
mod sender;
#[doc(hidden)]
pub mod session;
mod text;
mod timings;
#[cfg_attr(not(feature = "tls"), path = "tls/absent.rs")]
mod tls;
#[cfg(feature = "tower")]
mod tower;
mod trace;
mod transport;
mod upgraded;

pub use body::{AsyncSource, Body, Source};
pub use client::Client;
pub use consume::Lines;
pub use cookies::Cookies;
pub use download::{Download, Downloaded};
pub use engine::PoolStats;
pub use entreat_core::content::Expansion;
pub use entreat_core::content::encode::Coding;
pub use entreat_core::dial::Family;
pub use entreat_core::error::Answer;
pub use entreat_core::names::Resolve;
pub use entreat_core::policy::auth::sigv4::Signer as SigV4;
pub use entreat_core::policy::auth::{Asked, Auth, Credentials, Flow, Reply, Rounds};
pub use entreat_core::policy::cookies::{Cookie, Jar, SameSite, SharedJar};
pub use entreat_core::policy::expect::Rules as ExpectRules;
pub use entreat_core::policy::guard::Guard;
pub use entreat_core::policy::proxy::Map as Proxies;
pub use entreat_core::policy::rate::Rules as RateLimit;
pub use entreat_core::policy::redirect::Rules as RedirectRules;
pub use entreat_core::policy::retry::{Budget as RetryBudget, Rules as RetryRules};
pub use entreat_core::pool::Rules as PoolRules;
pub use entreat_core::{
    Blame, Config, Deadline, Error, Headers, Identity, Keepalive, Kind, Material, Network, Passphrase, Pin,
    RawOption, Redirecting, ResponseHead, Result, Retrying, Roots, SocketOptions, Timeout, TlsInfo, TlsRules,
    TlsVersion, Url, Version,
};
pub use multipart::{Form, Part};
pub use progress::Progress;
pub use request::Request;
#[doc(hidden)]
pub use response::{Parts, RequestHead};
pub use response::{Reader, Redirect, Response};
pub use retries::Retried;
pub use timings::Timings;
pub use upgraded::Upgraded;

use std::sync::OnceLock;

/// Sends `GET url` and waits for the head of the response.
///
/// The functions at the crate's root share one client that keeps connections and no cookies.
///
/// # Errors
/// As [`Client::send`].
pub fn get(url: impl AsRef<str>) -> Result<Response> {
    send(Request::get(url))
}

/// Sends `request`.
///
/// # Errors
/// As [`Client::send`].
pub fn send(request: Request) -> Result<Response> {
    static SHARED: OnceLock<Client> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match Client::with_config(Config::new().cookies(false).hsts(false)) {
        Ok(client) => client,
        Err(error) => unreachable!("these settings are valid: {error}"),
    });
    shared.send(request)
}
