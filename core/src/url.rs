//! URLs, cut once into the parts that an exchange needs: origin, host, port, request target.
//!
//! Native faces parse by the WHATWG rules of the `url` crate, after refusing white space and control characters,
//! which those rules would silently drop or encode. Common URLs, already in normal form, take a fast path that
//! gives the same result at a tenth of the cost. The drop-in prepares URLs by requests' rules in its own layer
//! and hands the result to [`Url::from_prepared`], which changes no byte.

use crate::byte_set::byte_set;
use crate::error::{Error, Kind, Result, excerpt};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// An absolute `http` or `https` URL, or an `http+unix` one, whose host is the percent-encoded path of a socket.
///
/// ```
/// let url = entreat_core::Url::parse("https://Example.org:8443/a?b=c#d").unwrap();
/// assert_eq!(url.as_str(), "https://example.org:8443/a?b=c#d");
/// assert_eq!((url.host(), url.port(), url.target()), ("example.org", 8443, "/a?b=c".into()));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// Shared, since each response and each redirect keeps it.
    text: Arc<str>,
    scheme: Scheme,
    port: u16,
    /// Byte offsets into `text`: authority without user info, its host, and the start of path and fragment.
    authority: u32,
    host: (u32, u32),
    path: u32,
    fragment: u32,
}

/// The schemes that this client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain TCP; port 80.
    Http,
    /// TLS over TCP; port 443.
    Https,
    /// Plain, over a socket of the file system that the host names, as in requests-unixsocket.
    HttpUnix,
}

impl Scheme {
    /// `http`, `https` or `http+unix`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::HttpUnix => "http+unix",
        }
    }

    /// 80 or 443.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http | Scheme::HttpUnix => 80,
            Scheme::Https => 443,
        }
    }

    /// The scheme of a URL that is in normal form so far, and where its authority starts.
    fn leading(text: &str) -> Option<(Scheme, usize)> {
        match text.as_bytes() {
            [b'h', b't', b't', b'p', b':', b'/', b'/', ..] => Some((Scheme::Http, 7)),
            [b'h', b't', b't', b'p', b's', b':', b'/', b'/', ..] => Some((Scheme::Https, 8)),
            _ => None,
        }
    }

    fn from_name(name: &str) -> Option<Scheme> {
        let all = [Scheme::Http, Scheme::Https, Scheme::HttpUnix];
        all.into_iter().find(|scheme| name.eq_ignore_ascii_case(scheme.as_str()))
    }
}

impl Url {
    /// Parses an absolute URL by the WHATWG rules.
    ///
    /// # Errors
    /// [`Kind::MissingScheme`], [`Kind::UnsupportedScheme`] or [`Kind::InvalidUrl`] (no host, a bad port or host,
    /// spaces or control characters).
    pub fn parse(text: &str) -> Result<Url> {
        if let Some(url) = Url::parse_normal(text) {
            return Ok(url);
        }
        check_characters(text)?;
        if let Some((without, zone)) = cut_zone(text) {
            return Url::parse(&without)?.with_zone(zone);
        }
        let parsed = url::Url::parse(text).map_err(|reason| refuse(text, reason))?;
        let scheme = Scheme::from_name(parsed.scheme()).ok_or_else(|| unsupported(text, parsed.scheme()))?;
        check_authority(text, scheme)?;
        Url::cut(parsed.as_str(), scheme)
    }

    /// Takes a URL that was prepared elsewhere, such as by requests' rules, exactly as it is.
    ///
    /// # Errors
    /// As [`Url::parse`], and [`Kind::InvalidUrl`] for anything but visible ASCII.
    pub fn from_prepared(text: &str) -> Result<Url> {
        if let Some(at) = text.bytes().position(|byte| !(33..127).contains(&byte)) {
            return Err(Error::new(Kind::InvalidUrl)
                .expected("visible ASCII characters")
                .seen(excerpt(&text.as_bytes()[at..]))
                .with_url(text));
        }
        if let Some((scheme, _)) = Scheme::leading(text) {
            return Url::cut(text, scheme);
        }
        let name = text.split_once("://").map(|(name, _)| name).ok_or_else(|| missing_scheme(text))?;
        // requests leaves sockets of the file system to adapters of its users.
        let scheme = Scheme::from_name(name).filter(|scheme| *scheme != Scheme::HttpUnix);
        let scheme = scheme.ok_or_else(|| unsupported(text, name))?;
        Url::cut(text, scheme)
    }

    /// Resolves `reference` against this URL (RFC 3986 section 5).
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub fn join(&self, reference: &str) -> Result<Url> {
        let base = url::Url::parse(&self.text).map_err(|reason| refuse(&self.text, reason))?;
        let joined = base.join(reference).map_err(|reason| refuse(reference, reason))?;
        let scheme =
            Scheme::from_name(joined.scheme()).ok_or_else(|| unsupported(reference, joined.scheme()))?;
        Url::cut(joined.as_str(), scheme)
    }

    /// The same URL with `name=value` pairs added to its query, form-encoded.
    pub fn with_query<N: AsRef<str>, V: AsRef<str>>(
        &self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Url> {
        let mut parsed = url::Url::parse(&self.text).map_err(|reason| refuse(&self.text, reason))?;
        let mut query = parsed.query_pairs_mut();
        for (name, value) in pairs {
            query.append_pair(name.as_ref(), value.as_ref());
        }
        drop(query);
        Url::cut(parsed.as_str(), self.scheme)
    }

    /// The whole URL, credentials and fragment included.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same, to be kept.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// `http`, `https` or `http+unix`.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host as it goes into a name lookup: an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.slice(self.host.0, self.host.1)
    }

    /// The port, the scheme's own where the URL has none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as they go into the Host field: the scheme's own port is left out (RFC 9110 section 7.2), and so is
    /// the zone of an IPv6 address, which means nothing elsewhere. A socket of the file system is `localhost`.
    pub fn host_field(&self) -> Cow<'_, str> {
        if self.scheme == Scheme::HttpUnix {
            return Cow::Borrowed("localhost");
        }
        let bracketed = self.text.as_bytes()[self.authority as usize] == b'[';
        let whole = match self.port == self.scheme.default_port() {
            true => self.slice(self.authority, self.host.1 + u32::from(bracketed)),
            false => self.slice(self.authority, self.path),
        };
        if bracketed && let Some((without, _)) = cut_zone(whole) {
            return Cow::Owned(without);
        }
        Cow::Borrowed(whole)
    }

    /// The path of the socket that an `http+unix` URL names, percent-decoded.
    pub fn socket_path(&self) -> Option<Cow<'_, [u8]>> {
        (self.scheme == Scheme::HttpUnix).then(|| percent_encoding::percent_decode_str(self.host()).into())
    }

    /// Scheme and authority without credentials: what a connection may be shared for.
    pub fn origin(&self) -> Cow<'_, str> {
        let scheme_end = self.scheme.as_str().len() as u32 + 3;
        if self.authority == scheme_end {
            return Cow::Borrowed(self.slice(0, self.path));
        }
        Cow::Owned(format!("{}://{}", self.scheme.as_str(), self.slice(self.authority, self.path)))
    }

    /// True where scheme, host and port are the same (RFC 9110 section 4.3.1).
    pub fn same_origin(&self, other: &Url) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.host().eq_ignore_ascii_case(other.host())
    }

    /// Path and query as they go into the request line (origin-form, RFC 9112 section 3.2.1).
    pub fn target(&self) -> Cow<'_, str> {
        match self.slice(self.path, self.fragment) {
            "" => Cow::Borrowed("/"),
            target if target.starts_with('?') => Cow::Owned(format!("/{target}")),
            target => Cow::Borrowed(target),
        }
    }

    /// The URL as a proxy is asked for it (absolute-form, RFC 9112 section 3.2.2): no credentials, no fragment.
    pub fn absolute_target(&self) -> String {
        let mut target = self.origin().into_owned();
        target.push_str(&self.target());
        target
    }

    /// Host and port as CONNECT names them (authority-form, RFC 9112 section 3.2.3).
    pub fn authority_target(&self) -> String {
        let (host, port) = (self.host(), self.port);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// The path without the query; `/` where there is none.
    pub fn path(&self) -> &str {
        let target = self.slice(self.path, self.fragment);
        match target.split_once('?').map_or(target, |(path, _)| path) {
            "" => "/",
            path => path,
        }
    }

    /// What stands between `?` and `#`.
    pub fn query(&self) -> Option<&str> {
        self.slice(self.path, self.fragment).split_once('?').map(|(_, query)| query)
    }

    /// What stands behind `#`.
    pub fn fragment(&self) -> Option<&str> {
        self.text.get(self.fragment as usize + 1..)
    }

    /// User name and password of the authority, percent-encoded as they stand.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        let start = self.scheme.as_str().len() as u32 + 3;
        let userinfo = self.slice(start, self.authority).strip_suffix('@')?;
        Some(userinfo.split_once(':').unwrap_or((userinfo, "")))
    }

    /// The same over TLS: RFC 6797 section 8.3. A port that was the scheme's own is the new one's; any other stays.
    ///
    /// # Errors
    /// [`Kind::InvalidUrl`], only where the URL is at its limit of 4 GiB.
    pub fn with_https(&self) -> Result<Url> {
        match self.scheme {
            Scheme::Https | Scheme::HttpUnix => Ok(self.clone()),
            Scheme::Http => {
                let mut text = format!("https{}", &self.text[Scheme::Http.as_str().len()..]);
                if let Some(at) = text[..self.path as usize + 1].strip_suffix(":80").map(str::len) {
                    text.replace_range(at..at + 3, "");
                }
                Url::cut(&text, Scheme::Https)
            }
        }
    }

    /// The same with the zone of its IPv6 address, percent-encoded (RFC 6874), which the WHATWG parser does not take.
    fn with_zone(self, zone: &str) -> Result<Url> {
        let text = self.text.replacen(']', &format!("%25{zone}]"), 1);
        Url::cut(&text, self.scheme)
    }

    fn slice(&self, start: u32, end: u32) -> &str {
        &self.text[start as usize..end as usize]
    }

    /// Cuts `scheme://[userinfo@]host[:port][/path][?query][#fragment]` into offsets.
    fn cut(text: &str, scheme: Scheme) -> Result<Url> {
        let no_host = || Error::new(Kind::InvalidUrl).expected("a host").seen(excerpt(text.as_bytes()));
        if u32::try_from(text.len()).is_err() {
            return Err(Error::new(Kind::InvalidUrl).expected("less than 4 GiB"));
        }
        let (bytes, start) = (text.as_bytes(), scheme.as_str().len() + 3);
        // By bytes: all delimiters are ASCII, and a search by characters costs several times as much.
        let ends = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
        let path = bytes[start..].iter().position(ends).map_or(text.len(), |at| start + at);
        let fragment = memchr::memchr(b'#', &bytes[path..]).map_or(text.len(), |at| path + at);
        let authority = memchr::memrchr(b'@', &bytes[start..path]).map_or(start, |at| start + at + 1);
        let (host, port) = match text[authority..path].strip_prefix('[') {
            Some(rest) => {
                let end = rest.find(']').ok_or_else(no_host)?;
                ((authority + 1, authority + 1 + end), &rest[end + 1..])
            }
            None => {
                let end = memchr::memchr(b':', &bytes[authority..path]).map_or(path, |at| authority + at);
                ((authority, end), &text[end..path])
            }
        };
        if host.0 == host.1 {
            return Err(no_host());
        }
        let port = match port.strip_prefix(':') {
            None if !port.is_empty() => return Err(no_host()),
            None | Some("") => scheme.default_port(),
            Some(digits) => parse_port(digits).ok_or_else(|| bad_port(text, digits))?,
        };
        let text = Arc::from(text);
        let offsets = (authority as u32, (host.0 as u32, host.1 as u32), path as u32, fragment as u32);
        let (authority, host, path, fragment) = offsets;
        Ok(Url { text, scheme, port, authority, host, path, fragment })
    }

    /// The fast path: a URL that the WHATWG parser would give back as it is. Anything doubtful gives `None`.
    fn parse_normal(text: &str) -> Option<Url> {
        let (scheme, start) = Scheme::leading(text)?;
        let bytes = text.as_bytes();
        let path = start + memchr::memchr(b'/', &bytes[start..])?;
        let host = memchr::memchr(b':', &bytes[start..path]).map_or(path, |at| start + at);
        let port = match host == path {
            true => scheme.default_port(),
            false => {
                let digits = &text[host + 1..path];
                let number = parse_port(digits)?;
                if digits.starts_with('0') || number == scheme.default_port() {
                    return None;
                }
                number
            }
        };
        if u32::try_from(text.len()).is_err()
            || !is_normal_host(&text[start..host])
            || !is_normal_path(&bytes[path..])
        {
            return None;
        }
        let (start, host, path, fragment) = (start as u32, host as u32, path as u32, text.len() as u32);
        Some(Url { text: text.into(), scheme, port, authority: start, host: (start, host), path, fragment })
    }
}

/// Lower-case letters, digits, dots and hyphens; no label that may be `xn--`; where the last label starts like a number,
/// an IPv4 address in its one canonical form.
fn is_normal_host(host: &str) -> bool {
    let (mut before, mut label) = (b'.', 0);
    for (at, &byte) in host.as_bytes().iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' if at > 0 && before != b'-' => {}
            b'.' if before != b'.' => label = at + 1,
            _ => return false,
        }
        before = byte;
    }
    match host.as_bytes().get(label) {
        Some(b'0'..=b'9') => is_canonical_ipv4(host),
        Some(_) => true,
        // Nothing at all, or a dot at its end.
        None => false,
    }
}

/// Four numbers up to 255 without padding.
fn is_canonical_ipv4(host: &str) -> bool {
    let mut numbers = 0;
    // By bytes, as in `cut`.
    host.as_bytes().split(|byte| *byte == b'.').all(|number| {
        numbers += 1;
        matches!(
            number,
            [b'0'..=b'9']
                | [b'1'..=b'9', b'0'..=b'9']
                | [b'1', b'0'..=b'9', b'0'..=b'9']
                | [b'2', b'0'..=b'4', b'0'..=b'9']
                | [b'2', b'5', b'0'..=b'5']
        )
    }) && numbers == 4
}

/// Characters that the WHATWG parser leaves alone in path and query, and no dot segments.
fn is_normal_path(path: &[u8]) -> bool {
    path.iter().enumerate().all(|(at, &byte)| {
        // "%2e" is a dot segment too (WHATWG URL, single-dot path segment).
        let dot = byte == b'/' && matches!(path[at + 1..], [b'.', ..] | [b'%', b'2', ..]);
        NORMAL_IN_PATH[usize::from(byte)] && !dot
    })
}

const NORMAL_IN_PATH: [bool; 256] =
    byte_set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/?%-._~!$&()*+,;=:@");

fn parse_port(digits: &str) -> Option<u16> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Text whose IPv6 address has a zone, without it, and the zone: `[fe80::1%25eth0]` or, as people write it,
/// `[fe80::1%eth0]`.
fn cut_zone(text: &str) -> Option<(String, &str)> {
    let start = text.find('[')?;
    let (address, rest) = text[start..].split_once(']')?;
    let (address, zone) = address.split_once('%')?;
    let zone = zone.strip_prefix("25").unwrap_or(zone);
    let plain = zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let is_address = address[1..].parse::<std::net::Ipv6Addr>().is_ok();
    let before = &text[..start];
    let leads = before.is_empty() || before.ends_with(['/', '@']);
    (plain && is_address && leads && !zone.is_empty()).then(|| (format!("{before}{address}]{rest}"), zone))
}

fn check_characters(text: &str) -> Result<()> {
    let bad = text.bytes().position(|byte| byte <= b' ' || byte == 0x7f);
    match bad {
        None => Ok(()),
        Some(at) => Err(Error::new(Kind::InvalidUrl)
            .expected("no spaces or control characters")
            .seen(format!("{} at byte {at}", excerpt(&text.as_bytes()[at..=at])))
            .hint("percent-encode it, a space as %20")
            .with_url(&excerpt(text.as_bytes()))),
    }
}

/// WHATWG takes any number of slashes: `http:///path` would ask the host "path". Nobody means that.
fn check_authority(text: &str, scheme: Scheme) -> Result<()> {
    let rest = text.get(scheme.as_str().len()..).and_then(|rest| rest.strip_prefix("://"));
    match rest {
        Some(rest) if !rest.starts_with(['/', '\\']) => Ok(()),
        Some(_) | None => Err(Error::new(Kind::InvalidUrl)
            .expected("a host behind two slashes")
            .seen(excerpt(text.as_bytes()))
            .with_url(text)),
    }
}

fn refuse(text: &str, reason: url::ParseError) -> Error {
    if reason == url::ParseError::RelativeUrlWithoutBase {
        return missing_scheme(text);
    }
    Error::new(Kind::InvalidUrl).with_source(reason).with_url(text)
}

fn missing_scheme(text: &str) -> Error {
    let hint = format!("perhaps you meant \"http://{}\"", text.trim_start_matches('/'));
    Error::new(Kind::MissingScheme).expected("http:// or https://").hint(hint).with_url(text)
}

/// `localhost:8080/path` parses as a URL of the scheme "localhost": people mean a host and a port.
fn unsupported(text: &str, scheme: &str) -> Error {
    let rest = text.get(scheme.len() + 1..).unwrap_or_default();
    if rest.starts_with(|character: char| character.is_ascii_digit()) {
        return missing_scheme(text);
    }
    Error::new(Kind::UnsupportedScheme)
        .expected("http or https")
        .seen(excerpt(scheme.as_bytes()))
        .with_url(text)
}

fn bad_port(text: &str, digits: &str) -> Error {
    let seen = excerpt(digits.as_bytes());
    Error::new(Kind::InvalidUrl).expected("a port from 0 to 65535").seen(seen).with_url(text)
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Url> {
        Url::parse(text)
    }
}

/// Shows the URL without credentials.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({}{})", self.origin(), self.slice(self.path, self.text.len() as u32))
    }
}

/// Shows the URL without credentials.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.slice(self.path, self.text.len() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_the_file_system_is_the_host() {
        let url = Url::parse("http+unix://%2Frun%2FMy%20app.sock/v1/x?y=1#z").unwrap();
        assert_eq!(url.socket_path().as_deref(), Some(&b"/run/My app.sock"[..]));
        assert_eq!((url.host_field().as_ref(), url.target().as_ref()), ("localhost", "/v1/x?y=1"));
        assert_eq!(url.origin(), "http+unix://%2Frun%2FMy%20app.sock");
        assert_eq!(url.join("../a").unwrap().as_str(), "http+unix://%2Frun%2FMy%20app.sock/a");
        assert_eq!(Url::parse("http+unix://%2Fa").unwrap().target(), "/");
        assert_eq!(Url::parse("http://a/").unwrap().socket_path(), None);
        for bad in ["http+unix:///run/x.sock", "http+unix:/run", "https+unix://%2Fa/"] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_zone_goes_into_the_look_up_and_not_to_the_server() {
        for text in ["http://[fe80::1%25eth0]:81/a", "http://[FE80:0::1%eth0]:81/a"] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host(), url.port()), ("fe80::1%25eth0", 81), "{text}");
            assert_eq!(url.host_field(), "[fe80::1]:81");
        }
        assert_eq!(Url::parse("http://u:p@[fe80::1%251]/").unwrap().host_field(), "[fe80::1]");
        for bad in ["http://[fe80::1%25]/", "http://[fe80::1%25a/b]/", "http://[x%25eth0]/"] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Url::parse("http://a/[fe80::1%25eth0]").unwrap().host(), "a");
    }

    #[test]
    fn the_fast_path_gives_what_the_whatwg_parser_gives() {
        for text in [
            "http://example.org/",
            "https://example.org:8443/a/b?c=d&e=%20",
            "http://127.0.0.1:8080/x",
            "http://a-b.c/x;y=1,2?q=(a)*!$",
        ] {
            let fast = Url::parse_normal(text).expect(text);
            assert_eq!(fast.as_str(), url::Url::parse(text).unwrap().as_str());
        }
    }

    #[test]
    fn the_fast_path_leaves_doubtful_urls_to_the_parser() {
        for text in [
            "http://EXAMPLE.org/",
            "http://127.1/",
            "http://1.2.3/",
            "http://a/./b",
            "http://a/%2e/b",
            "http://a:80/",
            "http://a:080/",
            "http://xn--a/",
            "http://a/b c",
            "http://u@a/",
            "http://[::1]/",
            "http://a/#f",
            "http://a",
            "http://a/'",
            "http://a:/",
            "http://0x7f.1/",
            "http://a../",
        ] {
            assert!(Url::parse_normal(text).is_none(), "{text}");
        }
    }

    #[test]
    fn parts_are_cut_where_they_lie() {
        let url = Url::parse("https://user:pw@[::1]:8443/a/b?c=d#e").unwrap();
        assert_eq!((url.host(), url.port(), &*url.host_field()), ("::1", 8443, "[::1]:8443"));
        assert_eq!((&*url.target(), url.path(), url.query()), ("/a/b?c=d", "/a/b", Some("c=d")));
        assert_eq!((url.fragment(), url.credentials()), (Some("e"), Some(("user", "pw"))));
        assert_eq!(url.origin(), "https://[::1]:8443");
    }

    #[test]
    fn a_default_port_is_not_sent() {
        let url = Url::from_prepared("http://[::1]:80?x").unwrap();
        assert_eq!((&*url.host_field(), &*url.target()), ("[::1]", "/?x"));
        assert_eq!(Url::parse("http://example.org:80").unwrap().host_field(), "example.org");
    }

    #[test]
    fn bad_urls_are_refused_with_the_right_kind() {
        for (text, kind) in [
            ("", Kind::MissingScheme),
            ("example.org/path", Kind::MissingScheme),
            ("//example.org", Kind::MissingScheme),
            ("localhost:8080/", Kind::MissingScheme),
            ("ftp://example.org/", Kind::UnsupportedScheme),
            ("mailto:a@b", Kind::UnsupportedScheme),
            ("http://", Kind::InvalidUrl),
            ("http:///", Kind::InvalidUrl),
            ("http:///path", Kind::InvalidUrl),
            ("http:path", Kind::InvalidUrl),
            ("http:\\\\path", Kind::InvalidUrl),
            ("http://:80/", Kind::InvalidUrl),
            ("http://a:99999/", Kind::InvalidUrl),
            ("http://a:-1/", Kind::InvalidUrl),
            ("http://a b/", Kind::InvalidUrl),
            ("http://a/b c", Kind::InvalidUrl),
            ("http://a/b\nc", Kind::InvalidUrl),
            (" http://a/", Kind::InvalidUrl),
            ("http://a/\0", Kind::InvalidUrl),
            ("http://[::1/", Kind::InvalidUrl),
        ] {
            assert_eq!(Url::parse(text).unwrap_err().kind(), kind, "{text:?}");
        }
    }

    #[test]
    fn prepared_urls_stay_as_they_are() {
        let text = "HTTP://Example.org/a/../b|c?d='e'";
        assert_eq!(Url::from_prepared(text).unwrap().as_str(), text);
        for bad in ["http://a/b c", "http://a/\u{e9}", "http:///a", "/a", "http://a:b/", "http://[::1]x/"] {
            assert!(Url::from_prepared(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_and_display_hide_credentials() {
        let url = Url::parse("http://user:secret@a/b").unwrap();
        assert_eq!(format!("{url} {url:?}"), "http://a/b Url(http://a/b)");
    }

    #[test]
    fn references_are_resolved() {
        let base = Url::parse("http://a/b/c?d").unwrap();
        assert_eq!(base.join("../e").unwrap().as_str(), "http://a/e");
        assert_eq!(base.join("//f/g").unwrap().host(), "f");
        assert!(base.join("mailto:x").is_err());
    }
}
