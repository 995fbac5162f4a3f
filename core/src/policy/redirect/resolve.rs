//! From the bytes of a Location field to an absolute URL: RFC 9110 section 10.2.2, RFC 3986 section 5.
//!
//! Two readings. The modern clients read as browsers do (WHATWG, the crate `url`); the drop-in for requests
//! reads as `urllib.parse.urljoin` and `requests.utils.requote_uri` do, since the text of `response.url` is
//! part of what programs compare. Called by `decide` only, except for [`requote`].
//!
//! > "If the Location value provided in a 3xx (Redirection) response does not have a fragment component, a
//! > user agent MUST process the redirection as if the value inherits the fragment component of the URI
//! > reference used to generate the target URI" (RFC 9110 section 10.2.2).

use super::{Style, shown};
use crate::error::{Error, Kind, Result};
use std::fmt::Write as _;
use url::Url;

/// The absolute URL that `location` names, seen from `base`.
///
/// # Errors
/// [`Kind::InvalidRedirect`], whose source says [`Kind::InvalidUrl`] or [`Kind::UnsupportedScheme`].
pub(super) fn resolve(style: Style, base: &str, location: &[u8]) -> Result<String> {
    let text = repair(location);
    match style {
        Style::Modern => resolve_as_browsers(base, &text),
        Style::Requests => resolve_as_requests(base, &text),
    }
}

/// Location as text. Fields are bytes; servers write UTF-8 where ASCII is asked for. Bytes that are not UTF-8
/// are percent-encoded as they are, so that the server gets back what it sent.
fn repair(location: &[u8]) -> String {
    let mut text = String::with_capacity(location.len());
    for chunk in location.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|&byte| push_percent(&mut text, byte));
    }
    text
}

fn resolve_as_browsers(base: &str, location: &str) -> Result<String> {
    let parsed = Url::parse(base).and_then(|base| {
        let mut target = base.join(location)?;
        if target.fragment().is_none() {
            target.set_fragment(base.fragment());
        }
        Ok(target)
    });
    match parsed {
        // To a socket of the file system nobody is sent who is not there already.
        Ok(target) if matches!(target.scheme(), "http" | "https") || is_same_socket(base, &target) => {
            Ok(target.into())
        }
        Ok(_) => Err(unsupported(location)),
        Err(source) => Err(invalid(location).with_source(Error::new(Kind::InvalidUrl).with_source(source))),
    }
}

fn is_same_socket(base: &str, target: &Url) -> bool {
    let socket = |url: &Url| url.host_str().filter(|_| url.scheme() == "http+unix").map(str::to_owned);
    Url::parse(base).is_ok_and(|base| socket(&base).is_some() && socket(&base) == socket(target))
}

/// `Session.resolve_redirects`, line by line.
fn resolve_as_requests(base: &str, location: &str) -> Result<String> {
    let base = Parts::split(base, "");
    let location =
        if location.starts_with("//") { format!("{}:{location}", base.scheme) } else { location.to_owned() };
    let mut target = Parts::split(&location, "");
    if target.fragment.is_empty() {
        target.fragment.clone_from(&base.fragment);
    }
    let requoted = requote(&target.join());
    let url = if target.authority.is_empty() { base.resolve(&requoted) } else { requoted };
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    if !matches!(scheme, "http" | "https") {
        return Err(unsupported(&location));
    }
    let authority = Parts::split(&url, "").authority;
    let host = authority.rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
    if host.is_empty() || host.starts_with(':') {
        return Err(invalid(&location).with_source(Error::new(Kind::InvalidUrl)));
    }
    Ok(url)
}

fn invalid(location: &str) -> Error {
    Error::new(Kind::InvalidRedirect).expected("a URL in Location").seen(shown(location))
}

fn unsupported(location: &str) -> Error {
    Error::new(Kind::InvalidRedirect)
        .expected("a target with the scheme http or https")
        .seen(shown(location))
        .with_source(Error::new(Kind::UnsupportedScheme))
}

/// The five components of RFC 3986 section 3, as `urllib.parse.urlsplit` divides. Absent and empty are the
/// same.
struct Parts {
    scheme: String,
    authority: String,
    path: String,
    query: String,
    fragment: String,
}

impl Parts {
    fn split(url: &str, default_scheme: &str) -> Parts {
        let url = url.trim_start_matches(|c: char| c <= ' ').replace(['\t', '\r', '\n'], "");
        let (scheme, rest) = match url.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => (default_scheme.to_owned(), url.as_str()),
        };
        let (authority, rest) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        // Python takes parameters (";x") off the last segment, and does not put empty ones back.
        let path = match path.strip_suffix(';') {
            Some(shorter) if !shorter[last_segment(shorter)..].contains(';') => shorter,
            Some(_) | None => path,
        };
        Parts {
            scheme,
            authority: authority.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            fragment: fragment.to_owned(),
        }
    }

    /// `urlunsplit`.
    fn join(&self) -> String {
        let mut url = String::new();
        if !self.scheme.is_empty() {
            url.push_str(&self.scheme);
            url.push(':');
        }
        let rooted = self.path.is_empty() || self.path.starts_with('/');
        let takes_authority = matches!(self.scheme.as_str(), "http" | "https" | "ftp" | "file");
        if !self.authority.is_empty() || self.path.starts_with("//") || (takes_authority && rooted) {
            url.push_str("//");
            url.push_str(&self.authority);
            if !rooted {
                url.push('/');
            }
        }
        url.push_str(&self.path);
        for (mark, part) in [('?', &self.query), ('#', &self.fragment)] {
            if !part.is_empty() {
                url.push(mark);
                url.push_str(part);
            }
        }
        url
    }

    /// `urljoin`: RFC 3986 section 5.2, but that empty segments of a relative path vanish.
    fn resolve(&self, reference: &str) -> String {
        let mut target = Parts::split(reference, &self.scheme);
        if target.scheme != self.scheme {
            return reference.to_owned();
        }
        if !target.authority.is_empty() {
            return target.join();
        }
        target.authority.clone_from(&self.authority);
        if target.path.is_empty() {
            target.path.clone_from(&self.path);
            if target.query.is_empty() {
                target.query.clone_from(&self.query);
            }
            return target.join();
        }
        target.path = self.resolve_path(&target.path);
        target.join()
    }

    fn resolve_path(&self, reference: &str) -> String {
        // Python sets the last segment's parameters (";x") aside and puts them back behind the resolved path.
        let last = last_segment(reference);
        let parameters = reference[last..].find(';').map_or(reference.len(), |at| last + at);
        let (reference, parameters) = reference.split_at(parameters);
        let mut segments: Vec<&str> = Vec::new();
        if !reference.starts_with('/') {
            segments.extend(self.path.rsplit_once('/').map_or("", |(folder, _)| folder).split('/'));
        }
        segments.extend(reference.split('/'));
        if !reference.starts_with('/') {
            let final_index = segments.len() - 1;
            let mut index = 0;
            segments.retain(|segment| {
                let keep = index == 0 || index == final_index || !segment.is_empty();
                index += 1;
                keep
            });
        }
        let mut resolved: Vec<&str> = Vec::new();
        for &segment in &segments {
            match segment {
                ".." => {
                    resolved.pop();
                }
                "." => {}
                segment => resolved.push(segment),
            }
        }
        if matches!(segments.last(), Some(&("." | ".."))) {
            resolved.push("");
        }
        let path = resolved.join("/");
        let path = if path.is_empty() { "/" } else { &path };
        format!("{path}{parameters}")
    }
}

/// Where the last segment of a path begins.
fn last_segment(path: &str) -> usize {
    path.rfind('/').map_or(0, |slash| slash + 1)
}

/// RFC 3986 section 3.1: `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// `requests.utils.requote_uri`: unreserved characters are decoded, illegal ones encoded, all else stays.
pub fn requote(uri: &str) -> String {
    match unquote_unreserved(uri) {
        Some(unquoted) => quote(&unquoted, true),
        // A percent sign that begins no escape: then each one is a literal.
        None => quote(uri, false),
    }
}

/// None where two letters or digits that are not hexadecimal follow a percent sign.
fn unquote_unreserved(uri: &str) -> Option<String> {
    let mut pieces = uri.split('%');
    let mut unquoted = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits: String = piece.chars().take(2).collect();
        if digits.chars().count() == 2 && digits.chars().all(char::is_alphanumeric) {
            let byte = u8::from_str_radix(&digits, 16).ok()?;
            if is_unreserved(byte) {
                unquoted.push(char::from(byte));
                unquoted.push_str(&piece[2..]);
                continue;
            }
        }
        unquoted.push('%');
        unquoted.push_str(piece);
    }
    Some(unquoted)
}

fn quote(text: &str, keep_percent: bool) -> String {
    let mut quoted = String::with_capacity(text.len());
    for byte in text.bytes() {
        let reserved = b"!#$&'()*+,/:;=?@[]".contains(&byte);
        if is_unreserved(byte) || reserved || (keep_percent && byte == b'%') {
            quoted.push(char::from(byte));
        } else {
            push_percent(&mut quoted, byte);
        }
    }
    quoted
}

fn push_percent(text: &mut String, byte: u8) {
    write!(text, "%{byte:02X}").expect("a String takes all that is written to it");
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(base: &str, location: &str) -> (String, String) {
        let resolved = |style| resolve(style, base, location.as_bytes()).unwrap();
        (resolved(Style::Modern), resolved(Style::Requests))
    }

    #[test]
    fn relative_targets_resolve_alike() {
        for (location, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g/", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q#s"),
            ("g#s", "http://a/b/c/g#s"),
            (";x", "http://a/b/c/;x"),
            ("g;x", "http://a/b/c/g;x"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("http://h/x y", "http://h/x%20y"),
            ("http:g", "http://a/b/c/g"),
            ("https://h/x", "https://h/x"),
            ("\u{e9}", "http://a/b/c/%C3%A9"),
        ] {
            let (modern, requests) = both("http://a/b/c/d;p?q", location);
            assert_eq!((modern.as_str(), requests.as_str()), (expected, expected), "{location}");
        }
    }

    #[test]
    fn readings_differ_where_requests_is_read_by_its_tests() {
        for (location, modern, requests) in [
            ("HTTP://H/%7euser", "http://h/%7euser", "http://H/~user"),
            ("http://h", "http://h/", "http://h"),
            ("x%zz", "http://a/b/x%zz", "http://a/b/x%25zz"),
            ("g//h", "http://a/b/g//h", "http://a/b/g/h"),
            ("\\g", "http://a/g", "http://a/b/%5Cg"),
            ("..;x", "http://a/b/..;x", "http://a/;x"),
            ("g;", "http://a/b/g;", "http://a/b/g"),
        ] {
            let pair = both("http://a/b/c", location);
            assert_eq!((pair.0.as_str(), pair.1.as_str()), (modern, requests), "{location}");
        }
    }

    #[test]
    fn only_who_is_at_a_socket_stays_there() {
        let follow = |base: &str, location: &str| resolve(Style::Modern, base, location.as_bytes());
        let base = "http+unix://%2Frun%2Fa.sock/x";
        assert_eq!(follow(base, "/y").unwrap(), "http+unix://%2Frun%2Fa.sock/y");
        assert_eq!(follow(base, "http://b/").unwrap(), "http://b/");
        for (base, location) in [
            (base, "http+unix://%2Frun%2Fb.sock/x"),
            (base, "http+unix://%2Frun%2FA.sock/x"),
            ("http://a/", "http+unix://%2Frun%2Fa.sock/x"),
        ] {
            assert_eq!(follow(base, location).unwrap_err().kind(), Kind::InvalidRedirect, "{location}");
        }
    }

    #[test]
    fn fragments_are_inherited_unless_the_target_has_its_own() {
        for style in [Style::Modern, Style::Requests] {
            for (location, expected) in
                [("/b", "http://a/b#old"), ("/b#new", "http://a/b#new"), ("http://b/", "http://b/#old")]
            {
                let url = resolve(style, "http://a/#old", location.as_bytes()).unwrap();
                assert_eq!(url, expected, "{style:?}");
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_go_back_as_they_came() {
        for style in [Style::Modern, Style::Requests] {
            assert_eq!(resolve(style, "http://a/", b"/caf\xe9").unwrap(), "http://a/caf%E9");
        }
    }

    #[test]
    fn control_characters_cannot_split_the_next_request() {
        for style in [Style::Modern, Style::Requests] {
            let url = resolve(style, "http://a/", b"/x\r\nHost: evil\0").unwrap();
            assert!(url.bytes().all(|byte| byte > b' ' && byte < 0x7f), "{url}");
        }
    }

    #[test]
    fn targets_without_a_host_are_refused() {
        for style in [Style::Modern, Style::Requests] {
            for location in ["http://", "http://:80/x", "http://user@/x"] {
                let error = resolve(style, "https://a/", location.as_bytes()).unwrap_err();
                assert_eq!(error.kind(), Kind::InvalidRedirect, "{style:?} {location}");
            }
        }
    }
}
