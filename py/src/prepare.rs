//! Requests' way of writing a request down, for the arguments that nearly every call has.
//!
//! Each function does what `PreparedRequest.prepare_*` does, or says `None`: then Python's own code does it, errors and
//! all. So nothing here needs to know how a bad argument is refused. Order and case of the fields are requests'.

use entreat::{Headers, Url};
use entreat_core::byte_set::byte_set;
use entreat_core::policy::auth::{Credentials, basic};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyList, PyString, PyTuple};

/// The URL, where `PreparedRequest.prepare_url` would leave it as it is.
///
/// That is: http(s) in lower case, a plain host in lower case, and a path and query that neither urllib3's `parse_url`
/// (RFC 3986 section 6) nor `requote_uri` would change.
pub(crate) fn url(text: &str) -> Option<Url> {
    url_with_query(text, if lacks_path(text) { "/" } else { "" })
}

/// True where nothing stands behind the authority: then the path is a slash.
pub(crate) fn lacks_path(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?', '#']))
}

/// The same with `added` behind it, which needs no more quoting.
pub(crate) fn url_with_query(text: &str, added: &str) -> Option<Url> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let slash = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':');
    if authority.is_empty() || !authority.bytes().all(plain) || authority.starts_with(['.', '-', ':']) {
        return None;
    }
    if let Some((_, port)) = authority.split_once(':')
        && (port.is_empty()
            || port.len() > 5
            || !port.bytes().all(|byte| byte.is_ascii_digit())
            || port.starts_with('0'))
    {
        return None;
    }
    // An empty query is dropped, or begun by `added`, in ways of its own.
    if !is_normal(path) || path.ends_with('?') || (path.is_empty() && !added.starts_with('/')) {
        return None;
    }
    match added.is_empty() {
        true => Url::from_prepared(text).ok(),
        false => Url::from_prepared(&format!("{text}{added}")).ok(),
    }
}

/// True where quoting, unquoting and dot segments leave path and query alone.
fn is_normal(path: &str) -> bool {
    let mut before = 0;
    path.bytes().all(|byte| {
        let segment = before == b'/' && byte == b'.';
        before = byte;
        !segment && KEPT[usize::from(byte)]
    })
}

/// The bytes that stay as they are in a path and a query.
const KEPT: [bool; 256] =
    byte_set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/?-._~!$&'()*+,;=:@");

/// `urlencode` of a dictionary: `None` where a key or a value is anything but text, bytes or a whole number.
pub(crate) fn form(pairs: &Bound<'_, PyDict>) -> Option<String> {
    let mut text = String::new();
    for (name, value) in pairs.iter() {
        if value.is_none() {
            continue;
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            for element in list.iter() {
                pair(&mut text, &name, &element)?;
            }
            continue;
        }
        pair(&mut text, &name, &value)?;
    }
    Some(text)
}

fn pair(into: &mut String, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Option<()> {
    if !into.is_empty() {
        into.push('&');
    }
    quote(into, name)?;
    into.push('=');
    quote(into, value)
}

fn quote(into: &mut String, value: &Bound<'_, PyAny>) -> Option<()> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        quote_plus(into, text.to_str().ok()?.as_bytes());
    } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        quote_plus(into, bytes.as_bytes());
    } else if value.is_exact_instance_of::<PyInt>() || value.is_exact_instance_of::<PyBool>() {
        quote_plus(into, value.str().ok()?.to_str().ok()?.as_bytes());
    } else {
        return None;
    }
    Some(())
}

/// `urllib.parse.quote_plus`.
fn quote_plus(into: &mut String, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                into.push(char::from(byte))
            }
            b' ' => into.push('+'),
            _ => {
                into.push('%');
                into.push(char::from(HEX[usize::from(byte >> 4)]));
                into.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

/// The session's fields, out of its `CaseInsensitiveDict._store`: folded name to (name, value).
pub(crate) fn session_headers(into: &mut Headers, store: &Bound<'_, PyDict>) -> Option<()> {
    for (_, entry) in store.iter() {
        let entry = entry.cast_into_exact::<PyTuple>().ok()?;
        let (name, value) = (entry.get_borrowed_item(0).ok()?, entry.get_borrowed_item(1).ok()?);
        if !value.is_none() {
            push(into, &name, &value)?;
        }
    }
    Some(())
}

/// The call's fields over the session's: `merge_setting` and `prepare_headers`.
pub(crate) fn merge_headers(into: &mut Headers, given: &Bound<'_, PyDict>) -> Option<()> {
    for (name, value) in given {
        if value.is_none() {
            into.remove(name.cast_exact::<PyString>().ok()?.to_str().ok()?);
        } else {
            push(into, &name, &value)?;
        }
    }
    Some(())
}

/// Sets one field as `CaseInsensitiveDict` does: in its old place, under the new spelling.
fn push(into: &mut Headers, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Option<()> {
    let name = name.cast_exact::<PyString>().ok()?.to_str().ok()?;
    let value = value.cast_exact::<PyString>().ok()?.to_str().ok()?;
    // Beyond ASCII, and in all that the strict check refuses, Python decides.
    if !value.is_ascii() || value.ends_with(' ') {
        return None;
    }
    if into.contains(name) { into.set(name, value).ok() } else { into.append(name, value).ok() }
}

/// `HTTPBasicAuth` of a pair of texts.
pub(crate) fn basic_auth(auth: &Bound<'_, PyAny>) -> Option<String> {
    let (user, password): (String, String) = auth.cast_exact::<PyTuple>().ok()?.extract().ok()?;
    basic::authorization(&basic::Rules::requests(), &Credentials::new(&user, &password)).ok()
}
