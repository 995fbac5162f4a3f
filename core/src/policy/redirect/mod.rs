//! Whether a response sends the client elsewhere, and what the next request keeps: RFC 9110 section 15.4.
//!
//! Decides the next URL and method, whether the body goes along, and which fields must not. Does not send,
//! count or remember anything: the engine passes how many redirects it has followed. Reading the target is
//! `resolve`. The engine calls [`decide`]; the drop-in for requests also calls [`rewritten_method`] and
//! [`crosses_origin`] one by one.
//!
//! > 303: "The 303 (See Other) status code indicates that the server is redirecting the user agent to a
//! > different resource … which is intended to provide an indirect response to the original request. A user
//! > agent can perform a retrieval request targeting that URI (a GET or HEAD request if using HTTP)". 301,
//! > 302: "For historical reasons, a user agent MAY change the request method from POST to GET". 307, 308:
//! > "the user agent MUST NOT change the request method if it performs an automatic redirection". "A client
//! > SHOULD detect and intervene in cyclical redirections". A URL that comes again is not yet a cycle, since
//! > a cookie set on the way may change the answer, so the intervention is a limit on the number.

mod resolve;

pub use resolve::requote;

use crate::error::{Error, Kind, excerpt, redact};
use resolve::resolve;

/// What the caller allows, and whose habits are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Follow at all.
    ///
    /// * Default: true
    /// * Why: as browsers and requests
    /// * Extremes: false delivers each redirect as it comes
    pub follow: bool,
    /// How many redirects one request may take.
    ///
    /// * Default: 20, as browsers; requests has 30
    /// * Why: a cycle has to end somewhere; a URL that comes again is none yet, since a cookie may change the answer
    /// * Extremes: 0 refuses the first one; many let a server keep a client busy
    pub limit: u32,
    /// Follow from https to http.
    ///
    /// * Default: true, as curl, httpx, reqwest and requests
    /// * Why: sites send from https to http; credentials do not go along, as another scheme is another origin
    /// * Extremes: false refuses them: nothing that was asked for over https is fetched in the clear
    pub allow_downgrade: bool,
    /// Whose reading of a target and whose rewriting of methods.
    ///
    /// * Default: `Modern`: URLs as WHATWG reads them, only POST becomes GET on 301 and 302
    /// * Why: `Requests` is for the drop-in
    pub style: Style,
}

/// Where requests and the modern clients differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// URLs as WHATWG reads them; only POST becomes GET on 301 and 302; a body goes where its method goes.
    Modern,
    /// URLs as `urllib.parse` reads them; any method but HEAD becomes GET on 302; no body after 301, 302,
    /// 303; cookies set by hand are dropped on every redirect; a Host set by hand stays.
    Requests,
}

impl Rules {
    /// The modern clients' rules.
    pub const fn modern() -> Rules {
        Rules { follow: true, limit: 20, allow_downgrade: true, style: Style::Modern }
    }

    /// The rules of requests 2.34.
    pub const fn requests() -> Rules {
        Rules { follow: true, limit: 30, allow_downgrade: true, style: Style::Requests }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::modern()
    }
}

/// One response, as far as redirection is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The response's status.
    pub status: u16,
    /// The first Location field, as it came.
    pub location: Option<&'a [u8]>,
    /// The method of the request that it answers.
    pub method: &'a str,
    /// The absolute URL of the request that it answers, with its fragment.
    pub url: &'a str,
    /// How many redirects this request has followed before.
    pub followed: u32,
}

/// What becomes of the response.
#[derive(Debug)]
pub enum Decision {
    /// It is the answer: not a redirect, or one that names no target.
    Deliver,
    /// Send another request.
    Follow(Next),
    /// It may not or cannot be followed.
    Refuse(Error),
}

/// How the next request differs from the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Where it goes: absolute, with the fragment inherited (RFC 9110 section 10.2.2).
    pub url: String,
    /// Its method.
    pub method: String,
    /// The body stays behind; without this it is sent again, and must be rewindable.
    pub drop_body: bool,
    /// Fields to take out of the request. Those that a client adds by itself are made anew anyway.
    pub drop_headers: Vec<&'static str>,
    /// The target has another origin: no authentication that was meant for the old one, however it is held.
    pub strip_credentials: bool,
}

/// Judges one response.
pub fn decide(rules: &Rules, facts: &Facts<'_>) -> Decision {
    let location = match facts.location {
        Some(location) if rules.follow && is_redirect(facts.status) && !location.is_empty() => location,
        Some(_) | None => return Decision::Deliver,
    };
    if facts.followed >= rules.limit {
        return Decision::Refuse(
            Error::new(Kind::TooManyRedirects)
                .expected(format!("at most {}", rules.limit))
                .seen(format!("one more, to {}", shown(&String::from_utf8_lossy(location))))
                .with_url(facts.url),
        );
    }
    match resolve(rules.style, facts.url, location) {
        Ok(url) => follow(rules, facts, url),
        Err(error) => Decision::Refuse(error.with_url(facts.url)),
    }
}

/// The statuses that name one other place to go. 300 asks for a choice, 304 answers a condition, 305 and 306
/// are dead (RFC 9110 sections 15.4.6 and 15.4.7).
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The method of the next request.
pub fn rewritten_method(style: Style, status: u16, method: &str) -> &str {
    let becomes_get = match (status, style) {
        (303, _) | (302, Style::Requests) => method != "HEAD",
        (301 | 302, _) => method == "POST",
        _ => false,
    };
    if becomes_get { "GET" } else { method }
}

/// True where credentials meant for `old` must not be sent to `new`: another host, scheme or port.
///
/// One change is forgiven: from http to https of the same host, both on their default ports. A URL that
/// cannot be taken apart crosses.
pub fn crosses_origin(old: &str, new: &str) -> bool {
    let (Some(old), Some(new)) = (Origin::of(old), Origin::of(new)) else { return true };
    let upgrade =
        old.scheme == "http" && old.port == Some(80) && new.scheme == "https" && new.port == Some(443);
    old.host != new.host || (!upgrade && (old.scheme != new.scheme || old.port != new.port))
}

/// RFC 9110 section 15.4 step 5: "If the request method has been changed to GET or HEAD, remove
/// content-specific header fields, including (but not limited to) Content-Encoding, Content-Language,
/// Content-Location, Content-Type, Content-Length, Digest, Last-Modified." What frames or announces the
/// content goes as well.
const CONTENT_HEADERS: [&str; 10] = [
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Location",
    "Content-Type",
    "Digest",
    "Expect",
    "Last-Modified",
    "Trailer",
    "Transfer-Encoding",
];

/// What requests removes where it drops the body.
const CONTENT_HEADERS_OF_REQUESTS: [&str; 3] = ["Content-Length", "Content-Type", "Transfer-Encoding"];

/// RFC 9110 section 15.4 step 3: "Consider removing header fields that were not automatically generated by
/// the implementation … where there are security implications; this includes but is not limited to
/// Authorization and Cookie." Proxy-Authorization is another such field, and a Host set by hand names the old
/// origin.
const ORIGIN_HEADERS: [&str; 5] = ["Authorization", "Cookie", "Cookie2", "Host", "Proxy-Authorization"];

fn follow(rules: &Rules, facts: &Facts<'_>, url: String) -> Decision {
    let downgrade = facts.url.starts_with("https:") && url.starts_with("http:");
    if downgrade && !rules.allow_downgrade {
        return Decision::Refuse(
            Error::new(Kind::InvalidRedirect)
                .expected("a target that stays on https")
                .seen(redact(&url))
                .hint("allow the downgrade if the target is to be trusted")
                .with_url(facts.url),
        );
    }
    let method = rewritten_method(rules.style, facts.status, facts.method);
    let strip_credentials = crosses_origin(facts.url, &url);
    let mut drop_headers = Vec::new();
    let drop_body = match rules.style {
        Style::Modern => {
            let drop_body = method != facts.method;
            if drop_body {
                drop_headers.extend(CONTENT_HEADERS);
            }
            if strip_credentials {
                drop_headers.extend(ORIGIN_HEADERS);
            }
            drop_body
        }
        Style::Requests => {
            let drop_body = !matches!(facts.status, 307 | 308);
            if drop_body {
                drop_headers.extend(CONTENT_HEADERS_OF_REQUESTS);
            }
            drop_headers.extend(["Cookie", "Proxy-Authorization"]);
            if strip_credentials {
                drop_headers.push("Authorization");
            }
            drop_body
        }
    };
    let method = method.to_owned();
    Decision::Follow(Next { url, method, drop_body, drop_headers, strip_credentials })
}

/// A target as errors show it: without user and password.
fn shown(location: &str) -> String {
    excerpt(redact(location).as_bytes())
}

/// Scheme, host and port of an absolute URL, in lower case, with the scheme's default port filled in.
#[derive(PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    fn of(url: &str) -> Option<Origin> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let colon = host_and_port.rfind(':').filter(|&colon| !host_and_port[colon..].contains(']'));
        let (host, port) = host_and_port.split_at(colon.unwrap_or(host_and_port.len()));
        let scheme = scheme.to_ascii_lowercase();
        let port = match (port.trim_start_matches(':'), scheme.as_str()) {
            ("", "http") => Some(80),
            ("", "https") => Some(443),
            ("", _) => None,
            (digits, _) => Some(digits.parse().ok()?),
        };
        Some(Origin { scheme, host: host.to_ascii_lowercase(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rules: &Rules, status: u16, method: &str, url: &str, location: &str) -> Decision {
        let location = Some(location.as_bytes());
        decide(rules, &Facts { status, location, method, url, followed: 0 })
    }

    fn next(rules: &Rules, status: u16, method: &str, url: &str, location: &str) -> Next {
        match judge(rules, status, method, url, location) {
            Decision::Follow(next) => next,
            other => panic!("{status} {method} to {location}: {other:?}"),
        }
    }

    fn refused(decision: Decision) -> Kind {
        match decision {
            Decision::Refuse(error) => error.kind(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn methods_and_bodies() {
        // (status, method, modern's method and whether it drops the body, requests' own)
        let table = [
            (301, "GET", ("GET", false), ("GET", true)),
            (301, "POST", ("GET", true), ("GET", true)),
            (301, "PUT", ("PUT", false), ("PUT", true)),
            (302, "POST", ("GET", true), ("GET", true)),
            (302, "PUT", ("PUT", false), ("GET", true)),
            (302, "HEAD", ("HEAD", false), ("HEAD", true)),
            (303, "POST", ("GET", true), ("GET", true)),
            (303, "DELETE", ("GET", true), ("GET", true)),
            (303, "HEAD", ("HEAD", false), ("HEAD", true)),
            (307, "POST", ("POST", false), ("POST", false)),
            (308, "PUT", ("PUT", false), ("PUT", false)),
        ];
        for (status, method, modern, requests) in table {
            for (rules, expected) in [(Rules::modern(), modern), (Rules::requests(), requests)] {
                let next = next(&rules, status, method, "http://a/", "/b");
                assert_eq!((next.method.as_str(), next.drop_body), expected, "{status} {method} {rules:?}");
            }
        }
    }

    #[test]
    fn what_is_no_redirect_is_delivered() {
        for status in [200, 201, 300, 304, 305, 306, 404] {
            assert!(matches!(judge(&Rules::modern(), status, "GET", "http://a/", "/b"), Decision::Deliver));
        }
        assert!(matches!(judge(&Rules::modern(), 302, "GET", "http://a/", ""), Decision::Deliver));
        let facts = Facts { status: 302, location: None, method: "GET", url: "http://a/", followed: 0 };
        assert!(matches!(decide(&Rules::requests(), &facts), Decision::Deliver));
        let off = Rules { follow: false, ..Rules::modern() };
        assert!(matches!(judge(&off, 302, "GET", "http://a/", "/b"), Decision::Deliver));
    }

    #[test]
    fn the_limit_counts_redirects_that_were_followed() {
        let rules = Rules { limit: 2, ..Rules::modern() };
        let facts = |followed| Facts {
            status: 302,
            location: Some(b"/b"),
            method: "GET",
            url: "http://user:secret@a/",
            followed,
        };
        assert!(matches!(decide(&rules, &facts(1)), Decision::Follow(_)));
        let Decision::Refuse(error) = decide(&rules, &facts(2)) else { panic!("followed a third") };
        assert_eq!(error.kind(), Kind::TooManyRedirects);
        assert_eq!(error.url(), Some("http://a/"));
    }

    #[test]
    fn origins() {
        for (old, new, crosses) in [
            ("http://a/x", "http://a/y", false),
            ("http://A/x", "http://a:80/y", false),
            ("https://a:443/x", "https://a/y", false),
            ("http://a/", "https://a/", false),
            ("http://a:80/", "https://a:443/", false),
            ("http://u:p@a/", "http://a/", false),
            ("http://[::1]/", "http://[::1]:80/", false),
            ("http://a/", "http://b/", true),
            ("http://a/", "http://sub.a/", true),
            ("https://a/", "http://a/", true),
            ("http://a:8080/", "https://a/", true),
            ("http://a/", "https://a:8443/", true),
            ("http://a:1/", "http://a:2/", true),
            ("http://[::1]/", "http://[::2]/", true),
            ("http://a/", "http://a:x/", true),
            ("http://a/", "http://a@b/", true),
        ] {
            assert_eq!(crosses_origin(old, new), crosses, "{old} {new}");
        }
    }

    #[test]
    fn cross_origin_redirect_drops_credentials() {
        let next = next(&Rules::modern(), 307, "POST", "http://a/", "http://b/");
        assert!(next.strip_credentials && !next.drop_body);
        assert_eq!(next.drop_headers, ORIGIN_HEADERS);
    }

    #[test]
    fn requests_drops_authorization_across_origins_and_cookies_always() {
        let same = next(&Rules::requests(), 307, "POST", "http://a/", "/b");
        assert_eq!(same.drop_headers, ["Cookie", "Proxy-Authorization"]);
        let cross = next(&Rules::requests(), 302, "POST", "http://a/", "http://b/");
        assert_eq!(
            cross.drop_headers,
            [
                "Content-Length",
                "Content-Type",
                "Transfer-Encoding",
                "Cookie",
                "Proxy-Authorization",
                "Authorization"
            ]
        );
    }

    #[test]
    fn a_downgrade_strips_credentials_or_is_refused() {
        assert!(next(&Rules::modern(), 302, "GET", "https://a/", "http://a/").strip_credentials);
        let strict = Rules { allow_downgrade: false, ..Rules::modern() };
        assert_eq!(refused(judge(&strict, 302, "GET", "https://a/", "http://a/")), Kind::InvalidRedirect);
        assert!(matches!(judge(&strict, 302, "GET", "http://a/", "http://b/"), Decision::Follow(_)));
    }

    #[test]
    fn a_refused_target_shows_no_password() {
        let strict = Rules { allow_downgrade: false, ..Rules::modern() };
        let none = Rules { limit: 0, ..Rules::modern() };
        for (rules, location) in [
            (&strict, "http://user:hush@a/"),
            (&none, "http://user:hush@a/"),
            (&Rules::modern(), "ftp://user:hush@a/"),
            (&Rules::requests(), "ftp://user:hush@a/"),
            (&Rules::modern(), "http://user:hush@a:x/"),
        ] {
            let Decision::Refuse(error) = judge(rules, 302, "GET", "https://a/", location) else {
                panic!("{location}")
            };
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }

    #[test]
    fn targets_that_are_not_http_are_refused_with_the_reason_as_source() {
        use std::error::Error as _;
        for rules in [Rules::modern(), Rules::requests()] {
            for location in ["ftp://a/", "file:///etc/passwd", "javascript:alert(1)", "data:,x"] {
                let Decision::Refuse(error) = judge(&rules, 302, "GET", "http://a/", location) else {
                    panic!("{location} was followed");
                };
                assert_eq!(error.kind(), Kind::InvalidRedirect);
                let source = error.source().and_then(|source| source.downcast_ref::<Error>());
                assert_eq!(source.map(Error::kind), Some(Kind::UnsupportedScheme), "{location}");
            }
        }
    }
}
