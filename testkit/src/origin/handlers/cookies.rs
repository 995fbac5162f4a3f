//! `/cookies` and its like, with Werkzeug's way to read `Cookie` and to write `Set-Cookie` (RFC 6265).

use super::redirects;
use crate::origin::message::{Answer, Call, Request, Response};
use crate::origin::python::json::Json;

/// Cookies of analytics; httpbin hides them unless the query has `show_env`.
const ENVIRONMENT_COOKIES: [&str; 8] = [
    "_gauges_unique",
    "_gauges_unique_year",
    "_gauges_unique_month",
    "_gauges_unique_day",
    "_gauges_unique_hour",
    "__utmz",
    "__utma",
    "__utmb",
];

pub(in crate::origin) fn list(call: &Call<'_>) -> Answer {
    let show_environment = call.argument("show_env").is_some();
    let mut members: Vec<(String, Json)> = Vec::new();
    for (name, value) in of(call.request) {
        let hidden = !show_environment && ENVIRONMENT_COOKIES.contains(&name.as_str());
        if !hidden && members.iter().all(|member| member.0 != name) {
            members.push((name, Json::Text(value)));
        }
    }
    Ok(Response::json(&Json::object([("cookies", Json::Object(members))])))
}

pub(in crate::origin) fn set_one(call: &Call<'_>) -> Answer {
    Ok(with_cookie(redirects::to("/cookies"), call.parameter(0), call.parameter(1), call.request.secure))
}

/// A cookie for every argument; of a repeated one the first value counts.
pub(in crate::origin) fn set(call: &Call<'_>) -> Answer {
    let set =
        |response, (name, value): &(String, String)| with_cookie(response, name, value, call.request.secure);
    Ok(first_of_each_name(call).into_iter().fold(redirects::to("/cookies"), set))
}

pub(in crate::origin) fn delete(call: &Call<'_>) -> Answer {
    let delete = |response: Response, (name, _): &(String, String)| {
        let attributes = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/";
        response.header("Set-Cookie", format!("{name}=; {attributes}"))
    };
    Ok(first_of_each_name(call).into_iter().fold(redirects::to("/cookies"), delete))
}

fn first_of_each_name<'a>(call: &'a Call<'_>) -> Vec<&'a (String, String)> {
    let mut first: Vec<&(String, String)> = Vec::new();
    for pair in &call.query {
        if first.iter().all(|other| other.0 != pair.0) {
            first.push(pair);
        }
    }
    first
}

/// Every cookie of the request in order; a quoted value is unquoted.
pub(in crate::origin) fn of(request: &Request) -> Vec<(String, String)> {
    let header = request.header("Cookie").unwrap_or_default();
    // Headers are ISO-8859-1 here; cookies are UTF-8 to Werkzeug.
    let bytes: Option<Vec<u8>> = header.chars().map(|character| u8::try_from(character).ok()).collect();
    let header = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(header);
    parse(&header)
}

/// The first cookie of that name.
pub(in crate::origin) fn find(request: &Request, name: &str) -> Option<String> {
    of(request).into_iter().find(|cookie| cookie.0 == name).map(|cookie| cookie.1)
}

fn parse(header: &str) -> Vec<(String, String)> {
    let mut cookies = Vec::new();
    let mut rest = header;
    while !rest.is_empty() {
        let (parsed, after) = parse_one(rest);
        cookies.extend(parsed);
        rest = after;
    }
    cookies
}

/// One `name=value` and what follows its semicolon; no cookie where the syntax is broken.
fn parse_one(text: &str) -> (Option<(String, String)>, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    let skip = || (None, text.split_once(';').map_or("", |(_, rest)| rest));
    let name_end = text.find([' ', '\t', '=', '"', ';']).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let rest = rest.trim_start_matches([' ', '\t']);
    let (value, rest) = match rest.strip_prefix('=').map(|rest| rest.trim_start_matches([' ', '\t'])) {
        None => (String::new(), rest),
        Some(rest) if rest.starts_with('"') => match closing_quote(rest) {
            Some(end) => (unslash(&rest[1..end]), &rest[end + 1..]),
            None => return skip(),
        },
        Some(rest) => {
            let (value, rest) = rest.split_at(rest.find([' ', '\t', '"', ';']).unwrap_or(rest.len()));
            (value.to_owned(), rest)
        }
    };
    let rest = rest.trim_start_matches([' ', '\t']);
    match rest.strip_prefix(';') {
        _ if name.is_empty() => skip(),
        Some(rest) => (Some((name.to_owned(), value)), rest),
        None if rest.is_empty() => (Some((name.to_owned(), value)), ""),
        None => skip(),
    }
}

fn closing_quote(quoted: &str) -> Option<usize> {
    let mut escaped = false;
    let mut positions = quoted.char_indices().skip(1);
    positions
        .find(|(_, character)| {
            let closes = *character == '"' && !escaped;
            escaped = *character == '\\' && !escaped;
            closes
        })
        .map(|(index, _)| index)
}

/// `\"` and `\303`: an escaped character, or three octal digits for a byte.
fn unslash(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut index = 0;
    while index < bytes.len() {
        match &bytes[index..] {
            [b'\\', high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', ..] => {
                out.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
                index += 4;
            }
            [b'\\', character, ..] => {
                out.push(*character);
                index += 2;
            }
            [character, ..] => {
                out.push(*character);
                index += 1;
            }
            [] => break,
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(in crate::origin) fn with_cookie(response: Response, name: &str, value: &str, secure: bool) -> Response {
    let secure = if secure { "Secure; " } else { "" };
    response.header("Set-Cookie", format!("{name}={}; {secure}Path=/", quoted(value)))
}

/// The value as it is if RFC 6265 allows its characters, else quoted, with octal escapes.
fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_!#$%&'()*+-./:<=>?@[]^`{|}~".contains(&byte);
    if value.bytes().all(plain) {
        return value.to_owned();
    }
    let mut out = String::from("\"");
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b',' | b';' | 0..=0x1f | 0x7f.. => out.push_str(&format!("\\{byte:03o}")),
            _ => out.push(char::from(byte)),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_cookies_are_skipped_and_quoted_ones_unquoted() {
        let parsed = parse("a=1; b=\"q;\\\"x\\303\\251\" ;bare; =nameless; c = d=e; bad\"=1; e=x y; f=");
        let expected = [("a", "1"), ("b", "q;\"xé"), ("bare", ""), ("c", "d=e"), ("f", "")];
        assert_eq!(parsed, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_value_outside_rfc_6265_is_quoted() {
        assert_eq!(quoted("plain/value"), "plain/value");
        assert_eq!(quoted("v 2;é\""), "\"v 2\\073\\303\\251\\\"\"");
    }
}
