//! Which cookies a server may set and which it gets back: RFC 6265, with what its successor (6265bis)
//! tightened.
//!
//! Decides whether one Set-Cookie field becomes a cookie, and which. What that does to the cookies that are
//! there, and which of them go with a request, is `jar`; the field's grammar is `parse`; whose cookies they
//! are is `scope`. Nothing here sends, saves or reads a clock. Called by the engine of the native faces: the
//! jar of the drop-in for requests is `http.cookiejar`, which programs own.
//!
//! > RFC 6265 section 5.3: "When a user agent 'receives a cookie' from a request-uri with name cookie-name,
//! > value cookie-value, and attributes cookie-attribute-list, the user agent MUST process the cookie as
//! > follows". The steps stand in this order in [`decide`]; those that need the other cookies are in
//! > [`Jar::store`].

mod jar;
mod netscape;
mod parse;
mod scope;
mod shared;

pub use jar::{Jar, Outcome};
pub use scope::{default_path, domain_matches, is_public_suffix, path_matches};
pub use shared::SharedJar;

use parse::SetCookie;
use std::fmt;
use std::time::{Duration, SystemTime};

/// What is accepted, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Cookies without a name (`Set-Cookie: token`). Default false: RFC 6265 section 5.2 says to "ignore the
    /// set-cookie-string entirely"; 6265bis keeps them as browsers do, and servers differ on what they then
    /// read.
    pub nameless: bool,
    /// Longest name and value together, in bytes. Default 4096 (6265bis section 5.6). Less breaks sites that
    /// are within the RFC; more makes requests that many servers refuse.
    pub max_size: usize,
    /// Longest value of an attribute; a longer attribute is ignored. Default 1024 (6265bis section 5.6).
    pub max_attribute: usize,
    /// How many cookies share a domain. Default 180, as in Chromium; the RFC asks for at least 50.
    pub per_domain: usize,
    /// How many cookies there are in all. Default 3000, the least that the RFC asks for.
    pub total: usize,
    /// The longest life of a cookie. Default 400 days (6265bis section 5.5); None believes the server.
    pub max_age: Option<Duration>,
    /// Treat loopback hosts as if they were reached over TLS, as browsers do, so that a site under
    /// development works with its Secure cookies. Default true: nothing leaves the machine.
    pub trust_loopback: bool,
}

impl Rules {
    /// The modern clients' rules.
    pub const fn modern() -> Rules {
        Rules {
            nameless: false,
            max_size: 4096,
            max_attribute: 1024,
            per_domain: 180,
            total: 3000,
            max_age: Some(Duration::from_secs(400 * 86_400)),
            trust_loopback: true,
        }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::modern()
    }
}

/// The request that a cookie came in answer to, or is to go with.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Sent over TLS.
    pub secure: bool,
    /// The host as the URL has it: ASCII, no port; brackets around an IPv6 address do not matter.
    pub host: &'a str,
    /// The URL's path, without its query.
    pub path: &'a str,
}

/// One cookie. Name and value are bytes, since that is what servers send and want back. `Debug` hides the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Empty only under [`Rules::nameless`].
    pub name: Vec<u8>,
    /// Quotes included, where there are any: they are part of the value.
    pub value: Vec<u8>,
    /// In lower case, without leading dot.
    pub domain: String,
    /// Begins with a slash.
    pub path: String,
    /// Goes back to `domain` alone, not to hosts below it: the server named no domain.
    pub host_only: bool,
    /// Goes over TLS only.
    pub secure: bool,
    /// Meant to be hidden from scripts. Recorded; nothing here is a script.
    pub http_only: bool,
    /// Recorded; what a program sends was not brought about by another site, so it decides nothing here.
    pub same_site: SameSite,
    /// When it ends; None ends with the session.
    pub expires: Option<SystemTime>,
}

/// The attribute SameSite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// The server said nothing, or nothing known.
    #[default]
    Unset,
    /// To be sent with cross-site requests as well.
    None,
    /// To be sent when a user follows a link from another site.
    Lax,
    /// Never to be sent when another site brought about the request.
    Strict,
}

/// What becomes of a Set-Cookie field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A cookie. It may have expired already: then it ends one that is there.
    Store(Cookie),
    /// None, and why.
    Ignore(Reason),
}

/// Why a Set-Cookie field was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It holds a control character other than the tab.
    ControlCharacter,
    /// It has no name, or neither name nor value.
    Nameless,
    /// Name and value are longer than [`Rules::max_size`].
    TooLarge,
    /// Its domain is not the host's or one above it.
    ForeignDomain,
    /// Its domain is one under which strangers register names.
    PublicSuffix,
    /// It asks for TLS and came without.
    InsecureOrigin,
    /// Its name promises with `__Secure-` or `__Host-` what its attributes do not keep.
    BrokenPrefix,
    /// It came without TLS and would stand before one that asks for TLS.
    WouldShadowSecure,
}

/// Judges one Set-Cookie field, without knowing the cookies that are there.
pub fn decide(rules: &Rules, facts: &Facts<'_>, set_cookie: &[u8], now: SystemTime) -> Decision {
    match accept(rules, facts, set_cookie, now) {
        Ok(cookie) => Decision::Store(cookie),
        Err(reason) => Decision::Ignore(reason),
    }
}

fn accept(rules: &Rules, facts: &Facts<'_>, set_cookie: &[u8], now: SystemTime) -> Result<Cookie, Reason> {
    let parsed = SetCookie::parse(set_cookie, rules.max_attribute).ok_or(Reason::ControlCharacter)?;
    let nameless = parsed.name.is_empty();
    if nameless && (parsed.value.is_empty() || !rules.nameless) {
        return Err(Reason::Nameless);
    }
    if parsed.name.len() + parsed.value.len() > rules.max_size {
        return Err(Reason::TooLarge);
    }
    let host = scope::canonical_host(facts.host);
    let domain = accept_domain(parsed.domain, &host)?;
    // "If the scheme component of the request-uri does not denote a 'secure' protocol, and the cookie's
    // secure-only-flag is true, then abort these steps and ignore the cookie entirely."
    if parsed.secure && !is_trusted(rules, facts) {
        return Err(Reason::InsecureOrigin);
    }
    let path = match parsed.path {
        Some(path) if path.starts_with(b"/") => String::from_utf8_lossy(path).into_owned(),
        Some(_) | None => default_path(facts.path).to_owned(),
    };
    let cookie = Cookie {
        name: parsed.name.to_vec(),
        value: parsed.value.to_vec(),
        host_only: domain.is_none(),
        domain: domain.unwrap_or(host),
        path,
        secure: parsed.secure,
        http_only: parsed.http_only,
        same_site: parsed.same_site,
        expires: parsed.expiry(rules.max_age, now),
    };
    let prefixed = if nameless { parsed.value } else { parsed.name };
    if !keeps_prefix(&cookie, prefixed, parsed.path.is_some()) || (nameless && has_prefix(prefixed)) {
        return Err(Reason::BrokenPrefix);
    }
    Ok(cookie)
}

/// The cookie's domain where the server may name it; Ok(None) for the host alone.
fn accept_domain(attribute: Option<&[u8]>, host: &str) -> Result<Option<String>, Reason> {
    // "If the first character of the attribute-value string is '.': Let cookie-domain be the attribute-value
    // without the leading '.' character."
    let attribute = attribute.map(|attribute| attribute.strip_prefix(b".").unwrap_or(attribute));
    let Some(attribute) = attribute.filter(|attribute| !attribute.is_empty()) else { return Ok(None) };
    // A domain in Unicode would need the very IDNA rules that the URL's host went through; 6265bis refuses
    // it.
    let domain = std::str::from_utf8(attribute)
        .ok()
        .filter(|domain| domain.is_ascii())
        .ok_or(Reason::ForeignDomain)?
        .to_ascii_lowercase();
    // "If the domain-attribute is identical to the canonicalized request-host: let the domain-attribute be
    // the empty string. Otherwise: ignore the cookie entirely and abort these steps."
    if is_public_suffix(&domain) {
        return if domain == host { Ok(None) } else { Err(Reason::PublicSuffix) };
    }
    if domain_matches(host, &domain) { Ok(Some(domain)) } else { Err(Reason::ForeignDomain) }
}

/// Over TLS, or on this machine.
fn is_trusted(rules: &Rules, facts: &Facts<'_>) -> bool {
    facts.secure || (rules.trust_loopback && scope::is_loopback(facts.host))
}

/// 6265bis section 4.1.3: "`__Secure-`: … set with a Secure attribute"; "`__Host-`: … set with a Secure
/// attribute, a Path attribute with a value of '/', and no Domain attribute". Case does not matter.
fn keeps_prefix(cookie: &Cookie, name: &[u8], has_path: bool) -> bool {
    if starts_with(name, b"__Host-") {
        return cookie.secure && cookie.host_only && has_path && cookie.path == "/";
    }
    !starts_with(name, b"__Secure-") || cookie.secure
}

fn has_prefix(name: &[u8]) -> bool {
    starts_with(name, b"__Host-") || starts_with(name, b"__Secure-")
}

fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.name);
        let mut shown = f.debug_struct("Cookie");
        shown
            .field("name", &name)
            .field("value", &"…")
            .field("domain", &self.domain)
            .field("path", &self.path);
        shown
            .field("host_only", &self.host_only)
            .field("secure", &self.secure)
            .field("http_only", &self.http_only);
        shown.field("same_site", &self.same_site).field("expires", &self.expires).finish()
    }
}

impl Cookie {
    /// True from the moment named by `expires` on.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// True where the cookie goes with a request (RFC 6265 section 5.4); expiry aside.
    pub fn goes_with(&self, rules: &Rules, facts: &Facts<'_>) -> bool {
        self.goes_to(&scope::canonical_host(facts.host), facts.path, is_trusted(rules, facts))
    }

    /// As [`Cookie::goes_with`], for a host in canonical form.
    fn goes_to(&self, host: &str, path: &str, trusted: bool) -> bool {
        let domain_fits =
            if self.host_only { host == self.domain } else { domain_matches(host, &self.domain) };
        domain_fits && path_matches(path, &self.path) && (!self.secure || trusted)
    }

    /// The name as text; bytes that are not UTF-8 become U+FFFD.
    pub fn name_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// The value as text; bytes that are not UTF-8 become U+FFFD.
    pub fn value_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const NOW: SystemTime = UNIX_EPOCH;

    fn judge(url: &str, set_cookie: &str) -> Decision {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let facts = Facts { secure: scheme == "https", host, path };
        decide(&Rules::modern(), &facts, set_cookie.as_bytes(), NOW)
    }

    fn stored(url: &str, set_cookie: &str) -> Cookie {
        match judge(url, set_cookie) {
            Decision::Store(cookie) => cookie,
            Decision::Ignore(reason) => panic!("{set_cookie} from {url}: {reason:?}"),
        }
    }

    #[test]
    fn a_bare_cookie_is_the_hosts_own() {
        let cookie = stored("http://Sub.Example.org/a/b", "n=v");
        assert_eq!((cookie.domain.as_str(), cookie.host_only), ("sub.example.org", true));
        assert_eq!((cookie.path.as_str(), cookie.expires), ("/a", None));
    }

    #[test]
    fn what_is_ignored_and_why() {
        for (url, set_cookie, reason) in [
            ("http://a.test/", "n=\x01", Reason::ControlCharacter),
            ("http://a.test/", "n=v\r\nSet-Cookie: m=w", Reason::ControlCharacter),
            ("http://a.test/", "n=v; path=/\0", Reason::ControlCharacter),
            ("http://a.test/", "n", Reason::Nameless),
            ("http://a.test/", "=v", Reason::Nameless),
            ("http://a.test/", "n=v; domain=b.test", Reason::ForeignDomain),
            ("http://a.test/", "n=v; domain=sub.a.test", Reason::ForeignDomain),
            ("http://xa.test/", "n=v; domain=a.test", Reason::ForeignDomain),
            ("http://a.test/", "n=v; domain=\u{e9}.test", Reason::ForeignDomain),
            ("http://1.2.3.4/", "n=v; domain=3.4", Reason::ForeignDomain),
            ("http://a.test/", "n=v; domain=test", Reason::PublicSuffix),
            ("http://a.test/", "n=v; secure", Reason::InsecureOrigin),
            ("https://a.test/", "__Secure-n=v", Reason::BrokenPrefix),
            ("https://a.test/", "__secure-n=v", Reason::BrokenPrefix),
            ("https://a.test/", "__Host-n=v; secure", Reason::BrokenPrefix),
            ("https://a.test/", "__Host-n=v; secure; path=/x", Reason::BrokenPrefix),
            ("https://a.test/", "__HOST-n=v; secure; path=/; domain=a.test", Reason::BrokenPrefix),
        ] {
            assert_eq!(judge(url, set_cookie), Decision::Ignore(reason), "{set_cookie:?} from {url}");
        }
    }

    #[test]
    fn promised_prefixes_that_are_kept_are_stored() {
        stored("https://a.test/", "__Secure-n=v; secure; domain=a.test");
        stored("https://a.test/x/y", "__Host-n=v; secure; path=/");
        stored("https://a.test/", "__Hostess=v");
    }

    #[test]
    fn size_limits_are_exact() {
        stored("http://a.test/", &format!("n={}", "v".repeat(4095)));
        assert_eq!(
            judge("http://a.test/", &format!("n={}", "v".repeat(4096))),
            Decision::Ignore(Reason::TooLarge)
        );
        let long = format!("n=v; path=/{}", "x".repeat(1024));
        assert_eq!(stored("http://a.test/p/q", &long).path, "/p");
    }

    #[test]
    fn nameless_cookies_are_a_choice() {
        let rules = Rules { nameless: true, ..Rules::modern() };
        let facts = Facts { secure: true, host: "a.test", path: "/" };
        let judge = |text: &str| decide(&rules, &facts, text.as_bytes(), NOW);
        assert!(matches!(judge("token"), Decision::Store(cookie) if cookie.value == b"token"));
        assert_eq!(judge("="), Decision::Ignore(Reason::Nameless));
        assert_eq!(judge("=__Host-x=v; secure; path=/"), Decision::Ignore(Reason::BrokenPrefix));
    }

    #[test]
    fn a_public_suffix_may_set_cookies_for_itself_alone() {
        let cookie = stored("http://localhost/", "n=v; domain=localhost");
        assert!(cookie.host_only);
    }

    #[cfg(feature = "psl")]
    #[test]
    fn public_suffixes_of_several_labels_are_known() {
        for (url, domain) in [("http://a.co.uk/", "co.uk"), ("http://a.github.io/", "github.io")] {
            let decision = judge(url, &format!("n=v; domain={domain}"));
            assert_eq!(decision, Decision::Ignore(Reason::PublicSuffix), "{domain}");
        }
        assert!(!stored("http://x.a.co.uk/", "n=v; domain=a.co.uk").host_only);
    }

    #[test]
    fn secure_cookies_work_on_loopback() {
        for url in ["http://localhost/", "http://dev.localhost/", "http://127.0.0.1/", "http://[::1]/"] {
            assert!(stored(url, "n=v; secure").secure);
        }
        assert_eq!(
            judge("http://127.0.0.1.evil.test/", "n=v; secure"),
            Decision::Ignore(Reason::InsecureOrigin)
        );
    }

    #[test]
    fn lives_are_capped_and_never_overflow() {
        let capped = Some(NOW + Duration::from_secs(400 * 86_400));
        for attribute in ["max-age=99999999999999999999999", "expires=Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(stored("http://a.test/", &format!("n=v; {attribute}")).expires, capped);
        }
        assert!(stored("http://a.test/", "n=v; max-age=0").is_expired(NOW));
        assert!(stored("http://a.test/", "n=v; max-age=-1").is_expired(NOW));
        let both = stored("http://a.test/", "n=v; max-age=10; expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(both.expires, Some(NOW + Duration::from_secs(10)));
        assert_eq!(stored("http://a.test/", "n=v; max-age=1x; expires=soon").expires, None);
    }
}
