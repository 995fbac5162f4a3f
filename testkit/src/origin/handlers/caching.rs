//! Conditional requests and `/response-headers`.

use std::time::SystemTime;

use super::authentication::with_status;
use super::inspection;
use crate::origin::message::{Answer, Body, Call, Raised, Response};
use crate::origin::python::json::Json;
use crate::origin::python::parameters::entity_tags;
use crate::origin::python::random::system_bytes;

/// 304 to anybody who asks whether something changed.
pub(in crate::origin) fn cache(call: &Call<'_>) -> Answer {
    let since = call.request.header("If-Modified-Since").filter(|value| !value.is_empty());
    if since.or_else(|| call.request.header("If-None-Match")).is_some() {
        return Ok(with_status(304));
    }
    let tag = u128::from_be_bytes(system_bytes());
    let modified = httpdate::fmt_http_date(SystemTime::now());
    Ok(inspection::get(call)?.header("Last-Modified", modified).header("ETag", format!("{tag:032x}")))
}

pub(in crate::origin) fn cache_for(call: &Call<'_>) -> Answer {
    let age = call.integer(0);
    Ok(inspection::get(call)?.header("Cache-Control", format!("public, max-age={age}")))
}

/// The resource has the given tag; `If-None-Match` goes before `If-Match`.
pub(in crate::origin) fn etag(call: &Call<'_>) -> Answer {
    let tag = call.parameter(0);
    let tags = |name| entity_tags(&call.request.header(name).unwrap_or_default());
    let (none_match, must_match) = (tags("If-None-Match"), tags("If-Match"));
    let names = |tags: &[String]| tags.iter().any(|other| other == tag || other == "*");
    if !none_match.is_empty() {
        if names(&none_match) {
            return Ok(with_status(304).header("ETag", tag));
        }
    } else if !must_match.is_empty() && !names(&must_match) {
        return Ok(with_status(412));
    }
    Ok(inspection::get(call)?.header("ETag", tag))
}

/// The arguments as headers; the body lists the response's headers, its own length included.
pub(in crate::origin) fn response_headers(call: &Call<'_>) -> Answer {
    if call.query.iter().any(|pair| pair.1.contains(['\r', '\n'])) {
        return Err(Raised);
    }
    let mut length = 0;
    // A longer length makes a longer body, at most a few times.
    for _ in 0..8 {
        let response = Response::json(&listed(&call.query, length));
        let Body::Whole(body) = &response.body else { return Err(Raised) };
        if body.len() == length {
            return Ok(call
                .query
                .iter()
                .fold(response, |response, (name, value)| response.header(name, value.as_str())));
        }
        length = body.len();
    }
    Err(Raised)
}

fn listed(arguments: &[(String, String)], length: usize) -> Json {
    let own = [
        ("Content-Type".to_owned(), "application/json".to_owned()),
        ("Content-Length".into(), length.to_string()),
    ];
    let headers: Vec<&(String, String)> = own.iter().chain(arguments).collect();
    let mut members: Vec<(String, Json)> = Vec::new();
    for (name, _) in &headers {
        if members.iter().any(|member| member.0 == *name) {
            continue;
        }
        let same_name = headers.iter().filter(|header| header.0.eq_ignore_ascii_case(name));
        let mut values: Vec<Json> = same_name.map(|header| Json::text(&header.1)).collect();
        let value = if values.len() == 1 { values.remove(0) } else { Json::Array(values) };
        members.push((name.clone(), value));
    }
    Json::Object(members)
}
