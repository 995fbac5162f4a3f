//! A proxy's URL, taken apart: which protocol, where, and with which credentials.
//!
//! Decides what the text means, and refuses what means nothing. The defaults: scheme `http`, port 80 for
//! `http`, 443 for `https`, 1080 for SOCKS (RFC 1928). Called by the engine before it dials.

use crate::error::{Error, Kind, Result, excerpt};
use crate::policy::credentials::Credentials;
use std::fmt;

/// One proxy. `Debug` and `Display` hide its credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// What is spoken to it.
    pub scheme: Scheme,
    /// Its name or address, in lower case, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are to it.
    pub credentials: Option<Credentials>,
}

/// What is spoken to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP in the clear; CONNECT for https.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS 4: IPv4 addresses that we resolve.
    Socks4,
    /// SOCKS 4a: names that the proxy resolves.
    Socks4a,
    /// SOCKS 5 with addresses that we resolve.
    Socks5,
    /// SOCKS 5 with names that the proxy resolves.
    Socks5h,
}

impl Scheme {
    /// True where it is SOCKS, which carries any bytes and reads none.
    pub fn is_socks(self) -> bool {
        match self {
            Scheme::Http | Scheme::Https => false,
            Scheme::Socks4 | Scheme::Socks4a | Scheme::Socks5 | Scheme::Socks5h => true,
        }
    }

    const ALL: [(Scheme, &str, u16); 6] = [
        (Scheme::Http, "http", 80),
        (Scheme::Https, "https", 443),
        (Scheme::Socks4, "socks4", 1080),
        (Scheme::Socks4a, "socks4a", 1080),
        (Scheme::Socks5, "socks5", 1080),
        (Scheme::Socks5h, "socks5h", 1080),
    ];

    /// As URLs have it.
    pub fn as_str(self) -> &'static str {
        self.facts().1
    }

    /// Where such a proxy listens unless its URL says otherwise.
    pub fn default_port(self) -> u16 {
        self.facts().2
    }

    fn facts(self) -> (Scheme, &'static str, u16) {
        Scheme::ALL[self as usize]
    }

    fn named(name: &str) -> Option<Scheme> {
        Scheme::ALL.iter().find(|(_, other, _)| other.eq_ignore_ascii_case(name)).map(|found| found.0)
    }
}

impl Server {
    /// Reads `[scheme://][user[:password]@]host[:port][/]`; user and password are percent-decoded.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`]. The message shows the text without credentials.
    pub fn parse(text: &str) -> Result<Server> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let (user_info, address) = match authority.rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info), address),
            None => (None, authority),
        };
        let refuse = |expected: &'static str| {
            let seen = excerpt(format!("{scheme}://{address}").as_bytes());
            Error::new(Kind::InvalidConfig).expected(expected).seen(seen)
        };
        let scheme = Scheme::named(scheme)
            .ok_or_else(|| refuse("a proxy with http, https, socks4, socks4a, socks5 or socks5h"))?;
        let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port),
            None => address.split_at(address.find(':').unwrap_or(address.len())),
        };
        let is_host = |byte: u8| byte.is_ascii_graphic() && !b"[]<>\"\\^`{|}%".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(refuse("a proxy with a host's name or address"));
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => scheme.default_port(),
            Some("") => scheme.default_port(),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|&port| port != 0)
                .ok_or_else(|| refuse("a proxy with a port from 1 to 65535"))?,
            Some(_) | None => return Err(refuse("a proxy with a port from 1 to 65535")),
        };
        let credentials = user_info.map(|user_info| {
            let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
            Credentials::new(percent_decode(user), percent_decode(password))
        });
        Ok(Server { scheme, host: host.to_ascii_lowercase(), port, credentials })
    }
}

/// As a URL, without credentials.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Server { scheme, host, port, .. } = self;
        let scheme = scheme.as_str();
        if host.contains(':') {
            return write!(f, "{scheme}://[{host}]:{port}");
        }
        write!(f, "{scheme}://{host}:{port}")
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

/// Escapes become bytes; what is not UTF-8 then becomes U+FFFD; a percent sign that begins no escape stays.
fn percent_decode(text: &str) -> String {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        if let (b'%', [high, low, others @ ..]) = (first, others)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push((high * 16 + low) as u8);
            rest = others;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_with_their_defaults() {
        for (text, shown) in [
            ("proxy", "http://proxy:80"),
            ("proxy:3128", "http://proxy:3128"),
            ("HTTP://Proxy:3128/", "http://proxy:3128"),
            ("https://proxy", "https://proxy:443"),
            ("https://proxy:", "https://proxy:443"),
            ("socks5h://proxy", "socks5h://proxy:1080"),
            ("socks4a://127.0.0.1:9050/path?query", "socks4a://127.0.0.1:9050"),
            ("http://[::1]:3128", "http://[::1]:3128"),
            ("http://[::1]", "http://[::1]:80"),
        ] {
            assert_eq!(Server::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let server = Server::parse("http://us%40er:p:%C3%A9%2@proxy:1").unwrap();
        assert_eq!(server.credentials, Some(Credentials::new("us@er", "p:\u{e9}%2")));
        assert!(!format!("{server:?} {server}").contains("us@er"));
        assert_eq!(Server::parse("user@proxy").unwrap().credentials, Some(Credentials::new("user", "")));
        let error = Server::parse("gopher://user:hush@proxy").unwrap_err();
        assert!(!error.to_string().contains("hush") && error.to_string().contains("gopher://proxy"));
    }

    #[test]
    fn what_names_no_proxy_is_refused() {
        for text in [
            "",
            "http://",
            "http://:3128",
            "ftp://proxy",
            "http://proxy:x",
            "http://proxy:0",
            "http://proxy:65536",
            "http://proxy:+1",
            "http://[::1",
            "http://[::1]x",
            "http://pro xy",
            "http://proxy\r\n",
        ] {
            assert_eq!(Server::parse(text).unwrap_err().kind(), Kind::InvalidConfig, "{text:?}");
        }
    }
}
