//! Which addresses may be connected to, for programs that fetch URLs which strangers give them.
//!
//! Decides on addresses as they are dialled, behind name look-up, overrides and redirects: a check of the URL alone is
//! undone by a name that resolves to 127.0.0.1. Does not resolve or connect; the engine asks right before it connects.
//!
//! The tables are IANA's registries of special-purpose addresses (RFC 6890, as updated by RFC 8190): what is not
//! "Globally Reachable" is refused, and multicast as well. An IPv6 address that leads to an IPv4 one is judged by that.
//!
//! > RFC 8190 section 2.1: "Globally Reachable: A boolean value indicating whether an IP datagram whose destination
//! > address is drawn from the allocated special-purpose address block is forwardable beyond a specified administrative
//! > domain."

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Which addresses a client may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Guard {
    /// All.
    #[default]
    Off,
    /// Those of the public internet, and what is let through by name.
    Public,
}

/// What the caller allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Rules {
    /// Default off: most programs talk to their own network.
    pub guard: Guard,
    /// Let through whatever they are.
    pub allow: Vec<Block>,
}

/// Whether an address may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Pass,
    /// It may not, for what it is.
    Refuse(&'static str),
}

/// Judges one address.
pub fn decide(rules: &Rules, address: IpAddr) -> Decision {
    let address = address.to_canonical();
    if rules.guard == Guard::Off || rules.allow.iter().any(|block| block.contains(address)) {
        return Decision::Pass;
    }
    match address {
        IpAddr::V4(address) => decide_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            // The way to an allowed address may lead through a translator.
            Some(inner) if rules.allow.iter().any(|block| block.contains(inner.into())) => Decision::Pass,
            Some(inner) => decide_v4(inner),
            None => decide_v6(address),
        },
    }
}

/// Judges a host that someone else will resolve, a proxy: an address in any of its spellings, or this very machine.
/// Other names pass, since only the proxy learns what they stand for.
pub fn decide_name(rules: &Rules, host: &str) -> Decision {
    let host = host.trim_end_matches('.');
    let bare = host.split('%').next().unwrap_or_default();
    if let Ok(address) = bare.parse::<Ipv6Addr>() {
        return decide(rules, address.into());
    }
    if host.eq_ignore_ascii_case("localhost") || ends_with_ignoring_case(host, ".localhost") {
        return decide(rules, Ipv4Addr::LOCALHOST.into());
    }
    // By WHATWG's rules, which read `0x7f.1` and `2130706433` as C libraries do.
    match url::Host::parse(host) {
        Ok(url::Host::Ipv4(address)) => decide(rules, address.into()),
        Ok(url::Host::Ipv6(address)) => decide(rules, address.into()),
        Ok(url::Host::Domain(_)) | Err(_) => Decision::Pass,
    }
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    text.len() >= end.len() && text.as_bytes()[text.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
}

fn decide_v4(address: Ipv4Addr) -> Decision {
    let bits = u32::from(address);
    let special = V4.iter().find(|(base, length, _)| (bits ^ u32::from(*base)) >> (32 - length) == 0);
    special.map_or(Decision::Pass, |(.., name)| Decision::Refuse(name))
}

fn decide_v6(address: Ipv6Addr) -> Decision {
    let bits = u128::from(address);
    let inside = |base: Ipv6Addr, length: u32| (bits ^ u128::from(base)) >> (128 - length) == 0;
    if let Some((.., name)) = V6.iter().find(|(base, length, _)| inside(*base, *length)) {
        return Decision::Refuse(name);
    }
    // RFC 4291 section 2.4 and IANA's registry of IPv6 address space: all global unicast addresses that were ever given
    // out are in this block.
    match inside(v6(0x2000, 0, 0), 3) {
        true => Decision::Pass,
        false => Decision::Refuse("reserved, RFC 4291"),
    }
}

/// The IPv4 address that an IPv6 one leads to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match [a, b, c, d, e, f] {
        // IPv4-compatible (RFC 4291 section 2.5.5.1); `::` and `::1` are no such addresses.
        [0, 0, 0, 0, 0, 0] if g != 0 => inner(g, h),
        // IPv4-translated (RFC 2765).
        [0, 0, 0, 0, 0xffff, 0] => inner(g, h),
        // NAT64 (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0] => inner(g, h),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => inner(high, low),
        _ => None,
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

const fn v6(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

/// The narrower before the wider, so that the name is the one that says most.
const V4: [(Ipv4Addr, u32, &str); 18] = [
    (v4(169, 254, 169, 254), 32, "a cloud's metadata service, link-local, RFC 3927"),
    (v4(168, 63, 129, 16), 32, "a cloud's platform service"),
    (v4(0, 0, 0, 0), 32, "unspecified, RFC 1122"),
    (v4(0, 0, 0, 0), 8, "this network, RFC 791"),
    (v4(10, 0, 0, 0), 8, "private, RFC 1918"),
    (v4(100, 64, 0, 0), 10, "shared behind a carrier's NAT, RFC 6598"),
    (v4(127, 0, 0, 0), 8, "loopback, RFC 1122"),
    (v4(169, 254, 0, 0), 16, "link-local, RFC 3927"),
    (v4(172, 16, 0, 0), 12, "private, RFC 1918"),
    (v4(192, 0, 0, 0), 24, "for protocols, RFC 6890"),
    (v4(192, 0, 2, 0), 24, "for documentation, RFC 5737"),
    (v4(192, 88, 99, 0), 24, "6to4 relays, RFC 7526"),
    (v4(192, 168, 0, 0), 16, "private, RFC 1918"),
    (v4(198, 18, 0, 0), 15, "for benchmarks, RFC 2544"),
    (v4(198, 51, 100, 0), 24, "for documentation, RFC 5737"),
    (v4(203, 0, 113, 0), 24, "for documentation, RFC 5737"),
    (v4(224, 0, 0, 0), 4, "multicast, RFC 5771"),
    (v4(240, 0, 0, 0), 4, "reserved or broadcast, RFC 1112"),
];

const V6: [(Ipv6Addr, u32, &str); 12] = [
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified, RFC 4291"),
    (Ipv6Addr::LOCALHOST, 128, "loopback, RFC 4291"),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, "a cloud's metadata service, RFC 4193"),
    (v6(0x64, 0xff9b, 1), 48, "local translation to IPv4, RFC 8215"),
    (v6(0x100, 0, 0), 64, "discarded, RFC 6666"),
    // Teredo among them, whose addresses hold IPv4 ones that may be anyone's.
    (v6(0x2001, 0, 0), 23, "for protocols, RFC 2928"),
    (v6(0x2001, 0xdb8, 0), 32, "for documentation, RFC 3849"),
    (v6(0x3fff, 0, 0), 20, "for documentation, RFC 9637"),
    (v6(0xfc00, 0, 0), 7, "unique local, RFC 4193"),
    (v6(0xfe80, 0, 0), 10, "link-local, RFC 4291"),
    (v6(0xfec0, 0, 0), 10, "site-local, RFC 3879"),
    (v6(0xff00, 0, 0), 8, "multicast, RFC 4291"),
];

/// Addresses that begin alike, such as `10.1.0.0/16`; a lone address is a block of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Block {
    base: IpAddr,
    length: u8,
}

impl Block {
    /// True where `address` is one of them. IPv4 and IPv6 never mix.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let differing = u32::from(base) ^ u32::from(address);
                differing.checked_shr(32 - u32::from(self.length)).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let differing = u128::from(base) ^ u128::from(address);
                differing.checked_shr(128 - u32::from(self.length)).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Block {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Block, &'static str> {
        const EXPECTED: &str = "an address, or one with the length of its prefix, such as 10.0.0.0/8";
        let (base, length) = match text.split_once('/') {
            Some((base, length)) => (base, Some(length)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| EXPECTED)?;
        let whole = if base.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(whole), |length| length.parse().map_err(|_| EXPECTED))?;
        if length > whole { Err(EXPECTED) } else { Ok(Block { base, length }) }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(address: &str) -> Decision {
        let rules = Rules { guard: Guard::Public, allow: Vec::new() };
        decide(&rules, address.parse().expect(address))
    }

    /// The first and the last address of each block of the two registries that is not globally reachable, and of what
    /// leads there.
    #[test]
    fn special_addresses_are_refused() {
        for (address, why) in [
            ("0.0.0.0", "unspecified"),
            ("0.255.255.255", "this network"),
            ("10.0.0.0", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.0", "shared"),
            ("100.100.100.200", "shared"),
            ("100.127.255.255", "shared"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.255", "loopback"),
            ("169.254.0.0", "link-local"),
            ("169.254.169.254", "metadata"),
            ("169.254.170.2", "link-local"),
            ("168.63.129.16", "platform"),
            ("172.16.0.0", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.192", "protocols"),
            ("192.0.2.255", "documentation"),
            ("192.88.99.1", "6to4"),
            ("192.168.0.0", "private"),
            ("192.168.255.255", "private"),
            ("198.18.0.0", "benchmarks"),
            ("198.19.255.255", "benchmarks"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.0", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::2", "reserved"),
            ("::127.0.0.1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "metadata"),
            ("::ffff:0:10.0.0.1", "private"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b::169.254.169.254", "metadata"),
            ("64:ff9b:1::1.1.1.1", "local translation"),
            ("100::1", "discarded"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "protocols"),
            ("2001:2::1", "protocols"),
            ("2001:10::1", "protocols"),
            ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocols"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::1", "loopback"),
            ("2002:c0a8:101::1", "private"),
            ("3fff::1", "documentation"),
            ("5f00::1", "reserved"),
            ("4000::1", "reserved"),
            ("fc00::1", "unique local"),
            ("fd00:ec2::254", "metadata"),
            ("fdff:ffff::1", "unique local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ] {
            let Decision::Refuse(reason) = public(address) else { panic!("{address} passes") };
            assert!(reason.contains(why), "{address}: {reason}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.31.196.1",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2000::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2002:101:101::1",
            "2606:4700::1",
            "3ffe::1",
        ] {
            assert_eq!(public(address), Decision::Pass, "{address}");
        }
    }

    #[test]
    fn what_is_allowed_by_name_passes_in_all_its_forms() {
        let allow = ["10.1.0.0/16", "::1", "192.168.1.1"].map(|block| block.parse().unwrap());
        let rules = Rules { guard: Guard::Public, allow: allow.into() };
        let passes = |address: &str| decide(&rules, address.parse().unwrap()) == Decision::Pass;
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "::1", "192.168.1.1"] {
            assert!(passes(address), "{address}");
        }
        for address in ["10.2.0.1", "192.168.1.2", "::2", "::ffff:10.2.0.1", "fe80::1"] {
            assert!(!passes(address), "{address}");
        }
    }

    #[test]
    fn a_guard_that_is_off_lets_all_pass() {
        assert_eq!(decide(&Rules::default(), Ipv4Addr::LOCALHOST.into()), Decision::Pass);
    }

    #[test]
    fn hosts_for_a_proxy_are_judged_where_they_are_addresses() {
        let rules = Rules { guard: Guard::Public, allow: Vec::new() };
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "0x7f.1",
            "2130706433",
            "017700000001",
            "::1",
            "fe80::1%25eth0",
            "::ffff:10.0.0.1",
            "LocalHost",
            "a.localhost.",
        ] {
            assert!(matches!(decide_name(&rules, host), Decision::Refuse(_)), "{host}");
        }
        for host in ["example.org", "1.1.1.1", "2606:4700::1", "notlocalhost"] {
            assert_eq!(decide_name(&rules, host), Decision::Pass, "{host}");
        }
    }

    #[test]
    fn blocks_are_read_with_and_without_a_length() {
        let all: Block = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(Ipv4Addr::BROADCAST.into()) && !all.contains(Ipv6Addr::LOCALHOST.into()));
        assert!("::/0".parse::<Block>().unwrap().contains(Ipv6Addr::LOCALHOST.into()));
        for text in ["", "10", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "example.org"] {
            assert!(text.parse::<Block>().is_err(), "{text}");
        }
    }
}
