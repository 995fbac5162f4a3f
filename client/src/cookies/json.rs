//! Cookies as JSON, which keeps all that they have. What an object may leave out is what a cookie is without it.

use entreat_core::policy::cookies::{Cookie, SameSite};
use entreat_core::{Error, Kind, Result};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) fn write<'a>(cookies: impl Iterator<Item = &'a Cookie>) -> Result<String> {
    let objects: Vec<Value> = cookies.filter_map(to_value).collect();
    // One cookie a line, so that a file can be compared.
    let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

pub(super) fn read(text: &str) -> Result<Vec<Cookie>> {
    let refuse = || Error::new(Kind::InvalidConfig).expected("a JSON array of cookies");
    let values: Vec<Value> = serde_json::from_str(text).map_err(|error| refuse().with_source(error))?;
    let mut cookies = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let cookie = value.as_object().and_then(from_object);
        // The values may be secrets: they stay out of the message.
        cookies.push(cookie.ok_or_else(|| refuse().seen(format!("something else as element {index}")))?);
    }
    Ok(cookies)
}

fn to_value(cookie: &Cookie) -> Option<Value> {
    let seconds = |moment: SystemTime| moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Some(json!({
        "name": std::str::from_utf8(&cookie.name).ok()?,
        "value": std::str::from_utf8(&cookie.value).ok()?,
        "domain": cookie.domain,
        "path": cookie.path,
        "host_only": cookie.host_only,
        "secure": cookie.secure,
        "http_only": cookie.http_only,
        "same_site": same_site_name(cookie.same_site),
        "expires": cookie.expires.map(seconds),
    }))
}

/// None where a member has another type, or holds what could not travel in a field.
fn from_object(object: &Map<String, Value>) -> Option<Cookie> {
    let text =
        |name| object.get(name)?.as_str().filter(|text| !text.contains(|c: char| c.is_control() || c == ';'));
    let flag = |name| object.get(name).map_or(Some(false), Value::as_bool);
    let domain = text("domain")?;
    let expires = match object.get("expires") {
        None | Some(Value::Null) => None,
        Some(seconds) => Some(UNIX_EPOCH.checked_add(Duration::from_secs(seconds.as_u64()?))?),
    };
    let path = if object.contains_key("path") { text("path")? } else { "/" };
    let cookie = Cookie {
        name: text("name")?.into(),
        value: text("value")?.into(),
        domain: domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase(),
        path: path.to_owned(),
        host_only: flag("host_only")?,
        secure: flag("secure")?,
        http_only: flag("http_only")?,
        same_site: object.get("same_site").map_or(Some(SameSite::Unset), same_site)?,
        expires,
    };
    (!cookie.domain.is_empty() && cookie.path.starts_with('/')).then_some(cookie)
}

fn same_site_name(same_site: SameSite) -> Option<&'static str> {
    match same_site {
        SameSite::Unset => None,
        SameSite::None => Some("None"),
        SameSite::Lax => Some("Lax"),
        SameSite::Strict => Some("Strict"),
    }
}

fn same_site(value: &Value) -> Option<SameSite> {
    if value.is_null() {
        return Some(SameSite::Unset);
    }
    let name = value.as_str()?;
    let all = [SameSite::None, SameSite::Lax, SameSite::Strict];
    all.into_iter().find(|one| same_site_name(*one).is_some_and(|other| other.eq_ignore_ascii_case(name)))
}
