//! Basic and Bearer authentication, and `/status/…`, whose answers the others borrow.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::origin::message::{Answer, Call, Raised, Request, Response};
use crate::origin::python::json::Json;
use crate::origin::python::random::Twister;

const TEAPOT: &str = "\n    -=[ teapot ]=-\n\n       _...._\n     .'  _ _ `.\n    | .\"` ^ `\". _,\n    \\_;`\"---\"`|//\n      \
                      |       ;/\n      \\_     _/\n        `\"\"\"`\n";
pub(in crate::origin) const NOT_ACCEPTABLE: &str = "{\"message\": \"Client did not request a supported media type.\", \"accept\": \
    [\"image/webp\", \"image/svg+xml\", \"image/jpeg\", \"image/png\", \"image/*\"]}";

pub(in crate::origin) fn basic(call: &Call<'_>) -> Answer {
    Ok(if basic_succeeds(call) { welcome(call.parameter(0)) } else { with_status(401) })
}

/// As `basic`, but whoever fails is told that there is nothing here.
pub(in crate::origin) fn hidden_basic(call: &Call<'_>) -> Answer {
    Ok(if basic_succeeds(call) { welcome(call.parameter(0)) } else { with_status(404) })
}

pub(in crate::origin) fn bearer(call: &Call<'_>) -> Answer {
    let authorization = call.request.header("Authorization").unwrap_or_default();
    Ok(match authorization.strip_prefix("Bearer ") {
        Some(token) => {
            Response::json(&Json::object([("authenticated", Json::Bool(true)), ("token", Json::text(token))]))
        }
        None => Response::empty(401).header("WWW-Authenticate", "Bearer"),
    })
}

pub(in crate::origin) fn welcome(user: &str) -> Response {
    Response::json(&Json::object([("authenticated", Json::Bool(true)), ("user", Json::text(user))]))
}

fn basic_succeeds(call: &Call<'_>) -> bool {
    let credentials = basic_credentials(call.request);
    credentials.is_some_and(|(user, password)| user == call.parameter(0) && password == call.parameter(1))
}

fn basic_credentials(request: &Request) -> Option<(String, String)> {
    let authorization = request.header("Authorization")?;
    let (scheme, coded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
    Some((user.to_owned(), password.to_owned()))
}

/// `/status/404`, or a weighted choice: `/status/200,500:0.1`.
pub(in crate::origin) fn status(call: &Call<'_>) -> Answer {
    let invalid = || Ok(Response::plain("Invalid status code").with_status(400));
    let mut choices: Vec<(u16, f64)> = Vec::new();
    let codes = call.parameter(0);
    for choice in codes.split(',') {
        let (code, weight) = match choice.split_once(':').filter(|_| codes.contains(',')) {
            None => (choice, Some(1.0)),
            Some((_, weight)) if weight.contains(':') => return Err(Raised),
            Some((code, weight)) => (code, weight.trim().parse().ok()),
        };
        match (code.trim().parse().ok().filter(|code| (100..1000).contains(code)), weight) {
            (Some(code), Some(weight)) => choices.push((code, weight)),
            _ => return invalid(),
        }
    }
    let total: f64 = choices.iter().map(|choice| choice.1).sum();
    let mut left = Twister::unpredictable().fraction() * total;
    let chosen = choices.iter().find(|choice| {
        left -= choice.1;
        left < 0.0
    });
    Ok(with_status(chosen.or(choices.last()).map_or(200, |choice| choice.0)))
}

/// httpbin's `status_code`: some codes come with the headers or the body that they call for.
pub(in crate::origin) fn with_status(status: u16) -> Response {
    let bare = || Response::empty(status).without_header("Content-Type");
    match status {
        301 | 302 | 303 | 305 | 307 => bare().header("Location", "/redirect/1"),
        401 => bare().header("WWW-Authenticate", "Basic realm=\"Fake Realm\""),
        402 => Response::html("Fuck you, pay me!")
            .with_status(status)
            .without_header("Content-Type")
            .header("x-more-info", "http://vimeo.com/22053820"),
        406 => Response::new(status, "application/json", NOT_ACCEPTABLE),
        407 => bare().header("Proxy-Authenticate", "Basic realm=\"Fake Realm\""),
        418 => Response::html(TEAPOT)
            .with_status(status)
            .without_header("Content-Type")
            .header("x-more-info", "http://tools.ietf.org/html/rfc2324"),
        304 => bare(),
        _ => Response::empty(status),
    }
}
