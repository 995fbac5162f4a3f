//! What httpbin says about a request: `args`, `data`, `files`, `form`, `headers`, `json`, `origin`, `url`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::origin::content::{self, File};
use crate::origin::message::{Answer, Call, Request, Response};
use crate::origin::python::json::Json;
use crate::origin::python::percent;

/// Headers that a front server adds; httpbin hides them unless the query has `show_env`.
const ENVIRONMENT_HEADERS: [&str; 15] = [
    "X-Varnish",
    "X-Request-Start",
    "X-Heroku-Queue-Depth",
    "X-Real-Ip",
    "X-Forwarded-Proto",
    "X-Forwarded-Protocol",
    "X-Forwarded-Ssl",
    "X-Heroku-Queue-Wait-Time",
    "X-Forwarded-For",
    "X-Heroku-Dynos-In-Use",
    "X-Forwarded-Port",
    "X-Request-Id",
    "Via",
    "Total-Route-Time",
    "Connect-Time",
];

pub(in crate::origin) fn get(call: &Call<'_>) -> Answer {
    Ok(Response::json(&Json::object([
        ("args", arguments(call)),
        ("headers", request_headers(call)),
        ("origin", origin(call.request)),
        ("url", url(call.request)),
    ])))
}

pub(in crate::origin) fn with_body(call: &Call<'_>) -> Answer {
    Ok(Response::json(&Json::Object(described_with_body(call))))
}

pub(in crate::origin) fn anything(call: &Call<'_>) -> Answer {
    let mut members = described_with_body(call);
    members.push(("method".into(), Json::text(&call.request.method)));
    Ok(Response::json(&Json::Object(members)))
}

pub(in crate::origin) fn headers(call: &Call<'_>) -> Answer {
    Ok(Response::json(&Json::object([("headers", request_headers(call))])))
}

pub(in crate::origin) fn ip(call: &Call<'_>) -> Answer {
    Ok(Response::json(&Json::object([("origin", origin(call.request))])))
}

pub(in crate::origin) fn user_agent(call: &Call<'_>) -> Answer {
    let agent = call.request.header("User-Agent").map_or(Json::Null, Json::Text);
    Ok(Response::json(&Json::object([("user-agent", agent)])))
}

/// The members of `/post` and its like.
pub(in crate::origin) fn described_with_body(call: &Call<'_>) -> Vec<(String, Json)> {
    let content = content::of(call.request);
    let json = std::str::from_utf8(&content.data).ok().and_then(Json::parse).unwrap_or(Json::Null);
    let members = [
        ("args", arguments(call)),
        ("data", printable(&content.data, "application/octet-stream")),
        ("files", files(content.files)),
        ("form", grouped(&content.form)),
        ("headers", request_headers(call)),
        ("json", json),
        ("origin", origin(call.request)),
        ("url", url(call.request)),
    ];
    members.map(|(name, value)| (name.to_owned(), value)).into()
}

pub(in crate::origin) fn arguments(call: &Call<'_>) -> Json {
    grouped(&call.query)
}

pub(in crate::origin) fn origin(request: &Request) -> Json {
    Json::text(request.header("X-Forwarded-For").unwrap_or_else(|| request.peer.to_string()))
}

/// The request's URL as a person would read it, with the scheme that a front server reports.
pub(in crate::origin) fn url(request: &Request) -> Json {
    let forwarded = ["X-Forwarded-Proto", "X-Forwarded-Protocol"];
    let mut protocol =
        forwarded.iter().find_map(|name| request.header(name).filter(|value| !value.is_empty()));
    if protocol.is_none() && request.header("X-Forwarded-Ssl").as_deref() == Some("on") {
        protocol = Some("https".into());
    }
    let scheme = protocol.as_deref().unwrap_or(request.scheme());
    let path = percent::readable(request.path().trim_start_matches('/').as_bytes(), b"/?#");
    let query = percent::readable(request.query().as_bytes(), b"&=+#");
    let mark = if query.is_empty() { "" } else { "?" };
    Json::Text(format!("{scheme}://{}/{path}{mark}{query}", request.host()))
}

/// The headers as WSGI hands them on: names in title case, repeated ones joined by a comma, none with an underscore.
pub(in crate::origin) fn request_headers(call: &Call<'_>) -> Json {
    let show_environment = call.argument("show_env").is_some();
    let mut members: Vec<(String, Json)> = Vec::new();
    for (name, _) in &call.request.headers {
        let name = title_case(name);
        let hidden = !show_environment && ENVIRONMENT_HEADERS.contains(&name.as_str());
        let repeated = members.iter().any(|member| member.0 == name);
        if hidden || repeated || name.contains('_') {
            continue;
        }
        let value = match name.as_str() {
            // RFC 9112 section 3.2.2: an absolute target's host goes before the header's.
            "Host" => Some(call.request.host_as_sent()),
            // One value each in WSGI; an empty one is as good as none.
            "Content-Type" | "Content-Length" => call.request.header_values(&name).last().map(str::to_owned),
            _ => Some(call.request.header(&name).unwrap_or_default()),
        };
        match value {
            Some(value) if !(value.is_empty() && name.starts_with("Content-")) => {
                members.push((name, Json::Text(value)))
            }
            _ => {}
        }
    }
    Json::Object(members)
}

/// Python's `str.title` on an ASCII name.
fn title_case(name: &str) -> String {
    let mut after_letter = false;
    let titled = name.chars().map(|character| {
        let cased =
            if after_letter { character.to_ascii_lowercase() } else { character.to_ascii_uppercase() };
        after_letter = character.is_ascii_alphabetic();
        cased
    });
    titled.collect()
}

/// One value per name, or a list where a name has several.
fn grouped(pairs: &[(String, String)]) -> Json {
    let mut members: Vec<(String, Json)> = Vec::new();
    for (name, value) in pairs {
        let value = Json::text(value);
        match members.iter_mut().find(|member| member.0 == *name) {
            None => members.push((name.clone(), value)),
            Some((_, Json::Array(values))) => values.push(value),
            Some((_, single)) => *single = Json::Array(vec![std::mem::replace(single, Json::Null), value]),
        }
    }
    Json::Object(members)
}

/// Text as it is; anything else as a `data:` URL (RFC 2397).
pub(in crate::origin) fn printable(bytes: &[u8], content_type: &str) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => Json::text(text),
        Err(_) => Json::Text(format!("data:{content_type};base64,{}", STANDARD.encode(bytes))),
    }
}

/// The first file of each name: httpbin drops the others.
fn files(files: Vec<File>) -> Json {
    let mut members: Vec<(String, Json)> = Vec::new();
    for file in files {
        if members.iter().all(|member| member.0 != file.name) {
            members.push((file.name, printable(&file.content, &file.content_type)));
        }
    }
    Json::Object(members)
}
