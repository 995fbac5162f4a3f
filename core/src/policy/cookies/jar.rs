//! The cookies that there are, as a value: what a new one does to them, and which go with a request.
//!
//! Holds the steps of RFC 6265 section 5.3 that need the other cookies (replacing, ending, making room), the
//! retrieval of section 5.4, and what a face offers its user: looking, setting, removing. Expired cookies are
//! never handed out, and leave when their domain is touched. One thread at a time; the engine holds the lock.
//!
//! > Section 5.4: "Cookies with longer paths are listed before cookies with shorter paths." "Among cookies that have
//! > equal-length path fields, cookies with earlier creation-times are listed before cookies with later creation-times."

use super::scope::canonical_host;
use super::{Cookie, Decision, Facts, Reason, Rules, decide, domain_matches, is_trusted, path_matches};
use crate::error::{Error, Kind, Result, excerpt};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// A store of cookies under fixed rules.
#[derive(Debug, Clone, Default)]
pub struct Jar {
    rules: Rules,
    /// By domain, and within one in the order of creation.
    domains: BTreeMap<String, Vec<Entry>>,
    /// Counts stores and retrievals; a clock for order that never goes back.
    ticks: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    cookie: Cookie,
    created: u64,
    used: u64,
}

/// What storing a Set-Cookie field did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The cookie is there now, new or in the place of an older one.
    Stored,
    /// It had expired when it came; one that was there is gone.
    Ended,
    /// Nothing changed.
    Ignored(Reason),
}

impl Jar {
    /// An empty jar under the modern clients' rules.
    pub fn new() -> Jar {
        Jar::default()
    }

    /// An empty jar under `rules`.
    pub fn with_rules(rules: Rules) -> Jar {
        Jar { rules, ..Jar::default() }
    }

    /// The rules that the jar was made with.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Takes in one Set-Cookie field of a response.
    pub fn store(&mut self, facts: &Facts<'_>, set_cookie: &[u8], now: SystemTime) -> Outcome {
        let cookie = match decide(&self.rules, facts, set_cookie, now) {
            Decision::Store(cookie) => cookie,
            Decision::Ignore(reason) => return Outcome::Ignored(reason),
        };
        if !cookie.secure && !is_trusted(&self.rules, facts) && self.shadows_secure(&cookie) {
            return Outcome::Ignored(Reason::WouldShadowSecure);
        }
        self.insert(cookie, now)
    }

    /// The value of the Cookie field for a request, None where no cookie goes with it.
    ///
    /// Section 5.4: "Cookies with longer paths are listed before cookies with shorter paths. Among cookies
    /// that have equal-length path fields, cookies with earlier creation-times are listed before cookies with
    /// later".
    pub fn header_for(&mut self, facts: &Facts<'_>, now: SystemTime) -> Option<Vec<u8>> {
        if self.domains.is_empty() {
            return None;
        }
        self.ticks += 1;
        let host = canonical_host(facts.host);
        let trusted = is_trusted(&self.rules, facts);
        let mut chosen = Vec::new();
        for domain in names_above(&host) {
            for entry in self.domains.get_mut(domain).into_iter().flatten() {
                let cookie = &entry.cookie;
                if cookie.goes_to(&host, facts.path, trusted) && !cookie.is_expired(now) {
                    entry.used = self.ticks;
                    chosen.push((std::cmp::Reverse(cookie.path.len()), entry.created, cookie.pair()));
                }
            }
        }
        chosen.sort_unstable();
        let pairs: Vec<Vec<u8>> = chosen.into_iter().map(|(_, _, pair)| pair).collect();
        (!pairs.is_empty()).then(|| pairs.join(&b"; "[..]))
    }

    /// Puts a cookie in, as a program does by hand: for `domain` and the hosts below it, until the session
    /// ends.
    ///
    /// # Errors
    /// [`Kind::InvalidHeader`] where name, value, domain or path could not travel in a Cookie field.
    pub fn set(&mut self, name: &str, value: &str, domain: &str, path: &str, now: SystemTime) -> Result<()> {
        let refuse = |expected: &'static str, seen: &str| {
            Err(Error::new(Kind::InvalidHeader).expected(expected).seen(excerpt(seen.as_bytes())))
        };
        let separates = |c: char| c.is_control() || c == ';';
        if name.is_empty() || name.contains(|c: char| separates(c) || c == '=') {
            return refuse("a cookie's name, without '=', ';' and control characters", name);
        }
        if value.contains(separates) {
            // The value may be a secret: it stays out of the message.
            return refuse("a cookie's value without ';' and control characters, for the name", name);
        }
        let domain = canonical_host(domain.strip_prefix('.').unwrap_or(domain));
        if domain.is_empty() || !domain.is_ascii() {
            return refuse("a cookie's domain in ASCII", &domain);
        }
        if !path.starts_with('/') {
            return refuse("a cookie's path that begins with a slash", path);
        }
        let cookie = Cookie {
            name: name.into(),
            value: value.into(),
            domain,
            path: path.to_owned(),
            host_only: false,
            secure: false,
            http_only: false,
            same_site: super::SameSite::Unset,
            expires: None,
        };
        self.insert(cookie, now);
        Ok(())
    }

    /// Puts a cookie in as it is, in the place of one with the same name, domain and path.
    pub fn insert(&mut self, cookie: Cookie, now: SystemTime) -> Outcome {
        self.ticks += 1;
        let (domain, expired) = (cookie.domain.clone(), cookie.is_expired(now));
        let entries = self.domains.entry(domain.clone()).or_default();
        entries.retain(|entry| !entry.cookie.is_expired(now));
        let existing = entries.iter().position(|entry| entry.cookie.is_same(&cookie));
        match existing {
            Some(index) if expired => {
                entries.remove(index);
            }
            // "Update the creation-time of the newly created cookie to match the creation-time of the
            // old-cookie."
            Some(index) => {
                entries[index].cookie = cookie;
                entries[index].used = self.ticks;
            }
            None if expired => {}
            None => entries.push(Entry { cookie, created: self.ticks, used: self.ticks }),
        }
        if entries.is_empty() {
            self.domains.remove(&domain);
        }
        if expired {
            return Outcome::Ended;
        }
        self.make_room(&domain, now);
        Outcome::Stored
    }

    /// The first cookie of that name, whatever its domain and path.
    pub fn get(&self, name: &str) -> Option<&Cookie> {
        self.iter().find(|cookie| cookie.name == name.as_bytes())
    }

    /// Removes the cookies that have that name, and that domain and path where these are given; how many
    /// there were.
    pub fn remove(&mut self, name: &str, domain: Option<&str>, path: Option<&str>) -> usize {
        let before = self.len();
        let domain = domain.map(|domain| canonical_host(domain.strip_prefix('.').unwrap_or(domain)));
        self.retain(|cookie| {
            cookie.name != name.as_bytes()
                || domain.as_ref().is_some_and(|domain| *domain != cookie.domain)
                || path.is_some_and(|path| path != cookie.path)
        });
        before - self.len()
    }

    /// Keeps only the cookies for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&Cookie) -> bool) {
        self.domains.retain(|_, entries| {
            entries.retain(|entry| keep(&entry.cookie));
            !entries.is_empty()
        });
    }

    /// Removes all cookies.
    pub fn clear(&mut self) {
        self.domains.clear();
    }

    /// Removes those that end with the session, and those that have expired.
    pub fn end_session(&mut self, now: SystemTime) {
        self.retain(|cookie| cookie.expires.is_some() && !cookie.is_expired(now));
    }

    /// All cookies, by domain and age. Expired ones that were not yet noticed are among them.
    pub fn iter(&self) -> impl Iterator<Item = &Cookie> + '_ {
        self.domains.values().flatten().map(|entry| &entry.cookie)
    }

    /// How many cookies there are.
    pub fn len(&self) -> usize {
        self.domains.values().map(Vec::len).sum()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// 6265bis section 5.7: a cookie that came without TLS is ignored where one with Secure has the same
    /// name, a domain that matches in either direction, and a path that the new one's path matches: an
    /// attacker on the network, who can write plain answers, must not replace what TLS protects.
    fn shadows_secure(&self, cookie: &Cookie) -> bool {
        self.iter().any(|other| {
            other.secure
                && other.name == cookie.name
                && (domain_matches(&cookie.domain, &other.domain)
                    || domain_matches(&other.domain, &cookie.domain))
                && path_matches(&cookie.path, &other.path)
        })
    }

    /// Section 5.3: "the user agent MUST evict cookies in the following priority order: Expired cookies.
    /// Cookies that share a domain field with more than a predetermined number of other cookies. All
    /// cookies." Among equals "the earliest last-access date first"; in a full domain those without Secure go
    /// before (6265bis).
    fn make_room(&mut self, domain: &str, now: SystemTime) {
        if let Some(entries) = self.domains.get_mut(domain) {
            while entries.len() > self.rules.per_domain.max(1) {
                let victim = entries.iter().enumerate().min_by_key(|(_, e)| (e.cookie.secure, e.used));
                let Some((index, _)) = victim else { break };
                entries.remove(index);
            }
        }
        if self.len() > self.rules.total {
            self.retain(|cookie| !cookie.is_expired(now));
        }
        while self.len() > self.rules.total.max(1) {
            let oldest = self.domains.values().flatten().map(|entry| entry.used).min();
            self.domains.retain(|_, entries| {
                entries.retain(|entry| Some(entry.used) != oldest);
                !entries.is_empty()
            });
        }
    }
}

impl Cookie {
    /// True where one takes the other's place: same name, domain, host-only-flag and path.
    fn is_same(&self, other: &Cookie) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.host_only == other.host_only
            && self.path == other.path
    }

    /// `name=value`, or the value alone where there is no name.
    fn pair(&self) -> Vec<u8> {
        if self.name.is_empty() {
            return self.value.clone();
        }
        [&self.name, &b"="[..], &self.value].concat()
    }
}

/// `a.b.c`, `b.c`, `c`: the domains whose cookies a host may get.
fn names_above(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, above)| above))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    const NOW: SystemTime = UNIX_EPOCH;

    fn facts(url: &'static str) -> Facts<'static> {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Facts { secure: scheme == "https", host, path }
    }

    fn jar(stored: &[(&'static str, &str)]) -> Jar {
        let mut jar = Jar::new();
        for &(url, set_cookie) in stored {
            jar.store(&facts(url), set_cookie.as_bytes(), NOW);
        }
        jar
    }

    fn sent(jar: &mut Jar, url: &'static str) -> String {
        String::from_utf8(jar.header_for(&facts(url), NOW).unwrap_or_default()).unwrap()
    }

    #[test]
    fn cookies_go_back_to_their_host_and_below_their_domain() {
        let mut jar = jar(&[("http://x.a.test/", "own=1"), ("http://x.a.test/", "shared=2; domain=a.test")]);
        assert_eq!(sent(&mut jar, "http://x.a.test/"), "own=1; shared=2");
        assert_eq!(sent(&mut jar, "http://y.a.test/"), "shared=2");
        assert_eq!(sent(&mut jar, "http://z.x.a.test/"), "shared=2");
        assert_eq!(sent(&mut jar, "http://a.test/"), "shared=2");
        assert_eq!(sent(&mut jar, "http://b.test/"), "");
    }

    #[test]
    fn longer_paths_come_first_then_older_cookies() {
        let mut jar = jar(&[
            ("http://a.test/", "b=1"),
            ("http://a.test/", "c=2; path=/x"),
            ("http://a.test/", "a=3"),
            ("http://a.test/", "b=4"),
        ]);
        assert_eq!(sent(&mut jar, "http://a.test/x/y"), "c=2; b=4; a=3");
    }

    #[test]
    fn secure_cookies_stay_on_tls() {
        let mut jar = jar(&[("https://a.test/", "n=v; secure")]);
        assert_eq!(sent(&mut jar, "https://a.test/"), "n=v");
        assert_eq!(sent(&mut jar, "http://a.test/"), "");
    }

    #[test]
    fn plain_http_cannot_overwrite_or_shadow_a_secure_cookie() {
        let mut jar = jar(&[("https://a.test/", "n=v; secure; domain=a.test")]);
        for attack in ["n=evil", "n=evil; domain=a.test", "n=evil; path=/deep"] {
            let outcome = jar.store(&facts("http://sub.a.test/"), attack.as_bytes(), NOW);
            assert_eq!(outcome, Outcome::Ignored(Reason::WouldShadowSecure), "{attack}");
        }
        assert_eq!(jar.store(&facts("https://a.test/"), b"n=w; domain=a.test", NOW), Outcome::Stored);
        assert_eq!(sent(&mut jar, "https://a.test/"), "n=w");
    }

    #[test]
    fn expired_cookies_end_those_that_are_there() {
        let mut jar = jar(&[("http://a.test/", "n=v"), ("http://a.test/", "m=w; max-age=10")]);
        assert_eq!(jar.store(&facts("http://a.test/"), b"n=; max-age=0", NOW), Outcome::Ended);
        assert_eq!(sent(&mut jar, "http://a.test/"), "m=w");
        let later = NOW + Duration::from_secs(10);
        assert_eq!(jar.header_for(&facts("http://a.test/"), later), None);
        jar.store(&facts("http://a.test/"), b"x=y", later);
        assert_eq!(jar.len(), 1);
    }

    #[test]
    fn a_full_domain_loses_the_plain_cookie_that_was_used_longest_ago() {
        let mut jar = Jar::with_rules(Rules { per_domain: 3, ..Rules::modern() });
        let at = facts("https://a.test/");
        for text in ["secure=1; secure", "idle=2; path=/idle", "used=3"] {
            jar.store(&at, text.as_bytes(), NOW);
        }
        jar.header_for(&at, NOW);
        jar.store(&at, b"new=4", NOW);
        assert_eq!(sent(&mut jar, "https://a.test/idle"), "secure=1; used=3; new=4");
    }

    #[test]
    fn a_full_jar_loses_what_was_used_longest_ago() {
        let mut jar = Jar::with_rules(Rules { total: 2, ..Rules::modern() });
        for url in ["http://a.test/", "http://b.test/", "http://c.test/"] {
            jar.store(&facts(url), b"n=v", NOW);
        }
        let domains: Vec<_> = jar.iter().map(|cookie| cookie.domain.as_str()).collect();
        assert_eq!(domains, ["b.test", "c.test"]);
    }

    #[test]
    fn a_program_sets_finds_and_removes_cookies() {
        let mut jar = Jar::new();
        jar.set("n", "v", ".A.test", "/", NOW).unwrap();
        assert_eq!(sent(&mut jar, "http://sub.a.test/"), "n=v");
        assert_eq!(jar.get("n").unwrap().value_text(), "v");
        assert_eq!(jar.remove("n", Some("b.test"), None), 0);
        assert_eq!(jar.remove("n", Some("a.test"), None), 1);
        assert!(jar.is_empty());
        for (name, value, domain, path) in [
            ("", "v", "a", "/"),
            ("a;b", "v", "a", "/"),
            ("n", "v\r\nx", "a", "/"),
            ("n", "v", "", "/"),
            ("n", "v", "a", "x"),
        ] {
            assert_eq!(jar.set(name, value, domain, path, NOW).unwrap_err().kind(), Kind::InvalidHeader);
        }
    }

    #[test]
    fn bytes_that_are_not_text_go_back_as_they_came() {
        let mut jar = Jar::new();
        jar.store(&facts("http://a.test/"), b"n=caf\xe9", NOW);
        assert_eq!(jar.header_for(&facts("http://a.test/"), NOW).unwrap(), b"n=caf\xe9");
    }
}
