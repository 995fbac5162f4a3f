//! From a host's name to addresses, as far as that needs asking nobody: overrides, `localhost`, and a short memory.
//!
//! Asking is a [`Resolve`]'s work, called by the engine's nets; the order in which addresses are tried is `dial`'s. The
//! engine's `resolve` walks these in their order.

use crate::deadline::Deadline;
use crate::error::{Error, Kind, Result};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Who knows the addresses of names: the system's getaddrinfo unless a program brings another.
///
/// Called on a thread that may block, and that is left behind when the deadline passes; so a resolver should give up by
/// then. Literal addresses, `localhost` and overrides never come here.
pub trait Resolve: Debug + Send + Sync + 'static {
    /// The addresses of `host`, the best first (RFC 6724); families are mixed later. Their port is of no account.
    ///
    /// # Errors
    /// [`Kind::Resolve`] where the name has none, or nobody could be asked.
    fn resolve(&self, host: &str, deadline: Deadline) -> Result<Vec<SocketAddr>>;
}

/// True for `localhost` and what ends in it.
///
/// RFC 6761 section 6.3: "Users may assume that IPv4 and IPv6 address queries for localhost names will always resolve to
/// the respective IP loopback address", and "Application software MAY recognize localhost names as special".
pub fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let Some(start) = host.len().checked_sub("localhost".len()) else { return false };
    host.as_bytes()[start..].eq_ignore_ascii_case(b"localhost")
        && (start == 0 || host.as_bytes()[start - 1] == b'.')
}

/// The addresses of `localhost`.
pub fn localhost(port: u16) -> [SocketAddr; 2] {
    [(IpAddr::from(Ipv6Addr::LOCALHOST), port).into(), (IpAddr::from(Ipv4Addr::LOCALHOST), port).into()]
}

/// Addresses that a program knows better than any resolver.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Overrides(Vec<Override>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Override {
    /// In lower case, without brackets; `*` for any.
    host: String,
    port: Option<u16>,
    /// With port 0 where the URL's own port stays.
    addresses: Vec<SocketAddr>,
}

impl Overrides {
    /// Adds addresses, separated by commas, for `host`, `host:port`, `*` or `*:port`. An address with a port of its own
    /// replaces the URL's. What was said about the same host before is forgotten.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`].
    pub fn add(&mut self, host: &str, addresses: &str) -> Result<()> {
        let refuse = |expected: &'static str, seen: &str| {
            Err(Error::new(Kind::InvalidConfig).expected(expected).seen(format!("{seen:?}")))
        };
        let Some((name, port)) = split_host(host) else {
            return refuse("resolve_to with a host, and perhaps a port", host);
        };
        let Some(addresses) = addresses.split(',').map(read_address).collect::<Option<Vec<_>>>() else {
            return refuse("resolve_to with addresses, separated by commas", addresses);
        };
        let name = name.to_ascii_lowercase();
        self.0.retain(|other| other.host != name || other.port != port);
        self.0.push(Override { host: name, port, addresses });
        Ok(())
    }

    /// This, and `base` behind it.
    pub fn or(mut self, base: &Overrides) -> Overrides {
        self.0.extend(base.0.iter().cloned());
        self
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The addresses of `host` at `port`, where they were said: the entry that says most.
    pub fn find(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let named = |name: &str, with_port: Option<u16>| {
            self.0.iter().find(|entry| entry.port == with_port && entry.host.eq_ignore_ascii_case(name))
        };
        let found = named(host, Some(port))
            .or_else(|| named(host, None))
            .or_else(|| named("*", Some(port)))
            .or_else(|| named("*", None))?;
        Some(found.addresses.iter().map(|address| at_port(*address, port)).collect())
    }
}

fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    if address.port() == 0 {
        address.set_port(port);
    }
    address
}

/// `host`, `host:port`, `[host]:port`; an IPv6 address needs no brackets where no port follows.
fn split_host(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None if text.matches(':').count() > 1 => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    is_host.then_some((host, port))
}

fn read_address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    alone.ok().or_else(|| text.parse().ok())
}

/// What resolvers said a short while ago. Failures are never kept.
#[derive(Debug, Default)]
pub struct Cache(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    host: String,
    /// A number for whoever was asked.
    resolver: usize,
    addresses: Vec<SocketAddr>,
    until: Instant,
}

impl Cache {
    /// The addresses of `host`, where they are still to be trusted at `now`.
    pub fn find(&self, host: &str, resolver: usize, now: Instant) -> Option<&[SocketAddr]> {
        let entry = self.0.iter().find(|entry| entry.is_for(host, resolver))?;
        (now < entry.until).then_some(&entry.addresses)
    }

    /// Keeps what `resolver` said at `now` for as long as `keep`; of more names than [`REMEMBERED`], the latest.
    pub fn store(
        &mut self,
        host: &str,
        resolver: usize,
        addresses: &[SocketAddr],
        keep: Duration,
        now: Instant,
    ) {
        self.0.retain(|entry| now < entry.until && !entry.is_for(host, resolver));
        if keep.is_zero() || addresses.is_empty() {
            return;
        }
        if self.0.len() >= REMEMBERED {
            self.0.remove(0);
        }
        // An instant beyond the clock would be trusted for ever: better not at all.
        let Some(until) = now.checked_add(keep) else { return };
        self.0.push(Entry { host: host.to_owned(), resolver, addresses: addresses.to_vec(), until });
    }

    /// Forgets `host`: none of its addresses could be reached.
    pub fn forget(&mut self, host: &str) {
        self.0.retain(|entry| !entry.host.eq_ignore_ascii_case(host));
    }
}

impl Entry {
    fn is_for(&self, host: &str, resolver: usize) -> bool {
        self.resolver == resolver && self.host.eq_ignore_ascii_case(host)
    }
}

/// Names that a cache keeps at most.
pub const REMEMBERED: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn overrides(entries: &[(&str, &str)]) -> Overrides {
        let mut overrides = Overrides::default();
        entries.iter().for_each(|(host, addresses)| overrides.add(host, addresses).unwrap());
        overrides
    }

    #[test]
    fn the_override_that_says_most_counts() {
        let overrides =
            overrides(&[("*", "9.9.9.9"), ("*:444", "4.4.4.4"), ("a", "1.1.1.1"), ("A:443", "2.2.2.2:8443")]);
        for (host, port, found) in [
            ("a", 443, "2.2.2.2:8443"),
            ("A", 80, "1.1.1.1:80"),
            ("a", 444, "1.1.1.1:444"),
            ("b", 444, "4.4.4.4:444"),
            ("b", 80, "9.9.9.9:80"),
        ] {
            assert_eq!(overrides.find(host, port), Some(vec![address(found)]), "{host}:{port}");
        }
        assert_eq!(Overrides::default().find("a", 80), None);
    }

    #[test]
    fn several_addresses_of_both_families_are_read() {
        let overrides = overrides(&[("[::1]:80", "::2, [::3], [::4]:5 ,1.1.1.1"), ("::9", "::8")]);
        let expected = ["[::2]:80", "[::3]:80", "[::4]:5", "1.1.1.1:80"].map(address);
        assert_eq!(overrides.find("::1", 80).unwrap(), expected);
        assert_eq!(overrides.find("::9", 1).unwrap(), [address("[::8]:1")]);
    }

    #[test]
    fn what_is_said_later_replaces_what_was_said_of_the_same_host() {
        let overrides = overrides(&[("a", "1.1.1.1"), ("A", "2.2.2.2")]);
        assert_eq!(overrides.find("a", 80).unwrap(), [address("2.2.2.2:80")]);
        let request = self::overrides(&[("a", "3.3.3.3")]).or(&overrides);
        assert_eq!(request.find("a", 80).unwrap(), [address("3.3.3.3:80")]);
    }

    #[test]
    fn what_is_no_override_is_refused() {
        for (host, addresses) in [
            ("", "1.1.1.1"),
            ("a:x", "1.1.1.1"),
            ("a:0", "1.1.1.1"),
            ("a b", "1.1.1.1"),
            ("[::1", "1.1.1.1"),
            ("[::1]x", "1.1.1.1"),
            ("a", ""),
            ("a", "example.org"),
            ("a", "1.1.1.1,"),
            ("a", "1.1.1.1:99999"),
        ] {
            let error = Overrides::default().add(host, addresses).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidConfig, "{host} {addresses}");
        }
    }

    #[test]
    fn localhost_is_known_without_asking() {
        for host in ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.localhost."] {
            assert!(is_localhost(host), "{host}");
        }
        for host in ["", "ocalhost", "mylocalhost", "localhost.example", "localhost.."] {
            assert!(!is_localhost(host), "{host}");
        }
    }

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made without a clock")]
        Instant::now()
    }

    const KEEP: Duration = Duration::from_secs(10);

    #[test]
    fn names_are_remembered_for_their_time_and_for_whoever_was_asked() {
        let (mut cache, now, found) = (Cache::default(), start(), [address("1.1.1.1:0")]);
        cache.store("a", 1, &found, KEEP, now);
        assert_eq!(cache.find("A", 1, now + KEEP / 2), Some(&found[..]));
        assert_eq!(cache.find("a", 2, now), None);
        assert_eq!(cache.find("a", 1, now + KEEP), None);
        cache.forget("A");
        assert_eq!(cache.find("a", 1, now), None);
    }

    #[test]
    fn nothing_is_kept_for_no_time_or_for_ever() {
        let (mut cache, now, found) = (Cache::default(), start(), [address("1.1.1.1:0")]);
        for keep in [Duration::ZERO, Duration::MAX] {
            cache.store("a", 1, &found, keep, now);
            assert_eq!(cache.find("a", 1, now), None);
        }
    }

    #[test]
    fn the_cache_stays_small() {
        let (mut cache, now, found) = (Cache::default(), start(), [address("1.1.1.1:0")]);
        for number in 0..REMEMBERED + 10 {
            cache.store(&number.to_string(), 1, &found, KEEP, now);
        }
        assert_eq!(cache.0.len(), REMEMBERED);
        assert!(cache.find("9", 1, now).is_none() && cache.find("10", 1, now).is_some());
    }
}
