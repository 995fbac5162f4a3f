//! Whose cookies are whose: hosts, domains, public suffixes and paths (RFC 6265 sections 5.1.2 to 5.1.4).
//!
//! Decides by names alone. The list of public suffixes is compiled in with the feature `psl`; without it only
//! names of a single label count as such, which stops `.com` but not `.co.uk`.
//! Called by the rest of `cookies`.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Section 5.1.2: labels in their ASCII form, in lower case. The URL has done the first.
pub(super) fn canonical_host(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

/// Section 5.1.3: "A string domain-matches a given domain string if … the domain string and the string are
/// identical", or "all of the following conditions hold: The domain string is a suffix of the string. The
/// last character of the string that is not included in the domain string is a '.' character. The string is a
/// host name (i.e., not an IP address)." Both in lower case.
pub fn domain_matches(host: &str, domain: &str) -> bool {
    if host == domain {
        return true;
    }
    let below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    below && !domain.is_empty() && address(host).is_none()
}

/// Section 5.1.4: "The cookie-path and the request-path are identical", or "the cookie-path is a prefix of
/// the request-path" and either ends with a slash or the request-path goes on with one.
pub fn path_matches(request_path: &str, cookie_path: &str) -> bool {
    let request_path = if request_path.is_empty() { "/" } else { request_path };
    request_path
        .strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}

/// Section 5.1.4: the request's path up to, not including, its right-most slash; a slash where nothing is
/// left.
pub fn default_path(request_path: &str) -> &str {
    match request_path.rfind('/') {
        Some(slash) if slash > 0 && request_path.starts_with('/') => &request_path[..slash],
        Some(_) | None => "/",
    }
}

/// True where unrelated parties can register names directly below `domain` (section 5.3 step 5).
pub fn is_public_suffix(domain: &str) -> bool {
    if address(domain).is_some() {
        return false;
    }
    let name = domain.strip_suffix('.').unwrap_or(domain);
    !name.contains('.') || is_listed(name)
}

#[cfg(feature = "psl")]
fn is_listed(domain: &str) -> bool {
    psl::suffix_str(domain) == Some(domain)
}

#[cfg(not(feature = "psl"))]
fn is_listed(_domain: &str) -> bool {
    false
}

/// True for `localhost`, names below it (RFC 6761 section 6.3) and loopback addresses.
pub(super) fn is_loopback(host: &str) -> bool {
    let host: Cow<'_, str> = canonical_host(host).into();
    match address(&host) {
        Some(IpAddr::V4(address)) => address.is_loopback(),
        Some(IpAddr::V6(address)) => address.is_loopback(),
        None => domain_matches(&host, "localhost"),
    }
}

fn address(host: &str) -> Option<IpAddr> {
    let v4 = host.parse::<Ipv4Addr>().map(IpAddr::V4);
    v4.or_else(|_| host.parse::<Ipv6Addr>().map(IpAddr::V6)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for (host, domain, matches) in [
            ("a.test", "a.test", true),
            ("sub.a.test", "a.test", true),
            ("suba.test", "a.test", false),
            ("a.test", "sub.a.test", false),
            ("a.test", "", false),
            ("1.2.3.4", "1.2.3.4", true),
            ("1.2.3.4", "3.4", false),
            ("a.1.2.3.4", "1.2.3.4", true),
            ("::1", "1", false),
        ] {
            assert_eq!(domain_matches(host, domain), matches, "{host} {domain}");
        }
    }

    #[test]
    fn paths() {
        for (request, cookie, matches) in [
            ("/a", "/a", true),
            ("/a/b", "/a", true),
            ("/a/b", "/a/", true),
            ("/ab", "/a", false),
            ("/a", "/a/", false),
            ("/", "/", true),
            ("", "/", true),
            ("/A", "/a", false),
        ] {
            assert_eq!(path_matches(request, cookie), matches, "{request} {cookie}");
        }
    }

    #[test]
    fn default_paths() {
        for (request, path) in
            [("", "/"), ("/", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b", "/a"), ("a/b", "/"), ("*", "/")]
        {
            assert_eq!(default_path(request), path, "{request}");
        }
    }
}
