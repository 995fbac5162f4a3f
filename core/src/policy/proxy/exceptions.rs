//! NO_PROXY: the hosts that are reached without a proxy.
//!
//! Decides whether a list of exceptions names a host. Two readings. The modern clients take what curl and Go
//! take between them: suffixes, ports, addresses and networks of both families, in any case. The drop-in
//! reads as `requests.utils.should_bypass_proxies` does, with `urllib.request.proxy_bypass_environment` behind
//! it. Called by `decide`, and by the drop-in through [`bypasses`].
//!
//! > curl(1), NO_PROXY: "list of hostnames that should not go through any proxy. If set to an asterisk '*' only,
//! > it matches all hosts. Each name in this list is matched as either a domain name that contains the hostname,
//! > or the hostname itself."

use super::Style;
use std::net::{IpAddr, Ipv4Addr};

/// True where the list names the host. The host is in lower case and has no brackets.
pub fn bypasses(style: Style, list: &str, scheme: &str, host: &str, port: Option<u16>) -> bool {
    match style {
        Style::Modern => {
            let port = port.unwrap_or(if scheme == "https" { 443 } else { 80 });
            let ends = |letter: char| letter == ',' || letter.is_whitespace();
            list.split(ends).any(|entry| names(entry, host, port))
        }
        Style::Requests => requests_bypasses(Some(list), Some(list), host, port),
    }
}

/// One entry: `*`, `host`, `.host`, `*.host`, an address or `network/bits`, each but the last with `:port`
/// perhaps.
fn names(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if entry.is_empty() || host.is_empty() {
        return false;
    }
    let host_address = host.parse::<IpAddr>().map(|address| address.to_canonical());
    if let Some((network, bits)) = entry.split_once('/') {
        let network = network.trim_matches(['[', ']']).parse();
        return match (host_address, network, bits.parse()) {
            (Ok(host), Ok(network), Ok(bits)) => is_within(host, network, bits),
            _ => false,
        };
    }
    let (name, entry_port) = split_port(entry);
    if entry_port.is_some_and(|entry_port| entry_port != port) {
        return false;
    }
    match host_address {
        Ok(host) => name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical() == host),
        Err(_) => is_same_or_below(host, name),
    }
}

/// Name and port of an entry; a bare IPv6 address is all name.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    let split = match entry.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (name, port.strip_prefix(':')),
            None => (rest, None),
        },
        None if entry.matches(':').count() == 1 => {
            let (name, port) = entry.split_once(':').unwrap_or((entry, ""));
            (name, Some(port))
        }
        None => (entry, None),
    };
    match split {
        (name, Some(port)) => (name, Some(port.parse().unwrap_or(0))),
        (name, None) => (name, None),
    }
}

fn is_same_or_below(host: &str, entry: &str) -> bool {
    let name = entry.strip_prefix('*').unwrap_or(entry).trim_matches('.').to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(host);
    !name.is_empty()
        && host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_within(host: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (host, network) {
        (IpAddr::V4(host), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            host.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(host), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            host.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

/// `should_bypass_proxies`: first its own reading of the list, then the standard library's, which each take
/// the environment's list in a way of their own.
pub(super) fn requests_bypasses(
    first: Option<&str>,
    second: Option<&str>,
    host: &str,
    port: Option<u16>,
) -> bool {
    host.is_empty()
        || first.is_some_and(|list| requests_names(list, host, port))
        || second.is_some_and(|list| urllib_names(list, host))
}

fn requests_names(list: &str, host: &str, port: Option<u16>) -> bool {
    let list = list.replace(' ', "");
    let mut entries = list.split(',').filter(|entry| !entry.is_empty());
    if let Some(address) = inet_aton(host) {
        return entries.any(|entry| match read_network(entry) {
            Some((network, mask)) => address & mask == network & mask,
            None => entry == host,
        });
    }
    let with_port = port.filter(|&port| port != 0).map(|port| format!("{host}:{port}"));
    entries
        .any(|entry| ends_with_name(host, entry) || with_port.iter().any(|host| ends_with_name(host, entry)))
}

/// `proxy_bypass_environment`. It is asked about the host alone, so ports never match.
fn urllib_names(list: &str, host: &str) -> bool {
    let host = host.to_lowercase();
    list == "*"
        || list
            .split(',')
            .map(|entry| entry.trim().to_lowercase())
            .any(|entry| !entry.is_empty() && ends_with_name(&host, &entry))
}

/// Equal, or below, dots at the start of the entry aside.
fn ends_with_name(host: &str, entry: &str) -> bool {
    let name = entry.trim_start_matches('.');
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// `is_valid_cidr`: one slash, 1 to 32 bits, and an address before it.
fn read_network(entry: &str) -> Option<(u32, u32)> {
    let (network, bits) = entry.split_once('/')?;
    let bits: u32 = bits.parse().ok().filter(|bits| (1..=32).contains(bits))?;
    Some((inet_aton(network)?, u32::MAX << (32 - bits)))
}

/// The address forms that the C library takes: `1.2.3.4`, but also `127.1`, octal and hexadecimal numbers.
fn inet_aton(text: &str) -> Option<u32> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(address.to_bits());
    }
    let parts: Vec<u32> = text.split('.').map(read_number).collect::<Option<_>>()?;
    let (&last, leading) = parts.split_last()?;
    let last_bits = 32_u32.checked_sub(8 * leading.len() as u32).filter(|&bits| bits > 0)?;
    let fits = last_bits == 32 || last < 1 << last_bits;
    if !fits || leading.iter().any(|&part| part > 255) {
        return None;
    }
    let high = leading.iter().fold(0_u32, |address, &part| address << 8 | part);
    Some(high.checked_shl(last_bits).unwrap_or(0) | last)
}

fn read_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` would take a sign.
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a list names `host[:port]`, in the modern and in requests' reading.
    fn both(list: &str, host: &str, port: Option<u16>) -> (bool, bool) {
        (
            bypasses(Style::Modern, list, "http", host, port),
            bypasses(Style::Requests, list, "http", host, port),
        )
    }

    #[test]
    fn names_suffixes_ports_and_addresses() {
        for (list, host, port, modern, requests) in [
            ("a.test", "a.test", None, true, true),
            ("a.test", "sub.a.test", None, true, true),
            ("a.test", "xa.test", None, false, false),
            ("sub.a.test", "a.test", None, false, false),
            (".a.test", "a.test", None, true, true),
            (".a.test", "sub.a.test", None, true, true),
            ("*.a.test", "sub.a.test", None, true, false),
            ("A.Test", "a.test", None, true, true),
            ("b.test, a.test", "a.test", None, true, true),
            ("b.test a.test", "a.test", None, true, false),
            ("", "a.test", None, false, false),
            (",", "a.test", None, false, false),
            ("*", "a.test", None, true, true),
            ("b.test,*", "a.test", None, true, false),
            ("a.test:8080", "a.test", Some(8080), true, true),
            ("a.test:8080", "sub.a.test", Some(8080), true, true),
            ("a.test:8080", "a.test", Some(80), false, false),
            ("a.test:80", "a.test", None, true, false),
            ("a.test", "a.test", Some(8080), true, true),
            ("1.2.3.4", "1.2.3.4", None, true, true),
            ("1.2.3.4:80", "1.2.3.4", Some(80), true, false),
            ("3.4", "1.2.3.4", None, false, true),
            ("1.2.0.0/16", "1.2.3.4", None, true, true),
            ("1.3.0.0/16", "1.2.3.4", None, false, false),
            ("1.2.3.4/0", "9.9.9.9", None, true, false),
            ("127.1", "127.0.0.1", None, false, false),
            ("127.0.0.0/8", "127.1", None, false, true),
            ("::1", "::1", None, true, true),
            ("[::1]", "::1", None, true, false),
            ("[::1]:80", "::1", None, true, false),
            ("0:0:0:0:0:0:0:1", "::1", None, true, false),
            ("fd00::/8", "fd12::1", None, true, false),
            ("fe80::/10", "fd12::1", None, false, false),
            ("1.2.0.0/16", "::ffff:1.2.3.4", None, true, false),
            ("1.2.0.0/16", "a.test", None, false, false),
            ("test/8", "test", None, false, false),
            ("b.test\t,\n a.test ", "a.test", None, true, true),
            ("a.test.", "a.test", None, true, false),
            ("a.test", "a.test.", None, true, false),
            ("..a.test", "sub.a.test", None, true, true),
            ("*a.test", "xa.test", None, false, false),
            ("*.", "a.test", None, false, false),
            (".A.TEST:80", "sub.a.test", None, true, false),
            ("a.test:x", "a.test", Some(80), false, false),
            ("a.test:", "a.test", Some(80), false, false),
            ("1.2.3.4/33", "1.2.3.4", None, false, false),
            ("1.2.3.4/32", "1.2.3.4", None, true, true),
            ("[fd00::]/8", "fd12::1", None, true, false),
            ("FD00::/8", "fd12::1", None, true, false),
            ("::/0", "2001:db8::1", None, true, false),
            ("fd00::/129", "fd00::", None, false, false),
            ("[fd00::1]:81", "fd00::1", Some(80), false, false),
            ("::ffff:1.2.3.4", "1.2.3.4", None, true, false),
            ("localhost", "localhost", None, true, true),
            ("b.test", "127.0.0.1", None, false, false),
        ] {
            assert_eq!(both(list, host, port), (modern, requests), "{list:?} {host} {port:?}");
        }
    }

    #[test]
    fn addresses_are_read_as_the_c_library_does() {
        for (text, address) in [
            ("1.2.3.4", Some(0x0102_0304)),
            ("127.1", Some(0x7f00_0001)),
            ("0x7f.1", Some(0x7f00_0001)),
            ("010.1", Some(0x0800_0001)),
            ("16909060", Some(0x0102_0304)),
            ("1.2.772", Some(0x0102_0304)),
            ("1.2.3.256", None),
            ("256.1", None),
            ("1.2.3.4.5", None),
            ("4294967296", None),
            ("+1", None),
            ("a.test", None),
            ("", None),
        ] {
            assert_eq!(inet_aton(text), address, "{text}");
        }
    }
}
