//! HSTS: hosts that have said to be reached over TLS alone. RFC 6797.
//!
//! Decides which fields are believed, and which URLs become https before anything is sent. Keeps what it was
//! told as a value; there is no preloaded list. The engine calls [`Store::note`] on each response and
//! [`Store::covers`] before each request.
//!
//! > 8.1: "If an HTTP response is received over insecure transport, the UA MUST ignore any present STS header
//! > field(s)." 8.1.1: where the host is an IP literal or an IPv4 address, "the UA MUST NOT note this host as
//! > a Known HSTS Host". 8.3: "The UA MUST replace the URI scheme with "https" …, and if the URI contains an
//! > explicit port component of "80", then the UA MUST convert the port component to be "443"". 6.1.1: "A
//! > max-age value of zero … signals the UA to cease regarding the host as a Known HSTS Host".

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// How much is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The most hosts. Default 1000; those that end first go first. Browsers have no limit, but forget with
    /// the user.
    pub hosts: usize,
}

impl Rules {
    /// The modern clients' rules.
    pub const fn modern() -> Rules {
        Rules { hosts: 1000 }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::modern()
    }
}

/// What a Strict-Transport-Security field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long to remember it; zero forgets.
    pub max_age: Duration,
    /// It holds for the hosts below as well.
    pub include_subdomains: bool,
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The host is remembered.
    Note(Policy),
    /// The host is forgotten.
    Forget,
    /// Nothing changes.
    Ignore,
}

/// Judges the first Strict-Transport-Security field of a response.
pub fn decide(secure: bool, host: &str, field: &[u8]) -> Decision {
    if !secure || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Decision::Ignore;
    }
    match read(field) {
        Some(Policy { max_age: Duration::ZERO, .. }) => Decision::Forget,
        Some(policy) => Decision::Note(policy),
        None => Decision::Ignore,
    }
}

/// 6.1: `[ directive ] *( ";" [ directive ] )`. "All directives MUST appear only once"; unknown ones are
/// ignored; the required max-age is `1*DIGIT`, perhaps in quotes.
fn read(field: &[u8]) -> Option<Policy> {
    let text = std::str::from_utf8(field).ok()?;
    let (mut max_age, mut include_subdomains) = (None, false);
    for directive in split_outside_quotes(text) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "max-age" if max_age.is_none() => max_age = Some(read_seconds(value.trim())?),
            "includesubdomains" if !include_subdomains => include_subdomains = true,
            "max-age" | "includesubdomains" => return None,
            _ => {}
        }
    }
    Some(Policy { max_age: max_age?, include_subdomains })
}

fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |letter| {
        quoted ^= letter == '"';
        letter == ';' && !quoted
    })
}

fn read_seconds(value: &str) -> Option<Duration> {
    let digits = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

/// The hosts that have asked, and until when they are believed.
#[derive(Debug, Clone, Default)]
pub struct Store {
    rules: Rules,
    hosts: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    include_subdomains: bool,
    expires: SystemTime,
}

impl Store {
    /// Knows nobody yet.
    pub fn new(rules: Rules) -> Store {
        Store { rules, hosts: BTreeMap::new() }
    }

    /// Takes in the first Strict-Transport-Security field of a response.
    pub fn note(&mut self, secure: bool, host: &str, field: &[u8], now: SystemTime) -> Decision {
        let host = canonical(host);
        let decision = decide(secure, &host, field);
        match decision {
            Decision::Note(policy) => {
                // A time that the clock cannot express is a hundred years.
                let century = Duration::from_secs(100 * 365 * 86_400);
                let expires = now.checked_add(policy.max_age.min(century)).unwrap_or(now);
                self.hosts.insert(host, Entry { include_subdomains: policy.include_subdomains, expires });
                self.make_room(now);
            }
            Decision::Forget => {
                self.hosts.remove(&host);
            }
            Decision::Ignore => {}
        }
        decision
    }

    /// True where a URL with this host must use https: the host is known, or one above it that includes it
    /// (8.2).
    pub fn covers(&self, host: &str, now: SystemTime) -> bool {
        if self.hosts.is_empty() {
            return false;
        }
        let host = canonical(host);
        let above =
            std::iter::successors(Some(host.as_str()), |name| name.split_once('.').map(|split| split.1));
        above
            .filter_map(|name| Some((name, self.hosts.get(name)?)))
            .any(|(name, entry)| entry.expires > now && (entry.include_subdomains || name == host))
    }

    /// How many hosts are remembered.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    fn make_room(&mut self, now: SystemTime) {
        if self.hosts.len() <= self.rules.hosts {
            return;
        }
        self.hosts.retain(|_, entry| entry.expires > now);
        while self.hosts.len() > self.rules.hosts {
            let first = self.hosts.iter().min_by_key(|(_, entry)| entry.expires);
            let Some(host) = first.map(|(host, _)| host.clone()) else { return };
            self.hosts.remove(&host);
        }
    }
}

/// 8.2: names compare without case; a dot at the end does not matter.
fn canonical(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const NOW: SystemTime = UNIX_EPOCH;

    fn noted(field: &str) -> Option<(u64, bool)> {
        match decide(true, "a.test", field.as_bytes()) {
            Decision::Note(policy) => Some((policy.max_age.as_secs(), policy.include_subdomains)),
            Decision::Forget => Some((0, false)),
            Decision::Ignore => None,
        }
    }

    #[test]
    fn fields_are_read_as_section_6_1_has_them() {
        for (field, expected) in [
            ("max-age=31536000", Some((31_536_000, false))),
            ("max-age=\"31536000\"", Some((31_536_000, false))),
            (" MAX-AGE = 1 ; IncludeSubDomains ; preload", Some((1, true))),
            ("max-age=0", Some((0, false))),
            ("; max-age=1;;", Some((1, false))),
            ("x=\"; max-age=9\"; max-age=1", Some((1, false))),
            ("max-age=99999999999999999999999", Some((u64::MAX, false))),
            ("includeSubDomains", None),
            ("max-age", None),
            ("max-age=", None),
            ("max-age=-1", None),
            ("max-age=1; max-age=2", None),
            ("max-age=1; includeSubDomains; includeSubDomains", None),
            ("", None),
        ] {
            assert_eq!(noted(field), expected, "{field}");
        }
    }

    #[test]
    fn only_names_reached_over_tls_are_believed() {
        assert_eq!(decide(false, "a.test", b"max-age=1"), Decision::Ignore);
        assert_eq!(decide(true, "127.0.0.1", b"max-age=1"), Decision::Ignore);
        assert_eq!(decide(true, "[::1]", b"max-age=1"), Decision::Ignore);
    }

    #[test]
    fn hosts_are_covered_until_their_time_is_over() {
        let mut store = Store::default();
        store.note(true, "A.test", b"max-age=10", NOW);
        assert!(store.covers("a.test.", NOW));
        assert!(
            !store.covers("sub.a.test", NOW) && !store.covers("test", NOW) && !store.covers("xa.test", NOW)
        );
        assert!(!store.covers("a.test", NOW + Duration::from_secs(10)));
        store.note(true, "a.test", b"max-age=10; includeSubDomains", NOW);
        assert!(store.covers("x.y.a.test", NOW));
        store.note(true, "a.test", b"max-age=0", NOW);
        assert!(store.is_empty());
    }

    #[test]
    fn the_store_is_bounded_and_huge_ages_do_not_overflow() {
        let mut store = Store::new(Rules { hosts: 2 });
        for (host, field) in
            [("a.test", "max-age=1"), ("b.test", "max-age=99999999999999999999"), ("c.test", "max-age=2")]
        {
            store.note(true, host, field.as_bytes(), NOW);
        }
        assert_eq!((store.len(), store.covers("a.test", NOW), store.covers("b.test", NOW)), (2, false, true));
    }
}
