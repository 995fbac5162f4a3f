//! Digest authentication by MD5, SHA-256 and SHA-512, with `auth` and `auth-int` (RFC 7616), as httpbin does it: nonces
//! are remembered in cookies, and `stale_after` counts down in one.
//!
//! Two departures, where httpbin refuses answers that are right: the target is taken as sent, with its query, and
//! `auth-int` covers the bytes of a form as well. Like httpbin, any user name passes with the right password.

use std::fmt::Write as _;

use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512};

use super::authentication::welcome;
use super::cookies::{self, with_cookie};
use crate::origin::message::{Answer, Call, Raised, Request, Response};
use crate::origin::python::json::Json;
use crate::origin::python::parameters::{split_list, value};
use crate::origin::python::random::system_bytes;

type Pairs = Vec<(String, String)>;

/// Placeholders: qop, user, password, algorithm (MD5), stale_after (never).
pub(in crate::origin) fn authenticate(call: &Call<'_>) -> Answer {
    let challenge = Challenge {
        qop: Some(call.parameter(0)).filter(|qop| matches!(*qop, "auth" | "auth-int")),
        algorithm: Some(call.parameter(3))
            .filter(|name| matches!(*name, "SHA-256" | "SHA-512"))
            .unwrap_or("MD5"),
        stale_after: Some(call.parameter(4)).filter(|count| !count.is_empty()).unwrap_or("never"),
        call,
    };
    let wants_cookies = call.argument("require-cookie").unwrap_or_default().to_lowercase();
    let wants_cookies = matches!(wants_cookies.as_str(), "1" | "t" | "true");
    let credentials = credentials(call.request);
    let Some(credentials) = credentials.filter(|_| !wants_cookies || call.request.header("Cookie").is_some())
    else {
        return Ok(challenge.first());
    };
    if wants_cookies && cookies::find(call.request, "fake").as_deref() != Some("fake_value") {
        let errors = Json::Array(vec![Json::text("missing cookie set on challenge")]);
        let response = Response::json(&Json::object([("errors", errors)])).with_status(403);
        return Ok(with_cookie(response, "fake", "fake_value", false));
    }
    let nonce = value(&credentials, "nonce");
    let last_nonce = cookies::find(call.request, "last_nonce");
    let stale_after = cookies::find(call.request, "stale_after");
    let reused = last_nonce.is_some() && last_nonce.as_deref() == nonce;
    if reused || stale_after.as_deref() == Some("0") {
        return challenge.again(nonce, true);
    }
    let expected = expected_response(&credentials, call.parameter(2), call.request)?;
    if value(&credentials, "response") != Some(&expected) {
        return challenge.again(nonce, false);
    }
    let response = with_cookie(welcome(call.parameter(1)), "fake", "fake_value", false);
    Ok(match stale_after {
        None => response,
        Some(count) => {
            let next = count.trim().parse::<i64>().map_or("never".into(), |count| (count - 1).to_string());
            with_cookie(response, "stale_after", &next, false)
        }
    })
}

fn credentials(request: &Request) -> Option<Pairs> {
    let authorization = request.header("Authorization")?;
    let (scheme, rest) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("digest").then(|| split_list(rest))
}

struct Challenge<'a> {
    qop: Option<&'a str>,
    algorithm: &'a str,
    stale_after: &'a str,
    call: &'a Call<'a>,
}

impl Challenge<'_> {
    fn first(&self) -> Response {
        let response = with_cookie(self.response(false), "stale_after", self.stale_after, false);
        with_cookie(response, "fake", "fake_value", false)
    }

    fn again(&self, nonce: Option<&str>, stale: bool) -> Answer {
        let response = with_cookie(self.response(stale), "stale_after", self.stale_after, false);
        let response = with_cookie(response, "last_nonce", nonce.ok_or(Raised)?, false);
        Ok(with_cookie(response, "fake", "fake_value", false))
    }

    fn response(&self, stale: bool) -> Response {
        let random =
            || hash(self.algorithm, &[self.call.request.peer.to_string().as_bytes(), &system_bytes::<16>()]);
        let (nonce, opaque) = (random(), random());
        let qop = self.qop.unwrap_or("auth, auth-int");
        let stale = if stale { "True" } else { "False" };
        let challenge = format!(
            "Digest realm=\"me@kennethreitz.com\", nonce=\"{nonce}\", opaque=\"{opaque}\", qop=\"{qop}\", \
             algorithm={}, stale={stale}",
            self.algorithm
        );
        Response::empty(401).header("WWW-Authenticate", challenge)
    }
}

/// RFC 7616 section 3.4.1, and RFC 2069's older form without qop.
fn expected_response(credentials: &Pairs, password: &str, request: &Request) -> Result<String, Raised> {
    let part = |name: &str| value(credentials, name);
    let needed = |name: &str| part(name).ok_or(Raised);
    let algorithm = part("algorithm").unwrap_or("MD5");
    let join = |parts: &[&str]| hash(algorithm, &[parts.join(":").as_bytes()]);
    let secret = join(&[part("username").ok_or(Raised)?, part("realm").unwrap_or_default(), password]);
    let target = request.path_and_query();
    match part("qop") {
        None => Ok(join(&[&secret, part("nonce").unwrap_or_default(), &join(&[&request.method, target])])),
        Some(qop) => {
            let message = match qop {
                "auth" => join(&[&request.method, target]),
                "auth-int" => join(&[&request.method, target, &hash(algorithm, &[&request.body])]),
                _ => return Err(Raised),
            };
            Ok(join(&[&secret, needed("nonce")?, needed("nc")?, needed("cnonce")?, qop, &message]))
        }
    }
}

fn hash(algorithm: &str, parts: &[&[u8]]) -> String {
    let bytes = parts.concat();
    match algorithm {
        "SHA-256" => hexadecimal(&Sha256::digest(bytes)),
        "SHA-512" => hexadecimal(&Sha512::digest(bytes)),
        _ => hexadecimal(&Md5::digest(bytes)),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
