//! Proxies that others wrote, as Debian packages them: tinyproxy (HTTP, CONNECT, Basic authentication), microsocks
//! (SOCKS 5) and haproxy (TLS before tinyproxy). Each test starts its own, from files in a directory of its own, on
//! free ports of the loopback. Where one is not installed, its tests say so and do nothing; with `CI=true` they fail.

#![cfg(unix)]

mod server;

use entreat::net::nested::{self, Nested};
use entreat::session::Session;
use entreat::{Config, Error, Kind, Request, Roots, TlsRules, aio};
use entreat_testkit::ca::{Authority, LOOPBACK};
use entreat_testkit::origin::{OriginHandle, spawn};
use server::Server;

/// httpbin gives 100 KiB at most.
const BODY: usize = 100_000;

fn trusting(pem: &str) -> TlsRules {
    TlsRules { roots: Roots::Pem(pem.as_bytes().into()), ..TlsRules::default() }
}

fn through(origin: &OriginHandle, proxy: &str) -> Config {
    Config::new().tls(trusting(&origin.ca_pem)).proxy(proxy)
}

/// Status and body of `url`, by the blocking client, the one on tokio and a session in a loop of its own, which must agree.
fn fetch(config: &Config, url: &str) -> Result<(u16, Vec<u8>), Error> {
    let blocking = entreat::Client::with_config(config.clone())?.send(Request::get(url)).and_then(|answer| {
        let status = answer.status();
        Ok((status, answer.bytes()?))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let asynchronous = runtime.block_on(async {
        let answer = aio::Client::with_config(config.clone())?.get(url).await?;
        let status = answer.status();
        Ok::<_, Error>((status, answer.bytes().await?))
    });
    let nested = nested(config, url);
    let facts = |outcome: &Result<(u16, Vec<u8>), Error>| match outcome {
        Ok((status, body)) => (Some((*status, body.len())), None),
        Err(error) => (None, Some((error.kind(), error.status()))),
    };
    assert_eq!(facts(&blocking), facts(&asynchronous), "{url}");
    assert_eq!(facts(&blocking), facts(&nested), "{url}");
    blocking
}

fn nested(config: &Config, url: &str) -> Result<(u16, Vec<u8>), Error> {
    let net = Nested::new()?;
    nested::block_on(&net, async {
        let mut answer = Session::new(net.clone(), config.clone())?.deliver(Request::get(url)).await?;
        Ok((answer.status(), answer.incoming().read_to_end().await?))
    })
}

/// Asks the origin in the clear and over TLS; neither may hear what is for the proxy alone.
fn assert_serves(origin: &OriginHandle, config: &Config) {
    for url in [origin.http_url("/headers"), origin.https_url("/headers")] {
        let (status, body) = fetch(config, &url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(status, 200, "{url}");
        assert!(!String::from_utf8_lossy(&body).contains("Proxy-Authorization"), "{url}");
    }
    let path = format!("/bytes/{BODY}");
    for url in [origin.http_url(&path), origin.https_url(&path)] {
        assert_eq!(
            fetch(config, &url).map(|(status, body)| (status, body.len())).unwrap(),
            (200, BODY),
            "{url}"
        );
    }
}

#[test]
fn tinyproxy_forwards_and_tunnels() {
    let Some(proxy) = Server::tinyproxy(None) else { return };
    let origin = spawn();
    assert_serves(&origin, &through(&origin, &proxy.url("http", "")));
}

#[test]
fn tinyproxy_wants_user_and_password() {
    let Some(proxy) = Server::tinyproxy(Some(("user", "pass"))) else { return };
    let origin = spawn();
    assert_serves(&origin, &through(&origin, &proxy.url("http", "user:pass@")));
    for credentials in ["", "user:wrong@"] {
        let config = through(&origin, &proxy.url("http", credentials));
        // tinyproxy 1.11 answers 407 to none, 401 to wrong ones.
        let (status, _) = fetch(&config, &origin.http_url("/get")).unwrap();
        assert!(matches!(status, 401 | 407), "{status}");
        let error = fetch(&config, &origin.https_url("/get")).unwrap_err();
        assert_eq!((error.kind(), error.status()), (Kind::Proxy, Some(status)), "{error}");
        assert!(!error.answer().unwrap().body.is_empty(), "{error}");
    }
}

#[test]
fn tinyproxy_reaches_nobody() {
    let Some(proxy) = Server::tinyproxy(None) else { return };
    let config = Config::new().proxy(&proxy.url("http", ""));
    let error = fetch(&config, "https://localhost:1/").unwrap_err();
    assert!(error.kind() == Kind::Proxy && error.status().is_some_and(|status| status >= 500), "{error}");
}

#[test]
fn microsocks_connects_by_address_and_by_name() {
    let Some(proxy) = Server::microsocks(None) else { return };
    let origin = spawn();
    for scheme in ["socks5", "socks5h"] {
        assert_serves(&origin, &through(&origin, &proxy.url(scheme, "")));
    }
    let error = fetch(&through(&origin, &proxy.url("socks5h", "")), "http://127.0.0.1:1/").unwrap_err();
    assert!(error.kind() == Kind::Proxy && error.to_string().contains("refused the connection"), "{error}");
}

#[test]
fn microsocks_wants_user_and_password() {
    let Some(proxy) = Server::microsocks(Some(("user", "p@ss"))) else { return };
    let origin = spawn();
    assert_serves(&origin, &through(&origin, &proxy.url("socks5h", "user:p%40ss@")));
    for (credentials, word) in [("", "no method"), ("user:wrong@", "user and password")] {
        let config = through(&origin, &proxy.url("socks5h", credentials));
        let error = fetch(&config, &origin.http_url("/get")).unwrap_err();
        assert!(error.kind() == Kind::Proxy && error.to_string().contains(word), "{error}");
    }
}

#[test]
fn haproxy_before_tinyproxy_is_spoken_to_in_tls() {
    let Some(behind) = Server::tinyproxy(Some(("user", "pass"))) else { return };
    let authority = Authority::new();
    let Some(proxy) = Server::haproxy(&authority.leaf(LOOPBACK), behind.port) else { return };
    let origin = spawn();
    let config = through(&origin, &proxy.url("https", "user:pass@"));
    assert_serves(&origin, &config.clone().proxy_tls(trusting(authority.pem())));
    let error = fetch(&config, &origin.https_url("/get")).unwrap_err();
    assert_eq!((error.kind(), error.proxy().is_some()), (Kind::InvalidCertificate, true), "{error}");
}
