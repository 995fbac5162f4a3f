//! From a host to the addresses that are tried, in their order: an override, a literal address, the cache, the resolver.
//! `localhost` is asked of the system alone, and is the loopback addresses where that does not know it.
//!
//! Called by `reach`. What each of these says is core's `names`, the order of addresses core's `dial`; a resolver is asked
//! through the net.

use crate::net::Net;
use entreat_core::names::{self, Cache};
use entreat_core::{Deadline, Error, Kind, Network, Result, dial};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names that one client remembers.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Cache>);

impl Names {
    /// The addresses of `host`, in the order in which they are tried. Never empty.
    ///
    /// # Errors
    /// [`Kind::Resolve`], or the deadline's.
    pub(crate) async fn addresses<N: Net>(
        &self,
        net: &N,
        host: &str,
        port: u16,
        network: &Network,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>> {
        let mut found = match known(host, port, network)? {
            Some(known) => known,
            None => match self.look_up(net, host, network, deadline).await {
                Err(error) if error.kind() == Kind::Resolve && names::is_localhost(host) => {
                    names::localhost(port).into()
                }
                looked_up => looked_up?,
            },
        };
        for address in &mut found {
            if address.port() == 0 {
                address.set_port(port);
            }
        }
        let local = network.local_address;
        found.retain(|address| {
            network.family.includes(address) && local.is_none_or(|local| local.is_ipv4() == address.is_ipv4())
        });
        match found.is_empty() {
            true => Err(none_left(host, network)),
            false => Ok(dial::order(&found)),
        }
    }

    /// Forgets a host that could not be reached.
    pub(crate) fn forget(&self, host: &str) {
        self.cache().forget(host);
    }

    /// Asks the cache, and then the resolver.
    async fn look_up<N: Net>(
        &self,
        net: &N,
        host: &str,
        network: &Network,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>> {
        let resolver = network.resolver_id();
        if !network.cache.is_zero()
            && let Some(found) = self.cache().find(host, resolver, net.now())
        {
            return Ok(found.to_vec());
        }
        let mut found = net.resolve(host, network.resolver.as_ref(), deadline).await?;
        found.iter_mut().for_each(|address| address.set_port(0));
        self.cache().store(host, resolver, &found, network.cache, net.now());
        Ok(found)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // Each change of the cache is one step: what a panicking thread leaves is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The addresses of a host for which nobody need be asked.
fn known(host: &str, port: u16, network: &Network) -> Result<Option<Vec<SocketAddr>>> {
    if !network.overrides.is_empty()
        && let Some(found) = network.overrides.find(host, port)
    {
        return Ok(Some(found));
    }
    if let Some(address) = literal(host, port)? {
        return Ok(Some(vec![address]));
    }
    // The system may know this machine by one of its addresses alone; nobody else is asked.
    let by_program = network.resolver.is_some() && names::is_localhost(host);
    Ok(by_program.then(|| names::localhost(port).into()))
}

/// An address in its usual spelling, an IPv6 one perhaps with a zone. What else C libraries read as addresses, the
/// resolver reads.
fn literal(host: &str, port: u16) -> Result<Option<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Some(SocketAddr::new(address, port)));
    }
    let Some((address, zone)) = host.split_once('%') else { return Ok(None) };
    let Ok(address) = address.parse::<Ipv6Addr>() else { return Ok(None) };
    let zone = zone.strip_prefix("25").unwrap_or(zone);
    let Some(scope) = zone.parse().ok().or_else(|| interface_index(zone)) else {
        return Err(Error::new(Kind::Resolve)
            .expected("a network device of this machine")
            .seen(zone.to_owned()));
    };
    Ok(Some(SocketAddrV6::new(address, port, 0, scope).into()))
}

#[cfg(unix)]
fn interface_index(name: &str) -> Option<u32> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: `name` ends in NUL and lives across the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => None,
        index => Some(index),
    }
}

/// Elsewhere zones are numbers.
#[cfg(not(unix))]
fn interface_index(_: &str) -> Option<u32> {
    None
}

fn none_left(host: &str, network: &Network) -> Error {
    let wanted = match (network.local_address, network.family) {
        (Some(IpAddr::V4(_)), _) | (None, dial::Family::V4) => "an IPv4 address",
        (Some(IpAddr::V6(_)), _) | (None, dial::Family::V6) => "an IPv6 address",
        (None, dial::Family::Any) => "an address",
    };
    let hint = "address_family and local_address say which kind is wanted";
    Error::new(Kind::Resolve).expected(wanted).seen(format!("none for {host}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_a_zone_are_literal() {
        let zoned = |host| literal(host, 80).unwrap().map(|address| address.to_string());
        assert_eq!(zoned("fe80::1%257").as_deref(), Some("[fe80::1%7]:80"));
        assert_eq!(zoned("fe80::1%7").as_deref(), Some("[fe80::1%7]:80"));
        assert_eq!(zoned("::1").as_deref(), Some("[::1]:80"));
        assert_eq!((zoned("a%7"), zoned("example.org"), zoned("0x7f.1")), (None, None, None));
        assert_eq!(literal("fe80::1%25no-such-device", 80).unwrap_err().kind(), Kind::Resolve);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_zone_may_be_the_name_of_a_device() {
        let Some(SocketAddr::V6(address)) = literal("fe80::1%25lo", 80).unwrap() else {
            panic!("no address")
        };
        assert_ne!(address.scope_id(), 0);
    }
}
